//! A plan as rows: what both databases write, made once so that they cannot differ.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use universe_core::plan::{Action, Change, DelistingEvidence, Plan, UniversePlan};
use universe_core::{Symbol, UniverseId};

use crate::entry::{entry_metadata, entry_value};
use crate::{RunRecord, StoreError};

/// The field of an entry's metadata that names the key of the universe that it repeats.
pub(crate) const MIRROR_OF: &str = "mirror_of";

/// The reason, and the audit action, where another program's entry is taken over.
pub(crate) const ADOPTED: &str = "adopted";

/// A row of `cache_entries`, and of the project's own `universe`.
pub(crate) struct EntryRow<'p> {
    pub(crate) universe: &'p UniversePlan,
    /// The JSON list of members.
    pub(crate) value: String,
    /// The metadata as JSON.
    pub(crate) metadata: Value,
    /// The members in the order of the entry, with single spaces between them.
    pub(crate) members: String,
}

/// A row of `audit_entry`, without its number.
pub(crate) struct AuditRow {
    pub(crate) action: &'static str,
    pub(crate) universe: Option<UniverseId>,
    pub(crate) symbol: Option<Symbol>,
    pub(crate) reason: String,
    pub(crate) detail: Value,
}

/// One end of a membership: who, why, and the figures that decided.
#[derive(Clone, Copy)]
pub(crate) struct MembershipEnd<'p> {
    pub(crate) symbol: &'p Symbol,
    pub(crate) reason: &'static str,
    pub(crate) cap: Option<i64>,
    pub(crate) rank: Option<i32>,
}

/// A listing that the reference data is to show as delisted from now on.
pub(crate) struct DelistedRow<'p> {
    pub(crate) symbol: &'p Symbol,
    pub(crate) delisted_date: Date,
}

/// Refuses a plan for a session before the newest one that was synchronized.
///
/// Whoever plans has refused it already; intervals would end before they began.
pub(crate) fn check_order(plan: &Plan, last: Option<Date>) -> Result<(), StoreError> {
    match last.filter(|last| plan.session < *last) {
        None => Ok(()),
        Some(last) => Err(StoreError::Inconsistent {
            table: "head",
            detail: format!("the plan is for {}, and {last} was synchronized already", plan.session),
        }),
    }
}

/// Returns the row of a universe that is written (everything that is neither held nor retired).
pub(crate) fn entry_row<'p>(
    plan: &'p Plan,
    universe: &'p UniversePlan,
    run: &RunRecord,
    now: Timestamp,
) -> EntryRow<'p> {
    let mut members = String::with_capacity(universe.members.len() * 6);
    for symbol in plan.member_symbols(universe) {
        if !members.is_empty() {
            members.push(' ');
        }
        members.push_str(symbol.as_str());
    }
    EntryRow {
        universe,
        value: entry_value(plan, universe),
        metadata: entry_metadata(plan, universe, run.run_id, now),
        members,
    }
}

/// Returns the universes whose rows are written.
pub(crate) fn written(plan: &Plan) -> impl Iterator<Item = &UniversePlan> {
    plan.universes.iter().filter(|universe| match universe.action {
        Action::Created | Action::Updated | Action::Reordered | Action::Refreshed | Action::Repaired => true,
        Action::Retired | Action::Held => false,
    })
}

/// Returns the universes whose entries go.
pub(crate) fn retired(plan: &Plan) -> impl Iterator<Item = &UniversePlan> {
    plan.universes.iter().filter(|universe| universe.action == Action::Retired)
}

/// Returns the end of a membership that a change is.
pub(crate) fn membership_end<'p>(plan: &'p Plan, change: &Change) -> MembershipEnd<'p> {
    MembershipEnd {
        symbol: plan.symbol(change.listing),
        reason: change.reason.code(),
        cap: plan.caps[change.listing as usize].map(|cap| cap.0),
        rank: change.reason.rank().and_then(|rank| i32::try_from(rank).ok()),
    }
}

/// Returns the memberships that a written universe opens.
///
/// Where the universe has no row of its own yet (it is new, was retired, or another program's entry stands
/// there), all its members come in; those that the other program had listed already come as `adopted`. Who has been
/// a member since some day of a past that is written with it comes in with that past.
pub(crate) fn opens<'p>(plan: &'p Plan, universe: &UniversePlan, has_row: bool) -> Vec<MembershipEnd<'p>> {
    if universe.action == Action::Repaired {
        return Vec::new();
    }
    let mut opens: Vec<MembershipEnd<'p>> = universe.added.iter().map(|change| membership_end(plan, change)).collect();
    if !has_row && universe.members.len() > opens.len() {
        let added: BTreeSet<u32> = universe.added.iter().map(|change| change.listing).collect();
        opens.extend(universe.members.iter().filter(|listing| !added.contains(listing)).map(|listing| MembershipEnd {
            symbol: plan.symbol(*listing),
            reason: ADOPTED,
            cap: plan.caps[*listing as usize].map(|cap| cap.0),
            rank: None,
        }));
    }
    let past = plan.past.iter().filter(|change| change.id == universe.id).flat_map(|change| &change.intervals);
    let since_before: BTreeSet<&Symbol> =
        past.filter(|interval| interval.valid_to.is_none()).map(|interval| &interval.symbol).collect();
    opens.retain(|end| !since_before.contains(end.symbol));
    // In order of the key, so that a bulk of rows is appended instead of scattered.
    opens.sort_unstable_by(|a, b| a.symbol.cmp(b.symbol));
    opens
}

