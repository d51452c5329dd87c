//! What is stored as it stands, for checks and figures, and entries that are mended.

use serde_json::{Value, json};
use universe_core::planner::{DamagedEntry, Standing, plan_repair};
use universe_core::state::{ImportedList, RuleMark};
use universe_core::{Category, SecurityType, Symbol};
use universe_store::{IntegrityFacts, StoreError};

use super::Subject;
use crate::builders::{
    ENVIRONMENT, MONDAY, RULES, TUESDAY, WEDNESDAY, apply, instant, load_record, rules, six_listings, snapshot, stock,
    symbols, sync, universe,
};

/// A universe, its intervals and its entry are read side by side.
pub async fn universes_are_read_with_their_entries(subject: &Subject) {
    two_runs(subject).await;
    let facts = read(subject).await;
    assert_eq!((facts.version, facts.session, facts.newest_prices), (2, Some(TUESDAY), Some(TUESDAY)));
    let top_2 = facts.universes.iter().find(|found| found.id.key() == "top_2").expect("is there");
    assert_eq!(
        (top_2.name.as_str(), top_2.category.as_str(), top_2.rule.as_str()),
        ("Top 2", "market_leader", "rankings")
    );
    assert_eq!((top_2.is_ranked, top_2.is_retired, top_2.sequence), (true, false, 1));
    assert_eq!((&top_2.members, &top_2.open), (&symbols(&["MSFT", "AAPL"]), &symbols(&["AAPL", "MSFT"])));
    let (value, metadata) = top_2.entry.as_ref().expect("has an entry");
    assert_eq!((value, &metadata["count"]), (&json!(["MSFT", "AAPL"]), &json!(2)));
    assert_eq!(facts.mirrors.len(), 1);
    assert_eq!((facts.mirrors[0].id.key(), facts.mirrors[0].mirror_of.as_str()), ("etf_core", "index_broad_market"));
    assert_eq!(facts.mirrors[0].value, json!(["QQQ", "SPY"]));
    let aapl = facts.listings.iter().find(|listing| listing.symbol.as_str() == "AAPL").expect("is listed");
    assert_eq!((aapl.security_type, aapl.is_active, aapl.delisted_date), (Some(SecurityType::Cs), true, None));
    assert!(facts.listings.is_sorted_by_key(|listing| listing.symbol.clone()));
    assert_eq!((facts.contradictions.len(), facts.foreign.len(), facts.older.len()), (0, 0, 0));
    let other = subject.store.integrity_read("TEST").await.expect("reads");
    assert_eq!((other.version, other.session, other.universes.len()), (0, None, 0));
}

/// Entries of other programs, of older types too, are read whatever they hold; others are not looked at.
pub async fn entries_are_read_whatever_they_hold(subject: &Subject) {
    let put = |universe_type: &str, key: &str, value: &str| {
        format!(
            "insert into cache_entries (type, name, key, value, universe_metadata)
            values ('{universe_type}', 'Odd', '{key}', '{value}', '{{\"count\": 3}}');"
        )
    };
    for (universe_type, key, value) in [
        ("stock_universe", "theme_a", "{\"rows\": 7}"),
        ("stock_universe", "theme_b", "{\"stocks\": [{\"ticker\": \"AAPL\"}]}"),
        ("etf_universe", "theme_c", "null"),
        ("stock_etf_combo", "all", "[]"),
        ("app_settings", "theme", "\"dark\""),
    ] {
        subject.execute(&put(universe_type, key, value)).await;
    }
    let facts = read(subject).await;
    let found: Vec<(&str, &Value)> = facts.foreign.iter().map(|entry| (entry.id.key(), &entry.value)).collect();
    let (shaped, older) = (json!({"rows": 7}), json!({"stocks": [{"ticker": "AAPL"}]}));
    assert_eq!(found, [("theme_c", &Value::Null), ("theme_a", &shaped), ("theme_b", &older)]);
    assert!(facts.foreign.iter().all(|entry| entry.metadata == json!({"count": 3}) && entry.updated_at.is_some()));
    assert_eq!(facts.older, [("stock_etf_combo".to_owned(), "all".to_owned())]);
}

