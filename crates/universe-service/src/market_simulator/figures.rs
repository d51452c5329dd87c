//! Fundamental figures of the simulated companies, for rules that ask for more than size and sector.

use std::collections::BTreeMap;

use universe_core::{ListingRecord, SecurityType};

use super::Market;
use super::random::Random;

impl Market {
    /// Returns the fundamentals of every common stock as of the last session, in order of symbol.
    ///
    /// They hang together as real ones do: four in ten companies pay a dividend, losses give no
    /// price/earnings, and only long-established payers have raised their dividend for decades. The same
    /// market gives the same figures; asking for them changes nothing in it.
    #[must_use]
    pub fn fundamentals(&self) -> Vec<ListingRecord> {
        let mut random = self.random.clone();
        let lines =
            self.population.lines.iter().filter(|line| line.security_type == SecurityType::Cs && !line.delisted);
        lines
            .map(|line| ListingRecord { facts: company(&mut random), ..ListingRecord::new(line.symbol.clone()) })
            .collect()
    }
}

fn company(random: &mut Random) -> BTreeMap<String, f64> {
    let mut facts = BTreeMap::new();
    let mut set = |name: &str, value: f64| facts.insert(name.to_owned(), (value * 1e4).round() / 1e4);
    let profitable = random.chance(0.65);
    if profitable {
        set("price_earnings", 6.0 + 40.0 * random.unit() * random.unit());
    }
    set("price_book", 0.4 + 9.0 * random.unit() * random.unit());
    set("esg_score", (50.0 + 15.0 * random.normal()).clamp(0.0, 100.0));
    if profitable && random.chance(0.6) {
        set("dividend_yield", 0.005 + 0.06 * random.unit() * random.unit());
        let years = 45.0 * random.unit() * random.unit() * random.unit() * random.unit();
        set("dividend_growth_years", (years * 1.6).floor());
    } else {
        set("dividend_yield", 0.0);
    }
    facts
}
