//! Reading a snapshot from the store: what changed, or everything, but never a mixture of versions.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::civil::Date;
use universe_store::{Store, StoreError};

use super::{LookupSnapshot, ReadyUniverse};

/// How many of the latest runs are searched for one that did not fail.
const RUNS_LOOKED_AT: u32 = 20;

/// How often a snapshot is read again because a run committed while it was being read.
const READS_MAX: usize = 3;

/// How many universes that changed are read at a time.
const READS_AT_ONCE: usize = 4;

/// What becomes of universes that did not change since the snapshot before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unchanged {
    /// They are taken over.
    Keep,
    /// They are read again, for the figures of their members.
    ReadAgain,
}

/// Reads a snapshot in which nothing is of different versions.
pub(super) async fn read(
    store: &dyn Store,
    environment: &str,
    before: Option<&LookupSnapshot>,
    unchanged: Unchanged,
) -> Result<LookupSnapshot, StoreError> {
    let mut reads = 0;
    loop {
        let version = store.head_version(environment).await?;
        let snapshot = read_once(store, environment, before, unchanged, version).await?;
        reads += 1;
        if reads == READS_MAX || store.head_version(environment).await? == version {
            return Ok(snapshot);
        }
    }
}

async fn read_once(
    store: &dyn Store,
    environment: &str,
    before: Option<&LookupSnapshot>,
    unchanged: Unchanged,
    version: u64,
) -> Result<LookupSnapshot, StoreError> {
    let as_of = newest_session(store, environment).await?;
    let records = store.universe_list(environment).await?;
    let universes = futures_util::stream::iter(records.into_iter().map(|record| async move {
        let same = before.and_then(|before| before.universe(&record.id)).filter(|known| known.record == record);
        if let Some(same) = same.filter(|_| unchanged == Unchanged::Keep && before.is_some_and(|b| b.as_of == as_of)) {
            return Ok::<_, StoreError>(Some(Arc::clone(same)));
        }
        // SQLite answers without ever waiting: whoever looks out for a newer version must get a turn.
        tokio::task::yield_now().await;
        let Some(found) = store.member_list(environment, &record.id, None, None).await? else { return Ok(None) };
        let ready = ReadyUniverse::new(found.universe, found.members, as_of);
        // Of equal answers the old one is kept, which may be compressed already.
        Ok(Some(match same {
            Some(same) if same.answer.members == ready.answer.members => Arc::clone(same),
            Some(_) | None => Arc::new(ready),
        }))
    }))
    .buffered(match unchanged {
        Unchanged::Keep => READS_AT_ONCE,
        // One after the other: whatever changes meanwhile is read in between.
        Unchanged::ReadAgain => 1,
    })
    .try_collect::<Vec<_>>()
    .await?;
    Ok(LookupSnapshot::new(version, as_of, universes.into_iter().flatten().collect()))
}

/// Returns the session of the newest run, which the memberships of today stand at.
async fn newest_session(store: &dyn Store, environment: &str) -> Result<Option<Date>, StoreError> {
    let runs = store.run_list(environment, RUNS_LOOKED_AT, 0).await?;
    let is_done = |status: &str| matches!(status, "completed" | "completed_with_errors" | "held");
    Ok(runs.iter().filter(|run| is_done(&run.status)).filter_map(|run| run.session).max())
}
