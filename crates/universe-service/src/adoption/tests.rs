use std::collections::BTreeMap;

use jiff::civil::date;
use serde_json::{Value, json};
use universe_core::expression::SetExpression;
use universe_core::{SecurityType, Symbol};
use universe_store::Additions;

use super::*;

fn older(entries: &[(&str, &str, &str, Value)]) -> OlderDatabase {
    let funds = ["SPY", "QQQ", "XLK"].map(|text| (Symbol::from_stored(text), SecurityType::Etf));
    let stocks = ["AAPL", "MSFT", "NVDA", "BRK.B"].map(|text| (Symbol::from_stored(text), SecurityType::Cs));
    OlderDatabase {
        name: "tickstock".to_owned(),
        user: "app".to_owned(),
        server_version: "16".to_owned(),
        is_set_up: false,
        adopted: None,
        runs: 0,
        entry_key_is_unique: true,
        obstacles: Vec::new(),
        additions: Additions::default(),
        entries: (1..)
            .zip(entries)
            .map(|(id, (entry_type, name, key, value))| OlderEntry {
                id: format!("{id}"),
                entry_type: (*entry_type).to_owned(),
                name: (*name).to_owned(),
                key: (*key).to_owned(),
                category: None,
                value: value.clone(),
            })
            .collect(),
        other_types: BTreeMap::new(),
        securities: funds.into_iter().chain(stocks).collect(),
        sectors: ["Technology".to_owned(), "Finance".to_owned()].into(),
        industries: ["Major Banks".to_owned(), "Diner's Cards".to_owned()].into(),
        bars: 0,
        newest_bar: Some(date(2024, 3, 2)),
        fingerprint: String::new(),
    }
}

fn given(own: &[RuleFile]) -> PresentRules<'_> {
    PresentRules { profile: "classic", own, facts: &[], may_grow: true }
}

fn plan(entries: &[(&str, &str, &str, Value)]) -> AdoptionPlan {
    plan_adoption(&older(entries), given(&[]), date(2024, 3, 9)).expect("plans")
}

/// What became of the only row.
fn became(entry_type: &str, name: &str, key: &str, value: Value) -> String {
    let plan = plan(&[(entry_type, name, key, value)]);
    let AdoptedSource { becomes, decided_by, notes, .. } = &plan.sources[0];
    format!("{becomes} | {decided_by} | {}", notes.join("; "))
}

#[test]
fn memberships_hold_from_the_newest_session_with_prices() {
    // Friday: bars of a Saturday are those of the session before.
    assert_eq!(plan(&[]).session, date(2024, 3, 1));
    let mut later = older(&[]);
    later.newest_bar = None;
    assert_eq!(plan_adoption(&later, given(&[]), date(2024, 3, 9)).expect("plans").session, date(2024, 3, 8));
}

#[test]
fn entries_go_to_the_rule_that_decides_them_or_keep_their_list() {
    let stock = |key: &str| became("stock_universe", "", key, json!(["aapl", "BRK-B", "AAPL"]));
    assert_eq!(stock("mega_cap"), "stock_universe:mega_cap | rule bands | ");
    assert_eq!(stock("sector_technology"), "stock_universe:sector_technology | rule sectors | ");
    assert_eq!(stock("sector_space"), format!("stock_universe:sector_space | {BY_LIST} | "));
    assert_eq!(stock("index_sp500"), format!("stock_universe:index_sp500 | {BY_LIST} | "));
    assert!(stock("My Picks").contains("my_picks would be one"), "{}", stock("My Picks"));
    assert!(stock("").contains("it has no key"));
    let plan = plan(&[("stock_universe", "", "clean_energy", json!({"symbols": ["aapl", "BRK-B", 7, "AAPL"]}))]);
    assert_eq!(plan.universes[0].members, ["AAPL", "BRK.B"].map(Symbol::from_stored));
    assert_eq!(plan.universes[0].name, "Clean Energy");
    assert_eq!(plan.sources[0].notes, ["1 of its items are no symbols (7)"]);
}

#[test]
fn what_cannot_be_read_is_left() {
    assert!(became("stock_universe", "", "x", json!({"members": 7})).contains("left as it is: its value is neither"));
    let plan = plan(&[("stock_universe", "A", "x", json!(["AAPL"])), ("stock_universe", "B", "x", json!(["MSFT"]))]);
    assert_eq!(plan.universes.len(), 1);
    assert!(plan.sources[1].notes[0].contains("row 1 has the same type and key"));
}

