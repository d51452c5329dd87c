//! The condition of the market as of a session, from the closes of all listings.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// How many sessions a volatility is taken over: a trading month.
pub const VOLATILITY_SESSIONS: usize = 20;

/// How many sessions a volatility is compared with: its own year.
pub const YEAR_SESSIONS: usize = 252;

/// How many volatilities must be known before one can be called high or low among them.
const RANKED_VOLATILITIES_MIN: usize = 60;

/// Below so many listings with two closes, the figures of a session say nothing.
const LISTINGS_MIN: usize = 20;

/// The figures of one session, kept so that no run reads a year of prices again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketSession {
    /// The session.
    pub session: Date,
    /// How many listings had a close in it and in the session before.
    pub listings: u32,
    /// The share of them that rose.
    pub breadth: f64,
    /// Their median return.
    pub median_return: f64,
    /// The annualised standard deviation of the last [`VOLATILITY_SESSIONS`] median returns.
    pub volatility: Option<f64>,
}

/// The state of the market that rules may react to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Volatility is in the lowest fifth of its own year.
    Calm,
    /// Neither calm nor stressed, or not enough history to tell.
    Normal,
    /// Volatility is in the highest fifth of its own year.
    Stressed,
}

/// What is known about the market as of a session.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketCondition {
    /// The figures of the session.
    pub session: MarketSession,
    /// The share of the volatilities of the last year that are not above the present one.
    pub volatility_rank: Option<f64>,
    /// What rules react to.
    pub regime: Regime,
}

impl MarketSession {
    /// Computes the figures of a session from returns (0.01 is +1 %) and the sessions before it, oldest first.
    ///
    /// Returns `None` when there are too few returns to speak of a market.
    #[must_use]
    pub fn compute(session: Date, mut returns: Vec<f64>, before: &[Self]) -> Option<Self> {
        if returns.len() < LISTINGS_MIN {
            return None;
        }
        let rose = returns.iter().filter(|r| **r > 0.0).count();
        let middle = returns.len() / 2;
        let (below, median, _) = returns.select_nth_unstable_by(middle, f64::total_cmp);
        let upper = *median;
        let odd = below.len() * 2 == returns.len() - 1;
        let median_return = if odd {
            upper
        } else {
            let lower = returns[..middle].iter().copied().max_by(f64::total_cmp).unwrap_or(upper);
            f64::midpoint(lower, upper)
        };
        let recent = before.iter().rev().take(VOLATILITY_SESSIONS - 1).map(|s| s.median_return);
        let recent: Vec<f64> = recent.chain([median_return]).collect();
        Some(Self {
            session,
            listings: u32::try_from(returns.len()).unwrap_or(u32::MAX),
            breadth: rose as f64 / returns.len() as f64,
            median_return,
            volatility: (recent.len() == VOLATILITY_SESSIONS).then(|| annualised_deviation(&recent)),
        })
    }
}

impl MarketCondition {
    /// Tells the condition from the figures of a session and those of the sessions before it, oldest first.
    #[must_use]
    pub fn tell(session: MarketSession, before: &[MarketSession]) -> Self {
        let year: Vec<f64> = before.iter().rev().take(YEAR_SESSIONS).filter_map(|s| s.volatility).collect();
        let volatility_rank = session.volatility.filter(|_| year.len() >= RANKED_VOLATILITIES_MIN).map(|now| {
            let not_above = year.iter().filter(|v| **v <= now).count();
            not_above as f64 / year.len() as f64
        });
        let regime = match volatility_rank {
            Some(rank) if rank <= 0.2 => Regime::Calm,
            Some(rank) if rank >= 0.8 => Regime::Stressed,
            Some(_) | None => Regime::Normal,
        };
        Self { session, volatility_rank, regime }
    }
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Calm => "calm",
            Self::Normal => "normal",
            Self::Stressed => "stressed",
        })
    }
}

fn annualised_deviation(returns: &[f64]) -> f64 {
    let count = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / count;
    let variance = returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (variance * YEAR_SESSIONS as f64).sqrt()
}

#[cfg(test)]
mod tests;
