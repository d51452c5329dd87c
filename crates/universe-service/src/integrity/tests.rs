use jiff::civil::date;
use serde_json::{Value, json};
use universe_core::SecurityType;
use universe_core::rule::RuleFile;
use universe_store::{EntryFacts, Inconsistency, MirrorFacts};

use super::*;

const RULES: &[(&str, &str)] = &[
    ("rankings.toml", "category = \"market_leader\"\n[[ranking]]\nkey = \"top_2\"\nname = \"Top 2\"\ncount = 2\n"),
    (
        "etf_broad_market.toml",
        "type = \"etf_universe\"\ncategory = \"etf\"\n[universe]\nkey = \"index_broad_market\"\nname = \"Broad Market\"\n\
        mirrors = [\"etf_core\"]\nsymbols = [\"SPY\", \"QQQ\"]\n",
    ),
    (
        "index_sp500.toml",
        "category = \"index\"\n[universe]\nkey = \"index_sp500\"\nname = \"S&P 500 Index\"\nimported = true\n",
    ),
];

fn rules() -> RuleSet {
    let files = RULES.iter().map(|(name, text)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() });
    RuleSet::from_files("classic", files, &[]).expect("right")
}

fn id(address: &str) -> UniverseId {
    address.parse().expect("an address")
}

fn symbols(text: &str) -> Vec<Symbol> {
    text.split_whitespace().map(Symbol::from_stored).collect()
}

fn universe(address: &str, name: &str, rule: &str, is_ranked: bool, members: &str) -> UniverseFacts {
    let version = rules().rules.iter().find(|known| known.name == rule).map_or("x".to_owned(), |r| r.version.clone());
    let members = symbols(members);
    let mut open = members.clone();
    open.sort();
    let metadata = json!({
        "last_updated": "x", "last_cleanup": "x", "last_rebalance": "x", "run_id": "x",
        "rule": rule, "rule_version": version, "sequence": 1, "ranked": is_ranked, "count": members.len(),
    });
    UniverseFacts {
        id: id(address),
        name: name.to_owned(),
        category: "market_leader".to_owned(),
        rule: rule.to_owned(),
        rule_version: version,
        is_ranked,
        sequence: 1,
        reconstituted_session: Some(date(2024, 3, 4)),
        is_retired: false,
        entry: Some((json!(members), metadata)),
        members,
        open,
    }
}

fn listing(symbol: &str, security_type: SecurityType) -> ListingFacts {
    let symbol = Symbol::from_stored(symbol);
    ListingFacts { symbol, security_type: Some(security_type), is_active: true, delisted_date: None }
}

/// A ranking and a list of funds, one of which nothing is known of, with all in order.
fn sound() -> IntegrityFacts {
    IntegrityFacts {
        version: 3,
        session: Some(date(2024, 3, 5)),
        newest_prices: Some(date(2024, 3, 5)),
        universes: vec![
            universe("etf_universe:index_broad_market", "Broad Market", "etf_broad_market", false, "QQQ SPY"),
            universe("stock_universe:top_2", "Top 2", "rankings", true, "MSFT AAPL"),
        ],
        mirrors: vec![MirrorFacts {
            id: id("etf_universe:etf_core"),
            mirror_of: "index_broad_market".to_owned(),
            value: json!(["QQQ", "SPY"]),
        }],
        listings: vec![
            listing("AAPL", SecurityType::Cs),
            listing("MSFT", SecurityType::Cs),
            listing("SPY", SecurityType::Etf),
        ],
        ..IntegrityFacts::default()
    }
}

fn foreign(address: &str, name: &str, value: Value) -> EntryFacts {
    EntryFacts {
        id: id(address),
        name: name.to_owned(),
        category: None,
        value,
        metadata: Value::Null,
        updated_at: "2024-03-05T22:00:00Z".parse().ok(),
    }
}

/// Returns the findings that are shown to people who do not ask for all: `severity check universe symbol`.
fn found(facts: &IntegrityFacts) -> Vec<String> {
    let report = check_integrity(facts, &rules(), STALE_SESSIONS);
    let shown = report.findings.iter().filter(|finding| finding.severity != FindingSeverity::Info);
    let line = |finding: &Finding| {
        let key = finding.universe.as_deref().map_or("-", |id| id.rsplit(':').next().unwrap_or(id));
        let mend = if finding.is_repairable { " +" } else { "" };
        let symbol = finding.symbol.as_deref().unwrap_or("-");
        format!("{} {} {key} {symbol}{mend}", finding.severity.as_str(), finding.check)
    };
    shown.map(line).collect()
}

/// Returns what is found when one thing about a sound store changes.
fn found_with(change: impl FnOnce(&mut IntegrityFacts)) -> Vec<String> {
    let mut facts = sound();
    change(&mut facts);
    found(&facts)
}

