//! The command line.

mod jobs;
mod maintenance;
mod moving_in;
mod reference;
mod time_machine;
mod transfer;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use universe_core::plan::Mode;

use crate::config::{Config, ConfigError};
use crate::http::keys::Scope;

pub(crate) use jobs::{Jobs, SubmitJob};
pub(crate) use maintenance::{Least, Organize, Stats, Validate};
pub(crate) use moving_in::Adopt;
pub(crate) use reference::LoadReference;
pub(crate) use time_machine::{Correct, Diff, Explain, History, List, OverrideAdd, OverrideCommand, OverrideList};
pub(crate) use transfer::{Export, Form, Import, ImportHistory, ImportWhat, Rollback, What};

/// How wide help is, on every terminal: what a page shows is what a person sees.
const WIDTH: usize = 90;

/// The heading of what every command takes, apart from what one command takes.
const EVERYWHERE: &str = "Options of every command";

/// Universe membership: which stocks and ETFs belong to which universe, as of any day, and why
#[derive(Parser)]
#[command(name = "universe", version, arg_required_else_help = true, term_width = WIDTH, after_help = "\
Examples:
  universe demo                                   try it on a made-up market
  universe load screener nasdaq_2024-01-02.csv    load a day of listings
  universe sync                                   bring every universe up to date
  universe show top_10                            see one

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 held for approval or findings")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Args)]
pub(crate) struct Global {
    /// Database: postgresql://user:password@host/name or sqlite:PATH
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "URI")]
    pub(crate) database: Option<String>,
    /// Configuration file instead of universe.toml
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How data is printed: table for people, json and csv for programs
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: Format,
    /// Print no words beside the data
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    pub(crate) quiet: bool,
    /// Say more; twice, log everything
    #[arg(long, short, global = true, help_heading = EVERYWHERE, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Csv,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a month of a made-up market and show what came of it
    #[command(after_help = "\
Examples:
  universe demo
  universe demo --sessions 63 --listings 2000 --seed 7
  universe demo --database postgresql://localhost/try_it")]
    Demo(Demo),
    /// Load market data or lists of members
    #[command(subcommand)]
    Load(Load),
    /// Bring every universe up to date with one session
    #[command(after_help = "\
Examples:
  universe sync                          the newest session with prices
  universe sync --session 2024-01-02
  universe sync --dry-run --verbose      every change and its reason; writes nothing
  universe sync --force                  release changes that would be held
  universe sync --format json            for programs")]
    Sync(Sync),
    /// List all universes, or the changes to come
    #[command(after_help = "Examples:\n  universe list\n  universe list --as-of 2024-01-02\n  universe list --pending")]
    List(List),
    /// Show the members of a universe or of a combination of universes
    #[command(after_help = "\
Examples:
  universe show top_500
  universe show stock_universe:top_500 --as-of 2024-01-02
  universe show 'top_500 & sector_technology'
  universe show 'mega_cap - theme_growth' --format csv
  universe show index_sp500 --pending              changes that are announced or held")]
    Show(Show),
    /// Compare the members of a universe between two days or runs, or with another universe
    #[command(after_help = "\
Examples:
  universe diff top_500 2024-01-02 2024-01-31
  universe diff top_500 0198c2f4 0198d001        what two runs left
  universe diff theme_growth --with theme_value --as-of 2024-01-02")]
    Diff(Diff),
    /// Say why a symbol is in a universe, or is not
    #[command(after_help = "\
Examples:
  universe explain AAPL mega_cap
  universe explain BRK-B top_100 --as-of 2024-01-02
  universe explain GME theme_growth --format json")]
    Explain(Explain),
    /// Show how the members of a universe changed, or where a symbol ever was
    #[command(after_help = "\
Examples:
  universe history top_100 --from 2024-01-02 --limit 20
  universe history AAPL")]
    History(History),
    /// Correct the recorded past; what was known before can still be asked
    #[command(override_usage = "\
universe correct SYMBOL UNIVERSE --was-in|--was-out --from DATE --reason TEXT")]
    #[command(after_help = "\
