//! Symbols in one canonical spelling, whatever the source writes.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The longest symbol that is accepted; the longest real ones have ten characters.
pub const SYMBOL_LEN_MAX: usize = 20;

/// A ticker symbol in its canonical spelling: upper case, share classes after a dot (`BRK.B`).
///
/// Screeners write `BRK/B`, price vendors `BRK-B`; both parse to `BRK.B`. A preferred share keeps the
/// caret of the NASDAQ symbology (`BAC^K`), which no other kind of listing uses. `BRKB` cannot be told
/// from an ordinary symbol by its spelling alone and needs the known symbols: [`resolve_symbol`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Symbol(CompactString);

/// Why a text is not a symbol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// Nothing was left after trimming.
    #[error("a symbol cannot be empty")]
    Empty,
    /// Longer than [`SYMBOL_LEN_MAX`].
    #[error("{0:?} is longer than {SYMBOL_LEN_MAX} characters")]
    TooLong(String),
    /// A character that no exchange uses.
    #[error("{symbol:?} contains {found:?}; symbols are letters, digits, '.' and '^'")]
    Character {
        /// The text as given.
        symbol: String,
        /// The first character that is refused.
        found: char,
    },
}

impl Symbol {
    /// Parses any source's spelling into the canonical one.
    ///
    /// # Errors
    /// When the text is empty, too long, or has a character that no symbol has.
    pub fn parse(text: &str) -> Result<Self, SymbolError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(SymbolError::Empty);
        }
        if trimmed.len() > SYMBOL_LEN_MAX {
            return Err(SymbolError::TooLong(trimmed.chars().take(SYMBOL_LEN_MAX).collect()));
        }
        let mut canonical = CompactString::with_capacity(trimmed.len());
        for c in trimmed.chars() {
            match c {
                'A'..='Z' | '0'..='9' | '.' | '^' => canonical.push(c),
                'a'..='z' => canonical.push(c.to_ascii_uppercase()),
                '/' | '-' => canonical.push('.'),
                found => return Err(SymbolError::Character { symbol: trimmed.to_owned(), found }),
            }
        }
        if !canonical.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            let found = canonical.chars().next().unwrap_or('.');
            return Err(SymbolError::Character { symbol: trimmed.to_owned(), found });
        }
        Ok(Self(canonical))
    }

    /// Takes a symbol that this system itself stored, without checking it again.
    ///
    /// Symbols that other programs wrote into shared tables are taken as they stand: they are keys
    /// there, and must be found again under the same spelling.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(CompactString::new(text))
    }

    /// Returns the canonical spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn without_separators(&self) -> String {
        self.0.chars().filter(|c| *c != '.').collect()
    }
}

/// Finds the known symbol that a user's or a source's spelling means.
///
/// The canonical spelling wins; failing that, a spelling without separators (`BRKB`) means the one
/// known symbol that differs from it by separators only. Returns `None` where none or several match.
///
/// `known` must be sorted.
#[must_use]
pub fn resolve_symbol(text: &str, known: &[Symbol]) -> Option<Symbol> {
    let symbol = Symbol::parse(text).ok()?;
    if known.binary_search(&symbol).is_ok() {
        return Some(symbol);
    }
    let bare = symbol.without_separators();
    let mut candidates = known.iter().filter(|k| k.without_separators() == bare);
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Some(only.clone()),
        (Some(_), Some(_)) | (None, _) => None,
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Symbol {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Symbol {
    type Error = SymbolError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Symbol> for String {
    fn from(symbol: Symbol) -> Self {
        symbol.0.into_string()
    }
}

#[cfg(test)]
mod tests;
