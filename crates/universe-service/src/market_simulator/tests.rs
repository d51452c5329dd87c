use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;
use universe_core::Usd;

use super::*;

fn market(seed: u64, listings: usize) -> Market {
    Market::new(seed, MarketConfig { listings, first_session: date(2024, 1, 2), event_rate: 1.0 })
}

fn by_symbol(day: &SimulatedDay) -> BTreeMap<&Symbol, &SnapshotRow> {
    day.snapshot.rows.iter().map(|row| (&row.listing.symbol, row)).collect()
}

fn shares_of_stock(day: &SimulatedDay) -> Vec<i64> {
    let is_stock =
        |row: &&SnapshotRow| matches!(row.listing.security_type, Some(SecurityType::Cs | SecurityType::Adrc));
    let rows = day.snapshot.rows.iter().filter(is_stock);
    let mut caps: Vec<i64> = rows.filter_map(|row| row.listing.market_cap).map(|cap| cap.0).collect();
    caps.sort_unstable();
    caps
}

#[test]
fn a_seed_gives_the_same_bytes() {
    let (mut one, mut two, mut other) = (market(1, 600), market(1, 600), market(2, 600));
    for _ in 0..25 {
        let day = one.next_session();
        assert_eq!(day, two.next_session());
        assert_ne!(to_screener_csv(&day), to_screener_csv(&other.next_session()));
    }
}

#[test]
fn a_seed_gives_the_same_market_in_every_version() {
    let mut market = market(2024, 30);
    market.next_session();
    let csv = to_screener_csv(&market.next_session());
    let jarciquest = "JARC,nasdaq,Jarciquest Aerospace Inc. Class A Common Stock,$0.5364,0.013,2.484%,347623,20211221.00,\
                      United States,,Industrial Machinery/Components,Industrials";
    assert_eq!(csv.lines().nth(7), Some(jarciquest));
}

#[test]
fn sizes_are_those_of_the_real_market() {
    for seed in 0..5 {
        let day = market(seed, 5000).next_session();
        assert_eq!(day.snapshot.rows.len(), 5000);
        let caps = shares_of_stock(&day);
        let mega = caps.iter().filter(|cap| **cap >= 200_000_000_000).count();
        let (median, largest) = (Usd(caps[caps.len() / 2]), Usd(*caps.last().expect("not empty")));
        assert!((45..=60).contains(&mega), "seed {seed}: {mega} mega caps");
        assert!((Usd(400_000_000)..=Usd(600_000_000)).contains(&median), "seed {seed}: median {median}");
        assert!((Usd(2_500_000_000_000)..=Usd(3_500_000_000_000)).contains(&largest), "seed {seed}: {largest}");
    }
}

#[test]
fn every_kind_of_security_has_its_share() {
    let day = market(3, 5000).next_session();
    let mut counts = BTreeMap::new();
    for row in &day.snapshot.rows {
        *counts.entry(row.listing.security_type.expect("always told")).or_insert(0) += 1;
    }
    let within = |kind, low: i32, high: i32| {
        let count = counts.get(&kind).copied().unwrap_or(0);
        assert!((low..=high).contains(&count), "{count} of {kind:?}");
    };
    within(SecurityType::Cs, 3500, 3650);
    within(SecurityType::Adrc, 250, 300);
    within(SecurityType::Pfd, 280, 320);
    within(SecurityType::Warrant, 250, 290);
    within(SecurityType::Unit, 90, 130);
    within(SecurityType::Right, 20, 40);
    within(SecurityType::Note, 70, 100);
    within(SecurityType::Fund, 150, 400);
    within(SecurityType::Etf, 41, 41);
    let sectors: BTreeSet<_> = day.snapshot.rows.iter().filter_map(|row| row.listing.sector.as_deref()).collect();
    assert_eq!(sectors.len(), 11);
}

#[test]
fn names_and_symbols_tell_the_kind_as_real_ones_do() {
    let day = market(9, 5000).next_session();
    for listing in day.snapshot.rows.iter().map(|row| &row.listing).filter(|listing| listing.etf_type.is_none()) {
        let name = listing.company_name.as_deref().expect("always given");
        let told = SecurityType::classify(&listing.symbol, name, listing.industry.as_deref());
        assert_eq!(Some(told), listing.security_type, "{} {name}", listing.symbol);
    }
}

