use expect_test::{Expect, expect};
use jiff::civil::date;

use super::explain;
use crate::planner::tests::{Line, line, market};
use crate::rule::RuleSet;
use crate::state::{ImportedList, RuleMark, State, UniverseState};
use crate::{Category, SecurityType, Symbol, UniverseId};

/// Explains in a small market under the steady rules, in words.
fn tell(lines: &[Line], state: &State, key: &str, symbol: &str) -> String {
    let rules = RuleSet::load("steady", &[], &[]).expect("the shipped rules are right");
    let seen = market(date(2024, 3, 1), lines);
    let id: UniverseId = key.parse().expect("an address");
    let verdict = explain(&seen, &rules, state, &id, &Symbol::from_stored(symbol)).expect("evaluates");
    let Some(verdict) = verdict else { return "nothing defines it\n".to_owned() };
    let mut text =
        format!("{} ({}), rule {}\n", if verdict.is_member { "in" } else { "out" }, verdict.reason, verdict.rule);
    for question in &verdict.questions {
        let mark = question.holds.map_or("?", |holds| if holds { "+" } else { "-" });
        text.push_str(&format!("{mark} {}: {}\n", question.asks, question.found));
    }
    text
}

/// Checks what is told of several symbols and universes.
fn check(lines: &[Line], state: &State, asked: &[(&str, &str)], expected: Expect) {
    let told: Vec<String> =
        asked.iter().map(|(symbol, key)| format!("{symbol} in {key}: {}", tell(lines, state, key, symbol))).collect();
    expected.assert_eq(&told.concat());
}

fn with_members(key: &str, rule: &str, members: &[&str]) -> State {
    let universe = UniverseState {
        name: key.to_owned(),
        category: Some(Category::MarketCap),
        rule: Some(RuleMark { name: rule.to_owned(), version: "1".to_owned() }),
        members: members.iter().map(|symbol| Symbol::from_stored(symbol)).collect(),
        sequence: 1,
        reconstituted_session: Some(date(2024, 2, 29)),
        entry_is_intact: true,
    };
    let universes = [(key.parse().expect("an address"), universe)].into();
    State { universes, ..State::default() }
}

#[test]
fn a_band_says_its_bounds_and_its_buffer() {
    let lines = [line("AA", 195e9), line("BB", 195e9)];
    let state = with_members("stock_universe:mega_cap", "bands", &["AA"]);
    let asked =
        [("AA", "stock_universe:mega_cap"), ("BB", "stock_universe:mega_cap"), ("AA", "stock_universe:large_cap")];
    check(
        &lines,
        &state,
        &asked,
        expect![[r#"
        AA in stock_universe:mega_cap: in (in_band), rule bands
        + listed on 2024-03-01 (missing from 10 snapshots is not): listed
        + security_type is CS or ADRC: CS
        + stands for its company, one line of each: it is the only one, or the most traded
        + market_cap >= 200B, 10 % further for a member: 195B
        BB in stock_universe:mega_cap: out (out_of_band), rule bands
        + listed on 2024-03-01 (missing from 10 snapshots is not): listed
        + security_type is CS or ADRC: CS
        + stands for its company, one line of each: it is the only one, or the most traded
        - market_cap >= 200B: 195B
        AA in stock_universe:large_cap: out (out_of_band), rule bands
        + listed on 2024-03-01 (missing from 10 snapshots is not): listed
        + security_type is CS or ADRC: CS
        + stands for its company, one line of each: it is the only one, or the most traded
        - market_cap >= 10.0B and < 200B: 195B
    "#]],
    );
}

#[test]
fn the_wrong_kind_the_delisted_and_the_unknown_are_turned_down_first() {
    let warrant = Line { kind: SecurityType::Warrant, ..line("WW", 5e9) };
    let gone = Line { is_active: false, ..line("GG", 5e9) };
    let lines = [line("AA", 5e9), warrant, gone];
    let asked = ["AA", "WW", "GG", "NONE"].map(|symbol| (symbol, "stock_universe:top_10"));
    check(
        &lines,
        &State::default(),
        &asked,
        expect![[r#"
        AA in stock_universe:top_10: in (rank_reached), rule rankings
        + listed on 2024-03-01 (missing from 10 snapshots is not): listed
        + security_type is CS or ADRC: CS
        + stands for its company, one line of each: it is the only one, or the most traded
        + among the first 10 by market_cap (others enter up to 9, members stay up to 11): rank 1 of 1, with 5.00B
        WW in stock_universe:top_10: out (not_eligible), rule rankings
        + listed on 2024-03-01 (missing from 10 snapshots is not): listed
        - security_type is CS or ADRC: WARRANT
        + stands for its company, one line of each: not asked
        - among the first 10 by market_cap (others enter up to 9, members stay up to 11): no rank among 1
        GG in stock_universe:top_10: out (delisted), rule rankings
        - listed on 2024-03-01 (missing from 10 snapshots is not): no longer active
        + security_type is CS or ADRC: CS
        + stands for its company, one line of each: not asked
        - among the first 10 by market_cap (others enter up to 9, members stay up to 11): no rank among 1
        NONE in stock_universe:top_10: out (not_eligible), rule rankings
        - known as of 2024-03-01: no source has shown NONE
    "#]],
    );
}

#[test]
fn groups_say_their_field_and_lists_their_source() {
    let lines = [Line { sector: Some("Energy"), ..line("AA", 5e9) }, line("BB", 5e9)];
    let source = "mine.csv".to_owned();
    let list = ImportedList { name: None, symbols: vec![Symbol::from_stored("BB")], source };
    let imports = [("stock_universe:mine".parse().expect("an address"), list)].into();
    let state = State { imports, ..State::default() };
    let asked = [
        ("AA", "stock_universe:sector_energy"),
        ("BB", "stock_universe:sector_energy"),
        ("AA", "stock_universe:theme_value"),
        ("AA", "stock_universe:mine"),
        ("BB", "stock_universe:mine"),
        ("SPY", "etf_universe:index_broad_market"),
        ("SPY", "etf_universe:nothing_like_this"),
    ];
    check(
        &lines,
        &state,
        &asked,
        expect![[r#"
        AA in stock_universe:sector_energy: in (in_group), rule sectors
        + listed on 2024-03-01 (missing from 10 snapshots is not): listed
        + security_type is CS or ADRC: CS
        + sector belongs to Energy Sector: Energy
        BB in stock_universe:sector_energy: out (out_of_group), rule sectors
        + listed on 2024-03-01 (missing from 10 snapshots is not): listed
        + security_type is CS or ADRC: CS
        ? sector belongs to Energy Sector: not known
        AA in stock_universe:theme_value: out (unlisted), rule theme_value
        - on the list of the rule: it is not
        + listed on 2024-03-01 (missing from 10 snapshots is not): listed
        AA in stock_universe:mine: out (unlisted), rule import
        - on the list imported from mine.csv: it is not
        + listed on 2024-03-01 (missing from 10 snapshots is not): listed
        BB in stock_universe:mine: in (imported), rule import
        + on the list imported from mine.csv: it is
        + listed on 2024-03-01 (missing from 10 snapshots is not): listed
        SPY in etf_universe:index_broad_market: in (listed), rule etf_broad_market
        + on the list of the rule: it is
        SPY in etf_universe:nothing_like_this: nothing defines it
    "#]],
    );
}
