use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
struct Listing {
    shares: Option<i64>,
    recorded_cap: Option<i64>,
    ipo_year: Option<i16>,
    texts: [Option<String>; TEXTS],
}

fn facts(listing: &Listing) -> Facts<'_> {
    let [security_type, exchange, sector, industry, country] = listing.texts.each_ref().map(Option::as_deref);
    let shares = listing.shares;
    let recorded_cap = listing.recorded_cap.filter(|_| shares.is_none()).map(Usd);
    Facts { shares, recorded_cap, ipo_year: listing.ipo_year, security_type, exchange, sector, industry, country }
}

fn snapshot(listings: &BTreeMap<String, Listing>) -> SnapshotFacts {
    let mut snapshot = SnapshotFacts::default();
    for (symbol, listing) in listings {
        snapshot.push(Symbol::from_stored(symbol), facts(listing));
    }
    snapshot
}

fn listings() -> impl Strategy<Value = BTreeMap<String, Listing>> {
    let text = || proptest::option::of("[A-Za-zé &]{0,12}");
    let texts = (text(), text(), text(), text(), text()).prop_map(|(a, b, c, d, e)| [a, b, c, d, e]);
    let positive = || proptest::option::of(1..=i64::MAX);
    let listing = (positive(), positive(), proptest::option::of(any::<i16>()), texts)
        .prop_map(|(shares, recorded_cap, ipo_year, texts)| Listing { shares, recorded_cap, ipo_year, texts });
    proptest::collection::btree_map("[A-Z]{1,5}(\\.[A-Z])?", listing, 0..40)
}

proptest! {
    #[test]
    fn what_is_written_is_read(listings in listings()) {
        let read = SnapshotFacts::decode(&snapshot(&listings).encode()).expect("is whole");
        prop_assert_eq!(read.symbol.len(), listings.len());
        for (symbol, listing) in &listings {
            let at = read.position(&Symbol::from_stored(symbol)).expect("was shown");
            prop_assert_eq!(read.facts(at), facts(listing));
        }
        prop_assert_eq!(read.position(&Symbol::from_stored("ZZZZZZ")), None);
    }

    #[test]
    fn a_changed_byte_is_an_error(listings in listings(), at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut blob = snapshot(&listings).encode();
        let at = at.index(blob.len());
        blob[at] ^= flip;
        prop_assert!(SnapshotFacts::decode(&blob).is_err());
        blob[at] ^= flip;
        prop_assert!(SnapshotFacts::decode(&blob[..at]).is_err());
    }

    #[test]
    fn whatever_is_sealed_is_no_panic(payload in proptest::collection::vec(any::<u8>(), 0..300), few in 0_u8..4) {
        let _ = SnapshotFacts::decode(&payload);
        let _ = SnapshotFacts::decode(&seal(VERSION, &deflated(&payload)));
        let small: Vec<u8> = payload.iter().map(|byte| byte & few).collect();
        let _ = SnapshotFacts::decode(&seal(VERSION, &deflated(&small)));
    }
}

#[test]
fn another_version_is_named() {
    let mut blob = SnapshotFacts::default().encode();
    blob[0] = 2;
    assert_eq!(
        SnapshotFacts::decode(&blob).expect_err("is of a later program"),
        CompactError::Version { found: 2, read: 1 }
    );
    assert_eq!(SnapshotFacts::decode(&[]).expect_err("is nothing"), CompactError::Damaged("empty"));
}

#[test]
fn blanks_are_filled_from_before_as_in_the_reference_data() {
    let before = Facts { shares: Some(5), recorded_cap: Some(Usd(7)), sector: Some("Energy"), ..Facts::default() };
    let now = Facts { recorded_cap: Some(Usd(9)), sector: Some("Utilities"), country: Some("Chile"), ..before };
    let blank = Facts { recorded_cap: Some(Usd(9)), country: Some("Chile"), ..Facts::default() };
    assert_eq!(now.or(before), Facts { recorded_cap: Some(Usd(7)), ..now });
    assert_eq!(blank.or(before), Facts { country: Some("Chile"), ..before });
}

/// A market of eight thousand listings, as varied as the real one, has to stay below 80 KB.
#[test]
fn a_market_is_small() {
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut listings = BTreeMap::new();
    while listings.len() < 8_000 {
        let length = [2, 3, 4, 4, 4, 5][random(6) as usize];
        let symbol: String = (0..length).map(|_| char::from(b'A' + random(26) as u8)).collect();
        let listing = Listing {
            shares: (random(8) != 0).then(|| 1_000_000 + (random(1 << 28)).cast_signed()),
            recorded_cap: None,
            ipo_year: (random(2) == 0).then(|| 1980 + random(43) as i16),
            texts: [8, 3, 12, 150, 60].map(|kinds| {
                // Most listings have the most common values.
                let kind = random(kinds).min(random(kinds));
                Some(format!("value number {kind}"))
            }),
        };
        listings.insert(symbol, listing);
    }
    let blob = snapshot(&listings).encode();
    assert!(blob.len() < 80_000, "{} bytes", blob.len());
}