#[test]
fn every_day_is_well_formed_and_shows_its_events() {
    let mut market = market(4, 3000);
    let mut before = market.next_session();
    assert_eq!(before.events, []);
    let mut happened = [0; 5];
    for _ in 0..120 {
        let day = market.next_session();
        assert_eq!(day.session, next_session(before.session));
        assert_eq!(day.snapshot.rows.len(), day.previous_closes.len());
        let symbols: Vec<_> = day.snapshot.rows.iter().map(|row| &row.listing.symbol).collect();
        assert!(symbols.is_sorted_by(|a, b| a < b), "sorted and unique");
        for row in &day.snapshot.rows {
            assert_eq!(Symbol::parse(row.listing.symbol.as_str()).as_ref(), Ok(&row.listing.symbol));
            assert_eq!(row.close.is_some(), row.listing.is_active == Some(true));
            assert!(row.close.is_none_or(|close| close > Price::from_micros(0)));
            let shares = row.listing.weighted_shares_outstanding;
            let cap = row.close.zip(shares).and_then(|(close, shares)| close.times_shares(shares));
            assert_eq!(row.listing.market_cap, cap);
        }
        for event in &day.events {
            happened[check_event(event, &before, &day)] += 1;
        }
        before = day;
    }
    assert!(happened.iter().all(|count| *count > 5), "{happened:?}");
}

/// Checks that an event shows between two days, and returns which kind it is.
fn check_event(event: &MarketEvent, before: &SimulatedDay, day: &SimulatedDay) -> usize {
    let (rows_before, rows) = (by_symbol(before), by_symbol(day));
    let row = rows[event.symbol()];
    match event {
        MarketEvent::Split { symbol, new_shares, old_shares } => {
            let ratio = f64::from(*new_shares) / f64::from(*old_shares);
            let shares = |row: &SnapshotRow| row.listing.weighted_shares_outstanding.map(|shares| shares as f64);
            if let (Some(now), Some(then)) = (shares(row), shares(rows_before[symbol])) {
                assert!((now / then / ratio - 1.0).abs() < 0.01, "{event:?}: {then} became {now}");
            }
            let price = |row: &SnapshotRow| row.close.expect("active").dollars();
            let moved = price(row) / price(rows_before[symbol]) * ratio;
            assert!((0.3..3.0).contains(&moved), "{event:?}: adjusted price moved by {moved}");
            0
        }
        MarketEvent::InitialOffering { symbol, cap_known } => {
            assert!(!rows_before.contains_key(symbol));
            assert_eq!(row.listing.listing_date, Some(day.session));
            assert_eq!(row.listing.market_cap.is_some(), *cap_known);
            1
        }
        MarketEvent::Delisting { symbol } => {
            assert_eq!(rows_before[symbol].listing.is_active, Some(true));
            assert_eq!((row.listing.is_active, row.listing.delisted_date), (Some(false), Some(day.session)));
            2
        }
        MarketEvent::SymbolChange { old_symbol, .. } => {
            assert!(!rows.contains_key(old_symbol));
            assert_eq!(rows_before[old_symbol].listing.company_name, row.listing.company_name);
            3
        }
        MarketEvent::ShareCountChange { shares_before, shares_after, .. } => {
            assert_ne!(shares_before, shares_after);
            assert_eq!(row.listing.weighted_shares_outstanding, Some(*shares_after));
            4
        }
    }
}

#[test]
fn a_delisted_listing_is_gone_the_session_after_and_never_returns() {
    let mut market = market(5, 2000);
    let mut gone = BTreeSet::new();
    for _ in 0..60 {
        let day = market.next_session();
        let rows = by_symbol(&day);
        assert!(gone.iter().all(|symbol| !rows.contains_key(symbol)));
        gone.extend(day.events.iter().filter_map(|event| match event {
            MarketEvent::Delisting { symbol } => Some(symbol.clone()),
            MarketEvent::SymbolChange { old_symbol, .. } => Some(old_symbol.clone()),
            _ => None,
        }));
    }
    assert!(gone.len() > 10);
}

#[test]
fn event_rate_zero_leaves_only_prices() {
    let config = MarketConfig { listings: 500, first_session: date(2024, 1, 1), event_rate: 0.0 };
    let mut market = Market::new(6, config);
    assert_eq!(market.next_session().session, date(2024, 1, 2));
    let day = market.next_session();
    assert_eq!((day.session, day.events.len()), (date(2024, 1, 3), 0));
}

#[test]
fn markets_of_any_size_have_as_many_listings() {
    for listings in [0, 1, 7, 40, 250] {
        let mut market = market(7, listings);
        assert_eq!(market.next_session().snapshot.rows.len(), listings);
        market.next_session();
    }
}

#[test]
fn the_screener_file_is_written_as_the_screener_writes() {
    let mut market = market(8, 1000);
    market.next_session();
    let day = market.next_session();
    let csv = to_screener_csv(&day);
    let mut lines = csv.lines();
    assert_eq!(lines.next().map(|header| header.split(',').count()), Some(12));
    let active = day.snapshot.rows.iter().filter(|row| row.close.is_some() && row.listing.etf_type.is_none()).count();
    assert_eq!(lines.clone().count(), active);
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 12, "{line}");
        assert!(fields[3].starts_with('$') && fields[5].ends_with('%') && fields[7].ends_with(".00"), "{line}");
        assert!(!fields[0].contains('.'), "{line}");
    }
}
