//! Checks the kinds told from names on real listings, as a screener serves them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use universe_core::{SecurityType, Symbol};

struct Listing {
    symbol: Symbol,
    name: String,
    industry: String,
    market_cap: f64,
    kind: SecurityType,
}

/// Every so many of the raw files are read: enough to span them, few enough for an unoptimised build.
const FILE_STEP: usize = 4;

/// Returns the listings of raw files that span all of them, by file name.
fn days() -> Option<BTreeMap<PathBuf, Vec<Listing>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/us-daily-raw");
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("skipped: ../shared/data is not there");
        return None;
    };
    let files: BTreeSet<PathBuf> = entries.map(|entry| entry.expect("a directory entry").path()).collect();
    Some(files.into_iter().step_by(FILE_STEP).map(|path| (path.clone(), listings(&path))).collect())
}

fn listings(path: &Path) -> Vec<Listing> {
    let file = std::fs::File::open(path).expect("a readable file");
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let headers = reader.headers().expect("a header").clone();
    let column = |name: &str| headers.iter().position(|header| header == name).expect("a column");
    let (symbol, name, industry) = (column("symbol"), column("name"), column("industry"));
    let market_cap = column("marketCap");
    let rows = reader.records().map(|row| row.expect("a row"));
    let listings = rows.filter_map(|row| {
        let symbol = Symbol::parse(&row[symbol]).ok()?;
        let (name, industry) = (row[name].to_owned(), row[industry].to_owned());
        let kind = SecurityType::classify(&symbol, &name, Some(&industry));
        Some(Listing { symbol, name, industry, market_cap: row[market_cap].parse().unwrap_or(0.0), kind })
    });
    listings.collect()
}

#[test]
fn nothing_but_shares_of_companies_is_common_stock() {
    let Some(days) = days() else { return };
    // Words that a description has only when it is not of common stock.
    let telling =
        ["warrant", "debenture", "notes due", "preferred stock", "preferred share", " etf", "municipal", " fund "];
    for listing in days.values().flatten().filter(|listing| listing.kind == SecurityType::Cs) {
        let Listing { symbol, name, .. } = listing;
        let lower = name.to_lowercase();
        assert!(!symbol.as_str().contains('^'), "{symbol} {name}");
        let is_lender = lower.contains("lending");
        let told = telling.iter().find(|word| lower.contains(*word));
        assert!(is_lender || told.is_none(), "{symbol} {name}: {told:?}");
    }
}

#[test]
fn property_trusts_are_no_funds() {
    let Some(days) = days() else { return };
    for listing in days.values().flatten().filter(|listing| listing.kind == SecurityType::Fund) {
        let named_fund = listing.name.contains("Fund");
        assert!(named_fund || !listing.industry.starts_with("Real Estate"), "{} {}", listing.symbol, listing.name);
    }
}

#[test]
fn largest_companies_are_all_eligible() {
    let Some(days) = days() else { return };
    for symbol in
        ["AAPL", "MSFT", "GOOG", "GOOGL", "AMZN", "XOM", "JPM", "NVO", "TSM", "ASML", "BABA", "EPD", "O", "ARCC"]
    {
        for (path, listings) in &days {
            let Some(listing) = listings.iter().find(|listing| listing.symbol.as_str() == symbol) else { continue };
            let eligible = matches!(listing.kind, SecurityType::Cs | SecurityType::Adrc);
            assert!(eligible, "{symbol} {} in {}", listing.kind, path.display());
        }
    }
}

#[test]
fn shares_of_each_kind_stay_in_their_ranges() {
    let Some(days) = days() else { return };
    let ranges = [
        (SecurityType::Cs, 0.55, 0.75),
        (SecurityType::Adrc, 0.03, 0.07),
        (SecurityType::Pfd, 0.04, 0.09),
        (SecurityType::Warrant, 0.03, 0.12),
        (SecurityType::Right, 0.002, 0.02),
        (SecurityType::Unit, 0.01, 0.08),
        (SecurityType::Note, 0.01, 0.04),
        (SecurityType::Fund, 0.04, 0.08),
        (SecurityType::Etf, 0.0, 0.001),
        (SecurityType::Other, 0.0, 0.001),
    ];
    for (path, listings) in &days {
        for (kind, lowest, highest) in ranges {
            let count = listings.iter().filter(|listing| listing.kind == kind).count();
            let share = count as f64 / listings.len() as f64;
            assert!((lowest..=highest).contains(&share), "{kind} {share:.4} in {}", path.display());
        }
    }
}

#[test]
fn what_is_not_eligible_is_a_small_part_of_the_market() {
    let Some(days) = days() else { return };
    // The screener gives preferreds and notes the cap of their issuer, which is not counted here.
    for (path, listings) in &days {
        let cap = |kinds: &[SecurityType]| -> f64 {
            listings.iter().filter(|listing| kinds.contains(&listing.kind)).map(|listing| listing.market_cap).sum()
        };
        let eligible = cap(&[SecurityType::Cs, SecurityType::Adrc]);
        let funds = cap(&[SecurityType::Fund, SecurityType::Unit, SecurityType::Right, SecurityType::Other]);
        assert!(funds < 0.01 * eligible, "{funds} of {eligible} in {}", path.display());
    }
}
