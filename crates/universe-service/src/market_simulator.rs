//! A seeded, realistic US market, day by day: for the demo, for tests and for benchmarks.
//!
//! The same seed and configuration give the same market to the last byte. Companies are invented; only the
//! ETFs are real ones. Sizes, sectors, kinds of security and the rates of events are those of the real
//! market; prices move with a market whose volatility clusters, with their sector, and on their own with fat
//! tails. What it does not have: faults of a data source. It describes what really happened.
//!
//! ```
//! use universe_service::market_simulator::{Market, MarketConfig, to_screener_csv};
//!
//! let first_session = jiff::civil::date(2024, 1, 2);
//! let mut market = Market::new(42, MarketConfig { listings: 500, first_session, event_rate: 1.0 });
//! let day = market.next_session();
//! assert_eq!((day.session, day.snapshot.rows.len()), (first_session, 500));
//! assert!(to_screener_csv(&day).starts_with("symbol,exchange,name,lastsale,"));
//! ```

mod events;
mod figures;
mod naming;
mod population;
mod random;
mod reference;
mod screener;

use jiff::civil::Date;
use universe_core::{ListingRecord, Price, SecurityType, Snapshot, SnapshotRow, Symbol, is_session, next_session};

use population::{Company, Line, Population};
use random::Random;
use reference::SECTORS;

pub use events::MarketEvent;
pub use screener::to_screener_csv;

/// What kind of market to simulate.
#[derive(Clone, Debug)]
pub struct MarketConfig {
    /// How many listings it starts with, ETFs included; about 7,000 is the real market.
    pub listings: usize,
    /// The first session; the next one where it is none.
    pub first_session: Date,
    /// How often things happen, as a multiple of what is usual: 1.0 is real, 0.0 makes prices the only news.
    pub event_rate: f64,
}

/// A market between two sessions.
#[derive(Clone, Debug)]
pub struct Market {
    config: MarketConfig,
    random: Random,
    population: Population,
    session: Option<Date>,
    /// The variance of the market's return in a session, as of the last one.
    variance: f64,
}

/// What a session left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedDay {
    /// The session.
    pub session: Date,
    /// Every listing; those delisted this session once more, as no longer active and without a price.
    pub snapshot: Snapshot,
    /// The close before of each row of the snapshot, adjusted for splits; `None` for new listings.
    pub previous_closes: Vec<Option<Price>>,
    /// What happened besides prices, before the session opened; sorted by symbol.
    pub events: Vec<MarketEvent>,
}

/// The standard deviation of the market's return in a usual session.
const MARKET_VOLATILITY: f64 = 0.009;
/// How much of yesterday's surprise and of yesterday's variance stays (GARCH(1,1), as fitted to US indexes).
const SURPRISE_KEPT: f64 = 0.10;
const VARIANCE_KEPT: f64 = 0.87;
const SECTOR_VOLATILITY: f64 = 0.006;
/// What a share gains in a session on average: some eight percent a year.
const DRIFT: f64 = 0.0003;
/// Below this no price falls: the next step would be a delisting.
const PRICE_MIN: f64 = 0.01;

impl Market {
    /// Makes the market that belongs to a seed, before its first session.
    #[must_use]
    pub fn new(seed: u64, config: MarketConfig) -> Self {
        let mut random = Random::new(seed);
        let population = Population::new(&mut random, config.listings, config.first_session);
        let variance = MARKET_VOLATILITY * MARKET_VOLATILITY;
        Self { config, random, population, session: None, variance }
    }

    /// Lets the next session happen. On the first one prices stay where they start, and nothing else happens.
    pub fn next_session(&mut self) -> SimulatedDay {
        let first = self.config.first_session;
        let (session, events) = match self.session {
            None => (if is_session(first) { first } else { next_session(first) }, Vec::new()),
            Some(last) => {
                let session = next_session(last);
                let per_listing = self.config.event_rate * self.config.listings as f64;
                let events = events::happen(&mut self.population, &mut self.random, session, per_listing);
                (session, events)
            }
        };
        let activity = match self.session {
            None => vec![0.0; self.population.companies.len()],
            Some(_) => self.move_prices(),
        };
        self.session = Some(session);
        self.day(session, events, &activity)
    }

