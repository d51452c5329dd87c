//! Commands about the past, and about why.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{day, instant};

#[derive(Args)]
pub(crate) struct List {
    /// The session that the answer is for
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) as_of: Option<Date>,
    /// What was known at this instant (2024-01-03T12:00:00Z)
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) known_at: Option<Timestamp>,
    /// Show the changes to come instead: announced ones, and those that a run held for approval
    #[arg(long, conflicts_with_all = ["as_of", "known_at"])]
    pub(crate) pending: bool,
}

#[derive(Args)]
pub(crate) struct Diff {
    /// The universe or expression
    pub(crate) universe: String,
    /// The day to start from, or the id of a run
    pub(crate) from: Option<String>,
    /// The day to come to, or the id of a run
    pub(crate) to: Option<String>,
    /// The universe or expression to compare with
    #[arg(long, value_name = "UNIVERSE", conflicts_with_all = ["from", "to"])]
    pub(crate) with: Option<String>,
    /// The session that both are compared as of
    #[arg(long, value_name = "DATE", value_parser = day, requires = "with")]
    pub(crate) as_of: Option<Date>,
    /// What was known at this instant (2024-01-03T12:00:00Z); a run says itself what was known
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) known_at: Option<Timestamp>,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// The symbol, in any usual spelling
    pub(crate) symbol: String,
    /// The universe: its key, or type:key
    pub(crate) universe: String,
    /// The session that the answer is for, instead of the last one synchronized
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) as_of: Option<Date>,
    /// What was known at this instant (2024-01-03T12:00:00Z)
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) known_at: Option<Timestamp>,
}

#[derive(Args)]
pub(crate) struct History {
    /// A universe (every change of its members) or a symbol (every universe that it was ever in)
    #[arg(value_name = "UNIVERSE|SYMBOL")]
    pub(crate) subject: String,
    /// The first session
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) from: Option<Date>,
    /// The last session
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) to: Option<Date>,
    /// What was known at this instant (2024-01-03T12:00:00Z)
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) known_at: Option<Timestamp>,
    /// Only the newest so many lines
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
}

#[derive(Subcommand)]
pub(crate) enum OverrideCommand {
    /// Put a member in, or leave one out, from a session on
    #[command(after_help = "\
Examples:
  universe override add GME theme_growth --out --reason 'not a growth company' --until 2024-07-01
  universe override add NEWCO index_sp500 --in --from 2024-03-18 --reason 'announced on 2024-03-04'")]
    Add(OverrideAdd),
    /// List what holds or will hold
    List(OverrideList),
    /// Withdraw one; from the next run on the rule decides again
    Withdraw {
        /// Its id
        id: String,
        /// Who says so, instead of the user
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

#[derive(Args)]
#[command(group(clap::ArgGroup::new("place").required(true).args(["is_in", "is_out"])))]
pub(crate) struct OverrideAdd {
    /// The symbol
    pub(crate) symbol: String,
    /// The universe: its key, or type:key
    pub(crate) universe: String,
    /// It is to be a member
    #[arg(long = "in")]
    pub(crate) is_in: bool,
    /// It is not to be one
    #[arg(long = "out")]
    pub(crate) is_out: bool,
    /// The first session, instead of today: a later one is an announced change, which takes effect by itself
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) from: Option<Date>,
    /// The first session no longer; without one it holds until it is withdrawn
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) until: Option<Date>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who says so, instead of the user
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// The id of the one that it takes the place of
    #[arg(long, value_name = "ID")]
    pub(crate) replaces: Option<String>,
}

#[derive(Args)]
pub(crate) struct OverrideList {
    /// Only those that have not begun: announced changes
    #[arg(long)]
    pub(crate) pending: bool,
    /// Also those that ended or were withdrawn
    #[arg(long, conflicts_with = "pending")]
    pub(crate) all: bool,
    /// Only those of this universe: its key, or type:key
    #[arg(long, value_name = "UNIVERSE")]
    pub(crate) universe: Option<String>,
}

#[derive(Args)]
#[command(group(clap::ArgGroup::new("truth").required(true).args(["was_in", "was_out"])))]
pub(crate) struct Correct {
    /// The symbol
    pub(crate) symbol: String,
    /// The universe: its key, or type:key
    pub(crate) universe: String,
    /// It was a member
    #[arg(long = "was-in")]
    pub(crate) was_in: bool,
    /// It was not one
    #[arg(long = "was-out")]
    pub(crate) was_out: bool,
    /// The first session
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) from: Date,
    /// The first session no longer, instead of the last one synchronized
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) until: Option<Date>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Show what would change, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
