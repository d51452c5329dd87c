//! Errors as people read them: what happened, why, and what to do; and as an exit code.

use universe_core::NotASession;
use universe_core::rule::RuleError;
use universe_service::{LoadError, LookupError, SyncError};
use universe_store::{StoreError, UriError};

use super::{EXIT_FAILED, EXIT_USAGE};
use crate::config::ConfigError;

/// A command that cannot be meant as it was given.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::error::Error for Usage {}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Renders an error with its causes, and a hint where there is one.
pub(crate) fn shown(error: &anyhow::Error) -> String {
    let mut text = "error: ".to_owned();
    let mut last = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Transparent errors repeat their source.
        if cause == last || last.ends_with(&cause) {
            continue;
        }
        if !last.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
        last = cause;
    }
    if let Some(hint) = hint(error) {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    text
}

/// Returns 2 when the command was given wrongly, 1 when it was right and failed.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    let usage = error.is::<Usage>()
        || error.is::<ConfigError>()
        || error.is::<RuleError>()
        || error.is::<UriError>()
        || matches!(error.downcast_ref(), Some(LookupError::Expression(_) | LookupError::Ambiguous(_)))
        || matches!(
            error.downcast_ref(),
            Some(SyncError::NotASession(_) | SyncError::NotPast { .. } | SyncError::BeforeRecord { .. })
        )
        || error.chain().any(|cause| cause.is::<NotASession>());
    if usage { EXIT_USAGE } else { EXIT_FAILED }
}

fn hint(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<SyncError>() {
            return match error {
                SyncError::NoPrices => {
                    Some("load some first, for example `universe load screener FILE`, or try `universe demo`")
                }
                SyncError::NotASession(_)
                | SyncError::OutOfOrder { .. }
                | SyncError::NotPast { .. }
                | SyncError::BeforeRecord { .. }
                | SyncError::Observe(_)
                | SyncError::Cancelled
                | SyncError::Lost(_)
                | SyncError::Rules(_)
                | SyncError::Apply(_) => None,
            };
        }
        match cause.downcast_ref::<StoreError>() {
            // Most of these say themselves what to do.
            Some(StoreError::Schema(what)) if what.contains("universe db") || what.contains("another file") => None,
            Some(StoreError::Driver(what)) if what.contains("unable to open database file") => {
                Some("its directory must be one that you may write to")
            }
            Some(StoreError::Schema(_)) => {
                Some("`universe db status` shows how the database stands, `universe db migrate` sets it up")
            }
            Some(StoreError::Unavailable(_)) => {
                Some("nothing was changed; check --database (or DATABASE_URI) and that the server runs")
            }
            Some(StoreError::Stale { .. }) => Some("other runs kept changing the state; try again"),
            Some(_) | None => match cause.downcast_ref::<LoadError>() {
                Some(LoadError::Store { .. }) | Some(LoadError::Sync(_)) | Some(LoadError::Feed(_)) | None => None,
            },
        }
    })
}