    /// Moves every price, and returns each company's return.
    fn move_prices(&mut self) -> Vec<f64> {
        let random = &mut self.random;
        let market = self.variance.sqrt() * fat_tailed(random);
        let usual = MARKET_VOLATILITY * MARKET_VOLATILITY;
        self.variance = usual * (1.0 - SURPRISE_KEPT - VARIANCE_KEPT)
            + SURPRISE_KEPT * market * market
            + VARIANCE_KEPT * self.variance;
        let sectors: Vec<f64> = SECTORS.iter().map(|_| SECTOR_VOLATILITY * random.normal()).collect();
        let mut move_company = |company: &Company| {
            let sector = company.sector.map_or(0.0, |sector| sectors[sector] * company.beta);
            let own = company.volatility * fat_tailed(random);
            (DRIFT + company.beta * market + sector + own).clamp(-0.6, 1.5)
        };
        let returns: Vec<f64> = self.population.companies.iter().map(&mut move_company).collect();
        for line in &mut self.population.lines {
            let change = (line.sensitivity * returns[line.company]).max(-0.8);
            line.price = (line.price * (1.0 + change)).max(PRICE_MIN);
        }
        returns
    }

    fn day(&mut self, session: Date, events: Vec<MarketEvent>, returns: &[f64]) -> SimulatedDay {
        let Population { companies, lines, .. } = &mut self.population;
        let mut rows = Vec::with_capacity(lines.len());
        let mut previous_closes = Vec::with_capacity(lines.len());
        for line in lines {
            let company = &companies[line.company];
            let close = (!line.delisted).then(|| quoted(line.price));
            let turnover = self.random.between(0.001, 0.01) * (1.0 + 20.0 * returns[line.company].abs());
            rows.push(SnapshotRow {
                listing: listing_record(line, company, close, session),
                close,
                volume: close.map(|_| (line.shares as f64 * turnover) as i64),
            });
            previous_closes.push(line.previous);
            line.previous = close;
        }
        let snapshot = Snapshot { session, source: "simulator".to_owned(), rows };
        SimulatedDay { session, snapshot, previous_closes, events }
    }
}

fn listing_record(line: &Line, company: &Company, close: Option<Price>, session: Date) -> ListingRecord {
    let counted = match line.security_type {
        SecurityType::Etf | SecurityType::Unit | SecurityType::Right => false,
        SecurityType::Cs
        | SecurityType::Adrc
        | SecurityType::Pfd
        | SecurityType::Warrant
        | SecurityType::Note
        | SecurityType::Fund
        | SecurityType::Other => line.cap_known,
    };
    let shares = (counted && !line.delisted).then_some(line.shares);
    ListingRecord {
        company_name: Some(line.name.clone()),
        security_type: Some(line.security_type),
        exchange: Some(company.exchange.to_owned()),
        sector: company.sector.map(|sector| SECTORS[sector].name.to_owned()),
        industry: company.industry.map(str::to_owned),
        country: Some(company.country.to_owned()),
        currency: Some("USD".to_owned()),
        market_cap: close.zip(shares).and_then(|(price, shares)| price.times_shares(shares)),
        weighted_shares_outstanding: shares,
        listing_date: company.listing_date,
        ipo_year: company.listing_date.map(Date::year),
        is_active: Some(!line.delisted),
        delisted_date: line.delisted.then_some(session),
        etf_type: line.etf.map(|etf| etf.etf_type.to_owned()),
        issuer: line.etf.map(|etf| etf.issuer.to_owned()),
        aum_millions: line.etf.map(|_| (line.price * line.shares as f64 / 1e6).round()),
        ..ListingRecord::new(Symbol::clone(&line.symbol))
    }
}

/// Returns a price as exchanges quote it: in cents, and below a dollar in hundredths of cents.
fn quoted(price: f64) -> Price {
    let ticks_per_dollar = if price >= 1.0 { 100.0 } else { 10_000.0 };
    let micros_per_tick = if price >= 1.0 { 10_000 } else { 100 };
    Price::from_micros((price * ticks_per_dollar).round() as i64 * micros_per_tick)
}

/// Returns a surprise of standard deviation one or so: mostly small, now and then news.
fn fat_tailed(random: &mut Random) -> f64 {
    let scale = match random.unit() {
        draw if draw < 0.002 => 6.0,
        draw if draw < 0.03 => 2.5,
        _ => 0.85,
    };
    scale * random.normal()
}

#[cfg(test)]
mod tests;
