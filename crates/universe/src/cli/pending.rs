//! `--pending`: changes that are known and not made yet.

use serde_json::json;
use universe_core::UniverseId;
use universe_service::{Awaits, PendingChange, pending_changes};
use universe_store::Store;

use super::EXIT_DONE;
use super::arguments::Global;
use super::output::{self, Rows};

/// Prints what is to come, of one universe or of all.
pub(super) async fn print(
    global: &Global,
    store: &dyn Store,
    environment: &str,
    universe: Option<&UniverseId>,
) -> anyhow::Result<u8> {
    let pending = pending_changes(store, environment, universe).await?;
    let changes = &pending.changes;
    let data = json!({"universe": universe, "as_of": pending.as_of, "count": changes.len(), "pending": changes});
    output::print(global, &data, || Rows {
        columns: vec!["universe", "symbol", "change", "from", "until", "awaits", "reason", "by", "id"],
        rows: changes.iter().map(row).collect(),
    })?;
    let held: Vec<_> = changes.iter().filter(|change| change.awaits == Awaits::Approval).collect();
    if let Some(run_id) = held.first().and_then(|change| change.run_id) {
        let how = "`universe sync --force`, or POST /api/processing/cache-sync/approve/";
        output::remark(global, &format!("{} of them wait for approval: {how}{run_id}", held.len()));
    }
    Ok(EXIT_DONE)
}

fn row(change: &PendingChange) -> Vec<String> {
    let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string()).unwrap_or_default();
    let id = change.override_id.or(change.run_id);
    vec![
        change.universe.to_string(),
        change.symbol.to_string(),
        if change.is_member { "in" } else { "out" }.to_owned(),
        day(change.from),
        day(change.until),
        change.awaits.as_str().to_owned(),
        change.reason.clone(),
        change.by.clone(),
        id.map(|id| id.to_string()).unwrap_or_default(),
    ]
}
