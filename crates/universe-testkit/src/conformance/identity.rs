//! Symbols that change.

use universe_core::identity::SymbolChange;
use universe_store::{MembershipRecord, Store, SymbolChangeRecord};

use super::Subject;
use crate::builders::{
    ENVIRONMENT, MONDAY, RULES, TUESDAY, WEDNESDAY, instant, plan, rules, six_listings, snapshot, stock, symbol, sync,
    universe,
};

fn record(from: &str, to: Option<&str>, date: jiff::civil::Date, source: &str) -> SymbolChangeRecord {
    let change = SymbolChange { date, from: symbol(from), to: to.map(symbol) };
    SymbolChangeRecord { change, source: source.to_owned(), recorded_at: instant(1) }
}

/// Changes are part of the state from their session on; the same again changes nothing, and others are superseded:
/// what was known before is found by the instants before.
pub async fn symbol_changes_are_kept_and_superseded(subject: &Subject) {
    let store = subject.store();
    let found = record("AAPL", Some("APPL"), TUESDAY, SymbolChangeRecord::DETECTED);
    let reused = record("GME", None, MONDAY, SymbolChangeRecord::DETECTED);
    let first = [found.clone(), reused.clone()];
    assert_eq!(store.symbol_change_put(&first, &[]).await.expect("kept"), 2);
    let later = |record: &SymbolChangeRecord| SymbolChangeRecord { recorded_at: instant(2), ..record.clone() };
    assert_eq!(store.symbol_change_put(&first.clone().map(|r| later(&r)), &[]).await.expect("kept"), 0);
    assert_eq!(store.symbol_change_list().await.expect("reads"), [reused.clone(), found.clone()], "as told first");
    for (session, expected) in
        [(MONDAY, vec![reused.change.clone()]), (TUESDAY, vec![reused.change.clone(), found.change.clone()])]
    {
        let state = store.state_read(ENVIRONMENT, session).await.expect("reads");
        assert_eq!(state.symbol_changes, expected, "as of {session}");
    }

    let told = SymbolChangeRecord { recorded_at: instant(3), ..record("AAPL", Some("PEAR"), WEDNESDAY, "changes.csv") };
    let again = SymbolChangeRecord { recorded_at: instant(3), ..record("GME", Some("BRK.B"), MONDAY, "changes.csv") };
    let replaced = [found.change.clone()];
    assert_eq!(store.symbol_change_put(&[told.clone(), again.clone()], &replaced).await.expect("kept"), 2);
    assert_eq!(store.symbol_change_list().await.expect("reads"), [again.clone(), told.clone()]);
    let state = store.state_read(ENVIRONMENT, WEDNESDAY).await.expect("reads");
    assert_eq!(state.symbol_changes, [again.change.clone(), told.change.clone()], "the next plan goes by them");
    let almost = instant(3) - std::time::Duration::from_micros(1);
    for (known_at, expected) in [
        (instant(0), vec![]),
        (instant(1), vec![reused.clone(), found.clone()]),
        (almost, vec![reused, found]),
        (instant(3), vec![again.clone(), told.clone()]),
        (instant(9), vec![again, told]),
    ] {
        assert_eq!(store.symbol_change_list_at(known_at).await.expect("reads"), expected, "known at {known_at}");
    }

    let itself = record("AAPL", Some("AAPL"), MONDAY, "changes.csv");
    let before = subject.dump().await;
    store.symbol_change_put(&[record("MSFT", Some("MS"), MONDAY, "x"), itself], &[]).await.expect_err("refused");
    assert_eq!(subject.dump().await, before, "all or nothing");
}

/// Returns the memberships of a universe, sorted: symbol, first session and why, and the same of the end.
async fn spans(store: &dyn Store, address: &str) -> Vec<String> {
    let rows = store.membership_list(ENVIRONMENT, Some(&universe(address)), None).await.expect("reads");
    let span = |row: &MembershipRecord| {
        let end = row.closed_reason.as_ref().zip(row.valid_to).map(|(why, end)| format!(" {end} {why}"));
        format!("{} {} {}{}", row.symbol, row.valid_from, row.opened_reason, end.unwrap_or_default())
    };
    let mut shown: Vec<String> = rows.iter().map(span).collect();
    shown.sort();
    shown
}

