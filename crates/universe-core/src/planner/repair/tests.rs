use jiff::civil::date;

use super::*;

fn symbols(text: &str) -> Vec<Symbol> {
    text.split_whitespace().map(Symbol::from_stored).collect()
}

fn damaged(key: &str, members: &str, seen: &str) -> DamagedEntry {
    DamagedEntry {
        id: format!("stock_universe:{key}").parse().expect("an address"),
        name: "Top 500".to_owned(),
        category: Category::MarketLeader,
        rule: RuleMark { name: "rankings".to_owned(), version: "1".to_owned() },
        is_ranked: true,
        sequence: 7,
        reconstituted_session: date(2024, 3, 4),
        members: symbols(members),
        seen: symbols(seen),
        rebalance: None,
    }
}

fn plan(damaged: &[DamagedEntry]) -> Plan {
    let rules = RuleSet::load("classic", &[], &[]).expect("the shipped rules");
    let standing = Standing { version: 3, session: date(2024, 3, 5), held: Some("held".to_owned()) };
    plan_repair(&standing, &rules, damaged)
}

#[test]
fn followers_are_told_what_readers_see() {
    let plan = plan(&[damaged("top_500", "MSFT AAPL NVDA", "NVDA GE")]);
    let universe = &plan.universes[0];
    let names = |changes: &[Change]| changes.iter().map(|c| plan.symbol(c.listing).to_string()).collect::<Vec<_>>();
    assert_eq!((universe.action, universe.sequence), (Action::Repaired, 8));
    assert_eq!(
        (names(&universe.added), names(&universe.removed)),
        (vec!["AAPL".into(), "MSFT".into()], vec!["GE".into()])
    );
    assert_eq!(plan.member_symbols(universe).map(Symbol::as_str).collect::<Vec<_>>(), ["MSFT", "AAPL", "NVDA"]);
    assert_eq!((plan.changed_universes().count(), plan.total_changes()), (1, 3));
    assert_eq!((plan.base_version, plan.held.as_deref()), (3, Some("held")));
}

#[test]
fn a_repair_that_no_reader_sees_is_no_change() {
    let plan = plan(&[damaged("top_500", "MSFT AAPL", "AAPL MSFT MSFT")]);
    assert_eq!(plan.universes[0].sequence, 7);
    assert_eq!((plan.changed_universes().count(), plan.is_empty()), (0, false));
}

#[test]
fn copies_under_older_keys_are_written_too() {
    let mut entry = damaged("index_broad_market", "SPY", "");
    entry.id = "etf_universe:index_broad_market".parse().expect("an address");
    assert_eq!(plan(&[entry]).universes[0].mirrors, ["etf_core"]);
}
