//! Market data from files and from the Massive API into domain records, and what is wrong with it into issues.
//!
//! One module per source: [`read_screener`], [`read_snapshots`], [`read_symbols`], [`read_prices`],
//! [`read_universe`], and [`massive`] for the API. A file is refused whole with a [`FeedError`]; a bad row
//! is an [`Issue`](universe_core::Issue) in the [`Read`] that comes back, and the rest is read. Nothing here
//! knows about a store or the clock on the wall, and nothing but [`massive`] about the network.

mod constituent_file;
mod export_file;
pub mod massive;
mod prices;
mod screener;
mod snapshots;
mod symbol_change_file;
mod symbols;
mod universe_file;

mod listing_row;
mod session;

mod cell;
mod csv_table;
mod parquet_table;
mod source;
mod table;

mod error;
mod issue_log;
mod read;

#[cfg(test)]
mod testing;

pub use constituent_file::{ConstituentFile, read_constituents};
pub use error::FeedError;
pub use export_file::{EXPORT_MEMBERS_MAX, ExportFile, ExportedUniverse, read_export};
pub use issue_log::ISSUES_MAX;
pub use prices::{BAR_BATCH_ROWS, Prices, read_prices};
pub use read::Read;
pub use screener::read_screener;
pub use snapshots::{Snapshots, read_snapshots};
pub use symbol_change_file::read_symbol_changes;
pub use symbols::read_symbols;
pub use universe_file::{ListedUniverse, MemberList, read_member_list, read_universe, read_universes};
