//! What adopting adds and imports, and what it leaves alone.

use serde_json::json;
use universe_core::planner::Holds;
use universe_store::{Backend, Store as _};

use crate::harness::{ENVIRONMENT, Older, SESSION, universe};

#[tokio::test]
async fn looking_changes_nothing() {
    let Some(older) = Older::new(50).await else { return };
    older.plan().await;
    older.assert_as_it_was().await;
}

#[tokio::test]
async fn what_is_announced_is_what_is_added() {
    let Some(older) = Older::new(50).await else { return };
    let (survey, _) = older.plan().await;
    assert!(!survey.is_set_up && !survey.entry_key_is_unique);
    let adoption = older.adopt().await;
    let record = older.store.adoption_find(ENVIRONMENT).await.expect("reads").expect("is there");
    let sorted = |mut columns: Vec<String>| {
        columns.sort();
        columns
    };
    let (mut announced, mut added) = (survey.additions, record.added);
    (announced.columns, added.columns) = (sorted(announced.columns), sorted(added.columns));
    (announced.tables, added.tables) = (sorted(announced.tables), sorted(added.tables));
    // The role belongs to the server: another test may have made it meanwhile.
    added.role = announced.role;
    assert_eq!(announced, added);
    assert_eq!(record.sources, adoption.sources);
    assert_eq!((record.session, record.run_id), (SESSION, adoption.run.run_id));
}

#[tokio::test]
async fn every_row_is_told_of_and_none_is_rewritten() {
    let Some(older) = Older::new(3000).await else { return };
    let adoption = older.adopt().await;
    older.assert_rows_untouched().await;
    let became: Vec<(String, String)> =
        adoption.sources.iter().map(|source| (source.source.clone(), source.becomes.clone())).collect();
    let expected = [
        ("stock_universe:top_100", "stock_universe:top_100"),
        ("stock_universe:mega_cap", "stock_universe:mega_cap"),
        ("stock_universe:my_picks", "stock_universe:my_picks"),
        ("stock_universe:watch", "stock_universe:watch"),
        ("stock_universe:index_sp500", "stock_universe:index_sp500"),
        ("stock_universe:dividend_aristocrats", "stock_universe:theme_dividend_aristocrats"),
        ("stock_universe:Tech-Leaders 2", "stock_universe:Tech-Leaders 2"),
        ("stock_universe:half_broken", "stock_universe:half_broken"),
        ("stock_universe:broken", ""),
        ("stock_universe:nothing", "stock_universe:nothing"),
        ("stock_universe:twin", "stock_universe:twin"),
        ("stock_universe:twin", ""),
        ("etf_universe:etf_core", "etf_universe:index_broad_market"),
        ("etf_universe:sector_sector_etfs", "etf_universe:sector_sector_etfs"),
        ("stock_etf_combo:tech_mix", "stock_universe:theme_tech_mix_stocks + etf_universe:theme_tech_mix_etfs"),
        (
            "stock_etf_combo:picks_funds",
            "stock_universe:theme_picks_funds_stocks + etf_universe:theme_picks_funds_etfs",
        ),
        ("cache_config:market_cap_thresholds/all", "bands.toml"),
        ("cache_config:settings/limits", "rankings.toml"),
        ("cache_config:TTL/seconds", ""),
        ("cache_config:industry_groups/all", "industry_banks.toml"),
        ("themes:Payments/payments", "theme_payments.toml"),
        ("themes:List/all", ""),
    ];
    assert_eq!(became, expected.map(|(source, becomes)| (source.to_owned(), becomes.to_owned())));
}

#[tokio::test]
async fn universes_have_members_history_and_an_audit() {
    let Some(older) = Older::new(50).await else { return };
    let adoption = older.adopt().await;
    let store = &older.store;
    assert_eq!(store.backend(), Backend::Postgres);
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);
    let members = async |address: &str| {
        let answer = store.member_list(ENVIRONMENT, &universe(address), Some(SESSION), None).await.expect("reads");
        let members = answer.expect("a universe").members;
        members.iter().map(|member| (member.symbol.to_string(), member.since)).collect::<Vec<_>>()
    };
    let since = Some(SESSION);
    assert_eq!(members("stock_universe:watch").await, [("AAPL".to_owned(), since), ("MSFT".to_owned(), since)]);
    assert_eq!(members("stock_universe:my_picks").await, [("AAPL".to_owned(), since), ("V".to_owned(), since)]);
    assert_eq!(members("stock_universe:half_broken").await.len(), 2);
    assert_eq!(members("stock_universe:nothing").await, []);
    assert_eq!(members("etf_universe:index_broad_market").await.len(), 2);

    let audit = store.audit_list(ENVIRONMENT, 0, 100).await.expect("lists");
    assert_eq!(audit.len(), adoption.universes.len());
    let picks = audit.iter().find(|entry| entry.universe == Some(universe("stock_universe:my_picks")));
    let picks = picks.expect("an audit entry");
    assert_eq!((picks.action.as_str(), picks.actor.as_str()), ("adopted", "cli"));
    assert_eq!(picks.reason, "adopted: 2 members from stock_universe:my_picks");
    assert_eq!(picks.detail["value"]["stocks"][0]["ticker"], json!("AAPL"));
    assert_eq!(store.run_list(ENVIRONMENT, 10, 0).await.expect("lists").len(), 1);
    assert_eq!(store.outbox_list(ENVIRONMENT, 0, 10).await.expect("lists"), []);
}

#[tokio::test]
async fn the_first_run_brings_entries_into_their_shape_and_holds_what_changes_much() {
    let Some(older) = Older::new(300).await else { return };
    let adoption = older.adopt().await;
    let outcome = older.sync(&adoption, Holds::Wait).await;
    assert_eq!(outcome.run.status, "held", "top_100 of three becomes one of a hundred");
    older.assert_foreign_rows_untouched().await;
    older.sync(&adoption, Holds::Release).await;
    older.assert_foreign_rows_untouched().await;
    assert_eq!(older.store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);
    let value = async |key: &str| {
        older.value(&format!("select value from cache_entries where key = '{key}' order by id limit 1")).await
    };
    assert_eq!(value("my_picks").await, json!(["AAPL", "V"]));
    assert_eq!(value("Tech-Leaders 2").await, json!(["AAPL", "MSFT"]));
    assert_eq!(value("mega_cap").await, json!(["AAPL", "BRK.B", "JPM", "MSFT", "V"]), "by the older breakpoint");
    assert_eq!(value("dividend_aristocrats").await, value("theme_dividend_aristocrats").await);
    assert_eq!(value("etf_core").await, value("index_broad_market").await);
    assert_eq!(value("industry_banks").await, json!(["JPM", "V"]));
    assert_eq!(value("theme_payments").await, json!(["JPM", "V"]));
    // Though a trigger of the older table notes instants of its own, and two rows have one address.
    let again = older.sync(&adoption, Holds::Wait).await;
    assert!(!again.was_written, "a second run of the session has nothing to do: {:?}", again.plan.universes);
}
