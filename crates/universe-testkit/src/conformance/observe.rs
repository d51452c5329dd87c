//! Reading what is known about the market.

use jiff::ToSpan;
use jiff::civil::date;
use universe_core::market::MarketSession;
use universe_core::{Bar, ListingRecord, Observation, Price, SecurityType};
use universe_store::Needs;

use super::Subject;
use crate::builders::{MONDAY, TUESDAY, WEDNESDAY, fund, instant, load, load_record, snapshot, stock, symbol, symbols};

const NOTHING: Needs = Needs { company_names: false, details: true, facts: Vec::new(), returns: false };

/// Listings are in byte order of symbol; one without a close of the session has its latest before.
pub async fn listings_come_in_order_with_their_latest_closes(subject: &Subject) {
    let rows = ["BAC", "BAC.U", "BACA", "BAC^K", "ZM"].map(|symbol| stock(symbol, 35.0, 100));
    load(subject.store(), &snapshot(MONDAY, rows), 1).await;
    let mut without_close = stock("BAC.U", 1.0, 100);
    without_close.close = None;
    load(subject.store(), &snapshot(TUESDAY, [stock("BAC", 35.123_456, 100), without_close]), 2).await;
    let seen = observe(subject, TUESDAY, NOTHING).await;
    assert_eq!(seen.symbol, symbols(&["BAC", "BAC.U", "BACA", "BAC^K", "ZM"]));
    let monday = Some(Price::from_micros(35_000_000));
    assert_eq!(seen.close, [Some(Price::from_micros(35_123_456)), monday, monday, monday, monday]);
    assert_eq!(seen.volume, [Some(1_000); 5]);
    assert_eq!(seen.shares, [Some(100_000_000); 5]);
    assert_eq!(seen.security_type, [SecurityType::Cs; 5]);
    assert_eq!(seen.sector.value(0), Some("Technology"));
    assert_eq!(seen.currency.value(0), Some("USD"));
    assert!(seen.is_active.iter().all(|active| *active));
    assert!(seen.returns.is_empty() && seen.facts.is_empty());
}

/// Closes after the session are not looked at, and who came after it is not known yet.
pub async fn the_past_is_seen_as_it_was(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, [stock("NVDA", 852.0, 2_500)]), 1).await;
    load(subject.store(), &snapshot(WEDNESDAY, [stock("NVDA", 887.0, 2_500), stock("ALAB", 62.0, 150)]), 2).await;
    let seen = observe(subject, TUESDAY, NOTHING).await;
    assert_eq!(seen.symbol, symbols(&["NVDA"]));
    assert_eq!(seen.close, [Price::from_dollars(852.0)]);
    assert_eq!(seen.volume, [Some(1_000)]);
}

/// A session that is decided after later snapshots were loaded is decided with the facts of its time.
pub async fn facts_of_later_snapshots_are_not_known_yet(subject: &Subject) {
    let listing = |shares: i64, sector: Option<&str>| {
        let mut row = stock("GE", 150.0, shares);
        row.listing.sector = sector.map(str::to_owned);
        row.listing.country = sector.map(|_| "United States".to_owned());
        row
    };
    let mut without_shares = stock("ALAB", 62.0, 1);
    (without_shares.listing.weighted_shares_outstanding, without_shares.listing.market_cap) = (None, None);
    load(subject.store(), &snapshot(MONDAY, [listing(1_000, Some("Industrials")), without_shares.clone()]), 1).await;
    load(subject.store(), &snapshot(TUESDAY, [listing(1_001, None)]), 2).await;
    let later = [listing(1_100, Some("Aerospace")), stock("ALAB", 63.0, 150)];
    load(subject.store(), &snapshot(WEDNESDAY, later), 3).await;
    let monday = observe(subject, MONDAY, NOTHING).await;
    assert_eq!(monday.symbol, symbols(&["ALAB", "GE"]));
    assert_eq!(monday.shares, [None, Some(1_000_000_000)]);
    assert_eq!(monday.recorded_cap[0], None);
    assert_eq!(monday.sector.value(1), Some("Industrials"));
    let tuesday = observe(subject, TUESDAY, NOTHING).await;
    assert_eq!(tuesday.shares, [None, Some(1_001_000_000)]);
    assert_eq!(tuesday.sessions_absent, [1, 0]);
    // What a snapshot does not say is what was known before it.
    assert_eq!((tuesday.sector.value(1), tuesday.country.value(1)), (Some("Industrials"), Some("United States")));
    let wednesday = observe(subject, WEDNESDAY, NOTHING).await;
    assert_eq!(wednesday.shares, [Some(150_000_000), Some(1_100_000_000)]);
    assert_eq!(wednesday.sector.value(1), Some("Aerospace"));
}