/// A listing goes on under its new symbol: both ends are `renamed`, and the old symbol is gone at once.
pub async fn a_renamed_listing_stays_a_member(subject: &Subject) {
    let store = subject.store();
    sync(store, &snapshot(MONDAY, six_listings()), 1).await;
    let told = record("MSFT", Some("SOFT"), TUESDAY, "changes.csv");
    store.symbol_change_put(&[told], &[]).await.expect("kept");
    let mut rows = six_listings();
    rows[2] = stock("SOFT", 415.0, 7_430);
    sync(store, &snapshot(TUESDAY, rows), 2).await;
    let expected = [
        format!("AAPL {MONDAY} rank_reached"),
        format!("MSFT {MONDAY} rank_reached {TUESDAY} renamed"),
        format!("SOFT {TUESDAY} renamed"),
    ];
    assert_eq!(spans(store, "stock_universe:top_2").await, expected);
    let old = subject.rows("select is_active, delisted_date from symbols where symbol = 'MSFT'").await;
    assert_eq!(old[0][1], Some(TUESDAY.to_string()), "{old:?}");
    let audit = store.audit_list(ENVIRONMENT, 0, 100).await.expect("reads");
    let renamed = audit.iter().find(|entry| entry.action == "renamed").expect("an audit entry");
    assert_eq!((renamed.reason.as_str(), &renamed.symbol), ("the listing goes on as SOFT", &Some(symbol("MSFT"))));
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
    assert!(plan(store, TUESDAY, &rules(RULES)).await.is_empty(), "there is nothing left to do");
}

/// Whoever has a symbol that another listing had the day before is a member on its own account: one interval ends and
/// another begins, in the same session and under the same symbol.
pub async fn a_symbol_that_is_taken_over_begins_anew(subject: &Subject) {
    let store = subject.store();
    sync(store, &snapshot(MONDAY, six_listings()), 1).await;
    let changes = [record("MSFT", Some("SOFT"), TUESDAY, "changes.csv"), record("AAPL", None, TUESDAY, "changes.csv")];
    store.symbol_change_put(&changes, &[]).await.expect("kept");
    let mut rows = six_listings();
    rows[2] = stock("MSFT", 50.0, 1_000);
    rows.push(stock("SOFT", 415.0, 7_430));
    sync(store, &snapshot(TUESDAY, rows), 2).await;
    let expected = [
        format!("AAPL {MONDAY} rank_reached {TUESDAY} delisted"),
        format!("AAPL {TUESDAY} rank_reached"),
        format!("MSFT {MONDAY} rank_reached {TUESDAY} renamed"),
        format!("SOFT {TUESDAY} renamed"),
    ];
    assert_eq!(spans(store, "stock_universe:top_2").await, expected);
    let large = spans(store, "stock_universe:large_cap").await;
    assert!(large.iter().any(|span| span.starts_with(&format!("MSFT {TUESDAY} "))), "{large:?}");
    let listed = subject.rows("select is_active, delisted_date from symbols where symbol in ('AAPL', 'MSFT')").await;
    assert!(listed.iter().all(|row| row[1].is_none()), "both symbols are listed: {listed:?}");
    let found = store.member_list(ENVIRONMENT, &universe("stock_universe:top_2"), None, None).await.expect("reads");
    let members = found.expect("there").members;
    let since = members.iter().find(|member| member.symbol == symbol("AAPL")).map(|member| member.since);
    assert_eq!(since, Some(Some(TUESDAY)), "not since the former one was");
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
    assert!(plan(store, TUESDAY, &rules(RULES)).await.is_empty(), "there is nothing left to do");
}
