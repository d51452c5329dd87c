//! A clock that goes on by itself a little with every look, and ids in order.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::civil::Date;
use universe_service::Ambient;
use uuid::Uuid;

/// Surroundings that are the same in every run of a test.
#[derive(Debug)]
pub struct ManualAmbient {
    /// Microseconds since the epoch; a look moves it by one.
    micros: AtomicI64,
    ids: AtomicI64,
}

impl ManualAmbient {
    /// Starts at midnight UTC of a day.
    #[must_use]
    pub fn starting(day: Date) -> Self {
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).expect("midnight exists").timestamp();
        Self { micros: AtomicI64::new(midnight.as_microsecond()), ids: AtomicI64::new(0) }
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: i64) {
        self.micros.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Ambient for ManualAmbient {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.micros.fetch_add(1, Ordering::SeqCst)).expect("within range")
    }

    fn new_run_id(&self) -> Uuid {
        let number = self.ids.fetch_add(1, Ordering::SeqCst);
        Uuid::from_u128(0x7000_8000_0000_0000_0000 + u128::from(number.unsigned_abs()))
    }
}
