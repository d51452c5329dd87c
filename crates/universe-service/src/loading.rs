//! Data-load jobs: somebody asks for the bars of a universe, and they are loaded from the Massive API.
//!
//! A job is ordered by a message on Redis, over HTTP or from the command line; each of them writes it into the
//! database, and from there on it is the same. One process at a time works on the jobs of an environment, by a
//! lease; what a task loads is stored together with the mark that it is done. Whoever takes over a job whose
//! process died asks for the rest only.

mod ears;
mod fetch;
mod message;
mod mirror;
mod selection;
mod wish;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use universe_feeds::massive;

pub use ears::{DATA_LOAD_CHANNEL, listen_for_data_loads};
pub use message::{BadMessage, read_message};
pub use mirror::{mirror_data_loads, status_key};
pub use wish::{DataLoadWish, JOB_ID_LEN_MAX, YEARS_MAX};
pub use work::{load_data, load_data_once};

/// How jobs are carried out.
#[derive(Clone, Debug)]
pub struct DataLoadSettings {
    /// Where bars come from; or why they cannot come, for whoever asks for some.
    pub client: Result<massive::Client, String>,
    /// How many tasks are under way at once; the client keeps to its limit of requests by itself.
    pub concurrency: usize,
    /// Whether the universe counts where a message has both a universe and a file.
    pub use_cache_universes: bool,
    /// Where the files of messages are.
    pub csv_directory: PathBuf,
    /// For how long nobody else takes a job after the last sign of life of its process.
    pub lease_seconds: i64,
    /// How often jobs are looked for; one that is ordered in the same process is seen at once.
    pub poll: Duration,
}

impl DataLoadSettings {
    /// For how long a server keeps a job to itself: a dead process is found within half a minute.
    pub const LEASE_SECONDS: i64 = 30;
    /// How often a server looks for jobs.
    pub const POLL: Duration = Duration::from_millis(500);
}
