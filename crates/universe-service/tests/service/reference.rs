//! Reference data from an API that answers like the real one, into real databases.

use jiff::civil::date;
use universe_core::{Observation, SecurityType, Symbol};
use universe_feeds::massive::{ApiKey, Client, Settings};
use universe_service::{
    Details, ReferenceError, ReferenceReport, ReferenceScope, ReferenceWish, Renaming, SymbolChanges, load_reference,
};
use universe_store::Needs;
use universe_testkit::builders::MONDAY;
use universe_testkit::{Fault, MassiveStandIn, StandInListing, StandInSettings};

use crate::harness::Place;

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).expect("a symbol")
}

/// A market in which NVDA has more shares than anybody knew, GME was delisted and META was FB.
fn market() -> MassiveStandIn {
    let mut settings = StandInSettings::of(["AAPL", "MSFT", "NVDA", "OTHR"], date(2024, 12, 31));
    let listing = |symbol: &str| StandInListing::common_stock(symbol);
    let gone = StandInListing { last_session: Some(date(2023, 12, 29)), ..listing("GME") };
    let never_known = StandInListing { last_session: Some(date(2001, 11, 28)), ..listing("ENE") };
    let meta = StandInListing { earlier_symbols: vec![("FB".to_owned(), date(2021, 6, 9))], ..listing("META") };
    let offered = StandInListing { offered_on: Some(date(2023, 12, 14)), kind: "ADRC".to_owned(), ..listing("NEWCO") };
    for (name, listing) in [("GME", gone), ("ENE", never_known), ("META", meta), ("NEWCO", offered)] {
        settings.listings.insert(name.to_owned(), listing);
    }
    if let Some(nvidia) = settings.listings.get_mut("NVDA") {
        nvidia.shares = Some(24_690_000_000);
        nvidia.industry = Some("SEMICONDUCTORS & RELATED DEVICES".to_owned());
        nvidia.first_session = date(1999, 1, 22);
    }
    settings.page_rows_max = 3;
    MassiveStandIn::start(settings)
}

fn client(server: &MassiveStandIn) -> Client {
    let mut settings = Settings::new(server.base_url(), ApiKey::new(server.api_key()));
    settings.requests_per_minute = 0;
    settings.retries = 1;
    settings.first_wait = std::time::Duration::from_millis(1);
    Client::new(settings).expect("usable settings")
}

fn wish(scope: ReferenceScope) -> ReferenceWish {
    ReferenceWish { scope, symbol_changes: SymbolChanges::Unasked, concurrency: 4, source: "massive".to_owned() }
}

async fn load(place: &Place, server: &MassiveStandIn, wish: &ReferenceWish) -> Result<ReferenceReport, ReferenceError> {
    load_reference(&*place.store, &client(server), wish, &*place.ambient, &|_| {}).await
}

async fn observed(place: &Place) -> Observation {
    let needs = Needs { company_names: true, details: true, facts: Vec::new(), returns: false };
    place.store.observation_read(MONDAY, &needs).await.expect("reads")
}

#[tokio::test]
async fn shares_kinds_and_first_days_are_taken_and_words_are_kept() {
    for place in Place::all().await {
        let server = market();
        let before = observed(&place).await;
        let at = before.position(&symbol("NVDA")).expect("it is listed");
        let (name, industry) = (before.company_name.value(at), before.industry.value(at));
        let scope = ReferenceScope::Symbols(vec![symbol("NVDA"), symbol("NEWCO")]);
        let report = load(&place, &server, &wish(scope.clone())).await.expect("loads");
        assert_eq!((report.load.loaded, report.load.written, report.failed), (2, 2, 0));
        assert!(report.load.issues.is_empty() && report.symbol_changes.is_none());
        let after = observed(&place).await;
        let at = after.position(&symbol("NVDA")).expect("it is listed");
        assert_eq!(after.shares[at], Some(24_690_000_000));
        assert_eq!(after.listing_date[at], Some(date(1999, 1, 22)));
        assert_eq!(after.company_name.value(at), name);
        assert_eq!(after.industry.value(at), industry.or(Some("SEMICONDUCTORS & RELATED DEVICES")));
        let new = after.position(&symbol("NEWCO")).expect("it is listed now");
        assert_eq!(after.security_type[new], SecurityType::Adrc);
        assert_eq!(after.company_name.value(new), Some("NEWCO Inc. Common Stock"));
        let again = load(&place, &server, &wish(scope)).await.expect("loads");
        assert_eq!((again.load.loaded, again.load.written), (2, 0), "the same answers change nothing");
    }
}

