//! What an export has, and how it comes back in.

mod import;
mod intervals;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use universe_core::expression::SetExpression;
use universe_core::rule::RuleSet;
use universe_core::state::State;
use universe_core::{Symbol, UniverseId, session_on_or_before};
use universe_store::{MemberRecord, Store, UniverseRecord};

use crate::lookup::one;
use crate::{
    Ambient, Detail, Footing, LookupError, Past, Question, Recorded, Standing, look_up_in, new_york_date, resolve,
};
pub use import::{ImportError, Imported, import_exports};
pub use intervals::{IntervalRow, Intervals, interval_export};

/// How often an export begins again because a run came between its reads.
const READ_AGAIN_MAX: usize = 5;

/// Which universes are exported, and as of when.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The environment of `cache_entries`.
    pub environment: String,
    /// The universes or combinations, as people write them; all universes where none is named.
    pub universes: Vec<String>,
    /// The session that they are exported as of; now when none is given.
    pub as_of: Option<Date>,
    /// What was known at this instant; everything when none is given.
    pub known_at: Option<Timestamp>,
}

/// Universes as they are exported.
#[derive(Clone, Debug)]
pub struct ExportedMembers {
    /// The session that they are exported as of; `None` before the first run.
    pub as_of: Option<Date>,
    /// The universes, in the order asked, or of their addresses.
    pub universes: Vec<MemberExport>,
    /// What a person should know about them.
    pub remarks: Vec<String>,
}

/// One universe or combination as it is exported.
#[derive(Clone, Debug)]
pub struct MemberExport {
    /// The universe; `None` for a combination.
    pub id: Option<UniverseId>,
    /// Its name, or the expression.
    pub name: String,
    /// Its category.
    pub category: Option<String>,
    /// The name of its rule; `None` for a combination, and for another program's entry.
    pub rule: Option<String>,
    /// The version of that rule, which is known of the present only.
    pub rule_version: Option<String>,
    /// Whether the members are in order of rank.
    pub is_ranked: bool,
    /// How far the members can be trusted.
    pub standing: Standing,
    /// The members, in order of rank or of symbol.
    pub members: Vec<MemberRecord>,
}

/// Reads universes for an export, all as of one state.
///
/// Nothing in the answer depends on when it was asked: the same state gives the same answer.
///
/// # Errors
/// When a universe is unknown, an expression does not parse, or the store fails.
pub async fn export_members(
    store: &dyn Store,
    rules: &RuleSet,
    selection: &Selection,
    detail: Detail,
    ambient: &dyn Ambient,
) -> Result<ExportedMembers, LookupError> {
    let environment = &selection.environment;
    let failed = |source| LookupError::Store { asked: "the universes".to_owned(), source };
    let today = session_on_or_before(new_york_date(ambient.now()));
    let mut attempts = 0;
    loop {
        let state = store.state_read(environment, today).await.map_err(failed)?;
        let records = store.universe_list(environment).await.map_err(failed)?;
        let exported = read(store, rules, selection, detail, &state, &records).await?;
        // A run that was applied meanwhile would be in some of the universes only.
        let version = store.head_version(environment).await.map_err(failed)?;
        if version == state.version || attempts == READ_AGAIN_MAX {
            return Ok(exported);
        }
        attempts += 1;
    }
}

