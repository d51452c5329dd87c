//! Commands about the past, and about why.

use clap::Args;
use jiff::civil::Date;

use super::day;

#[derive(Args)]
pub(crate) struct Explain {
    /// The symbol, in any usual spelling
    pub(crate) symbol: String,
    /// The universe: its key, or type:key
    pub(crate) universe: String,
    /// The session that the answer is for, instead of the last one synchronized
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) as_of: Option<Date>,
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
    /// Only the newest so many lines
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
}
