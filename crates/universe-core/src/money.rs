//! Money in integer units: prices in millionths of a dollar, market caps in whole dollars.

use std::fmt;

use serde::{Deserialize, Serialize};

const MICROS_PER_DOLLAR: i64 = 1_000_000;

/// A price per share in millionths of a US dollar.
///
/// Six places hold every price that US exchanges quote (four places) and those that splits leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Price(i64);

/// A market capitalisation in whole US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Usd(pub i64);

impl Price {
    /// Takes a price in millionths of a dollar.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Rounds a price in dollars to the nearest millionth; `None` when it is no finite, storable number.
    #[must_use]
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let micros = (dollars * MICROS_PER_DOLLAR as f64).round();
        (micros.abs() < 9.0e18).then_some(Self(micros as i64))
    }

    /// Returns the price in millionths of a dollar.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns the price in dollars.
    #[must_use]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / MICROS_PER_DOLLAR as f64
    }

    /// Returns the value of `shares` at this price, rounded to whole dollars; `None` when it overflows.
    #[must_use]
    pub fn times_shares(self, shares: i64) -> Option<Usd> {
        let micros = i128::from(self.0) * i128::from(shares);
        let half = i128::from(MICROS_PER_DOLLAR / 2);
        i64::try_from((micros + half).div_euclid(i128::from(MICROS_PER_DOLLAR))).ok().map(Usd)
    }
}

impl Usd {
    /// Returns the share count that a cap implies at `price`, rounded; `None` when the price is not positive.
    #[must_use]
    pub fn shares_at(self, price: Price) -> Option<i64> {
        if price.0 <= 0 {
            return None;
        }
        let micros = i128::from(self.0) * i128::from(MICROS_PER_DOLLAR);
        i64::try_from((micros + i128::from(price.0) / 2).div_euclid(i128::from(price.0))).ok()
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents_exact = self.0 % 10_000 == 0;
        let text = if cents_exact { format!("{:.2}", self.dollars()) } else { format!("{}", self.dollars()) };
        f.pad(&text)
    }
}

/// Shows a cap as people read it: three significant digits and a suffix (`2.95T`, `33.5B`, `410M`).
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0 as f64;
        let (scaled, suffix) = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")]
            .into_iter()
            .find(|(unit, _)| value.abs() >= *unit)
            .map_or((value, ""), |(unit, suffix)| (value / unit, suffix));
        let places = match scaled.abs() {
            size if size >= 100.0 => 0,
            size if size >= 10.0 => 1,
            _ => 2,
        };
        let places = if suffix.is_empty() { 0 } else { places };
        f.pad(&format!("{scaled:.places$}{suffix}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cap_is_price_times_shares_rounded_to_dollars() {
        let price = Price::from_dollars(1.06).expect("finite");
        assert_eq!(price.times_shares(31_598_588), Some(Usd(33_494_503)));
        assert_eq!(Price::from_micros(500_000).times_shares(1), Some(Usd(1)));
        assert_eq!(Price::from_micros(i64::MAX).times_shares(i64::MAX), None);
    }

    #[test]
    fn implied_shares_invert_the_cap() {
        let price = Price::from_dollars(1.06).expect("finite");
        assert_eq!(Usd(33_494_503).shares_at(price), Some(31_598_588));
        assert_eq!(Usd(5).shares_at(Price::from_micros(0)), None);
    }

    #[test]
    fn refuses_prices_that_are_no_numbers() {
        assert_eq!(Price::from_dollars(f64::NAN), None);
        assert_eq!(Price::from_dollars(f64::INFINITY), None);
    }

    #[test]
    fn caps_read_like_a_newspaper() {
        let shown: Vec<String> =
            [2_950_000_000_000, 33_494_503_000, 410_000_000, 50_000_000, 999, 0].map(|cap| Usd(cap).to_string()).into();
        assert_eq!(shown, ["2.95T", "33.5B", "410M", "50.0M", "999", "0"]);
    }
}
