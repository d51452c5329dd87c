//! The stand-in's market: every bar follows from its symbol and its time, and shorter bars add up to longer ones.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use universe_core::{Price, Symbol, TimedBar, Timeframe, previous_session, session_close, session_open, sessions};

/// What the stand-in knows of one listing.
#[derive(Clone, Debug)]
pub struct StandInListing {
    /// The name of the security.
    pub name: String,
    /// The API's code of its kind.
    pub kind: String,
    /// The code of the exchange.
    pub exchange: String,
    /// The first session.
    pub first_session: Date,
    /// The last session, where it trades no more.
    pub last_session: Option<Date>,
    /// Shares outstanding.
    pub shares: Option<i64>,
    /// The industry in the words of the SEC.
    pub industry: Option<String>,
    /// Earlier symbols and the day from which each was used, the oldest first.
    pub earlier_symbols: Vec<(String, Date)>,
    /// The day of the public offering, where the list of offerings has it.
    pub offered_on: Option<Date>,
}

impl StandInListing {
    /// Returns a common stock that has always traded.
    #[must_use]
    pub fn common_stock(symbol: &str) -> Self {
        Self {
            name: format!("{symbol} Inc. Common Stock"),
            kind: "CS".to_owned(),
            exchange: "XNAS".to_owned(),
            first_session: jiff::civil::date(1990, 1, 2),
            last_session: None,
            shares: Some(1_000_000 + (mixed(text_number(symbol)) % 5_000_000_000) as i64),
            industry: None,
            earlier_symbols: Vec::new(),
            offered_on: None,
        }
    }
}

/// All listings, and the end of time.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) listings: BTreeMap<String, StandInListing>,
    last_session: Date,
    zone: TimeZone,
}

/// One day in cents, the coarsest that real prices are in.
struct Day {
    date: Date,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    volume: u64,
}

impl Market {
    pub(super) fn new(listings: BTreeMap<String, StandInListing>, last_session: Date) -> Self {
        let zone = TimeZoneDatabase::bundled().get("America/New_York").expect("compiled in");
        Self { listings, last_session, zone }
    }

    /// Returns the bars of a range of days, both included; weeks and months that begin before it are left out.
    pub(super) fn bars(&self, name: &str, timeframe: Timeframe, from: Date, to: Date) -> Vec<TimedBar> {
        let Some(listing) = self.listings.get(name) else { return Vec::new() };
        let symbol = name.replace('p', "^");
        let Ok(symbol) = Symbol::parse(&symbol) else { return Vec::new() };
        let end = listing.last_session.unwrap_or(self.last_session).min(self.last_session);
        let first = from.max(listing.first_session);
        match timeframe {
            Timeframe::Day => self.day_bars(&symbol, sessions(first, to.min(end))).collect(),
            Timeframe::Minute => {
                days(&symbol, sessions(first, to.min(end))).flat_map(|day| minutes(&symbol, &day)).collect()
            }
            Timeframe::Hour => {
                let minutes = days(&symbol, sessions(first, to.min(end))).flat_map(|day| minutes(&symbol, &day));
                merged(minutes, |bar| {
                    let second = bar.start.as_second();
                    Timestamp::from_second(second - second.rem_euclid(3_600)).expect("within range")
                })
            }
            Timeframe::Week | Timeframe::Month => {
                let window = |date: Date| match timeframe {
                    Timeframe::Month => date.first_of_month(),
                    _ => date.saturating_sub(i32::from(date.weekday().since(Weekday::Sunday)).days()),
                };
                let dates = sessions(window(first).max(listing.first_session), end);
                let dates = dates.filter(move |date| from <= window(*date) && window(*date) <= to);
                merged(self.day_bars(&symbol, dates), |bar| self.midnight(window(bar.date)))
            }
        }
    }

    fn day_bars(&self, symbol: &Symbol, dates: impl Iterator<Item = Date>) -> impl Iterator<Item = TimedBar> {
        let day = |Day { date, open, high, low, close, volume }| {
            bar(symbol, self.midnight(date), date, [open, high, low, close], volume)
        };
        days(symbol, dates).map(day)
    }

    fn midnight(&self, date: Date) -> Timestamp {
        date.to_zoned(self.zone.clone()).expect("midnight exists in New York").timestamp()
    }
}

