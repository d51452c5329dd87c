//! What a change of symbol does to memberships, and what it leaves alone.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};

use crate::identity::{SymbolChange, carry_over};
use crate::plan::{Action, DelistingEvidence, Plan, Reason, render_diff};
use crate::planner::tests::{FULL, Line, applied, line, market, written_back};
use crate::planner::{Holds, Request, explain::explain, plan};
use crate::rule::{RuleFile, RuleSet};
use crate::state::{ImportedList, Override, State};
use crate::{Observation, Symbol, UniverseId};

const BEFORE: Date = date(2022, 6, 8);
const DAY: Date = date(2022, 6, 9);
const FORCED: Request = Request { holds: Holds::Release, ..FULL };

fn id(key: &str) -> UniverseId {
    format!("stock_universe:{key}").parse().expect("an address")
}

fn change(from: &str, to: &str) -> SymbolChange {
    SymbolChange { date: DAY, from: Symbol::from_stored(from), to: Some(Symbol::from_stored(to)) }
}

fn rules() -> RuleSet {
    let files = [
        (
            "rank.toml",
            "category = \"market_leader\"\nbuffer = 0.5\n[[ranking]]\nkey = \"top\"\nname = \"Top\"\ncount = 2\n",
        ),
        (
            "ipos.toml",
            "category = \"ipo\"\nscreen = \"listing_age_days <= 30\"\n[universe]\nkey = \"new\"\nname = \"New\"\n",
        ),
        (
            "fixed.toml",
            "category = \"theme\"\n[universe]\nkey = \"list\"\nname = \"List\"\nsymbols = [\"FB\", \"AA\"]\n",
        ),
    ];
    let files = files.map(|(name, text)| RuleFile { name: name.to_owned(), text: text.to_owned() });
    RuleSet::from_files("classic", files, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn absent(line: Line) -> Line {
    Line { sessions_absent: 1, ..line }
}

/// The market on the day: META is seen for the first time.
fn day(lines: &[Line], changes: &[SymbolChange]) -> Observation {
    let mut seen = market(DAY, lines);
    for at in 0..seen.len() {
        if seen.symbol[at].as_str() == "META" {
            seen.first_seen_session[at] = Some(DAY);
        }
    }
    carry_over(&mut seen, changes);
    seen
}

/// Three companies; FB is second of them, one of the list, and one that somebody imported.
fn before(rules: &RuleSet) -> State {
    let list = ImportedList { name: None, symbols: vec![Symbol::from_stored("FB")], source: "list.csv".to_owned() };
    let start = State { imports: BTreeMap::from([(id("imported"), list)]), ..State::default() };
    let lines = [line("AA", 9e9), line("BB", 3e9), line("FB", 5e9)];
    applied(&start, &plan(&market(BEFORE, &lines), rules, &start, FULL))
}

fn changes(plan: &Plan, key: &str) -> Vec<String> {
    let Some(universe) = plan.universes.iter().find(|universe| universe.id == id(key)) else { return Vec::new() };
    let told =
        |sign: char| move |c: &crate::plan::Change| format!("{sign}{} {}", plan.symbol(c.listing), c.reason.code());
    universe.added.iter().map(told('+')).chain(universe.removed.iter().map(told('-'))).collect()
}

#[test]
fn a_renamed_listing_is_neither_new_nor_gone() {
    let rules = rules();
    let mut state = before(&rules);
    state.symbol_changes = vec![change("FB", "META")];
    // META is third now: only a member may stay so far down.
    let lines = [line("AA", 9e9), line("BB", 6e9), absent(line("FB", 5e9)), line("META", 5e9)];
    let seen = day(&lines, &state.symbol_changes);
    let made = plan(&seen, &rules, &state, FULL);
    for key in ["top", "list", "imported"] {
        assert_eq!(changes(&made, key), ["+META renamed", "-FB renamed"], "{key}");
    }
    assert_eq!(changes(&made, "new"), [""; 0]);
    assert!(made.offerings.is_empty() && made.alerts.is_empty(), "{:?}", made.alerts);
    let [gone] = made.delistings.as_slice() else { panic!("{:?}", made.delistings) };
    assert_eq!(made.symbol(gone.listing).as_str(), "FB");
    assert!(matches!(gone.evidence, DelistingEvidence::Renamed { to } if made.symbol(to).as_str() == "META"));
    assert!(render_diff(&made, true).contains("renamed: FB is META now"));
    let verdict = explain(&seen, &rules, &state, &id("top"), &Symbol::from_stored("META"));
    let verdict = verdict.expect("evaluates").expect("defined");
    assert!(verdict.is_member && verdict.was_member, "{verdict:?}");

    let after = applied(&state, &made);
    assert!(plan(&written_back(&seen, &made), &rules, &after, FULL).is_empty(), "nothing is left to do");
}

#[test]
fn without_a_record_it_is_one_new_and_one_missing() {
    let rules = rules();
    let state = before(&rules);
    let lines = [line("AA", 9e9), line("BB", 3e9), absent(line("FB", 5e9)), line("META", 5e9)];
    let made = plan(&day(&lines, &[]), &rules, &state, FULL);
    assert_eq!(changes(&made, "new"), ["+META recent_offering"]);
    assert!(made.delistings.is_empty());
}

#[test]
fn who_goes_on_the_day_goes_under_the_old_symbol() {
    let rules = rules();
    let mut state = before(&rules);
    state.symbol_changes = vec![change("FB", "META")];
    let lines = [line("AA", 9e9), line("BB", 6e9), line("CC", 7e9), absent(line("FB", 1e9)), line("META", 1e9)];
    let made = plan(&day(&lines, &state.symbol_changes), &rules, &state, FORCED);
    assert_eq!(changes(&made, "top"), ["+CC rank_reached", "-FB rank_lost"]);
}

#[test]
fn a_renaming_counts_toward_no_limit() {
    let rule = RuleFile {
        name: "rank.toml".to_owned(),
        text: "category = \"market_leader\"\nchange_limit = { share = 0.1, count_min = 1 }\n\
            [[ranking]]\nkey = \"top\"\nname = \"Top\"\ncount = 2\n"
            .to_owned(),
    };
    let rules = RuleSet::from_files("classic", [rule], &[]).unwrap_or_else(|error| panic!("{error}"));
    let mut state = before(&rules);
    state.symbol_changes = vec![change("FB", "META")];
    let lines = [line("AA", 9e9), line("BB", 3e9), absent(line("FB", 5e9)), line("META", 5e9)];
    let made = plan(&day(&lines, &state.symbol_changes), &rules, &state, FULL);
    assert_eq!(changes(&made, "top"), ["+META renamed", "-FB renamed"]);
    // Where other changes are held, it is made all the same.
    let lines = [line("AA", 9e9), line("BB", 30e9), absent(line("FB", 5e9)), line("META", 5e9)];
    let made = plan(&day(&lines, &state.symbol_changes), &rules, &state, FULL);
    let top = made.universes.iter().find(|universe| universe.id == id("top")).expect("planned");
    assert_eq!(changes(&made, "top"), ["+META renamed", "-FB renamed"]);
    assert_eq!(top.action, Action::Updated);
    let members: Vec<&str> = made.member_symbols(top).map(Symbol::as_str).collect();
    assert_eq!(members, ["AA", "META"]);
    let held = top.held.as_ref().expect("held");
    assert_eq!((held.added.len(), made.symbol(held.removed[0].listing).as_str()), (1, "META"));
}

#[test]
fn a_universe_that_waits_keeps_the_order_of_its_symbols() {
    let text = "category = \"theme\"\nscreen = \"market_cap >= 1e9\"\n[change_limit]\nshare = 0.2\n[universe]\n\
                key = \"big\"\nname = \"Big\"\n";
    let file = RuleFile { name: "big.toml".to_owned(), text: text.to_owned() };
    let rules = RuleSet::from_files("classic", [file], &[]).unwrap_or_else(|error| panic!("{error}"));
    let lines: Vec<Line> = ["AA", "BB", "CC", "FB", "GG", "HH"].map(|text| line(text, 5e9)).into();
    let start = State::default();
    let mut state = applied(&start, &plan(&market(BEFORE, &lines), &rules, &start, FULL));
    state.symbol_changes = vec![change("FB", "ZZ")];
    // Half of them come at once, which waits; FB is ZZ all the same.
    let mut lines: Vec<Line> =
        ["AA", "BB", "CC", "GG", "HH", "ZZ", "NA", "NB", "NC"].map(|text| line(text, 5e9)).into();
    lines.push(absent(line("FB", 5e9)));
    let made = plan(&day(&lines, &state.symbol_changes), &rules, &state, FULL);
    let [universe] = made.universes.as_slice() else { panic!("{:?}", made.universes) };
    assert!(universe.held.is_some(), "{universe:?}");
    let members: Vec<&str> = made.member_symbols(universe).map(Symbol::as_str).collect();
    assert_eq!(members, ["AA", "BB", "CC", "GG", "HH", "ZZ"]);
}

#[test]
fn a_word_by_hand_follows_the_listing() {
    let rules = rules();
    let mut state = before(&rules);
    state.symbol_changes = vec![change("FB", "META")];
    state.overrides = vec![Override {
        universe: id("top"),
        symbol: Symbol::from_stored("FB"),
        is_member: false,
        from: DAY,
        until: None,
        reason: "the committee decided".to_owned(),
        actor: "anna".to_owned(),
    }];
    let lines = [line("AA", 9e9), line("BB", 3e9), absent(line("FB", 5e9)), line("META", 5e9)];
    let made = plan(&day(&lines, &state.symbol_changes), &rules, &state, FORCED);
    assert_eq!(changes(&made, "top"), ["-FB overridden"]);
}

#[test]
fn both_symbols_in_one_universe_become_one() {
    let rules = rules();
    let mut state = before(&rules);
    // The source showed both for a while.
    let both = [line("AA", 9e9), line("FB", 5e9), line("META", 9.5e9)];
    let first = plan(&market(BEFORE, &both), &rules, &state, FORCED);
    state = applied(&state, &first);
    let top = &state.universes[&id("top")].members;
    assert!(top.iter().any(|symbol| symbol.as_str() == "META"), "{top:?}");
    state.universes.get_mut(&id("top")).expect("there").members.push(Symbol::from_stored("FB"));
    state.symbol_changes = vec![change("FB", "META")];
    let lines = [line("AA", 9e9), absent(line("FB", 5e9)), line("META", 5e9)];
    let made = plan(&day(&lines, &state.symbol_changes), &rules, &state, FORCED);
    let universe = made.universes.iter().find(|universe| universe.id == id("top")).expect("planned");
    let removed: Vec<(&str, Reason)> =
        universe.removed.iter().map(|c| (made.symbol(c.listing).as_str(), c.reason)).collect();
    assert!(removed.contains(&("FB", Reason::Renamed)), "{removed:?}");
    assert!(universe.added.iter().all(|c| made.symbol(c.listing).as_str() != "META"));
}

#[test]
fn who_gets_a_symbol_on_the_day_is_no_member_for_it() {
    let rules = rules();
    let mut state = before(&rules);
    // FB goes on as META, and another company is FB from the same day on.
    state.symbol_changes = vec![change("FB", "META")];
    let lines = [line("AA", 9e9), line("BB", 3e9), line("FB", 1e9), line("META", 5e9)];
    let seen = day(&lines, &state.symbol_changes);
    let made = plan(&seen, &rules, &state, FORCED);
    assert_eq!(changes(&made, "top"), ["+META renamed", "-FB renamed"]);
    assert_eq!(changes(&made, "new"), [""; 0]);
    assert!(made.offerings.is_empty() && made.delistings.is_empty(), "{:?}", made.delistings);
    let mut notes = made.steps.iter().flat_map(|report| &report.notes);
    assert!(notes.any(|note| note == "FB is another listing's; the former one is META now"));
    // A list that names the symbol means who has it now, who is a member from here on.
    let by_list = changes(&made, "list");
    assert!(
        matches!(by_list.as_slice(), [came, went] if came.starts_with("+FB ") && went.starts_with("-FB ")),
        "{by_list:?}"
    );
    let after = applied(&state, &made);
    assert!(plan(&written_back(&seen, &made), &rules, &after, FULL).is_empty(), "nothing is left to do");

    // Whoever is FB now is missing for a day later on, and not META for that.
    let lines = [line("AA", 9e9), line("BB", 3e9), absent(line("FB", 1e9)), line("META", 5e9)];
    let mut seen = written_back(&day(&lines, &state.symbol_changes), &made);
    seen.session = date(2022, 6, 22);
    assert!(plan(&seen, &rules, &after, FULL).universes.iter().all(|universe| universe.removed.is_empty()));

    // As long as META is not shown, the source is behind.
    let lines = [line("AA", 9e9), line("BB", 3e9), line("FB", 5e9)];
    assert!(plan(&day(&lines, &state.symbol_changes), &rules, &state, FULL).universes.is_empty());
}

#[test]
fn a_listing_that_ended_leaves_nothing_to_the_next_one() {
    let rules = rules();
    let mut state = before(&rules);
    state.symbol_changes = vec![SymbolChange { date: DAY, from: Symbol::from_stored("FB"), to: None }];
    // Whoever is FB now is second as well: for that, and not because FB was.
    let lines = [line("AA", 9e9), line("BB", 3e9), line("FB", 4e9)];
    let seen = day(&lines, &state.symbol_changes);
    let made = plan(&seen, &rules, &state, FORCED);
    assert_eq!(changes(&made, "top"), ["+FB rank_reached", "-FB delisted"]);
    assert!(made.delistings.is_empty(), "the symbol is listed: {:?}", made.delistings);
    let after = applied(&state, &made);
    assert!(plan(&written_back(&seen, &made), &rules, &after, FULL).is_empty(), "once");
    // Third is too far down for a newcomer.
    let lines = [line("AA", 9e9), line("BB", 6e9), line("FB", 4e9)];
    let made = plan(&day(&lines, &state.symbol_changes), &rules, &state, FORCED);
    assert_eq!(changes(&made, "top"), ["+BB rank_reached", "-FB delisted"]);
}

#[test]
fn symbols_that_move_on_like_a_queue_take_their_members_with_them() {
    let rules = rules();
    let mut state = before(&rules);
    // AA and FB are members: AA becomes FB, and what was FB becomes META.
    state.symbol_changes = vec![change("AA", "FB"), change("FB", "META")];
    let lines = [absent(line("AA", 9e9)), line("BB", 3e9), line("FB", 9e9), line("META", 5e9)];
    let seen = day(&lines, &state.symbol_changes);
    let made = plan(&seen, &rules, &state, FULL);
    assert_eq!(changes(&made, "top"), ["+FB renamed", "+META renamed", "-AA renamed", "-FB renamed"]);
    let after = applied(&state, &made);
    assert!(plan(&written_back(&seen, &made), &rules, &after, FULL).is_empty(), "nothing is left to do");
    // While the source is behind, all are what they were.
    let lines = [line("AA", 9e9), line("BB", 3e9), line("FB", 5e9)];
    assert!(plan(&day(&lines, &state.symbol_changes), &rules, &state, FULL).universes.is_empty());
}