Examples:
  universe correct DXCM top_10 --was-out --from 2022-05-18 --reason 'its cap was wrong'
  universe correct NEWCO index_sp500 --was-in --from 2024-03-18 --reason 'loaded late'")]
    Correct(Correct),
    /// Put members in or leave them out by hand, now or from a later session on
    #[command(subcommand)]
    Override(OverrideCommand),
    /// List the latest runs
    #[command(after_help = "Example:\n  universe runs --limit 5 --format json")]
    Runs(Runs),
    /// Build every universe anew from the rules and imports: masters, indexes, sectors, themes
    #[command(after_help = "\
Examples:
  universe organize --dry-run            what would be added, updated and deleted
  universe organize                      asks before it deletes or replaces
  universe organize --preserve --yes     from cron: deletes nothing, asks nobody
  universe organize --format json        for programs

Without a terminal, what would delete or replace is refused (exit code 2) unless --yes is given")]
    Organize(Organize),
    /// Check what is stored: entries, memberships, numbers, members, names; exit code 3 when there are errors
    #[command(after_help = "\
Examples:
  universe validate
  universe validate --severity info      also what is only good to know
  universe validate --fix --dry-run      what would be mended
  universe validate --fix                write entries anew that differ from the memberships")]
    Validate(Validate),
    /// Show figures of universes: members, changes, turnover, caps, age; and of runs
    #[command(after_help = "\
Examples:
  universe stats
  universe stats top_500 sector_technology
  universe stats --overlap mega_cap top_50 theme_growth
  universe stats --format csv > stats.csv")]
    Stats(Stats),
    /// Write universes, their history or a panel to a file or to standard output
    #[command(after_help = "\
Examples:
  universe export --output universes.json           every universe as it is now
  universe export top_500 'mega_cap - theme_growth' --as csv
  universe export --as-of 2024-01-02 --output then.parquet
  universe export --what intervals --output intervals.parquet
  universe export top_500 --what panel --from 2024-01-02 --output panel.parquet
  universe export --what intervals --as qlib --output qlib_data/instruments")]
    Export(Export),
    /// Put universes in place from exports, or change nothing where a file is at fault
    #[command(after_help = "\
Examples:
  universe import universes.json --dry-run
  universe import universes.json --yes
  universe import cache_entries.json --only index_sp500

Universes that no file has stay as they are. Members that a rule decides hold until the
next `universe sync`; those that a list decides stay.")]
    Import(Import),
    /// Put memberships back to what an earlier run left
    #[command(after_help = "\
Examples:
  universe runs                          which runs there are
  universe rollback --to 0198c2f4 --dry-run
  universe rollback --to 0198c2f4 --universe top_500 --yes

It is a new run: nothing is rewritten, and one can go forward again in the same way. The
next `universe sync` decides by the rules again; mend the data or the rule before it.")]
    Rollback(Rollback),
    /// Check and show rules
    #[command(subcommand)]
    Rules(Rules),
    /// Set up the database and see how it stands
    #[command(subcommand)]
    Db(Db),
    /// Answer over HTTP, carry out runs, publish events, keep the schedule
    #[command(after_help = "\
Examples:
  universe serve
  universe serve --port 9000
  universe serve --host 0.0.0.0          needs a key: see `universe keys create`")]
    Serve(Serve),
    /// Load bars of a universe from the market data provider, and see how that goes
    #[command(subcommand)]
    Jobs(Jobs),
    /// Make, list and revoke the keys that let programs in
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Ask a running server for a run
    #[command(after_help = "Examples:\n  universe trigger --wait\n  universe trigger --mode themes --dry-run")]
    Trigger(Trigger),
    /// Show how a run of a running server stands
    Status(Status),
    /// Follow a run of a running server to its end
    Watch(Watch),
    /// Check a deployment, and say how to mend what is found
    #[command(after_help = "\
Examples:
  universe doctor
  universe doctor --format json

Exit codes: 0 nothing but warnings, 3 errors were found")]
    Doctor,
    /// Move in from an existing TickStock database, or out again
    #[command(after_help = "\
Examples:
  universe adopt --dry-run               what would be added and imported; changes nothing
  universe adopt                         show it, ask, and do it in one transaction
  universe adopt --undo --dry-run        what undoing would put back, and lose
  universe adopt --undo")]
    Adopt(Adopt),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions of a shell
    #[command(
        after_help = "Example:\n  universe completions bash > ~/.local/share/bash-completion/completions/universe"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
