//! The one place that reads the clock on the wall and makes ids from chance.

use jiff::Timestamp;
use universe_service::Ambient;
use uuid::Uuid;

/// The real surroundings.
pub(crate) struct Surroundings;

impl Ambient for Surroundings {
    #[expect(clippy::disallowed_methods, reason = "this is the module that the ban leaves")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the module that the ban leaves")]
    fn new_run_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}