/// In whatever order snapshots are loaded, each session has the facts of its own.
pub async fn a_back_fill_has_the_facts_of_its_time(subject: &Subject) {
    let mut blank = stock("GE", 151.0, 1_001);
    blank.listing.sector = None;
    load(subject.store(), &snapshot(WEDNESDAY, [stock("GE", 152.0, 1_002), stock("ALAB", 63.0, 150)]), 1).await;
    load(subject.store(), &snapshot(MONDAY, [stock("GE", 150.0, 1_000)]), 2).await;
    load(subject.store(), &snapshot(TUESDAY, [blank]), 3).await;
    for (session, shares) in [(MONDAY, 1_000_000_000), (TUESDAY, 1_001_000_000)] {
        let seen = observe(subject, session, NOTHING).await;
        assert_eq!((seen.symbol, seen.shares), (symbols(&["GE"]), vec![Some(shares)]));
        assert_eq!(seen.sector.value(0), Some("Technology"));
    }
}

/// Reference data that no snapshot gave stays as it is, whatever was loaded later.
pub async fn what_snapshots_never_showed_stays(subject: &Subject) {
    let mut listing = ListingRecord::new(symbol("VOD"));
    listing.weighted_shares_outstanding = Some(26_000_000_000);
    let record = load_record("symbols", None);
    subject.store.listing_load(&[listing], MONDAY, &record, instant(1)).await.expect("loads");
    load(subject.store(), &snapshot(MONDAY, [stock("GE", 150.0, 1_000)]), 2).await;
    load(subject.store(), &snapshot(WEDNESDAY, [stock("GE", 152.0, 1_002)]), 3).await;
    let seen = observe(subject, MONDAY, NOTHING).await;
    assert_eq!(seen.symbol, symbols(&["GE", "VOD"]));
    assert_eq!(seen.shares, [Some(1_000_000_000), Some(26_000_000_000)]);
}

/// A listing is absent from as many full snapshots as came after the last one that showed it.
pub async fn absences_count_full_snapshots(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, [stock("GME", 15.0, 305), stock("AAPL", 175.0, 15_400)]), 1).await;
    load(subject.store(), &snapshot(TUESDAY, [stock("AAPL", 170.0, 15_400)]), 2).await;
    let mut other = snapshot(WEDNESDAY, [stock("AAPL", 169.0, 15_400)]);
    load(subject.store(), &other, 3).await;
    // Another source of the same session shows no other session.
    other.source = "snapshots".to_owned();
    load(subject.store(), &other, 4).await;
    for (session, absent) in [(MONDAY, [0, 0]), (TUESDAY, [0, 1]), (WEDNESDAY, [0, 2])] {
        assert_eq!(observe(subject, session, NOTHING).await.sessions_absent, absent, "{session}");
    }
}

/// A figure that was loaded for a later day is not known yet; one without any value is not there at all.
pub async fn facts_are_the_newest_not_later_than_the_session(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, [stock("KO", 60.0, 4_300), stock("PEP", 165.0, 1_370)]), 1).await;
    for (as_of, value) in [(date(2024, 1, 2), 0.030), (MONDAY, 0.031), (WEDNESDAY, 0.032)] {
        put_fact(subject, "KO", "dividend_yield", as_of, value).await;
    }
    let needs = Needs { facts: vec!["dividend_yield".to_owned(), "esg_score".to_owned()], ..NOTHING };
    let seen = observe(subject, TUESDAY, needs).await;
    assert_eq!(seen.facts.keys().collect::<Vec<_>>(), ["dividend_yield"]);
    assert_eq!(seen.facts["dividend_yield"], [Some(0.031), None]);
}

/// Names are read where they are asked for, and where the kind of a security can be told from nothing else.
pub async fn names_come_when_they_are_needed(subject: &Subject) {
    let mut nameless = stock("XYZW", 5.0, 10);
    nameless.listing.security_type = None;
    nameless.listing.company_name = Some("XYZ Corp Warrant".to_owned());
    load(subject.store(), &snapshot(MONDAY, [stock("AAPL", 175.0, 15_400), nameless]), 1).await;
    let seen = observe(subject, MONDAY, NOTHING).await;
    assert_eq!(seen.company_name.value(0), None);
    assert_eq!(seen.security_type, [SecurityType::Cs, SecurityType::Warrant]);
    let seen = observe(subject, MONDAY, Needs { company_names: true, ..NOTHING }).await;
    assert_eq!(seen.company_name.value(0), Some("AAPL Inc. Common Stock"));
}

