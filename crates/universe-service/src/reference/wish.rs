//! What somebody wants to know of which listings.

use universe_core::Symbol;

/// What to load.
#[derive(Clone, Debug)]
pub struct ReferenceWish {
    /// Of whom.
    pub scope: ReferenceScope,
    /// Whether to ask under which symbols they were listed before.
    pub symbol_changes: SymbolChanges,
    /// How many requests are under way at once.
    pub concurrency: usize,
    /// Where it comes from, as issues and the record of the load name it.
    pub source: String,
}

/// Whose reference data is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceScope {
    /// These symbols, one request each.
    Symbols(Vec<Symbol>),
    /// Everything that trades, what is known and was delisted, and the offerings of a year.
    Everything(Details),
}

/// How much is asked about everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Details {
    /// What the lists say, a thousand listings a request: kinds, names, delistings.
    ListsOnly,
    /// Shares and first days too, one request for each listing.
    Overviews,
}

/// Whether former symbols are asked for: one more request for each symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolChanges {
    /// They are.
    Asked,
    /// They are not.
    Unasked,
}
