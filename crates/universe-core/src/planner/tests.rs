//! Golden cases for each step, and the properties that every plan has.

mod cases;
mod properties;

use jiff::civil::Date;

use super::{Holds, Planner, Request, Undefined, plan};
use crate::plan::{Action, Mode, Plan, Step, render_diff};
use crate::rule::{RuleFile, RuleSet};
use crate::state::{RuleMark, State, UniverseState};
use crate::{Observation, ObservedListing, Price, SecurityType, Symbol, Usd};

pub(super) const FULL: Request = Request { mode: Mode::Full, undefined: Undefined::Retire, holds: Holds::Wait };

/// One listing of a test market; prices are one dollar, so that shares are the cap.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) symbol: &'static str,
    pub(super) name: String,
    pub(super) kind: SecurityType,
    pub(super) sector: Option<&'static str>,
    pub(super) cap: Option<i64>,
    pub(super) recorded_cap: Option<i64>,
    pub(super) listed_on: Option<Date>,
    pub(super) is_active: bool,
    pub(super) sessions_absent: u16,
    pub(super) volume: i64,
}

pub(super) fn line(symbol: &'static str, cap: f64) -> Line {
    Line {
        symbol,
        name: format!("{symbol} Inc. Common Stock"),
        kind: SecurityType::Cs,
        sector: None,
        cap: Some(cap as i64),
        recorded_cap: Some(cap as i64),
        listed_on: None,
        is_active: true,
        sessions_absent: 0,
        volume: 1_000,
    }
}

pub(super) fn market(session: Date, lines: &[Line]) -> Observation {
    let mut lines = lines.to_vec();
    lines.sort_by_key(|line| line.symbol);
    let mut seen = Observation::empty(session);
    for line in &lines {
        seen.push(ObservedListing {
            company_name: Some(&line.name),
            security_type: Some(line.kind.code()),
            is_active: line.is_active,
            listing_date: line.listed_on,
            sessions_absent: line.sessions_absent,
            recorded_cap: line.recorded_cap.map(Usd),
            shares: line.cap,
            close: Price::from_dollars(1.0),
            volume: Some(line.volume),
            exchange: Some("nyse"),
            sector: line.sector,
            ..ObservedListing::new(Symbol::from_stored(line.symbol))
        });
    }
    seen
}

fn rules(files: &[(&str, &str)]) -> RuleSet {
    profile_rules("classic", files)
}

fn profile_rules(profile: &str, files: &[(&str, &str)]) -> RuleSet {
    let files = files.iter().map(|(name, text)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() });
    RuleSet::from_files(profile, files, &[]).expect("the rules are right")
}

/// What a store would hold after the plan was applied.
pub(super) fn applied(state: &State, plan: &Plan) -> State {
    let mut next = state.clone();
    next.version += 1;
    next.last_session = Some(plan.session);
    next.held.clone_from(&plan.held);
    for universe in &plan.universes {
        match universe.action {
            Action::Held => {}
            Action::Retired => {
                next.universes.remove(&universe.id);
                next.retired.insert(universe.id.clone(), universe.sequence);
            }
            Action::Created | Action::Updated | Action::Reordered | Action::Refreshed | Action::Repaired => {
                let after = UniverseState {
                    name: universe.name.clone(),
                    category: Some(universe.category),
                    rule: Some(RuleMark { name: universe.rule.clone(), version: universe.rule_version.clone() }),
                    members: plan.member_symbols(universe).cloned().collect(),
                    sequence: universe.sequence,
                    reconstituted_session: Some(universe.reconstituted_session),
                    entry_is_intact: true,
                };
                next.universes.insert(universe.id.clone(), after);
                next.retired.remove(&universe.id);
            }
        }
    }
    next.market.extend(plan.market.map(|market| market.session));
    next
}

/// What the reference data would say after the plan was applied.
pub(super) fn written_back(seen: &Observation, plan: &Plan) -> Observation {
    let mut next = seen.clone();
    for listing in &plan.caps_moved {
        next.recorded_cap[*listing as usize] = plan.caps[*listing as usize];
    }
    for delisting in &plan.delistings {
        if let Some(active) = next.is_active.get_mut(delisting.listing as usize) {
            *active = false;
        }
    }
    next
}

/// Plans day after day and renders what each one changes.
fn story(rules: &RuleSet, days: &[(Date, Vec<Line>)]) -> String {
    let mut state = State::default();
    let mut text = String::new();
    for (session, lines) in days {
        let plan = plan(&market(*session, lines), rules, &state, FULL);
        text.push_str(&format!("== {session}\n{}", render_diff(&plan, true)));
        state = applied(&state, &plan);
    }
    text
}
