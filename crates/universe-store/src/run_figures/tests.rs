use jiff::civil::date;
use proptest::prelude::*;
use universe_core::plan::{Mode, Plan};
use universe_core::planner::{Holds, Planner, Request, Undefined};
use universe_core::rule::RuleSet;
use universe_core::state::State;
use universe_core::{Observation, ObservedListing};

use super::*;

#[derive(Clone, Debug)]
struct Listing {
    cap: Option<i64>,
    sector: Option<String>,
}

fn symbol(text: &str) -> Symbol {
    Symbol::from_stored(text)
}

/// The plan of a run that observed these listings.
fn plan(listings: &std::collections::BTreeMap<String, Listing>) -> Plan {
    let mut seen = Observation::empty(date(2024, 3, 4));
    for (text, listing) in listings {
        seen.push(ObservedListing {
            recorded_cap: listing.cap.map(Usd),
            sector: listing.sector.as_deref(),
            ..ObservedListing::new(symbol(text))
        });
    }
    let rules = RuleSet::load("classic", &[], &[]).expect("the shipped rules");
    let request = Request { mode: Mode::Full, undefined: Undefined::Retire, holds: Holds::Wait };
    Planner::new(&seen, &rules, &State::default(), request).finish()
}

fn figures(plan: &Plan) -> Option<RunFigures> {
    RunFigures::encode(plan).map(|blob| RunFigures { run_number: 7, session: plan.session, blob })
}

fn listings() -> impl Strategy<Value = std::collections::BTreeMap<String, Listing>> {
    let listing = (proptest::option::of(1..=i64::MAX), proptest::option::of("[A-Za-z\u{e9} &]{1,12}"))
        .prop_map(|(cap, sector)| Listing { cap, sector });
    proptest::collection::btree_map("[A-Z]{1,5}(\\.[A-Z])?", listing, 0..40)
}

proptest! {
    #[test]
    fn what_is_written_is_read(listings in listings()) {
        let plan = plan(&listings);
        let Some(figures) = figures(&plan) else {
            let is_known = |listing: &Listing| listing.cap.is_some() || listing.sector.is_some();
            prop_assert!(!listings.values().any(is_known));
            return Ok(());
        };
        let asked: Vec<Symbol> = listings.keys().rev().map(|text| symbol(text)).chain([symbol("ZZZZZZ")]).collect();
        let found = figures.of(&asked).expect("is whole");
        for (text, figure) in asked.iter().zip(&found) {
            let listing = listings.get(text.as_str());
            prop_assert_eq!(figure.market_cap, listing.and_then(|listing| listing.cap).map(Usd));
            prop_assert_eq!(figure.sector, listing.and_then(|listing| listing.sector.as_deref()));
        }
    }

    #[test]
    fn a_changed_byte_is_an_error(listings in listings(), at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let Some(mut figures) = figures(&plan(&listings)) else { return Ok(()) };
        let at = at.index(figures.blob.len());
        figures.blob[at] ^= flip;
        prop_assert!(figures.of(&[symbol("A")]).is_err());
        figures.blob[at] ^= flip;
        figures.blob.truncate(at);
        prop_assert!(figures.of(&[symbol("A")]).is_err());
    }

    #[test]
    fn whatever_is_sealed_is_no_panic(payload in proptest::collection::vec(any::<u8>(), 0..300), few in 0_u8..4) {
        let of = |blob: Vec<u8>| RunFigures { run_number: 7, session: date(2024, 3, 4), blob };
        let _ = of(payload.clone()).of(&[symbol("A")]);
        let _ = of(seal(VERSION, &payload)).of(&[symbol("A")]);
        let small: Vec<u8> = payload.iter().map(|byte| byte & few).collect();
        let _ = of(seal(VERSION, &small)).of(&[symbol("A"), symbol("")]);
    }
}

#[test]
fn a_later_version_is_named() {
    let figures = RunFigures { run_number: 7, session: date(2024, 3, 4), blob: vec![2, 0, 0] };
    let error = figures.of(&[symbol("A")]).expect_err("is of a later program").to_string();
    assert!(error.contains("version 2") && error.contains("run 7"), "{error}");
}
