//! What happens to a simulated market besides prices: offerings, delistings, splits, new symbols, new shares.

use std::collections::BTreeMap;

use jiff::civil::Date;
use universe_core::{SecurityType, Symbol};

use super::population::{Line, Population};
use super::random::{Random, exp};

/// Something that happened to a listing before a session opened; the session's snapshot shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarketEvent {
    /// Each `old_shares` became `new_shares` (20 for 1); prices before are adjusted.
    Split {
        /// The listing.
        symbol: Symbol,
        /// How many shares there are now.
        new_shares: u32,
        /// For how many before.
        old_shares: u32,
    },
    /// A company was listed for the first time.
    InitialOffering {
        /// Its new symbol.
        symbol: Symbol,
        /// Whether the source shows its cap on the first day; else it does on the second.
        cap_known: bool,
    },
    /// A listing ended; this session's snapshot shows it as no longer active, the next one not at all.
    Delisting {
        /// The listing.
        symbol: Symbol,
    },
    /// The same company, under the same name, has another symbol.
    SymbolChange {
        /// The symbol until now, not used again.
        old_symbol: Symbol,
        /// The symbol from now on.
        symbol: Symbol,
    },
    /// Shares were issued or bought back.
    ShareCountChange {
        /// The listing.
        symbol: Symbol,
        /// Shares outstanding until now.
        shares_before: i64,
        /// Shares outstanding from now on.
        shares_after: i64,
    },
}

impl MarketEvent {
    /// Returns the symbol under which the listing is found in the session's snapshot.
    #[must_use]
    pub fn symbol(&self) -> &Symbol {
        match self {
            Self::Split { symbol, .. }
            | Self::InitialOffering { symbol, .. }
            | Self::Delisting { symbol }
            | Self::SymbolChange { symbol, .. }
            | Self::ShareCountChange { symbol, .. } => symbol,
        }
    }
}

/// Events per session and listing: with 5,000 listings one offering and one delisting a session, a symbol change
/// a week, a few splits a month.
const OFFERINGS: f64 = 1.0 / 5000.0;
const DELISTINGS: f64 = 1.0 / 5000.0;
const SYMBOL_CHANGES: f64 = 0.2 / 5000.0;
const SPLITS: f64 = 0.15 / 5000.0;
const REVERSE_SPLITS: f64 = 0.25 / 5000.0;
const SHARE_COUNT_CHANGES: f64 = 4.0 / 5000.0;
/// How often a listing to which an event could happen is looked for.
const TRIES: usize = 200;
/// The chance that a source shows the cap of a new listing on its first day (measured on real data: a third).
const CAP_ON_FIRST_DAY: f64 = 0.4;
/// Larger companies are split up or bought in parts; they do not vanish.
const DELISTED_CAP_MAX: f64 = 20e9;

/// What happens to all lines of one company; one thing in a session.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Delisted,
    Renamed,
    Split { new_shares: u32, old_shares: u32 },
    Diluted { factor: f64 },
}

/// Lets a session's events happen, and returns them sorted by symbol; `listings` is how many they are usual for.
pub(super) fn happen(
    population: &mut Population,
    random: &mut Random,
    session: Date,
    listings: f64,
) -> Vec<MarketEvent> {
    population.lines.retain(|line| !line.delisted);
    for line in &mut population.lines {
        line.cap_known = true;
    }
    let fates = draw_fates(population, random, listings);
    let mut events = suffer(population, random, &fates);
    for _ in 0..random.count(listings * OFFERINGS) {
        events.push(offer(population, random, session));
    }
    population.lines.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    events.sort_by(|a, b| a.symbol().cmp(b.symbol()));
    events
}