fn set_entry(facts: &mut IntegrityFacts, at: usize, value: Value) {
    if let Some(entry) = &mut facts.universes[at].entry {
        entry.0 = value;
    }
}

#[test]
fn nothing_is_found_where_all_is_in_order() {
    assert_eq!(found(&sound()), [""; 0]);
    let report = check_integrity(&sound(), &rules(), STALE_SESSIONS);
    assert_eq!((report.checked, report.has_errors()), (2, false));
    let infos: Vec<&str> = report.findings.iter().map(|finding| finding.check).collect();
    assert_eq!(
        infos,
        ["missing_universe", "unknown_members"],
        "a list that nobody loaded, a fund that is taken on trust"
    );
}

#[test]
fn contradictions_of_entries_can_be_mended_and_others_not() {
    let contradiction =
        |check, key: &str| Inconsistency { check, universe: Some(id(key)), symbol: None, detail: String::new() };
    let found = found_with(|facts| {
        facts.contradictions.push(contradiction("entry_count", "stock_universe:top_2"));
        facts.contradictions.push(contradiction("entry_equals_intervals", "stock_universe:gone"));
        facts.contradictions.push(contradiction("intervals_overlap", "stock_universe:top_2"));
    });
    assert_eq!(
        found,
        ["error entry_count top_2 - +", "error entry_equals_intervals gone -", "error intervals_overlap top_2 -"]
    );
}

#[test]
fn a_value_is_a_plain_list_of_symbols_as_they_are_spelled() {
    for value in [json!({"symbols": ["MSFT", "AAPL"]}), json!(["MSFT", "aapl"]), json!([{"ticker": "MSFT"}, "AAPL"])] {
        assert_eq!(found_with(|facts| set_entry(facts, 1, value)), ["error value_shape top_2 - +"]);
    }
}

#[test]
fn a_symbol_twice_is_named() {
    let found = found_with(|facts| {
        set_entry(facts, 1, json!(["MSFT", "AAPL", "MSFT"]));
        facts.foreign.push(foreign("stock_universe:theme_old", "Old", json!(["AAPL", "AAPL"])));
    });
    assert_eq!(found, ["error duplicate_members theme_old AAPL", "error duplicate_members top_2 MSFT +"]);
}

#[test]
fn lists_without_ranks_are_in_order_of_symbol() {
    let found = found_with(|facts| {
        set_entry(facts, 0, json!(["SPY", "QQQ"]));
        facts.mirrors[0].value = json!(["SPY", "QQQ"]);
    });
    assert_eq!(found, ["error order index_broad_market - +"]);
    assert_eq!(found_with(|facts| set_entry(facts, 1, json!(["MSFT", "AAPL"]))), [""; 0]);
}

#[test]
fn metadata_say_what_was_written_last() {
    let with_metadata = |name: &str, value: Value| {
        found_with(|facts| {
            if let Some(entry) = &mut facts.universes[1].entry {
                entry.1[name] = value;
            }
        })
    };
    assert_eq!(with_metadata("sequence", json!(7)), ["error metadata_drift top_2 - +"]);
    assert_eq!(with_metadata("rule", json!("other")), ["error metadata_drift top_2 - +"]);
    assert_eq!(with_metadata("last_cleanup", Value::Null), ["error metadata_drift top_2 - +"]);
}

#[test]
fn copies_under_older_keys_repeat_their_universe() {
    assert_eq!(found_with(|facts| facts.mirrors[0].value = json!(["SPY"])), ["error mirror index_broad_market - +"]);
    let found = found_with(|facts| facts.mirrors[0].mirror_of = "nowhere".to_owned());
    assert_eq!(found, ["warning mirror etf_core -"]);
}

#[test]
fn entries_that_cannot_be_understood_are_findings() {
    let unreadable = [Value::Null, json!(7), json!({"rows": []}), json!(["MSFT", 7]), json!(["not a symbol"])];
    for value in unreadable {
        let found = found_with(|facts| facts.foreign.push(foreign("stock_universe:theme_old", "Old", value)));
        assert_eq!(found, ["error value_shape theme_old -"]);
    }
    let older = json!({"stocks": [{"ticker": "AAPL"}]});
    assert_eq!(found_with(|facts| facts.foreign.push(foreign("stock_universe:theme_old", "Old", older))), [""; 0]);
}

#[test]
fn entries_of_other_programs_count_right() {
    let value = json!({"symbols": ["AAPL"], "count": 2});
    let found = found_with(|facts| facts.foreign.push(foreign("stock_universe:theme_old", "Old", value)));
    assert_eq!(found, ["warning entry_count theme_old -"]);
}

