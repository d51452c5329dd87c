//! Storing market data.

use jiff::civil::{Date, date};
use universe_core::state::ImportedList;
use universe_core::{Bar, ListingRecord, Price, SecurityType, SnapshotRow, Usd};
use universe_store::{Loaded, SnapshotRecord};

use super::Subject;
use crate::builders::{
    ENVIRONMENT, MONDAY, TUESDAY, WEDNESDAY, instant, load, load_record, six_listings, snapshot, stock, symbol,
    symbols, universe,
};

/// Only a corrected file of the same session and source is loaded again.
pub async fn the_same_snapshot_again_changes_nothing(subject: &Subject) {
    let first = snapshot(MONDAY, six_listings());
    assert_eq!(load(subject.store(), &first, 1).await, Loaded { written: 6, unchanged: 0 });
    let before = subject.dump().await;
    assert_eq!(load(subject.store(), &first, 2).await, Loaded { written: 0, unchanged: 6 });
    assert_eq!(subject.dump().await, before);
    let mut corrected = first.clone();
    corrected.rows[0].close = Price::from_dollars(176.0);
    assert_eq!(load(subject.store(), &corrected, 3).await, Loaded { written: 1, unchanged: 5 });
    assert_eq!(subject.store.snapshot_list().await.expect("reads").len(), 1);
    assert_eq!(subject.value("select count(*) from {load}").await, "2");
}

/// A blank cap, sector or share count of today is not a change of yesterday's.
pub async fn blank_fields_leave_what_is_stored(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, [stock("MSFT", 415.0, 7_430)]), 1).await;
    let blank = SnapshotRow { listing: ListingRecord::new(symbol("MSFT")), close: None, volume: None };
    load(subject.store(), &snapshot(TUESDAY, [blank]), 2).await;
    let columns = "company_name, sector, security_type, weighted_shares_outstanding, market_cap";
    let row = subject.rows(&format!("select {columns} from symbols")).await.remove(0);
    let expected = ["MSFT Inc. Common Stock", "Technology", "CS", "7430000000", "3083450000000"];
    assert_eq!(row, expected.map(|text| Some(text.to_owned())));
    assert_eq!(column(subject, "MSFT", "last_seen_session").await, "2024-03-05");
}

/// A cap is taken from a source once; afterwards runs rewrite it by their own rule. Shares are always taken.
pub async fn the_recorded_cap_is_not_overwritten(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, [stock("MSFT", 400.0, 7_430)]), 1).await;
    load(subject.store(), &snapshot(TUESDAY, [stock("MSFT", 500.0, 7_431)]), 2).await;
    assert_eq!(column(subject, "MSFT", "market_cap").await, "2972000000000");
    assert_eq!(column(subject, "MSFT", "weighted_shares_outstanding").await, "7431000000");
}

/// The newest snapshot is evidence that a listing is back; an end that was announced for later stays.
pub async fn being_seen_is_being_listed(subject: &Subject) {
    let mut ended = ListingRecord::new(symbol("BBBY"));
    ended.is_active = Some(false);
    ended.delisted_date = Some(date(2023, 5, 3));
    let mut ending = ListingRecord::new(symbol("SPLK"));
    ending.delisted_date = Some(date(2024, 3, 19));
    let record = load_record("symbols", None);
    subject.store.listing_load(&[ended, ending], MONDAY, &record, instant(1)).await.expect("loads");
    assert_eq!(column(subject, "BBBY", "delisted_date").await, "2023-05-03");
    load(subject.store(), &snapshot(MONDAY, [stock("BBBY", 1.0, 10), stock("SPLK", 156.0, 168)]), 2).await;
    for (text, delisted) in [("BBBY", "NULL"), ("SPLK", "2024-03-19")] {
        assert!(["1", "t"].contains(&&*column(subject, text, "is_active").await), "{text}");
        assert_eq!(column(subject, text, "delisted_date").await, delisted, "{text}");
    }
}

/// The kind that is stored stays while the name does: it may have been corrected by hand.
pub async fn a_changed_name_changes_the_kind(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, [stock("GEV", 130.0, 270)]), 1).await;
    subject.execute("update symbols set security_type = 'OTHER'").await;
    load(subject.store(), &snapshot(TUESDAY, [stock("GEV", 131.0, 270)]), 2).await;
    assert_eq!(column(subject, "GEV", "security_type").await, "OTHER");
    let mut renamed = stock("GEV", 132.0, 270);
    renamed.listing.company_name = Some("GE Vernova Inc. Common Stock".to_owned());
    load(subject.store(), &snapshot(WEDNESDAY, [renamed]), 3).await;
    assert_eq!(column(subject, "GEV", "security_type").await, "CS");
}