async fn read(
    store: &dyn Store,
    rules: &RuleSet,
    selection: &Selection,
    detail: Detail,
    state: &State,
    records: &[UniverseRecord],
) -> Result<ExportedMembers, LookupError> {
    let is_now = selection.as_of.is_none() && selection.known_at.is_none();
    let session = selection.as_of.map(session_on_or_before);
    let is_newest = selection.known_at.is_none() && session == state.last_session;
    let question = Question { environment: &selection.environment, as_of: session, known_at: selection.known_at };
    let mut exported =
        ExportedMembers { as_of: session.or(state.last_session), universes: Vec::new(), remarks: Vec::new() };
    if let (Some(asked), Some(session)) = (selection.as_of, session)
        && asked != session
    {
        exported.remarks.push(format!("{asked} is not a session; this is as of {session}, the session before it"));
    }
    let footing = Footing::find(store, &selection.environment, session, selection.known_at);
    let footing = footing.await.map_err(|source| LookupError::Store { asked: "the runs".to_owned(), source })?;
    let asked = asked_for(selection, rules, state, records)?;
    let past = match is_now {
        true => None,
        false => {
            let entries: Vec<UniverseId> = records.iter().map(|record| record.id.clone()).collect();
            let some: Vec<UniverseId> = asked.iter().filter_map(Asked::universe).cloned().collect();
            let past = Past::of_some(store, &selection.environment, &entries, &some).await;
            Some(past.map_err(|source| LookupError::Store { asked: "the past".to_owned(), source })?)
        }
    };
    let changes = Recorded { store, past: None }.symbol_changes(question).await;
    let changes = changes.map_err(|source| LookupError::Store { asked: "the symbol changes".to_owned(), source })?;
    for asked in asked {
        let record = |id: &UniverseId| records.iter().find(|record| record.id == *id);
        let present = |id: &UniverseId| state.universes.get(id);
        if let (Asked::Universe(id), true, Detail::Symbols) = (&asked, is_now, detail)
            && let (Some(record), Some(present)) = (record(id), present(id))
        {
            let standing = footing.standing(None, None, footing.holds(id));
            exported.universes.push(of_state(record, &present.members, state, standing));
            continue;
        }
        if let (Asked::Universe(id), true) = (&asked, is_now)
            && record(id).is_none()
            && state.retired.contains_key(id)
        {
            let hint = " any more: it was retired; with --as-of it is exported as it was then".to_owned();
            return Err(LookupError::Unknown { asked: id.to_string(), hint });
        }
        let answer = match asked {
            // Resolved already: the other ones would be listed anew for each.
            Asked::Universe(id) => {
                let recorded = Recorded { store, past: past.as_ref() };
                one(recorded, rules, id, question, &footing, &changes, detail).await?
            }
            Asked::Combination(text) => {
                look_up_in(Recorded { store, past: None }, rules, &text, question, detail).await?
            }
        };
        let is_past_of_none = selection.universes.is_empty() && answer.members.is_empty() && !is_now;
        if is_past_of_none && answer.id.as_ref().is_none_or(|id| record(id).is_none()) {
            // All universes of then: not those that were made and retired at other times.
            continue;
        }
        for remark in answer.remarks {
            if !exported.remarks.contains(&remark) {
                exported.remarks.push(remark);
            }
        }
        let of = answer.id.as_ref().and_then(record);
        let mut members = answer.members;
        // As of the newest session the order is that of the entry, and has not to be found out.
        let entry = answer.id.as_ref().and_then(present).filter(|_| is_newest);
        let is_entry = entry.is_some_and(|entry| as_in_entry(&mut members, &entry.members));
        let mark = answer.id.as_ref().and_then(present).and_then(|universe| universe.rule.as_ref());
        exported.universes.push(MemberExport {
            name: answer.name,
            category: of.and_then(|record| record.category.clone()),
            rule: of.and_then(|record| record.rule.clone()),
            rule_version: mark.filter(|_| is_now).map(|mark| mark.version.clone()),
            is_ranked: match is_now || is_entry {
                true => of.is_some_and(|record| record.is_ranked),
                false => members.first().is_some_and(|member| member.rank.is_some()),
            },
            standing: answer.standing,
            members,
            id: answer.id,
        });
    }
    Ok(exported)
}

/// Puts members in the order that the entry has them in; `false` where they are others.
fn as_in_entry(members: &mut [MemberRecord], entry: &[Symbol]) -> bool {
    let places: BTreeMap<&Symbol, usize> = entry.iter().zip(0..).collect();
    let is_same = members.len() == entry.len() && members.iter().all(|member| places.contains_key(&member.symbol));
    if is_same {
        members.sort_by_key(|member| places[&member.symbol]);
    }
    is_same
}

fn of_state(record: &UniverseRecord, members: &[Symbol], state: &State, standing: Standing) -> MemberExport {
    let bare = |symbol: &Symbol| MemberRecord {
        symbol: symbol.clone(),
        company_name: None,
        rank: None,
        market_cap: None,
        sector: None,
        since: None,
    };
    let mark = state.universes[&record.id].rule.as_ref();
    MemberExport {
        id: Some(record.id.clone()),
        name: record.name.clone(),
        category: record.category.clone(),
        rule: record.rule.clone(),
        rule_version: mark.map(|mark| mark.version.clone()),
        is_ranked: record.is_ranked,
        standing,
        members: members.iter().map(bare).collect(),
    }
}

/// What somebody asks to be exported.
enum Asked {
    Universe(UniverseId),
    Combination(String),
}

impl Asked {
    fn universe(&self) -> Option<&UniverseId> {
        match self {
            Self::Universe(id) => Some(id),
            Self::Combination(_) => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Universe(id) => id.to_string(),
            Self::Combination(text) => text.clone(),
        }
    }
}

/// Returns what is to be exported; nothing twice.
fn asked_for(
    selection: &Selection,
    rules: &RuleSet,
    state: &State,
    records: &[UniverseRecord],
) -> Result<Vec<Asked>, LookupError> {
    if selection.universes.is_empty() {
        return Ok(all(state, selection.as_of.is_some() || selection.known_at.is_some())
            .into_iter()
            .map(Asked::Universe)
            .collect());
    }
    let known: Vec<UniverseId> =
        records.iter().map(|record| record.id.clone()).chain(state.retired.keys().cloned()).collect();
    let mut asked: Vec<Asked> = Vec::new();
    for text in &selection.universes {
        let one = match SetExpression::parse(text)? {
            SetExpression::Universe(address) => Asked::Universe(resolve(&address, &known, rules)?),
            SetExpression::Union(..) | SetExpression::Intersection(..) | SetExpression::Difference(..) => {
                Asked::Combination(text.clone())
            }
        };
        if asked.iter().all(|other| other.text() != one.text()) {
            asked.push(one);
        }
    }
    Ok(asked)
}

/// Returns every universe, in order of address; those that were retired since, where the past is meant.
fn all(state: &State, with_retired: bool) -> Vec<UniverseId> {
    let retired = state.retired.keys().filter(|_| with_retired);
    let mut all: Vec<UniverseId> = state.universes.keys().chain(retired).cloned().collect();
    all.sort();
    all.dedup();
    all
}