/// An entry that is mended says what the memberships say, which stay as they are; everything agrees again.
pub async fn a_mended_entry_moves_no_membership(subject: &Subject) {
    two_runs(subject).await;
    let memberships = subject.rows("select * from {membership} order by 1, 2, 5").await;
    subject.execute("update cache_entries set value = '[\"GE\", \"MSFT\"]' where key = 'top_2'").await;
    subject.execute("delete from cache_entries where key = 'index_broad_market'").await;
    let facts = read(subject).await;
    assert!(!facts.contradictions.is_empty());
    let damaged = [
        damaged(&facts, "top_2", Category::MarketLeader, &["GE", "MSFT"]),
        damaged(&facts, "index_broad_market", Category::Etf, &[]),
    ];
    let standing = Standing { version: facts.version, session: TUESDAY, held: facts.held.clone() };
    let plan = plan_repair(&standing, &rules(RULES), &damaged);
    apply(subject.store(), &plan, 3).await.expect("mended");
    let facts = read(subject).await;
    assert_eq!((&facts.contradictions, facts.version), (&Vec::new(), 3));
    assert_eq!(
        subject.value("select value from cache_entries where key = 'top_2'").await.replace(' ', ""),
        "[\"MSFT\",\"AAPL\"]"
    );
    assert_eq!(subject.rows("select * from {membership} order by 1, 2, 5").await, memberships);
    let audit = subject.store.audit_list(ENVIRONMENT, 0, 100).await.expect("reads");
    let repaired: Vec<&str> = audit
        .iter()
        .filter(|entry| entry.action == "repaired")
        .filter_map(|entry| Some(entry.universe.as_ref()?.key()))
        .collect();
    assert_eq!(repaired, ["top_2", "index_broad_market"]);
    let told = subject.store.outbox_list(ENVIRONMENT, 0, 1_000).await.expect("reads");
    let told = told.iter().rev().find(|event| event.universe.as_ref().is_some_and(|(id, _)| id.key() == "top_2"));
    let payload = &told.expect("followers are told").message["payload"];
    assert_eq!((&payload["action"], &payload["sequence"]), (&json!("repaired"), &json!(2)));
    assert_eq!((&payload["added"], &payload["removed"]), (&json!(["AAPL"]), &json!(["GE"])));
    let again = apply(subject.store(), &plan, 4).await;
    assert!(matches!(again, Err(StoreError::Stale { expected: 2, current: 3 })), "{again:?}");
}

/// The members of a universe are read alone, in the order of the entry, also of another program's entry.
pub async fn symbols_are_listed_in_the_order_of_the_entry(subject: &Subject) {
    two_runs(subject).await;
    subject
        .execute(
            "insert into cache_entries (type, name, key, value)
            values ('stock_universe', 'Old', 'theme_old', '{\"stocks\": [{\"ticker\": \"GME\"}, {\"ticker\": \"AAPL\"}]}')",
        )
        .await;
    for (address, expected) in [
        ("stock_universe:top_2", Some(symbols(&["MSFT", "AAPL"]))),
        ("stock_universe:theme_old", Some(symbols(&["GME", "AAPL"]))),
        ("etf_universe:top_2", None),
        ("stock_universe:nowhere", None),
    ] {
        let found = subject.store.entry_find(ENVIRONMENT, &universe(address)).await.expect("reads");
        assert_eq!(found.map(|entry| entry.symbols), expected, "{address}");
    }
}

/// Memberships that began or ended lately are listed, those that were superseded within their session are not.
pub async fn spans_are_those_of_the_last_sessions(subject: &Subject) {
    two_runs(subject).await;
    let spans = subject.store.membership_span_list(ENVIRONMENT, TUESDAY).await.expect("reads");
    let line = |span: &universe_store::MembershipSpan| {
        let to = span.valid_to.map_or("open".to_owned(), |to| to.to_string());
        format!("{} {} {} {to}", span.universe.key(), span.symbol, span.valid_from)
    };
    assert_eq!(
        spans.iter().map(line).collect::<Vec<_>>(),
        ["large_cap GME 2024-03-05 open", "mid_cap GME 2024-03-04 2024-03-05"]
    );
    assert_eq!(subject.store.membership_span_list(ENVIRONMENT, WEDNESDAY).await.expect("reads"), []);
}

/// The lists of several universes are stored together.
pub async fn several_lists_are_stored_at_once(subject: &Subject) {
    let list = |symbols: Vec<Symbol>| ImportedList { name: None, symbols, source: "lists.json".to_owned() };
    let lists = [
        (universe("stock_universe:index_sp500"), list(symbols(&["MSFT", "AAPL"]))),
        (universe("etf_universe:theme_ai"), list(symbols(&["BOTZ"]))),
    ];
    let record = load_record("universe", None);
    subject.store.import_put_all(ENVIRONMENT, &lists, &record, instant(1)).await.expect("writes");
    let imports = read(subject).await.imports;
    assert_eq!(
        imports.into_iter().collect::<Vec<_>>(),
        [
            (universe("stock_universe:index_sp500"), symbols(&["MSFT", "AAPL"])),
            (universe("etf_universe:theme_ai"), symbols(&["BOTZ"])),
        ]
    );
    assert_eq!(subject.value("select count(*) from {load}").await, "1");
}

fn damaged(facts: &IntegrityFacts, key: &str, category: Category, seen: &[&str]) -> DamagedEntry {
    let found = facts.universes.iter().find(|found| found.id.key() == key).expect("is there");
    DamagedEntry {
        id: found.id.clone(),
        name: found.name.clone(),
        category,
        rule: RuleMark { name: found.rule.clone(), version: found.rule_version.clone() },
        is_ranked: found.is_ranked,
        sequence: found.sequence,
        reconstituted_session: found.reconstituted_session.expect("known"),
        members: found.members.clone(),
        seen: symbols(seen),
        rebalance: None,
    }
}

async fn two_runs(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let mut rows = six_listings();
    rows[1] = stock("GME", 48.0, 305);
    sync(subject.store(), &snapshot(TUESDAY, rows), 2).await;
}

async fn read(subject: &Subject) -> IntegrityFacts {
    subject.store.integrity_read(ENVIRONMENT).await.expect("reads")
}