/// A snapshot of the past brings closes, and of the reference data only what was not known.
pub async fn a_back_fill_fills_blanks_only(subject: &Subject) {
    let mut newest = stock("META", 490.0, 2_200);
    newest.listing.country = None;
    load(subject.store(), &snapshot(TUESDAY, [newest]), 1).await;
    subject.execute("update symbols set is_active = false, delisted_date = '2024-03-05'").await;
    let mut older = stock("META", 502.0, 9_999);
    older.listing.company_name = Some("Facebook".to_owned());
    older.listing.sector = Some("Communications".to_owned());
    older.listing.country = Some("United States".to_owned());
    load(subject.store(), &snapshot(MONDAY, [older, stock("FRC", 3.0, 186)]), 2).await;
    for (name, value) in [
        ("company_name", "META Inc. Common Stock"),
        ("sector", "Technology"),
        ("country", "United States"),
        ("weighted_shares_outstanding", "2200000000"),
        ("delisted_date", "2024-03-05"),
        ("last_seen_session", "2024-03-05"),
        ("first_seen_session", "NULL"),
    ] {
        assert_eq!(column(subject, "META", name).await, value, "{name}");
    }
    assert_eq!(subject.value("select count(*) from ohlcv_daily where symbol = 'META'").await, "2");
    assert_eq!(column(subject, "FRC", "last_seen_session").await, "2024-03-04");
}

/// What the first snapshot shows has no known age; what a later one shows first was first seen then.
pub async fn only_a_new_listing_has_a_first_session(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, [stock("AAPL", 175.0, 15_400)]), 1).await;
    let mut reused = stock("ALAB", 62.0, 150);
    reused.listing.ipo_year = Some(2024);
    let mut moved = stock("LBRDK", 60.0, 140);
    moved.listing.ipo_year = Some(2014);
    load(subject.store(), &snapshot(TUESDAY, [stock("AAPL", 170.0, 15_400), reused, moved]), 2).await;
    assert_eq!(column(subject, "AAPL", "first_seen_session").await, "NULL");
    assert_eq!(column(subject, "ALAB", "first_seen_session").await, "2024-03-05");
    assert_eq!(column(subject, "LBRDK", "first_seen_session").await, "NULL");
    load(subject.store(), &snapshot(WEDNESDAY, [stock("ALAB", 63.0, 150)]), 3).await;
    assert_eq!(column(subject, "ALAB", "first_seen_session").await, "2024-03-05");
}

/// After a longer gap nobody knows when a listing came.
pub async fn first_sessions_need_a_recent_earlier_snapshot(subject: &Subject) {
    load(subject.store(), &snapshot(date(2024, 1, 2), [stock("AAPL", 175.0, 15_400)]), 1).await;
    load(subject.store(), &snapshot(date(2024, 2, 2), [stock("AS", 14.0, 480)]), 2).await;
    assert_eq!(column(subject, "AS", "first_seen_session").await, "NULL");
    load(subject.store(), &snapshot(date(2024, 3, 1), [stock("ALAB", 62.0, 150)]), 3).await;
    assert_eq!(column(subject, "ALAB", "first_seen_session").await, "2024-03-01");
}

/// A snapshot has closes only and takes nothing away from a full bar.
pub async fn a_close_keeps_the_rest_of_the_bar(subject: &Subject) {
    let bar = full_bar(MONDAY, 175.0);
    subject.store.bar_load(&[bar], &load_record("prices", None), instant(1)).await.expect("loads");
    load(subject.store(), &snapshot(MONDAY, [stock("AAPL", 176.0, 15_400)]), 2).await;
    let sql =
        "select cast(cast(open as integer) as text), cast(cast(close as integer) as text), volume from ohlcv_daily";
    let row = subject.rows(sql).await.remove(0);
    assert_eq!(row, ["174", "176", "1000"].map(|text| Some(text.to_owned())));
}

/// A listing without a believable close is known, and has no bar.
pub async fn a_row_without_a_close_has_no_bar(subject: &Subject) {
    let mut row = stock("AAPL", 175.0, 15_400);
    row.close = None;
    load(subject.store(), &snapshot(MONDAY, [row]), 1).await;
    assert_eq!(subject.value("select count(*) from symbols").await, "1");
    assert_eq!(subject.value("select count(*) from ohlcv_daily").await, "0");
    assert_eq!(subject.store.session_latest(MONDAY).await.expect("reads"), None);
}

/// Being seen again is no change: `last_updated` is what people sort by to see changes.
pub async fn last_updated_tells_when_something_changed(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, [stock("AAPL", 175.0, 15_400), stock("GME", 15.0, 305)]), 1).await;
    let first = column(subject, "AAPL", "last_updated").await;
    load(subject.store(), &snapshot(TUESDAY, [stock("AAPL", 175.0, 15_400), stock("GME", 15.0, 304)]), 2).await;
    assert_eq!(column(subject, "AAPL", "last_updated").await, first);
    assert_ne!(column(subject, "GME", "last_updated").await, first);
    assert_eq!(column(subject, "AAPL", "last_seen_session").await, "2024-03-05");
}