/// A return needs a close in the session and in the newest session with closes before it.
pub async fn returns_compare_with_the_session_before(subject: &Subject) {
    assert_eq!(subject.store.session_returns(TUESDAY).await.expect("reads"), [0.0; 0]);
    load(subject.store(), &snapshot(MONDAY, [stock("A", 100.0, 1), stock("B", 50.0, 1), stock("C", 1.0, 1)]), 1).await;
    load(subject.store(), &snapshot(WEDNESDAY, [stock("A", 110.0, 1), stock("B", 45.0, 1), stock("D", 1.0, 1)]), 2)
        .await;
    let mut returns = subject.store.session_returns(WEDNESDAY).await.expect("reads");
    returns.sort_by(f64::total_cmp);
    assert_eq!(returns.len(), 2);
    assert!((returns[0] + 0.1).abs() < 1e-9 && (returns[1] - 0.1).abs() < 1e-9, "{returns:?}");
    let mut observed = observe(subject, WEDNESDAY, Needs { returns: true, ..NOTHING }).await.returns;
    observed.sort_by(f64::total_cmp);
    assert_eq!(observed, returns);
    assert_eq!(subject.store.session_returns(TUESDAY).await.expect("reads"), [0.0; 0]);
}

/// The latest session is a date with closes, not later than the limit.
pub async fn the_latest_session_has_closes(subject: &Subject) {
    assert_eq!(subject.store.session_latest(WEDNESDAY).await.expect("reads"), None);
    let bar = |date| Bar {
        symbol: symbol("AAPL"),
        date,
        open: None,
        high: None,
        low: None,
        close: Price::from_micros(1),
        volume: None,
    };
    let bars = [bar(MONDAY), bar(TUESDAY)];
    subject.store.bar_load(&bars, &load_record("prices", None), instant(1)).await.expect("loads");
    assert_eq!(subject.store.session_latest(WEDNESDAY).await.expect("reads"), Some(TUESDAY));
    assert_eq!(subject.store.session_latest(MONDAY).await.expect("reads"), Some(MONDAY));
    assert_eq!(subject.store.session_latest(date(2024, 3, 1)).await.expect("reads"), None);
}

/// Names come in the order asked, repeated and unknown symbols included.
pub async fn names_are_listed_in_the_order_asked(subject: &Subject) {
    let rows = [stock("AAPL", 175.0, 15_400), fund("SPY", 512.0)];
    load(subject.store(), &snapshot(MONDAY, rows), 1).await;
    let asked = symbols(&["SPY", "NONE", "AAPL", "SPY"]);
    let names = subject.store.company_name_list(&asked).await.expect("reads");
    let names: Vec<Option<&str>> = names.iter().map(Option::as_deref).collect();
    assert_eq!(names, [Some("SPY ETF Trust"), None, Some("AAPL Inc. Common Stock"), Some("SPY ETF Trust")]);
    assert_eq!(subject.store.company_name_list(&[]).await.expect("reads"), [None::<String>; 0]);
}

/// Every figure that was loaded for any listing is listed once.
pub async fn facts_are_listed_by_name(subject: &Subject) {
    assert_eq!(subject.store.fact_list().await.expect("reads"), [""; 0]);
    put_fact(subject, "KO", "esg_score", MONDAY, 70.0).await;
    put_fact(subject, "KO", "dividend_yield", MONDAY, 0.03).await;
    put_fact(subject, "PEP", "dividend_yield", MONDAY, 0.03).await;
    assert_eq!(subject.store.fact_list().await.expect("reads"), ["dividend_yield", "esg_score"]);
}

/// Figures of the market come oldest first, up to a session, at most a year and a month of them.
pub async fn market_figures_are_replaced_and_limited(subject: &Subject) {
    let figure = |days: i64, listings: u32| MarketSession {
        session: date(2023, 1, 1).saturating_add(days.days()),
        listings,
        breadth: 0.5,
        median_return: -0.001,
        volatility: (days > 20).then_some(0.15),
    };
    let figures: Vec<MarketSession> = (0..310).map(|days| figure(days, 5_000)).collect();
    subject.store.market_session_put(&figures).await.expect("writes");
    subject.store.market_session_put(&[figure(309, 4_999)]).await.expect("writes");
    let limit = figures[309].session;
    let read = subject.store.market_session_list(limit).await.expect("reads");
    assert_eq!(read.len(), 300);
    assert_eq!((read[0], read[299]), (figure(10, 5_000), figure(309, 4_999)));
    assert_eq!(subject.store.market_session_list(figures[1].session).await.expect("reads"), figures[..2]);
}

async fn observe(subject: &Subject, session: jiff::civil::Date, needs: Needs) -> Observation {
    subject.store.observation_read(session, &needs).await.expect("observes")
}

async fn put_fact(subject: &Subject, text: &str, field: &str, as_of: jiff::civil::Date, value: f64) {
    let mut listing = ListingRecord::new(symbol(text));
    listing.facts.insert(field.to_owned(), value);
    let record = load_record("symbols", None);
    subject.store.listing_load(&[listing], as_of, &record, instant(1)).await.expect("loads");
}
