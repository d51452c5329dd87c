//! How the members of a universe changed: one line for each who came or went.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use universe_core::constituents::ConstituentRecord;
use universe_core::{Symbol, UniverseId, Usd};
use universe_store::{MembershipRecord, Store, StoreError};
use uuid::Uuid;

use crate::index_history::IMPORTED_HISTORY;
use crate::index_sources::{index_agreement, session_on_or_after};
use crate::known::Known;
use crate::{Footing, Standing};

/// The word for a change by which a symbol came.
const ADDED: &str = "added";

/// The word for one by which it went.
const REMOVED: &str = "removed";

/// A change that was recorded about a symbol in a universe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordedChange {
    /// The session from which it holds.
    pub session: Date,
    /// Whether it came (`added`) or went (`removed`).
    pub action: &'static str,
    /// The code of the reason.
    pub reason: String,
    /// The market cap that decided, in dollars.
    pub market_cap: Option<Usd>,
    /// The rank that decided.
    pub rank: Option<u32>,
    /// The run that recorded it.
    pub run_id: Option<Uuid>,
    /// When it was recorded.
    pub recorded_at: Option<Timestamp>,
}

/// One line of a history: a symbol that came into a universe or went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryLine {
    /// The universe.
    pub universe: UniverseId,
    /// The symbol.
    pub symbol: Symbol,
    /// What happened.
    #[serde(flatten)]
    pub change: RecordedChange,
    /// Whether it is known when it happened; of some members of an index it is only known that they were by then.
    pub is_dated: bool,
    /// The first day on which it may have happened, where the sources of an index leave open when it did.
    pub not_before: Option<Date>,
}

/// Which part of the history of a universe is asked for.
#[derive(Clone, Copy, Debug)]
pub struct HistoryQuestion<'a> {
    /// The environment of `cache_entries`.
    pub environment: &'a str,
    /// The universe.
    pub universe: &'a UniverseId,
    /// The first session; the first recorded when none is given.
    pub from: Option<Date>,
    /// The last session; the last recorded when none is given.
    pub to: Option<Date>,
    /// What was known at this instant; everything when none is given.
    pub known_at: Option<Timestamp>,
}

/// How the members of a universe changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UniverseHistory {
    /// The universe.
    pub universe: UniverseId,
    /// The first session.
    pub from: Option<Date>,
    /// The last session.
    pub to: Option<Date>,
    /// The instant at which this was known; `None` for what is known now.
    pub known_at: Option<Timestamp>,
    /// The first session of which anything is recorded.
    pub known_since: Option<Date>,
    /// How far the last session asked for can be trusted.
    #[serde(flatten)]
    pub standing: Standing,
    /// The changes, in order of session and symbol; who goes stands before who comes.
    pub changes: Vec<HistoryLine>,
    /// What a person should know about it.
    pub remarks: Vec<String>,
}

/// Returns how the members of a universe changed between two sessions, both included.
///
/// # Errors
/// When the store fails.
pub async fn universe_history(store: &dyn Store, question: HistoryQuestion<'_>) -> Result<UniverseHistory, StoreError> {
    let HistoryQuestion { environment, universe, from, to, known_at } = question;
    let versions = store.version_list(environment).await?;
    let known = Known::at(&versions, known_at);
    let rows = store.membership_list(environment, Some(universe), None).await?;
    let rows: Vec<MembershipRecord> = rows.into_iter().filter_map(|row| known.interval(row)).collect();
    let known_since = rows.iter().filter(|row| row.is_in_force()).map(|row| row.valid_from).min();
    let mut changes = lines(&rows, known);
    changes.retain(|line| {
        from.is_none_or(|from| from <= line.change.session) && to.is_none_or(|to| line.change.session <= to)
    });
    if let Some(agreement) = index_agreement(store, environment, universe).await? {
        date_by_sources(&mut changes, &agreement.record);
    }
    let last = to.map(universe_core::session_on_or_before);
    let footing = Footing::find(store, environment, last, known_at).await?;
    let standing = footing.standing(last, known_since, footing.holds(universe));
    let mut remarks = Vec::new();
    match (known_since, known_at) {
        (Some(since), _) if from.or(to).is_some_and(|from| from < since) => {
            remarks.push(format!("nothing is known of {universe} before {since}"));
        }
        (None, Some(at)) => remarks.push(format!("at {at} nothing was known of {universe}")),
        _ => {}
    }
    if let (Some(last), Some(1..), Some(source)) = (last, standing.source_age_sessions, footing.session) {
        remarks.push(format!("{last} was not synchronized; the last session before it that was is {source}"));
    }
    Ok(UniverseHistory { universe: universe.clone(), from, to, known_at, known_since, standing, changes, remarks })
}

