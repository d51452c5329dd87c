use serde_json::Value;
use universe_core::{UniverseType, Usd};

use super::*;

fn universe(universe_type: UniverseType, key: &str, is_ranked: bool, symbols: &[&str]) -> Arc<ReadyUniverse> {
    let record = UniverseRecord {
        id: UniverseId::from_stored(universe_type, key),
        name: key.to_uppercase(),
        category: Some("market_cap".to_owned()),
        count: symbols.len(),
        last_updated: None,
        rule: Some(key.to_owned()),
        is_ranked,
    };
    let member = |(at, symbol): (usize, &&str)| MemberRecord {
        symbol: Symbol::parse(symbol).expect("a symbol"),
        company_name: None,
        rank: is_ranked.then_some(at as u32 + 1),
        market_cap: Some(Usd(1_000_000)),
        sector: None,
        since: None,
    };
    Arc::new(ReadyUniverse::new(record, symbols.iter().enumerate().map(member).collect(), &Footing::default()))
}

fn snapshot() -> LookupSnapshot {
    let stocks = UniverseType::StockUniverse;
    let universes = vec![
        universe(UniverseType::EtfUniverse, "theme_both", false, &["SPY"]),
        universe(stocks, "theme_both", false, &["MSFT"]),
        universe(stocks, "top_10", true, &["MSFT", "AAPL", "BRK.B"]),
        universe(stocks, "theme_growth", false, &["AAPL", "NVDA"]),
    ];
    LookupSnapshot::new(7, Footing::default(), universes, None)
}

fn rules() -> RuleSet {
    RuleSet::load("classic", &[], &[]).expect("the shipped rules")
}

fn symbols(asked: &str) -> Vec<String> {
    let answer = snapshot().look_up(asked, &rules()).expect("an answer");
    let answer: Value = serde_json::from_slice(answer.symbols.plain()).expect("JSON");
    answer["symbols"].as_array().expect("symbols").iter().map(|s| s.as_str().expect("text").to_owned()).collect()
}

#[test]
fn answers_in_order_of_rank() {
    assert_eq!(symbols("top_10"), ["MSFT", "AAPL", "BRK.B"]);
    assert_eq!(symbols("stock_universe:top_10"), ["MSFT", "AAPL", "BRK.B"]);
}

#[test]
fn combines_universes() {
    assert_eq!(symbols("top_10 + theme_growth"), ["AAPL", "BRK.B", "MSFT", "NVDA"]);
    assert_eq!(symbols("top_10:theme_growth"), ["AAPL", "BRK.B", "MSFT", "NVDA"]);
    assert_eq!(symbols("top_10 & theme_growth"), ["AAPL"]);
    assert_eq!(symbols("top_10 - (theme_growth + stock_universe:theme_both)"), ["BRK.B"]);
}

#[test]
fn refuses_what_it_cannot_answer() {
    let refusal = |asked: &str| snapshot().look_up(asked, &rules()).expect_err("no answer");
    assert!(matches!(refusal("theme_both"), LookupError::Ambiguous(_)));
    assert!(matches!(refusal("top_10 &"), LookupError::Expression(_)));
    assert!(matches!(refusal("nothing"), LookupError::Unknown { .. }));
    // There is a rule for it, but it has no members yet.
    assert!(matches!(refusal("top_500"), LookupError::Unknown { .. }));
}

#[test]
fn finds_universes_by_any_spelling_of_a_symbol() {
    let snapshot = snapshot();
    for spelling in ["BRK.B", "brk-b", "BRK/B", "BRKB"] {
        let SymbolUniverses { symbol, universes, .. } = snapshot.universes_of(spelling).expect("a member");
        assert_eq!(symbol.as_str(), "BRK.B");
        assert_eq!(universes.len(), 1);
        assert_eq!((universes[0].key.as_str(), universes[0].rank), ("top_10", Some(3)));
    }
    assert!(snapshot.universes_of("ZZZZ").is_none() && snapshot.universes_of("no symbol").is_none());
}

#[test]
fn names_what_may_be_meant() {
    let snapshot = snapshot();
    assert_eq!(nearest_keys("top_1O", &snapshot, &rules())[0], "top_10");
    assert_eq!(nearest_keys("technology", &snapshot, &rules())[0], "technology_leaders");
    assert!(nearest_keys("xxxxxxxxxxxx", &snapshot, &rules()).is_empty());
}

#[test]
fn equal_answers_have_equal_names() {
    let (one, other) = (Body::json(&["AAPL"]), Body::json(&["AAPL"]));
    assert_eq!(one, other);
    assert_ne!(one, Body::json(&["MSFT"]));
    assert!(one.gzip().is_none(), "a short answer is not compressed");
    let long = Body::json(&vec!["AAPL"; 1_000]);
    assert!(long.gzip().expect("compressed").len() < long.plain().len() / 4);
}
