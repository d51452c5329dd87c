//! Runs that come between each other.

use universe_store::StoreError;

use crate::SyncError;

/// How often a run begins again because another one changed the state in between.
const STALE_RETRIES_MAX: usize = 5;

/// Makes attempts until one meets no other run on its way: observed, planned and applied on one state.
///
/// A plan names the state that it was made from and applies to no other; so two runs at once are as two after
/// each other.
///
/// # Errors
/// As the attempt, and `Stale` when other runs come between again and again.
pub(crate) async fn again_while_stale<T, A>(attempt: impl Fn() -> A) -> Result<T, SyncError>
where
    A: Future<Output = Result<T, SyncError>>,
{
    for _ in 0..STALE_RETRIES_MAX {
        match attempt().await {
            Err(SyncError::Apply(StoreError::Stale { .. })) => {}
            over => return over,
        }
    }
    attempt().await
}
