//! Commands for moving in, and for looking whether everything is in place.

use clap::Args;

#[derive(Args)]
pub(crate) struct Adopt {
    /// Show what would be added and imported, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do it without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Make no rules of the older configuration
    #[arg(long, conflicts_with = "undo")]
    pub(crate) no_rules: bool,
    /// Put the database back as it was before it was adopted
    #[arg(long)]
    pub(crate) undo: bool,
    /// Undo even though that loses what came since
    #[arg(long, requires = "undo")]
    pub(crate) force: bool,
}
