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

/// Returns this many random bytes as hexadecimal digits, from the system's own source.
pub(crate) fn random_hex(bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system has no randomness to give: {error}"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
