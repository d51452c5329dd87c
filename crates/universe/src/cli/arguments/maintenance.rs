//! The arguments of the commands that keep universes in order: `organize`, `validate`, `stats`.

use clap::{Args, ValueEnum};
use jiff::civil::Date;

use super::day;

#[derive(Args)]
pub(crate) struct Organize {
    /// The session, instead of the newest one with prices
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) session: Option<Date>,
    /// Keep universes that no rule and no import defines
    #[arg(long, visible_alias = "no-delete")]
    pub(crate) preserve: bool,
    /// Show what would be added, updated and deleted, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete and replace without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Make changes that would be held for approval
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct Validate {
    /// Write entries anew that are not what the memberships say, in one transaction
    #[arg(long)]
    pub(crate) fix: bool,
    /// With --fix: show what would be mended, and write nothing
    #[arg(long, requires = "fix")]
    pub(crate) dry_run: bool,
    /// The least severity that is shown
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    pub(crate) severity: Least,
    /// How many sessions universes may be behind the newest prices
    #[arg(long, value_name = "SESSIONS", default_value_t = universe_service::STALE_SESSIONS)]
    pub(crate) stale_after: usize,
}

/// The least severity that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Least {
    Error,
    Warning,
    Info,
}

#[derive(Args)]
pub(crate) struct Stats {
    /// The universes, instead of all
    #[arg(value_name = "UNIVERSE")]
    pub(crate) universes: Vec<String>,
    /// How many members universes have in common, two by two
    #[arg(long)]
    pub(crate) overlap: bool,
}