#[tokio::test]
async fn lists_bring_offerings_and_the_delistings_of_what_is_known() {
    for place in Place::all().await {
        let server = market();
        let everything = wish(ReferenceScope::Everything(Details::ListsOnly));
        let report = load(&place, &server, &everything).await.expect("loads");
        assert_eq!(report.load.loaded, 7);
        let after = observed(&place).await;
        assert_eq!(after.position(&symbol("ENE")), None, "nobody here has ever known it");
        let new = after.position(&symbol("NEWCO")).expect("it is listed now");
        assert_eq!((after.listing_date[new], after.ipo_year[new]), (Some(date(2023, 12, 14)), Some(2023)));
        assert_eq!(after.shares[new], None);
        let report = load(&place, &server, &wish(ReferenceScope::Everything(Details::Overviews))).await.expect("loads");
        assert_eq!(report.failed, 0);
        assert!(observed(&place).await.shares[new].is_some());
    }
}

#[tokio::test]
async fn a_delisted_symbol_is_inactive_from_the_session_after_its_last() {
    let place = Place::sqlite().await;
    let server = market();
    let scope = ReferenceScope::Symbols(vec![symbol("GME")]);
    load(&place, &server, &wish(scope)).await.expect("loads");
    let after = observed(&place).await;
    let at = after.position(&symbol("GME")).expect("it is kept");
    assert_eq!((after.is_active[at], after.delisted_date[at]), (false, Some(date(2024, 1, 2))));
}

#[tokio::test]
async fn a_delisting_from_before_the_listing_is_another_companys() {
    let place = Place::sqlite().await;
    let server = market();
    let mut record = universe_core::ListingRecord::new(symbol("ENE"));
    record.listing_date = Some(date(2020, 1, 2));
    let load_record = universe_testkit::builders::load_record("symbols", None);
    let now = universe_service::Ambient::now(&*place.ambient);
    place.store.listing_load(&[record], MONDAY, &load_record, now).await.expect("loads");
    let report = load(&place, &server, &wish(ReferenceScope::Symbols(vec![symbol("ENE")]))).await.expect("loads");
    assert_eq!((report.load.loaded, report.failed), (0, 0));
    assert!(report.load.issues[0].reason.contains("earlier listing"), "{:?}", report.load.issues);
    let after = observed(&place).await;
    assert!(after.is_active[after.position(&symbol("ENE")).expect("it is listed")]);
}

#[tokio::test]
async fn one_symbol_fails_alone_and_an_unknown_one_is_said_to_be() {
    let place = Place::sqlite().await;
    let server = market();
    server.fail("MSFT", Fault::Status(500), None);
    let scope = ReferenceScope::Symbols(["AAPL", "MSFT", "NOSUCH"].map(symbol).to_vec());
    let report = load(&place, &server, &wish(scope)).await.expect("the others are loaded");
    assert_eq!((report.load.loaded, report.failed), (1, 1));
    let mut named: Vec<&str> = report.load.issues.iter().filter_map(|issue| issue.symbol.as_deref()).collect();
    named.sort_unstable();
    assert_eq!(named, ["MSFT", "NOSUCH"]);
}

#[tokio::test]
async fn a_refused_key_ends_the_load_and_keeps_what_came_before() {
    let place = Place::sqlite().await;
    let server = market();
    server.fail("MSFT", Fault::Status(401), None);
    let mut wish = wish(ReferenceScope::Symbols(["AAPL", "MSFT", "NVDA"].map(symbol).to_vec()));
    wish.concurrency = 1;
    let error = load(&place, &server, &wish).await.expect_err("the key is refused");
    assert!(error.to_string().contains("massive.api_key"), "{error}");
    let after = observed(&place).await;
    let listed = |text: &str| after.position(&symbol(text)).and_then(|at| after.listing_date[at]);
    assert_eq!(listed("AAPL"), Some(date(1990, 1, 2)));
    assert_ne!(listed("NVDA"), Some(date(1999, 1, 22)), "nothing is asked any more");
}

#[tokio::test]
async fn symbols_that_were_others_are_reported() {
    let place = Place::sqlite().await;
    let server = market();
    let mut wish = wish(ReferenceScope::Symbols(["AAPL", "META"].map(symbol).to_vec()));
    wish.symbol_changes = SymbolChanges::Asked;
    let report = load(&place, &server, &wish).await.expect("loads");
    let renaming = Renaming { date: date(2022, 6, 9), from: symbol("FB"), to: symbol("META") };
    assert_eq!(report.symbol_changes, Some(vec![renaming]));
}