/// Turns memberships into lines, one for each change, in order of session and symbol.
///
/// Where one membership ends with the session that the next one of the same symbol begins with, nobody came or went.
fn lines(rows: &[MembershipRecord], known: Known<'_>) -> Vec<HistoryLine> {
    let in_force = || rows.iter().filter(|row| row.is_in_force());
    let begins: BTreeSet<(&Symbol, Date)> = in_force().map(|row| (&row.symbol, row.valid_from)).collect();
    let ends: BTreeSet<(&Symbol, Date)> = in_force().filter_map(|row| Some((&row.symbol, row.valid_to?))).collect();
    let goes_on = |turn: &Turn<'_>| {
        let others = if turn.is_end { &begins } else { &ends };
        others.contains(&(&turn.row.symbol, turn.session))
    };
    let mut turns: Vec<Turn<'_>> = turns(rows).filter(|turn| !goes_on(turn)).collect();
    // Of one session, who goes stands before who comes, as in the announcements of index providers.
    turns.sort_by_key(|turn| (turn.session, !turn.is_end, &turn.row.symbol));
    turns
        .iter()
        .map(|turn| HistoryLine {
            universe: turn.row.universe.clone(),
            symbol: turn.row.symbol.clone(),
            change: turn.told(known),
            is_dated: true,
            not_before: None,
        })
        .collect()
}

/// Says of each change that was imported whether the sources date it, and from which day on it may have happened.
fn date_by_sources(changes: &mut [HistoryLine], record: &ConstituentRecord) {
    let mut windows: BTreeMap<(Symbol, Date, bool), Option<Date>> = BTreeMap::new();
    for change in record.changes() {
        let session = session_on_or_after(change.at.by);
        let first = change.at.not_before.map(session_on_or_after).filter(|first| *first < session);
        windows.insert((change.symbol, session, change.is_added), first);
    }
    for line in changes.iter_mut().filter(|line| line.change.reason == IMPORTED_HISTORY) {
        let key = (line.symbol.clone(), line.change.session, line.change.action == ADDED);
        let window = windows.get(&key).copied();
        (line.is_dated, line.not_before) = (window.is_some(), window.flatten());
    }
}

/// A beginning or an end of a membership, before its run is looked up.
pub(crate) struct Turn<'r> {
    row: &'r MembershipRecord,
    session: Date,
    is_end: bool,
}

impl Turn<'_> {
    fn run_number(&self) -> Option<i64> {
        if self.is_end { self.row.closed_run } else { Some(self.row.opened_run) }
    }

    pub(crate) fn told(&self, known: Known<'_>) -> RecordedChange {
        let Self { row, session, is_end } = *self;
        let run = self.run_number().and_then(|number| known.version(number));
        RecordedChange {
            session,
            action: if is_end { REMOVED } else { ADDED },
            reason: if is_end { row.closed_reason.clone().unwrap_or_default() } else { row.opened_reason.clone() },
            market_cap: if is_end { row.closed_cap } else { row.opened_cap },
            rank: if is_end { row.closed_rank } else { row.opened_rank },
            run_id: run.map(|run| run.run_id),
            recorded_at: run.map(|run| run.recorded_at),
        }
    }
}

fn turns(rows: &[MembershipRecord]) -> impl Iterator<Item = Turn<'_>> {
    rows.iter().filter(|row| row.is_in_force()).flat_map(|row| {
        let end = row.valid_to.map(|session| Turn { row, session, is_end: true });
        std::iter::once(Turn { row, session: row.valid_from, is_end: false }).chain(end)
    })
}

/// Returns the last change of a symbol's rows up to a session.
pub(crate) fn last_change(rows: &[MembershipRecord], session: Date) -> Option<Turn<'_>> {
    turns(rows).filter(|turn| turn.session <= session).max_by_key(|turn| (turn.session, !turn.is_end))
}
