//! What `universe jobs` takes.

use clap::{Args, Subcommand};
use universe_core::Timeframe;

#[derive(Subcommand)]
pub(crate) enum Jobs {
    /// Ask for the bars of a universe, of symbols, or of the symbols of a file
    #[command(after_help = "\
Examples:
  universe jobs submit --universe etf_core --years 2
  universe jobs submit --symbols AAPL,BRK.B --timeframe day --timeframe week --wait
  universe jobs submit --universe 'top_500 + etf_core' --run    no server is needed
  universe jobs submit --csv curated-etfs.csv --id nightly-2024-01-02

Exit codes: 0 asked for or done, 1 failed or done in part, 2 wrong usage")]
    Submit(SubmitJob),
    /// List the latest jobs
    #[command(after_help = "Example:\n  universe jobs list --limit 5 --format json")]
    List {
        /// How many
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Show how a job stands, and what failed
    #[command(after_help = "Example:\n  universe jobs show nightly-2024-01-02")]
    Show {
        /// The id of the job
        id: String,
    },
    /// Cancel a job; what it loaded stays
    #[command(after_help = "Example:\n  universe jobs cancel nightly-2024-01-02")]
    Cancel {
        /// The id of the job
        id: String,
    },
}

#[derive(Args)]
pub(crate) struct SubmitJob {
    /// The universe (key, type:key) or expression (a + b, a & b, a - b)
    #[arg(long, value_name = "UNIVERSE", required_unless_present_any = ["symbols", "csv"], conflicts_with = "symbols")]
    pub(crate) universe: Option<String>,
    /// Symbols, with commas between them
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',', conflicts_with = "csv")]
    pub(crate) symbols: Vec<String>,
    /// A file in loading.csv_directory
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<String>,
    /// How many years back
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) years: u32,
    /// How long bars are: 1min, hour, day, week or month; may be given several times
    #[arg(long = "timeframe", value_name = "TIMEFRAME", default_value = "day", value_parser = timeframe)]
    pub(crate) timeframes: Vec<Timeframe>,
    /// Load no bars, and only make the symbols known
    #[arg(long)]
    pub(crate) no_bars: bool,
    /// The id of the job, instead of a new one: the same id twice is one job
    #[arg(long, value_name = "ID", value_parser = job_id)]
    pub(crate) id: Option<String>,
    /// Wait for its end, which a server brings about
    #[arg(long)]
    pub(crate) wait: bool,
    /// Carry it out here, unless a server does
    #[arg(long)]
    pub(crate) run: bool,
}

fn timeframe(text: &str) -> Result<Timeframe, String> {
    text.parse().map_err(|_| "the timeframes are 1min, hour, day, week and month".to_owned())
}

fn job_id(text: &str) -> Result<String, String> {
    let is_id = (1..=universe_service::JOB_ID_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_id { Ok(text.to_owned()) } else { Err("an id is up to 100 characters of ASCII without spaces".to_owned()) }
}
