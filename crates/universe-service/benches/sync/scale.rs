//! How time and memory grow with the number of listings, in SQLite.

use std::path::Path;

use super::child;
use super::market::{self, FIRST_SESSION};
use super::sqlite::{opened, settle};

/// How often the unchanged session is run again.
const AGAIN: usize = 3;

/// Measures ten thousand listings and ten times as many, up to `listings_max`.
pub(crate) async fn measure(folder: &Path, listings_max: usize) {
    println!("| listings | first population, s | the same again, s | peak memory, MB |");
    println!("|---:|---:|---:|---:|");
    let mut listings = listings_max.min(10_000);
    loop {
        let path = folder.join(format!("{listings}.db"));
        {
            let days = market::two_days(listings);
            let (store, _) = opened(&path).await;
            market::load_first(&*store, &days).await;
        }
        settle(&path);
        let report = child::spawn(&format!("sqlite:{}", path.display()), FIRST_SESSION, AGAIN);
        let (first, again) = (report.first_ms / 1_000.0, report.again_ms / 1_000.0);
        println!("| {listings} | {first:.2} | {again:.3} | {:.0} |", report.peak_mb);
        std::fs::remove_file(&path).expect("removed");
        if listings == listings_max {
            break;
        }
        listings = (listings * 10).min(listings_max);
    }
}
