use jiff::civil::date;
use universe_core::{Price, SecurityType, Usd};

use super::*;

const THEN: Date = date(2024, 3, 15);

fn blob(day: i8, listings: &[(&str, Facts<'_>)]) -> Result<SnapshotBlob, StoreError> {
    let mut snapshot = SnapshotFacts::default();
    for (symbol, facts) in listings {
        snapshot.push(Symbol::from_stored(symbol), *facts);
    }
    Ok(SnapshotBlob { session: date(2024, 3, day), facts: snapshot.encode() })
}

fn with_shares(shares: i64) -> Facts<'static> {
    Facts { shares: Some(shares), sector: Some("Technology"), ..Facts::default() }
}

fn now(symbol: &str, close: Option<f64>) -> ObservedListing<'_> {
    ObservedListing {
        security_type: Some("CS"),
        ipo_year: Some(2025),
        recorded_cap: Some(Usd(7)),
        shares: Some(99),
        close: close.and_then(Price::from_dollars),
        exchange: Some("LATER"),
        sector: Some("Later"),
        industry: Some("Later"),
        country: Some("Later"),
        currency: Some("USD"),
        ..ObservedListing::new(Symbol::from_stored(symbol))
    }
}

fn observation(listings: impl IntoIterator<Item = ObservedListing<'static>>) -> Observation {
    let mut seen = Observation::empty(THEN);
    listings.into_iter().for_each(|listing| seen.push(listing));
    seen
}

fn corrected(
    seen: &Observation,
    shown_later: &[usize],
    newest_first: Vec<Result<SnapshotBlob, StoreError>>,
) -> Observation {
    let wanted: Vec<&Symbol> = shown_later.iter().map(|at| &seen.symbol[*at]).collect();
    as_of_session(seen, shown_later, &look_back(&wanted, newest_first).expect("reads"))
}

#[test]
fn the_newest_snapshot_that_shows_a_listing_says_what_was_known() {
    let seen = observation([now("AAPL", Some(1.0)), now("GME", Some(1.0)), now("MSFT", Some(1.0))]);
    let kind = Facts { security_type: Some("ADRC"), ..with_shares(3) };
    let blobs = vec![
        blob(15, &[("AAPL", with_shares(1))]),
        // A second source of the same session is no further session.
        blob(15, &[("AAPL", with_shares(8))]),
        blob(14, &[("AAPL", with_shares(9)), ("GME", kind)]),
    ];
    let then = corrected(&seen, &[0, 1], blobs);
    assert_eq!(then.shares, [Some(1), Some(3), Some(99)]);
    assert_eq!(then.sessions_absent, [0, 1, 0]);
    assert_eq!(then.ipo_year, [None, None, Some(2025)]);
    assert_eq!(then.security_type, [SecurityType::Cs, SecurityType::Adrc, SecurityType::Cs]);
    assert_eq!([0, 1, 2].map(|at| then.sector.value(at)), [Some("Technology"), Some("Technology"), Some("Later")]);
    assert_eq!(then.country.value(0), None);
    assert_eq!(then.currency.value(0), Some("USD"));
}

#[test]
fn who_was_not_there_yet_is_left_out_with_its_figures() {
    let mut seen = observation([now("AAPL", Some(1.0)), now("ALAB", None), now("MSFT", Some(1.0))]);
    seen.push_fact(1, "esg_score", 70.0);
    seen.push_fact(1, "dividend_yield", 0.01);
    seen.push_fact(2, "dividend_yield", 0.02);
    let blobs = vec![blob(15, &[("AAPL", with_shares(1)), ("MSFT", with_shares(2))])];
    let then = corrected(&seen, &[0, 1, 2], blobs);
    assert_eq!(then.symbol.iter().map(Symbol::as_str).collect::<Vec<_>>(), ["AAPL", "MSFT"]);
    assert_eq!(then.facts.keys().collect::<Vec<_>>(), ["dividend_yield"]);
    assert_eq!(then.facts["dividend_yield"], [None, Some(0.02)]);
}

#[test]
fn who_had_been_gone_for_long_is_not_active() {
    let seen = observation([now("AAPL", Some(1.0)), now("GME", Some(1.0))]);
    let mut blobs = vec![blob(15, &[("AAPL", with_shares(1))])];
    blobs.extend((5..=14).rev().map(|day| blob(day, &[("AAPL", with_shares(1))])));
    blobs.push(blob(4, &[("GME", with_shares(1))]));
    blobs.push(blob(3, &[("GME", with_shares(1))]));
    let then = corrected(&seen, &[1], blobs);
    assert_eq!(
        (then.sessions_absent.as_slice(), then.is_active.as_slice()),
        ([0, 11].as_slice(), [true, false].as_slice())
    );
    let mut blobs: Vec<_> = (3..=15).rev().map(|day| blob(day, &[])).collect();
    blobs.push(blob(2, &[("GME", with_shares(1))]));
    assert_eq!(corrected(&seen, &[1], blobs).is_active, [true, false]);
}

#[test]
fn a_recorded_cap_of_later_decides_nothing() {
    let seen = observation([now("AAPL", Some(1.0)), now("GME", Some(1.0)), now("MSFT", Some(1.0))]);
    let stated = Facts { recorded_cap: Some(Usd(5)), ..Facts::default() };
    let blobs = vec![blob(15, &[("AAPL", with_shares(1)), ("GME", Facts::default()), ("MSFT", stated)])];
    assert_eq!(corrected(&seen, &[0, 1, 2], blobs).recorded_cap, [Some(Usd(7)), None, Some(Usd(5))]);
}

#[test]
fn a_delisting_that_was_reached_is_believed() {
    let delisted = |day| ObservedListing { is_active: false, delisted_date: day, ..now("GME", Some(1.0)) };
    for (day, active) in [(None, true), (Some(date(2024, 3, 18)), true), (Some(THEN), false)] {
        let seen = observation([delisted(day)]);
        let then = corrected(&seen, &[0], vec![blob(15, &[("GME", with_shares(1))])]);
        assert_eq!((then.is_active[0], then.delisted_date[0]), (active, day));
    }
}

#[test]
fn a_damaged_snapshot_is_named() {
    let damaged = Ok::<_, StoreError>(SnapshotBlob { session: THEN, facts: vec![1, 2, 3] });
    let error = look_back(&[&Symbol::from_stored("GME")], [damaged]).expect_err("is damaged");
    assert!(error.to_string().contains("2024-03-15"), "{error}");
}
