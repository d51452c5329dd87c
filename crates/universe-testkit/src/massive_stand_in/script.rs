//! What goes wrong when, and who asked for what.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use super::market::mixed;

/// One way in which an answer goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Half of the answer comes, and then nothing any more.
    Slow,
    /// The connection ends in the middle of the answer.
    CutOff,
    /// A page of a proxy instead of JSON, with success.
    Malformed,
    /// JSON that is not the documented shape.
    WrongShape,
    /// Success without a single byte.
    Empty,
    /// A whole answer that says there is nothing.
    NoResults,
    /// More bars are promised than come.
    Short,
    /// A failure with this status.
    Status(u16),
    /// Too many requests, although there were not.
    TooMany(RetryAfter),
    /// Some bars have texts, nulls and lists for numbers.
    WrongTypes,
    /// The bars of a page come in reverse.
    OutOfOrder,
    /// Bars of another time come among those asked for.
    Strays,
    /// The answer has no end.
    Endless,
    /// The next page is said to be at this address, whether there is one or not.
    NextPageAt(String),
    /// The client is sent to this address.
    Redirect(String),
    /// The bars are said to be of another symbol.
    OtherSymbol,
}

/// How the time to wait is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// Not at all.
    Untold,
    /// In seconds.
    Seconds(u32),
    /// As a date, so many seconds after the date of the answer.
    DateIn(u32),
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asked {
    /// The symbol in the API's spelling; empty for lists.
    pub symbol: String,
    /// The length of the bars as the API names it; for reference data the name of the endpoint.
    pub timeframe: String,
    /// `FROM/TO` of bars.
    pub range: String,
    /// The row at which the page begins, from 0.
    pub first_row: usize,
}

#[derive(Debug, Default)]
pub(super) struct Script(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    planned: Vec<Planned>,
    random: Option<Random>,
    answered: BTreeMap<Asked, u64>,
    requests: u64,
    told_to_wait: u64,
    recent: VecDeque<Instant>,
}

#[derive(Debug)]
struct Planned {
    symbol: String,
    fault: Fault,
    left: Option<u32>,
}

#[derive(Debug)]
struct Random {
    seed: u64,
    in_a_thousand: u32,
    faults: Vec<Fault>,
}

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it is held")
    }

    pub(super) fn fail(&self, symbol: &str, fault: Fault, times: Option<u32>) {
        self.state().planned.push(Planned { symbol: symbol.to_owned(), fault, left: times });
    }

    pub(super) fn fail_at_random(&self, seed: u64, in_a_thousand: u32, faults: &[Fault]) {
        self.state().random = Some(Random { seed, in_a_thousand, faults: faults.to_vec() });
    }

    pub(super) fn recover(&self) {
        let mut state = self.state();
        state.planned.clear();
        state.random = None;
    }

    pub(super) fn answered(&self) -> BTreeMap<Asked, u64> {
        self.state().answered.clone()
    }

    pub(super) fn requests(&self) -> u64 {
        self.state().requests
    }

    pub(super) fn told_to_wait(&self) -> u64 {
        self.state().told_to_wait
    }

    /// Counts a request against the limit; returns how long to wait where it is one too many.
    pub(super) fn admit(&self, limit: Option<u32>, window: Duration) -> Result<(), Duration> {
        let mut state = self.state();
        state.requests += 1;
        let Some(limit) = limit else { return Ok(()) };
        let now = Instant::now();
        while state.recent.front().is_some_and(|first| now - *first >= window) {
            state.recent.pop_front();
        }
        match state.recent.front().copied() {
            Some(first) if state.recent.len() >= limit as usize => {
                state.told_to_wait += 1;
                Err(window - (now - first))
            }
            Some(_) | None => {
                state.recent.push_back(now);
                Ok(())
            }
        }
    }

    /// Returns what is to go wrong with this request; an answer that goes right is counted.
    pub(super) fn fault_of(&self, asked: &Asked) -> Option<Fault> {
        let mut state = self.state();
        let planned =
            state.planned.iter_mut().find(|planned| planned.symbol == asked.symbol && planned.left != Some(0));
        if let Some(planned) = planned {
            planned.left = planned.left.map(|left| left - 1);
            return Some(planned.fault.clone());
        }
        let number = state.requests;
        if let Some(random) = &state.random {
            let drawn = mixed(random.seed ^ mixed(number));
            if drawn % 1_000 < u64::from(random.in_a_thousand) && !random.faults.is_empty() {
                let which = (drawn / 1_000) as usize % random.faults.len();
                return Some(random.faults[which].clone());
            }
        }
        *state.answered.entry(asked.clone()).or_default() += 1;
        None
    }
}
