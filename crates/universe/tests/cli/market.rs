//! A market small enough to know by heart: forty stocks in four sectors and five bands.

use std::fmt::Write as _;

use jiff::civil::{Date, date};
use universe_core::next_session;

use crate::harness::Place;

pub(crate) const HEADER: &str =
    "symbol,exchange,name,lastsale,netchange,pctchange,volume,marketCap,country,ipoyear,industry,sector";

/// The first session of the tests.
pub(crate) const FIRST: Date = date(2024, 1, 2);

/// The members of `top_10` on the first day, in order: the mega caps, and the first two large caps.
pub(crate) const TOP_10: [&str; 10] = ["MEGA", "MEGB", "MEGC", "MEGD", "MEGE", "MEGF", "MEGG", "MEGH", "LARA", "LARB"];

const SECTORS: [&str; 4] = ["Technology", "Finance", "Utilities", "Energy"];
/// The start of the symbols of each band, and its smallest cap in millions.
const BANDS: [(&str, u64); 5] = [("MEG", 200_000), ("LAR", 10_000), ("MID", 2_000), ("SMA", 300), ("MIC", 50)];

/// A stock as the screener shows it.
#[derive(Clone, Debug)]
pub(crate) struct Stock {
    pub(crate) symbol: String,
    pub(crate) cents: u64,
    pub(crate) shares: u64,
    pub(crate) ipo_year: String,
    pub(crate) sector: &'static str,
}

/// The market: eight stocks in each band, `…A` the largest and `…H` the smallest of it, two of each sector.
pub(crate) fn stocks() -> Vec<Stock> {
    let mut stocks = Vec::new();
    for (start, millions) in BANDS {
        for (at, letter) in ('A'..='H').enumerate() {
            stocks.push(Stock {
                symbol: format!("{start}{letter}"),
                cents: 5_000,
                // From 1.4 times the smallest cap of the band down to exactly that.
                shares: millions * 20_000 * (100 + 5 * (7 - at as u64)) / 100,
                ipo_year: "1999".to_owned(),
                sector: SECTORS[at % 4],
            });
        }
    }
    stocks
}

/// Returns a stock that was just offered.
pub(crate) fn offering(symbol: &str) -> Stock {
    Stock { symbol: symbol.to_owned(), cents: 2_000, shares: 30_000_000, ipo_year: "2024".to_owned(), sector: "Energy" }
}

/// Writes the row of a stock.
pub(crate) fn row(stock: &Stock) -> String {
    let Stock { symbol, cents, shares, ipo_year, sector } = stock;
    let cap = cents * shares / 100;
    format!(
        "{symbol},NYSE,{symbol} Inc. Common Stock,${}.{:02},0.00,0.00%,1000,{cap}.00,United States,{ipo_year},{sector} Goods,{sector}",
        cents / 100,
        cents % 100,
    )
}

/// Writes a screener file.
pub(crate) fn screener(stocks: &[Stock]) -> String {
    let mut text = format!("{HEADER}\n");
    for stock in stocks {
        writeln!(text, "{}", row(stock)).expect("a string");
    }
    text
}

/// Returns the name of the file of a session.
pub(crate) fn file_of(session: Date) -> String {
    format!("screener_{session}.csv")
}

/// Loads a session; does not synchronize it.
pub(crate) fn load(place: &Place, session: Date, stocks: &[Stock]) {
    place.write(&file_of(session), screener(stocks));
    place.run(&["load", "screener", &file_of(session)]).done();
}

/// Loads and synchronizes the first session.
pub(crate) fn first_day(place: &Place) {
    load(place, FIRST, &stocks());
    place.run(&["sync"]).done();
}

/// Returns the `count`th session after a day.
pub(crate) fn sessions_later(day: Date, count: usize) -> Date {
    (0..count).fold(day, |day, _| next_session(day))
}

/// Multiplies the prices of some stocks.
pub(crate) fn with_price(stocks: &mut [Stock], symbols: &[&str], factor: u64) {
    for stock in stocks.iter_mut().filter(|stock| symbols.contains(&stock.symbol.as_str())) {
        stock.cents *= factor;
    }
}
