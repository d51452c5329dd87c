//! What a test draws, and for how long it goes on.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Draws numbers (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    /// Starts from `UNIVERSE_KILL_SEED`, or from a new seed; prints it.
    pub(crate) fn seeded(test: &str) -> Self {
        let given = std::env::var("UNIVERSE_KILL_SEED").ok();
        let seed = given.map_or_else(|| RandomState::new().hash_one(test), |seed| seed.parse().expect("a number"));
        eprintln!("{test}: UNIVERSE_KILL_SEED={seed}");
        Self(seed)
    }

    /// Returns a number below another one.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// Lets a random time pass: not to wait for anything, but to do the next thing at any moment.
    pub(crate) fn moment(&mut self, shorter_than: Duration) {
        let micros = u64::try_from(shorter_than.as_micros()).expect("a short time").max(1);
        std::thread::sleep(Duration::from_micros(self.below(micros)));
    }
}

/// Returns the first in an ordinary test run, the second in a long one.
pub(crate) fn or_long<T>(ordinary: T, long: T) -> T {
    if std::env::var("UNIVERSE_LONG_TESTS").is_ok_and(|value| value == "1") { long } else { ordinary }
}