/// Puts bars together whose windows begin at the same instant.
fn merged(bars: impl Iterator<Item = TimedBar>, window: impl Fn(&TimedBar) -> Timestamp) -> Vec<TimedBar> {
    let zone = TimeZoneDatabase::bundled().get("America/New_York").expect("compiled in");
    let mut whole: Vec<TimedBar> = Vec::new();
    for bar in bars {
        let start = window(&bar);
        match whole.last_mut().filter(|last| last.start == start) {
            Some(last) => {
                last.high = last.high.max(bar.high);
                last.low = last.low.min(bar.low);
                last.close = bar.close;
                last.volume += bar.volume;
            }
            None => {
                whole.push(TimedBar { start, date: start.to_zoned(zone.clone()).date(), ..bar });
            }
        }
    }
    whole
}

/// Walks from the open over the low and the high to the close, so that the minutes add up to the day.
fn minutes(symbol: &Symbol, whole: &Day) -> Vec<TimedBar> {
    let date = whole.date;
    let (Some(open), Some(close)) = (session_open(date), session_close(date)) else { return Vec::new() };
    let count = (close.as_second() - open.as_second()) / 60;
    let corners = [(0, whole.open), (count / 3, whole.low), (2 * count / 3, whole.high), (count, whole.close)];
    let price = |minute: i64| {
        let leg = corners.windows(2).find(|leg| minute <= leg[1].0).expect("the last leg ends with the session");
        let ((start, from), (end, to)) = (leg[0], leg[1]);
        from + (to - from) * (minute - start) / (end - start)
    };
    let part = whole.volume / count.unsigned_abs();
    let minute = |at: i64| {
        let (first, last) = (price(at), price(at + 1));
        let rest = if at + 1 == count { whole.volume % count.unsigned_abs() } else { 0 };
        let start = Timestamp::from_second(open.as_second() + at * 60).expect("within range");
        bar(symbol, start, date, [first, first.max(last), first.min(last), last], part + rest)
    };
    (0..count).map(minute).collect()
}

/// Returns sessions that follow one another: each opens at the close before it.
fn days(symbol: &Symbol, dates: impl Iterator<Item = Date>) -> impl Iterator<Item = Day> {
    let base = text_number(symbol.as_str());
    let mut before: Option<(Date, i64)> = None;
    dates.map(move |date| {
        let last = previous_session(date);
        let open = before.filter(|(day, _)| *day == last).map_or_else(|| close_cents(base, last), |(_, close)| close);
        let close = close_cents(base, date);
        before = Some((date, close));
        let number = number_of(base, date);
        let spread = |salt: u64| (open * (mixed(number ^ salt) % 150) as i64) / 10_000;
        let high = open.max(close) + spread(1);
        let low = (open.min(close) - spread(2)).max(1);
        Day { date, open, high, low, close, volume: 50_000 + mixed(number ^ 3) % 9_000_000 }
    })
}

/// A price that goes up and down over the year, with some noise of the day.
fn close_cents(symbol: u64, date: Date) -> i64 {
    const YEAR: i64 = 365;
    let base = 500 + (mixed(symbol) % 50_000) as i64;
    let days = i64::from(date.year()) * YEAR + i64::from(date.day_of_year()) + base;
    let wave = (days.rem_euclid(YEAR) - YEAR / 2).abs() - YEAR / 4;
    let noise = (mixed(number_of(symbol, date)) % 400) as i64 - 200;
    (base + base * wave / 400 + base * noise / 10_000).max(100)
}

fn bar(symbol: &Symbol, start: Timestamp, date: Date, cents: [i64; 4], volume: u64) -> TimedBar {
    let [open, high, low, close] = cents.map(|cents| Price::from_micros(cents * 10_000));
    TimedBar { symbol: symbol.clone(), start, date, open, high, low, close, volume }
}

fn number_of(symbol: u64, date: Date) -> u64 {
    let day = i64::from(date.year()) * 400 + i64::from(date.day_of_year());
    symbol ^ mixed(day.unsigned_abs())
}

fn text_number(text: &str) -> u64 {
    text.bytes().fold(7, |number, byte| mixed(number ^ u64::from(byte)))
}

/// Spreads numbers that are close together (the finaliser of SplitMix64).
pub(super) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
