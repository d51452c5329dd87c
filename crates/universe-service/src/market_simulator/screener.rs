//! A simulated day as the NASDAQ screener would serve it.

use std::fmt::Write;

use universe_core::{Price, SecurityType, SnapshotRow};

use super::SimulatedDay;

const HEADER: &str =
    "symbol,exchange,name,lastsale,netchange,pctchange,volume,marketCap,country,ipoyear,industry,sector\n";
/// About what a row takes, so that the text is allocated once.
const ROW_BYTES: usize = 160;

/// Writes a day as a screener file: raw strings (`"$1.09"`, `7.921%`), without ETFs, which it does not serve.
///
/// Share classes are written with a slash, a cap that is not known as zero, all as the screener does.
#[must_use]
pub fn to_screener_csv(day: &SimulatedDay) -> String {
    let mut csv = String::with_capacity(HEADER.len() + day.snapshot.rows.len() * ROW_BYTES);
    csv.push_str(HEADER);
    for (row, previous) in day.snapshot.rows.iter().zip(&day.previous_closes) {
        if let Some(close) = row.close.filter(|_| row.listing.security_type != Some(SecurityType::Etf)) {
            write_row(&mut csv, row, close, previous.unwrap_or(close));
        }
    }
    csv
}

fn write_row(csv: &mut String, row: &SnapshotRow, close: Price, previous: Price) {
    let listing = &row.listing;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let change = Price::from_micros(close.micros() - previous.micros());
    let percent = 100.0 * change.dollars() / previous.dollars();
    let cap = listing.market_cap.map_or(0, |cap| cap.0);
    let year = listing.ipo_year.map(|year| year.to_string()).unwrap_or_default();
    // Names, countries, sectors and industries here have no comma or quote: nothing needs quoting.
    let written = writeln!(
        csv,
        "{symbol},{exchange},{name},${close},{change},{percent:.3}%,{volume},{cap}.00,{country},{year},{industry},{sector}",
        symbol = listing.symbol.as_str().replace('.', "/"),
        exchange = text(&listing.exchange),
        name = text(&listing.company_name),
        volume = row.volume.unwrap_or(0),
        country = text(&listing.country),
        industry = text(&listing.industry),
        sector = text(&listing.sector),
    );
    written.expect("a string can always be written to");
}
