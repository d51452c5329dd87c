//! How fast requests follow each other: one limit for all, and one pause for all when the API asks for it.

use std::num::NonZeroU32;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// The part of a minute whose requests may come at once, so that a busy machine loses no turn. One half
/// second: the limit holds for every minute all the same, because the steady rate is lowered by as much.
const BURSTS_PER_MINUTE: u32 = 120;

type Limiter = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

/// Lets requests through one after another, in the order in which they came.
pub(super) struct Pace {
    clock: TokioClock,
    limiter: Option<Limiter>,
    /// Held while waiting, so that nobody overtakes.
    turn: Mutex<()>,
    paused_until: StdMutex<Instant>,
    /// The time between two requests at the steady rate.
    interval: Duration,
    waits: AtomicU64,
    spread_seed: u64,
}

/// The clock of the runtime, as time since the start: tests turn it forward instead of waiting.
#[derive(Clone, Debug)]
struct TokioClock {
    start: Instant,
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

impl Pace {
    pub(super) fn new(requests_per_minute: u32, spread_seed: u64) -> Self {
        let clock = TokioClock { start: Instant::now() };
        let quota = quota(requests_per_minute);
        Self {
            limiter: quota.map(|quota| RateLimiter::direct_with_clock(quota, clock.clone())),
            interval: quota.map_or(Duration::ZERO, |quota| quota.replenish_interval()),
            turn: Mutex::new(()),
            paused_until: StdMutex::new(clock.start),
            waits: AtomicU64::new(0),
            clock,
            spread_seed,
        }
    }

    /// Waits until the next request may be made.
    pub(super) async fn turn(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let until = *self.paused_until.lock().expect("nothing panics while it is held");
            if until > Instant::now() {
                sleep_until(until).await;
                continue;
            }
            let Some(limiter) = &self.limiter else { return };
            match limiter.check() {
                Ok(()) => return,
                Err(not_yet) => tokio::time::sleep(not_yet.wait_time_from(self.clock.now())).await,
            }
        }
    }

    /// Lets nobody through for a while.
    pub(super) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut paused_until = self.paused_until.lock().expect("nothing panics while it is held");
        *paused_until = until.max(*paused_until);
    }

    /// Returns the time between two requests at the steady rate; zero without a limit.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns the wait before the next try, which doubles with each, less up to half of it: tries that failed
    /// together come back apart.
    pub(super) fn backoff(&self, first: Duration, longest: Duration, tries: u32) -> Duration {
        let full = first.saturating_mul(1_u32 << tries.saturating_sub(1).min(20)).min(longest);
        let number = self.waits.fetch_add(1, Ordering::Relaxed);
        let part = (mixed(self.spread_seed ^ mixed(number)) >> 11) as f64 / (1_u64 << 53) as f64;
        full.mul_f64(0.5 + part / 2.0)
    }
}

/// Returns the steady rate and the burst that never pass the limit in any minute; `None` for no limit.
fn quota(requests_per_minute: u32) -> Option<Quota> {
    let limit = NonZeroU32::new(requests_per_minute)?;
    let burst = NonZeroU32::new(limit.get() / BURSTS_PER_MINUTE).unwrap_or(NonZeroU32::MIN);
    let steady = NonZeroU32::new(limit.get() - (burst.get() - 1)).unwrap_or(NonZeroU32::MIN);
    Some(Quota::per_minute(steady).allow_burst(burst))
}

/// Spreads numbers that are close together (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