pub(crate) struct Demo {
    /// What the made-up market grows from; the same seed gives the same market
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// How many listings it starts with
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(200..=1_000_000))]
    pub(crate) listings: u32,
    /// How many sessions are run
    #[arg(long, default_value_t = 22, value_parser = clap::value_parser!(u32).range(2..=2_000))]
    pub(crate) sessions: u32,
}

#[derive(Subcommand)]
pub(crate) enum Load {
    /// Load NASDAQ screener files (CSV or JSON, also gzipped): every listing of one session
    #[command(after_help = "\
Examples:
  universe load screener nasdaq_screener_2024-01-02.csv
  universe load screener download.csv --as-of 2024-01-02
  universe load screener us-daily-raw/*.csv.gz")]
    Screener {
        /// The files; the session comes from a date in the name
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The session, where the name does not say
        #[arg(long, value_name = "DATE", value_parser = day)]
        as_of: Option<Date>,
    },
    /// Load daily snapshots from Parquet files
    #[command(after_help = "\
Examples:
  universe load snapshots us-daily-2022q1.parquet
  universe load snapshots us-daily/*.parquet --from 2022-03-01 --to 2022-03-31
  universe load snapshots us-daily-2022q1.parquet --as-of 2022-03-01")]
    Snapshots {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// One session only
        #[arg(long, value_name = "DATE", value_parser = day, conflicts_with_all = ["from", "to"])]
        as_of: Option<Date>,
        /// The first day
        #[arg(long, value_name = "DATE", value_parser = day)]
        from: Option<Date>,
        /// The last day
        #[arg(long, value_name = "DATE", value_parser = day)]
        to: Option<Date>,
    },
    /// Load reference data (CSV or Parquet); further number columns become fields for rules
    #[command(after_help = "Example:\n  universe load symbols dividends.csv --as-of 2024-01-02")]
    Symbols {
        /// The file
        file: PathBuf,
        /// The day that the figures are of, instead of today
        #[arg(long, value_name = "DATE", value_parser = day)]
        as_of: Option<Date>,
    },
    /// Load daily prices (CSV or Parquet with symbol, date, close and, if known, open, high, low, volume)
    #[command(after_help = "Example:\n  universe load prices ohlcv_2024.parquet")]
    Prices {
        /// The file
        file: PathBuf,
    },
    /// Load reference data from the Massive API: shares, first days, kinds, delistings, offerings
    #[command(after_help = "\
Examples:
  universe load reference --universe top_500
  universe load reference --symbols AAPL,META,BRK.B --symbol-changes
  universe load reference --all                      the lists: a few dozen requests
  universe load reference --all --details            and shares: a request for each listing")]
    Reference(LoadReference),
    /// Load symbol changes (CSV, JSON or Parquet with `old_symbol`, `new_symbol`, date): the listing stays the same
    ///
    /// They win over what was found by comparing snapshots. A row without a new symbol says that the listing ended,
    /// and that whoever has its symbol since is another one.
    #[command(after_help = "Example:\n  universe load symbol-changes changes.csv")]
    SymbolChanges {
        /// The file
        file: PathBuf,
    },
    /// Load the members of universes (CSV, JSON, or a symbol a line): all of them or none
    #[command(after_help = "\
Examples:
  universe load universe sp500.csv --universe index_sp500
  universe load universe indexes.csv          with columns universe (or type and key) and symbol
  universe load universe lists.json           {\"index_sp500\": [\"AAPL\"], \"etf_universe:theme_ai\": [\"BOTZ\"]}")]
    Universe {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The universe (its key, or type:key), where the file does not say
        #[arg(long, value_name = "UNIVERSE")]
        universe: Option<String>,
        /// The session from which the list holds, instead of the newest
        #[arg(long, value_name = "DATE", value_parser = day)]
        as_of: Option<Date>,
    },
}

#[derive(Args)]
pub(crate) struct Sync {
    /// The session, instead of the newest one with prices
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) session: Option<Date>,
    /// The part of the work: full, market_cap, themes or ipos
    #[arg(long, default_value = "full", value_parser = mode)]
    pub(crate) mode: Mode,
    /// Show what would change, and why, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Keep universes that no rule and no import defines
    #[arg(long, visible_alias = "no-delete")]
    pub(crate) preserve: bool,
    /// Make changes that would be held for approval
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct Show {
    /// The universe (key, type:key) or expression (a + b, a & b, a - b)
    pub(crate) universe: String,
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
pub(crate) struct Runs {
    /// How many
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}

#[derive(Subcommand)]
pub(crate) enum Rules {
    /// Check the rules in force, or the given files alone
    #[command(after_help = "Examples:\n  universe rules check\n  universe rules check my-rules/theme_ai.toml")]
    Check {
        /// Rule files instead of the ones in force
        files: Vec<PathBuf>,
    },
    /// Show the rules in force, or the text of one
    #[command(after_help = "Examples:\n  universe rules show\n  universe rules show bands")]
    Show {
        /// The name of a rule, or the key of a universe
        name: Option<String>,
    },
}

#[derive(Subcommand)]
pub(crate) enum Db {
    /// Apply the migrations that are missing
    Migrate,
    /// Show which migrations are applied
    Status,
    /// Copy the embedded database into a file while it is in use
    #[command(after_help = "Example:\n  universe db backup universe-2024-01-02.db")]
    Backup {
        /// The file to write; it must not exist
        file: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct Serve {
    /// Address to listen on, instead of server.host
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Port, instead of server.port; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Print the OpenAPI document and listen to nothing
    #[arg(long)]
    pub(crate) openapi: bool,
}

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key; it is shown this once
    #[command(after_help = "\
Examples:
  universe keys create dashboard
  universe keys create nightly-job --scope operate --expires 90d")]
    Create {
        /// What the key is for
        name: String,
        /// What it allows: read, operate (also runs) or admin (everything)
        #[arg(long, default_value = "read", value_parser = scope)]
        scope: Scope,
        /// When it ends: a number of days (90d), a day or an instant
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// List the keys, without their secrets
    List,
    /// Revoke a key
    Revoke {
        /// The id of the key
        id: String,
    },
    /// Make a new key with the name, scope and expiry of another one, and revoke that
    Rotate {
        /// The id of the old key
        id: String,
    },
}

/// Which server is asked.
#[derive(Args)]
pub(crate) struct Server {
    /// The server, instead of the one at server.host and server.port
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
}

#[derive(Args)]
pub(crate) struct Trigger {
    /// The part of the work: full, market_cap, themes or ipos
    #[arg(long, default_value = "full", value_parser = mode)]
    pub(crate) mode: Mode,
    /// The session, instead of the newest one with prices
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) session: Option<Date>,
    /// Only find out what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Keep universes that no rule and no import defines
    #[arg(long, visible_alias = "no-delete")]
    pub(crate) preserve: bool,
    /// Make changes that would be held for approval
    #[arg(long)]
    pub(crate) force: bool,
    /// Wait for its end; the exit code then says how it ended
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Args)]
pub(crate) struct Status {
    /// The id of the run; the newest one when it is missing
    pub(crate) job_id: Option<String>,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Args)]
pub(crate) struct Watch {
    /// The id of the run; the newest one when it is missing
    pub(crate) job_id: Option<String>,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting, its value and where it was set
    Show,
    /// Print a universe.toml with every setting, its default and its meaning
    Sample,
}

impl Arguments {
    /// Returns whether the command answers many at once.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self.command, Command::Serve(_))
    }
}

impl Global {
    /// Puts the configuration together.
    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        let flags: Vec<_> = self.database.iter().map(|uri| ("database.uri", uri.clone())).collect();
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Config::load(self.config.as_deref(), environment, &flags)
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    Mode::from_spelling(text).ok_or_else(|| "the modes are full, market_cap, themes and ipos".to_owned())
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::from_spelling(text).ok_or_else(|| "the scopes are read, operate and admin".to_owned())
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "a day is written as 2024-01-02".to_owned())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "an instant is a day, a time and its zone, such as 2024-01-02T21:00:00Z".to_owned())
}