/// Every snapshot that was loaded is listed, in order of session.
pub async fn snapshots_are_listed_by_session(subject: &Subject) {
    load(subject.store(), &snapshot(TUESDAY, [stock("AAPL", 175.0, 15_400)]), 1).await;
    load(subject.store(), &snapshot(MONDAY, six_listings()), 2).await;
    let expected = |session, rows, number| SnapshotRecord {
        session,
        source: "screener".to_owned(),
        rows,
        loaded_at: instant(number),
    };
    let listed = subject.store.snapshot_list().await.expect("reads");
    assert_eq!(listed, [expected(MONDAY, 6, 2), expected(TUESDAY, 1, 1)]);
}

/// Reference data replaces what it says and keeps what it does not say.
pub async fn reference_data_overrides_where_it_speaks(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, [stock("MSFT", 415.0, 7_430)]), 1).await;
    let mut listing = ListingRecord::new(symbol("MSFT"));
    listing.sector = Some("Software".to_owned());
    listing.market_cap = Some(Usd(3_000_000_000_000));
    listing.listing_date = Some(date(1986, 3, 13));
    listing.facts.insert("dividend_yield".to_owned(), 0.007);
    let mut new = ListingRecord::new(symbol("AGG"));
    new.security_type = Some(SecurityType::Etf);
    new.aum_millions = Some(105_000.5);
    new.issuer = Some("iShares".to_owned());
    let listings = [listing, new];
    let record = load_record("symbols", None);
    let loaded = subject.store.listing_load(&listings, MONDAY, &record, instant(2)).await.expect("loads");
    assert_eq!(loaded, Loaded { written: 2, unchanged: 0 });
    for (text, name, value) in [
        ("MSFT", "sector", "Software"),
        ("MSFT", "company_name", "MSFT Inc. Common Stock"),
        ("MSFT", "market_cap", "3000000000000"),
        ("MSFT", "listing_date", "1986-03-13"),
        ("MSFT", "last_seen_session", "2024-03-04"),
        ("AGG", "security_type", "ETF"),
        ("AGG", "issuer", "iShares"),
        ("AGG", "last_seen_session", "NULL"),
    ] {
        assert_eq!(column(subject, text, name).await, value, "{text} {name}");
    }
    let again = subject.store.listing_load(&listings, MONDAY, &record, instant(3)).await.expect("loads");
    assert_eq!(again, Loaded { written: 0, unchanged: 2 });
    assert_eq!(subject.value("select count(*) from {listing_fact}").await, "1");
}

/// A bar is written where it is new or differs, and every load is recorded.
pub async fn bars_are_replaced_where_they_differ(subject: &Subject) {
    let bars = [full_bar(MONDAY, 175.0), full_bar(TUESDAY, 170.0)];
    let record = load_record("prices", None);
    let first = subject.store.bar_load(&bars, &record, instant(1)).await.expect("loads");
    assert_eq!(first, Loaded { written: 2, unchanged: 0 });
    let bars = [full_bar(MONDAY, 175.0), full_bar(TUESDAY, 171.0), full_bar(WEDNESDAY, 169.0)];
    let second = subject.store.bar_load(&bars, &record, instant(2)).await.expect("loads");
    assert_eq!(second, Loaded { written: 2, unchanged: 1 });
    let closes = subject.rows("select cast(cast(close as integer) as text) from ohlcv_daily order by date").await;
    assert_eq!(closes.concat(), ["175", "171", "169"].map(|text| Some(text.to_owned())));
    assert_eq!(subject.value("select count(*) from {load} where kind = 'prices'").await, "2");
    let none = subject.store.bar_load(&[], &record, instant(3)).await.expect("loads");
    assert_eq!(none, Loaded::default());
}

/// An imported list is part of the state of its environment, the newest one only.
pub async fn imports_reach_the_state(subject: &Subject) {
    let id = universe("stock_universe:index_sp500");
    let mut list = ImportedList {
        name: Some("S&P 500 Index".to_owned()),
        symbols: symbols(&["MSFT", "AAPL", "BRK.B"]),
        source: "sp500.csv".to_owned(),
    };
    let record = load_record("universe", None);
    subject.store.import_put(ENVIRONMENT, &id, &list, &record, instant(1)).await.expect("writes");
    list.symbols = symbols(&["NVDA", "AAPL"]);
    list.name = None;
    subject.store.import_put(ENVIRONMENT, &id, &list, &record, instant(2)).await.expect("writes");
    let state = subject.store.state_read(ENVIRONMENT, MONDAY).await.expect("reads");
    assert_eq!(state.imports.into_iter().collect::<Vec<_>>(), [(id, list)]);
    let other = subject.store.state_read("TEST", MONDAY).await.expect("reads");
    assert!(other.imports.is_empty());
}

fn full_bar(date: Date, close: f64) -> Bar {
    let price = |offset: f64| Price::from_dollars(close + offset);
    Bar {
        symbol: symbol("AAPL"),
        date,
        open: price(-1.0),
        high: price(2.0),
        low: price(-2.0),
        close: price(0.0).expect("a price"),
        volume: Some(500),
    }
}

async fn column(subject: &Subject, text: &str, name: &str) -> String {
    subject.value(&format!("select {name} from symbols where symbol = '{text}'")).await
}