/// Returns the memberships that a universe closes; a repaired entry moves none.
pub(crate) fn closes(universe: &UniversePlan) -> &[Change] {
    if universe.action == Action::Repaired { &[] } else { &universe.removed }
}

/// Returns the metadata of the older keys under which the same entry is kept; `mirror_of` is the key.
pub(crate) fn mirror_metadata(row: &EntryRow<'_>) -> Value {
    let mut metadata = row.metadata.clone();
    metadata[MIRROR_OF] = Value::from(row.universe.id.key());
    metadata
}

/// Keeps what other programs' entries said, before they are replaced or removed, with the audit entries.
pub(crate) fn keep_replaced(rows: &mut Vec<AuditRow>, plan: &Plan, replaced: BTreeMap<UniverseId, Value>) {
    for (id, value) in replaced {
        if let Some(row) = rows.iter_mut().find(|row| row.universe.as_ref() == Some(&id)) {
            row.detail["value"] = value;
            continue;
        }
        rows.push(AuditRow {
            action: ADOPTED,
            universe: Some(id),
            symbol: None,
            reason: "another program's entry with the same members is kept up from now on".to_owned(),
            detail: json!({"session": plan.session, "value": value}),
        });
    }
}

/// Returns the listings that the reference data does not show as delisted yet.
pub(crate) fn delisted_rows(plan: &Plan) -> impl Iterator<Item = DelistedRow<'_>> {
    plan.delistings
        .iter()
        .filter(|delisting| !matches!(delisting.evidence, DelistingEvidence::Recorded))
        .map(|delisting| DelistedRow { symbol: plan.symbol(delisting.listing), delisted_date: plan.session })
}

/// Returns the audit entries of a run, in order.
pub(crate) fn audit_rows(plan: &Plan) -> Vec<AuditRow> {
    let mut rows = Vec::new();
    for universe in &plan.universes {
        if universe.action.changes_members() {
            let action = universe.action.as_str();
            rows.push(universe_row(plan, universe, action, universe.added.len(), universe.removed.len()));
        }
        if let Some(held) = &universe.held {
            rows.push(universe_row(plan, universe, Action::Held.as_str(), held.added.len(), held.removed.len()));
        }
    }
    for change in plan.past.iter().filter(|change| !change.is_empty()) {
        let (superseded, added) = (change.superseded.len(), change.intervals.len());
        rows.push(AuditRow {
            action: "history_rewritten",
            universe: Some(change.id.clone()),
            symbol: None,
            reason: format!("{superseded} intervals superseded, {added} added by {}", change.source),
            detail: json!({"session": plan.session, "superseded": superseded, "added": added}),
        });
    }
    for delisting in &plan.delistings {
        let reason = match delisting.evidence {
            DelistingEvidence::Recorded => "the reference data shows it as delisted".to_owned(),
            DelistingEvidence::Absent { snapshots } => format!("missing from {snapshots} full snapshots in a row"),
            DelistingEvidence::Renamed { to } => format!("the listing goes on as {}", plan.symbol(to)),
        };
        let action = match delisting.evidence {
            DelistingEvidence::Recorded | DelistingEvidence::Absent { .. } => "delisted",
            DelistingEvidence::Renamed { .. } => "renamed",
        };
        rows.push(AuditRow {
            action,
            universe: None,
            symbol: Some(plan.symbol(delisting.listing).clone()),
            reason,
            detail: json!({"session": plan.session, "universes": delisting.universes}),
        });
    }
    for offering in &plan.offerings {
        rows.push(AuditRow {
            action: "ipo_assigned",
            universe: None,
            symbol: Some(plan.symbol(offering.listing).clone()),
            reason: "listed or first seen within 30 days".to_owned(),
            detail: json!({"session": plan.session, "listed_on": offering.listed_on, "universes": offering.universes}),
        });
    }
    if !plan.caps_moved.is_empty() {
        rows.push(AuditRow {
            action: "market_caps_rewritten",
            universe: None,
            symbol: None,
            reason: format!("{} recorded market caps moved by more than 5 %", plan.caps_moved.len()),
            detail: json!({"session": plan.session, "count": plan.caps_moved.len()}),
        });
    }
    rows
}

fn universe_row(plan: &Plan, universe: &UniversePlan, action: &'static str, added: usize, removed: usize) -> AuditRow {
    AuditRow {
        action,
        universe: Some(universe.id.clone()),
        symbol: None,
        reason: match &plan.cause {
            Some(cause) => format!("{added} added, {removed} removed by {cause}"),
            None => format!("{added} added, {removed} removed by rule {}", universe.rule),
        },
        detail: json!({
            "session": plan.session,
            "rule_version": universe.rule_version,
            "count_before": universe.count_before,
            "count": universe.members.len(),
            "added": added,
            "removed": removed,
        }),
    }
}
