//! The kept sources of indexes: who is a constituent as of a session by all of them together, and which fell silent.

use std::collections::BTreeSet;

use jiff::civil::Date;
use universe_core::constituents::{Agreement, ConstituentRecord, agree};
use universe_core::plan::{Alert, AlertKind, ListChange};
use universe_core::state::{ImportedList, State};
use universe_core::{Symbol, UniverseId, is_session, next_session, sessions_between};
use universe_store::{KeptSource, Store, StoreError};

/// Sources that end so many sessions ago say nothing of today: providers review their indexes every quarter.
const SILENT_SESSIONS: u64 = 63;

/// Reads what the kept sources of a universe say together, with the quorum of the last import; `None` without sources.
///
/// # Errors
/// When the store cannot be read.
pub async fn index_agreement(
    store: &dyn Store,
    environment: &str,
    id: &UniverseId,
) -> Result<Option<Agreement>, StoreError> {
    let kept = store.constituent_source_list(environment, id).await?;
    let Some(quorum) = kept.iter().max_by_key(|source| source.loaded_at).map(|source| source.quorum) else {
        return Ok(None);
    };
    Ok(Some(together(kept, quorum)))
}

/// What sources say together; that one is silent which is no more is no news.
pub(crate) fn together(kept: Vec<KeptSource>, quorum: usize) -> Agreement {
    let is_over = |source: &&KeptSource| source.has_ended;
    let ended: BTreeSet<String> = kept.iter().filter(is_over).map(|source| source.record.source.clone()).collect();
    let records: Vec<ConstituentRecord> = kept.into_iter().map(|source| source.record).collect();
    let mut agreement = agree(&records, quorum);
    agreement.stopped.retain(|stopped| !ended.contains(&stopped.source));
    agreement
}

/// Returns an alert for each source that stopped changing, and one where all of them ended long ago.
pub(crate) fn alerts_of(id: &UniverseId, agreement: &Agreement, session: Date) -> Vec<Alert> {
    let alert = |message| Alert { alert: AlertKind::SourceSilent, universe: Some(id.clone()), message };
    let missed = agreement.stopped.iter().map(|stopped| {
        let (source, missed) = (&stopped.source, stopped.missed);
        let last = stopped.last_change;
        format!("the source {source} of {id} has not changed since {last}: it missed {missed} changes")
    });
    let last = agreement.record.last;
    let behind = if last < session { sessions_between(last, session) as u64 } else { 0 };
    let ended = (behind > SILENT_SESSIONS).then(|| {
        let source = &agreement.record.source;
        format!("{source} of {id} says nothing after {last}, {behind} sessions ago: members are as they were then")
    });
    missed.chain(ended).map(alert).collect()
}

/// Returns the alerts about the sources of every list that comes from a history, as of the newest session.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn silent_sources(store: &dyn Store, environment: &str) -> Result<Vec<Alert>, StoreError> {
    let mut state = store.state_read(environment, Date::MAX).await?;
    let Some(session) = state.last_session else { return Ok(Vec::new()) };
    Ok(follow_histories(store, environment, &mut state, session).await?.alerts)
}

/// What the kept sources say for a session.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// The lists that are others than before.
    pub(crate) lists: Vec<ListChange>,
    /// What should be known about the sources.
    pub(crate) alerts: Vec<Alert>,
}

/// Brings the lists that come from histories up to a session, as their sources date the changes.
///
/// A list that was loaded since takes the place of the history, and stays.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn follow_histories(
    store: &dyn Store,
    environment: &str,
    state: &mut State,
    session: Date,
) -> Result<Followed, StoreError> {
    let mut followed = Followed::default();
    for (id, list) in &mut state.imports {
        let Some(agreement) = index_agreement(store, environment, id).await? else { continue };
        if list.source != agreement.record.source {
            continue;
        }
        followed.alerts.extend(alerts_of(id, &agreement, session));
        let symbols = constituents_as_of(&agreement.record, session);
        if symbols != list.symbols {
            list.symbols = symbols;
            followed.lists.push(ListChange { id: id.clone(), list: Some(list.clone()) });
        }
    }
    Ok(followed)
}

/// The list of the constituents as of a session, as an imported universe has it.
pub(crate) fn list_as_of(
    state: &State,
    id: &UniverseId,
    name: Option<&str>,
    record: &ConstituentRecord,
    session: Date,
) -> ImportedList {
    let present = state.imports.get(id);
    ImportedList {
        name: name.map(ToOwned::to_owned).or_else(|| present.and_then(|list| list.name.clone())),
        symbols: constituents_as_of(record, session),
        source: record.source.clone(),
    }
}

/// Who is a constituent as of a session, or was when the record ends; what it dates later is still to come.
fn constituents_as_of(record: &ConstituentRecord, session: Date) -> Vec<Symbol> {
    record.members_on(session.min(record.last)).into_iter().cloned().collect()
}

/// A change takes effect in the first session that it holds for.
pub(crate) fn session_on_or_after(day: Date) -> Date {
    if is_session(day) { day } else { next_session(day) }
}
