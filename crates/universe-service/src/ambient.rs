//! What a run takes from its surroundings: the time, and ids that nobody used before.

use jiff::Timestamp;
use uuid::Uuid;

/// The clock on the wall and fresh ids. The binary has the one real implementation, tests a manual one.
pub trait Ambient: Send + Sync {
    /// Returns the present instant.
    fn now(&self) -> Timestamp;

    /// Returns an id that no run has.
    fn new_run_id(&self) -> Uuid;
}