fn draw_fates(population: &Population, random: &mut Random, listings: f64) -> BTreeMap<usize, Fate> {
    let mut fates = BTreeMap::new();
    let mut draw =
        |random: &mut Random, rate: f64, may: &dyn Fn(&Line) -> bool, fate: &dyn Fn(&mut Random, &Line) -> Fate| {
            for _ in 0..random.count(listings * rate) {
                if population.lines.is_empty() {
                    return;
                }
                let found = (0..TRIES).find_map(|_| {
                    let line = random.pick(&population.lines);
                    (is_share(line) && !fates.contains_key(&line.company) && may(line)).then_some(line)
                });
                if let Some(line) = found {
                    let fate = fate(random, line);
                    fates.insert(line.company, fate);
                }
            }
        };
    let cap = |line: &Line| line.price * line.shares as f64;
    draw(random, DELISTINGS, &|line| cap(line) < DELISTED_CAP_MAX, &|_, _| Fate::Delisted);
    draw(random, SYMBOL_CHANGES, &|line| population.companies[line.company].lines == 1, &|_, _| Fate::Renamed);
    draw(random, SPLITS, &|line| line.price > 120.0, &|random, line| {
        // Boards aim for a price that small investors like.
        let wanted = line.price / random.between(30.0, 90.0);
        let ratios = [2, 3, 4, 5, 8, 10, 15, 20, 50];
        let new_shares = ratios.into_iter().rfind(|ratio| f64::from(*ratio) <= wanted).unwrap_or(2);
        Fate::Split { new_shares, old_shares: 1 }
    });
    draw(random, REVERSE_SPLITS, &|line| line.price < 1.0, &|random, _| Fate::Split {
        new_shares: 1,
        old_shares: *random.pick(&[5, 8, 10, 15, 20, 25, 30, 40]),
    });
    draw(random, SHARE_COUNT_CHANGES, &|_| true, &|random, line| {
        let bought_back = cap(line) > 2e9 && random.chance(0.7);
        let factor = if bought_back { random.between(0.975, 0.995) } else { random.between(1.005, 1.15) };
        Fate::Diluted { factor }
    });
    fates
}

/// Applies fates to every line of the companies that have one.
fn suffer(population: &mut Population, random: &mut Random, fates: &BTreeMap<usize, Fate>) -> Vec<MarketEvent> {
    let Population { companies, lines, naming } = population;
    let mut events = Vec::new();
    for line in lines.iter_mut() {
        let Some(fate) = fates.get(&line.company) else { continue };
        match *fate {
            Fate::Delisted => {
                line.delisted = true;
                events.push(MarketEvent::Delisting { symbol: line.symbol.clone() });
            }
            Fate::Renamed => {
                let company = &mut companies[line.company];
                let symbol = naming.symbol(random, &company.name);
                company.symbol = symbol.clone();
                let old_symbol = std::mem::replace(&mut line.symbol, symbol.clone());
                events.push(MarketEvent::SymbolChange { old_symbol, symbol });
            }
            Fate::Split { new_shares, old_shares } if is_share(line) => {
                let ratio = f64::from(new_shares) / f64::from(old_shares);
                line.price /= ratio;
                line.shares = scaled(line.shares, ratio);
                line.previous = line.previous.map(|close| super::quoted(close.dollars() / ratio));
                events.push(MarketEvent::Split { symbol: line.symbol.clone(), new_shares, old_shares });
            }
            Fate::Diluted { factor } if is_share(line) => {
                let shares_before = line.shares;
                line.shares = scaled(shares_before, factor);
                let (symbol, shares_after) = (line.symbol.clone(), line.shares);
                events.push(MarketEvent::ShareCountChange { symbol, shares_before, shares_after });
            }
            Fate::Split { .. } | Fate::Diluted { .. } => {}
        }
    }
    events
}

fn offer(population: &mut Population, random: &mut Random, session: Date) -> MarketEvent {
    // Natural logarithms of 60 million and 6 billion: most are small.
    let cap = exp(random.between(17.9, 22.5).min(random.between(17.9, 22.5)));
    let is_receipt = random.chance(0.1);
    let from_top = random.between(0.2, 0.8);
    population.add_company(random, cap, from_top, is_receipt, Some(session));
    let line = population.lines.last_mut().expect("a company comes with a line");
    line.cap_known = random.chance(CAP_ON_FIRST_DAY);
    MarketEvent::InitialOffering { symbol: line.symbol.clone(), cap_known: line.cap_known }
}

/// Returns whether a line is a share of a company, which splits and offerings concern.
fn is_share(line: &Line) -> bool {
    matches!(line.security_type, SecurityType::Cs | SecurityType::Adrc)
}

fn scaled(shares: i64, factor: f64) -> i64 {
    ((shares as f64 * factor).round() as i64).max(1)
}