#[test]
fn members_are_known_active_and_of_the_right_kind() {
    let found = found_with(|facts| {
        facts.universes[1] = universe("stock_universe:top_2", "Top 2", "rankings", true, "FUND GHOST GONE LEFT MSFT");
        facts.listings.extend([listing("FUND", SecurityType::Etf), listing("GONE", SecurityType::Cs)]);
        facts.listings.push(listing("LEFT", SecurityType::Cs));
        facts.listings[4].is_active = false;
        facts.listings[5].delisted_date = Some(date(2024, 3, 5));
        facts.foreign.push(foreign("etf_universe:theme_old", "Old", json!(["MSFT", "WHO"])));
    });
    assert_eq!(
        found,
        [
            "error inactive_members top_2 GONE",
            "error inactive_members top_2 LEFT",
            "error security_type top_2 FUND",
            "error unknown_members top_2 GHOST",
            "warning security_type theme_old MSFT",
            "warning unknown_members theme_old WHO",
        ]
    );
}

#[test]
fn of_many_symbols_some_are_named_and_the_rest_is_counted() {
    let many: Vec<String> = (0..30).map(|number| format!("S{number:02}")).collect();
    let found = found_with(|facts| facts.foreign.push(foreign("stock_universe:theme_old", "Old", json!(many))));
    assert_eq!(found.len(), SYMBOLS_NAMED_MAX + 1);
}

#[test]
fn empty_and_missing_universes_are_told() {
    let found = found_with(|facts| {
        facts.universes.remove(1);
        facts.foreign.push(foreign("stock_universe:theme_old", "Old", json!([])));
    });
    assert_eq!(found, ["warning empty_universe theme_old -", "warning missing_universe top_2 -"]);
    let before_the_first_run = found_with(|facts| {
        facts.universes.clear();
        facts.mirrors.clear();
        facts.session = None;
    });
    assert_eq!(before_the_first_run, [""; 0]);
}

#[test]
fn what_is_older_than_the_prices_is_stale() {
    let newest = |day| found_with(|facts| facts.newest_prices = Some(day));
    assert_eq!(newest(date(2024, 3, 12)), [""; 0], "five sessions later");
    assert_eq!(newest(date(2024, 3, 13)), ["warning stale - -"]);
    let found = found_with(|facts| {
        let mut old = foreign("stock_universe:theme_old", "Old", json!(["AAPL"]));
        old.updated_at = "2024-01-05T22:00:00Z".parse().ok();
        facts.foreign.push(old);
        let mut unknown = foreign("stock_universe:theme_older", "Older", json!(["AAPL"]));
        unknown.updated_at = None;
        facts.foreign.push(unknown);
    });
    assert_eq!(found, ["warning stale theme_old -", "warning stale theme_older -"]);
}

#[test]
fn keys_and_names_follow_the_conventions() {
    let found = found_with(|facts| {
        facts.foreign.push(foreign("stock_universe:my_list", "my list", json!(["AAPL"])));
        facts.foreign.push(foreign("stock_universe:top_77", "The Best of All", json!(["AAPL"])));
        let odd = UniverseId::from_stored(universe_core::UniverseType::StockUniverse, "Theme-AI");
        facts.foreign.push(EntryFacts { id: odd, ..foreign("stock_universe:x", "AI", json!(["AAPL"])) });
        facts.foreign[0].category = Some("favourites".to_owned());
    });
    assert_eq!(
        found,
        [
            "warning category my_list -",
            "warning key_convention Theme-AI -",
            "warning key_convention my_list -",
            "warning name_convention my_list -",
        ]
    );
}

#[test]
fn universes_of_other_rules_are_told() {
    let found = found_with(|facts| {
        facts.universes[1].rule_version = "older".to_owned();
        if let Some(entry) = &mut facts.universes[1].entry {
            entry.1["rule_version"] = json!("older");
        }
        facts.universes.push(universe("stock_universe:theme_mine", "Mine", "theme_mine", false, "AAPL"));
    });
    assert_eq!(found, ["warning rule_drift theme_mine -", "warning rule_drift top_2 -"]);
}

#[test]
fn older_types_are_told() {
    let found = found_with(|facts| facts.older.push(("stock_etf_combo".to_owned(), "all".to_owned())));
    assert_eq!(found, ["warning older_type all -"]);
}

#[test]
fn only_damage_of_entries_is_mended() {
    let mut facts = sound();
    set_entry(&mut facts, 1, json!({"symbols": ["MSFT"]}));
    facts.universes[0].rule_version = "older".to_owned();
    facts.foreign.push(foreign("stock_universe:theme_old", "Old", json!(7)));
    let damaged: Vec<String> = damaged_entries(&facts, &rules()).iter().map(ToString::to_string).collect();
    assert_eq!(damaged, ["stock_universe:top_2", "etf_universe:index_broad_market"]);
}
