//! Commands that take universes out, bring them back in, and go back to what they were.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{day, instant};

#[derive(Args)]
pub(crate) struct Export {
    /// Universes (key, type:key) or combinations (a + b, a & b, a - b); all universes when none is named
    #[arg(value_name = "UNIVERSE", conflicts_with = "all")]
    pub(crate) universes: Vec<String>,
    /// All universes
    #[arg(long)]
    pub(crate) all: bool,
    /// What is exported of them
    #[arg(long, value_name = "WHAT", default_value = "members")]
    pub(crate) what: What,
    /// The session that members are exported as of
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) as_of: Option<Date>,
    /// What was known at this instant (2024-01-03T12:00:00Z)
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) known_at: Option<Timestamp>,
    /// The first session of a panel, instead of the first with members
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) from: Option<Date>,
    /// The last session of a panel, instead of the last one synchronized
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) to: Option<Date>,
    /// The file (for qlib the directory) to write; - is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    /// The format, where the ending of the file does not say
    #[arg(long = "as", value_name = "FORMAT")]
    pub(crate) form: Option<Form>,
}

/// What is exported of universes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Their members as of one session
    Members,
    /// Every interval of membership, with its reasons
    Intervals,
    /// A row for each session and member
    Panel,
}

/// The formats of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// One document for members, one object a line for the rest
    Json,
    /// A header and a line for each row
    Csv,
    /// Columns, compressed
    Parquet,
    /// The instrument files of qlib, for intervals
    Qlib,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Import {
    /// Something else than universes as they stand
    #[command(subcommand)]
    pub(crate) what: Option<ImportWhat>,
    /// Exports (JSON, CSV, Parquet), or rows of cache_entries as JSON
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Import this universe only; may be given several times
    #[arg(long, value_name = "UNIVERSE")]
    pub(crate) only: Vec<String>,
    /// Show what would change, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before anything is changed
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// What else can be imported.
#[derive(Subcommand)]
pub(crate) enum ImportWhat {
    /// Import what a source says of the history of an index
    ///
    /// The file has intervals (symbol, start_date, end_date), changes (date, action, symbol) or the members of certain
    /// days (date, symbol; or JSON lines with date and symbols). Several sources of one index are kept side by side,
    /// and what enough of them agree on is taken.
    #[command(after_help = "\
Examples:
  universe import history sp500_intervals.csv --universe index_sp500 --dry-run
  universe import history changes.csv --universe index_nasdaq100 --baseline members_2015-01-01.csv
  universe import history lists.jsonl.gz --universe index_sp500 --source wikipedia --quorum 2")]
    History(ImportHistory),
}

#[derive(Args)]
pub(crate) struct ImportHistory {
    /// The file (CSV, Parquet or JSON lines)
    pub(crate) file: PathBuf,
    /// The universe: its key, or type:key
    #[arg(long, value_name = "UNIVERSE")]
    pub(crate) universe: String,
    /// What the source is called, instead of the name of the file; the same name replaces what it said
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// What people call the universe
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The dates of changes are those on which they were seen, not those from which they hold
    #[arg(long)]
    pub(crate) observed: bool,
    /// The members that a list of changes begins with (date, symbol)
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// The last day that the source speaks for, instead of the last one in the file
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) until: Option<Date>,
    /// The source is no more: that it is silent after its last day is no alarm
    #[arg(long)]
    pub(crate) ended: bool,
    /// How many sources must agree, where several speak
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) quorum: u32,
    /// Show what would change, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before anything is superseded
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Args)]
pub(crate) struct Rollback {
    /// The run whose memberships come back: its id, or the beginning of it
    #[arg(long, value_name = "RUN")]
    pub(crate) to: String,
    /// Roll this universe back only; may be given several times
    #[arg(long = "universe", value_name = "UNIVERSE")]
    pub(crate) universes: Vec<String>,
    /// Show what would change, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before anything is changed
    #[arg(long, short)]
    pub(crate) yes: bool,
}
