//! The arguments of `universe load reference`.

use clap::Args;

#[derive(Args)]
#[command(group = clap::ArgGroup::new("whose").required(true).args(["universe", "symbols", "all"]))]
pub(crate) struct LoadReference {
    /// The members of a universe (key, type:key) or expression (a + b, a & b, a - b)
    #[arg(long, value_name = "UNIVERSE")]
    pub(crate) universe: Option<String>,
    /// These symbols
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',')]
    pub(crate) symbols: Vec<String>,
    /// Everything that trades, known listings that were delisted, the offerings of a year
    #[arg(long)]
    pub(crate) all: bool,
    /// With --all: shares and first days too, one request for each listing
    #[arg(long, requires = "all")]
    pub(crate) details: bool,
    /// Show which symbols were others before, one more request for each
    #[arg(long)]
    pub(crate) symbol_changes: bool,
}