#[test]
fn older_keys_stay_as_copies() {
    let plan = plan(&[
        ("etf_universe", "", "etf_core", json!({"etfs": [{"symbol": "SPY"}]})),
        ("stock_universe", "", "dividend_aristocrats", json!({"stocks": [{"ticker": "AAPL"}]})),
    ]);
    let universes: Vec<String> = plan.universes.iter().map(|universe| universe.id.to_string()).collect();
    assert_eq!(universes, ["stock_universe:theme_dividend_aristocrats", "etf_universe:index_broad_market"]);
    assert!(plan.universes.iter().all(|universe| universe.is_new_entry));
    assert_eq!(plan.rules.len(), 1);
    assert!(plan.rules[0].text.contains("mirrors = [\"dividend_aristocrats\"]"), "{}", plan.rules[0].text);
}

#[test]
fn combinations_become_expressions() {
    let plan = plan(&[
        ("stock_universe", "", "Big Five!", json!(["AAPL", "MSFT", "NVDA", "BRK.B", "JPM"])),
        ("stock_universe", "", "big_five", json!(["AAPL", "MSFT", "NVDA", "BRK.B", "JPM"])),
        ("stock_etf_combo", "Big Mix", "big_mix", json!(["MSFT", "AAPL", "JPM", "BRK-B", "NVDA", "XLK"])),
        ("stock_etf_combo", "", "funds", json!({"etfs": [{"symbol": "SPY"}]})),
    ]);
    assert_eq!(plan.sources[2].becomes, "stock_universe:big_five + etf_universe:theme_big_mix_etfs");
    assert_eq!(plan.sources[3].becomes, "etf_universe:theme_funds_etfs");
    assert_eq!(plan.universes.len(), 4);
    for source in &plan.sources[2..] {
        SetExpression::parse(&source.becomes).unwrap_or_else(|error| panic!("{}: {error}", source.becomes));
    }
}

#[test]
fn thresholds_become_bands() {
    let shipped = json!({"mega_cap": 200e9, "large_cap": "10B"});
    assert!(became("cache_config", "", "market_cap_thresholds", shipped).contains("say the same"));
    let rules = plan(&[
        ("cache_config", "market_cap_thresholds", "mega_cap", json!(250e9)),
        ("cache_config", "market_cap_thresholds", "nano_cap", json!({"min": 1e6})),
        ("cache_config", "", "settings", json!({"universe_limits": {"top_25": 25}, "ttl": 60})),
    ])
    .rules;
    assert_eq!(rules.iter().map(|rule| &*rule.name).collect::<Vec<_>>(), ["bands.toml", "rankings.toml"]);
    assert!(rules[0].text.contains("at_least = 2.5e11") && rules[0].text.contains("key = \"nano_cap\""));
    assert!(rules[1].text.contains("count = 25"));
    assert!(became("cache_config", "", "thresholds", json!({"mega_cap": "much"})).contains("is no figure"));
    assert!(became("cache_config", "TTL", "seconds", json!(3600)).contains("says nothing that a rule could"));
}

#[test]
fn themes_and_groups_become_rules() {
    let theme = plan(&[("themes", "AI", "ai", json!(["NVDA", "MSFT", "WHAT"]))]);
    assert_eq!(theme.rules[0].name, "theme_ai.toml");
    assert!(theme.rules[0].text.contains("\"MSFT\", \"NVDA\", \"WHAT\","), "{}", theme.rules[0].text);
    assert!(became("themes", "List", "all", json!(["ai", "ev"])).contains("lists neither known symbols"));
    let config = json!({"themes": {"funds": {"name": "The Funds", "symbols": ["SPY", "QQQ"]}}});
    let funds = plan(&[("cache_config", "", "lists", config)]);
    assert!(funds.rules[0].text.contains("type = \"etf_universe\"") && funds.rules[0].text.contains("The Funds"));
    let banks = plan(&[("cache_config", "", "industry_groups", json!({"Banks": ["Major Banks", "Diner's Cards"]}))]);
    assert_eq!(banks.rules[0].name, "industry_banks.toml");
    assert!(banks.rules[0].text.contains("industry in ('Major Banks', 'Diner''s Cards')"), "{}", banks.rules[0].text);
}

#[test]
fn own_rules_are_never_replaced() {
    let own = [RuleFile { name: "bands.toml".to_owned(), text: RuleSet::default_files()[0].text.clone() }];
    let found = older(&[("cache_config", "", "thresholds", json!({"mega_cap": 1e12}))]);
    let plan = plan_adoption(&found, given(&own), date(2024, 3, 9)).expect("plans");
    assert!(plan.rules.is_empty() && plan.sources[0].notes[0].contains("in the rules directory already"));
}
