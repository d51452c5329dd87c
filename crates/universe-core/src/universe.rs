//! What a universe is called: its type, its key, and the addresses people use for it.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The longest universe key; keys are read by people.
pub const KEY_LEN_MAX: usize = 100;

/// Which of the two kinds of universe, as `cache_entries.type` spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UniverseType {
    /// Stocks: common stock and depositary receipts of it.
    StockUniverse,
    /// Exchange traded funds.
    EtfUniverse,
}

impl UniverseType {
    /// Both types, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::StockUniverse, Self::EtfUniverse];

    /// Returns the spelling in `cache_entries.type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StockUniverse => "stock_universe",
            Self::EtfUniverse => "etf_universe",
        }
    }

    /// Finds the type of a spelling in `cache_entries.type`; `None` for other programs' rows.
    #[must_use]
    pub fn from_spelling(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for UniverseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a universe groups by, as `cache_entries.universe_category` spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A band of market capitalisation.
    MarketCap,
    /// The largest by market cap.
    MarketLeader,
    /// A sector.
    Sector,
    /// The largest of a sector.
    SectorLeader,
    /// An industry.
    Industry,
    /// A theme.
    Theme,
    /// Recent public offerings.
    Ipo,
    /// An index whose members somebody else decides.
    Index,
    /// Everything of one type.
    Master,
    /// A group of funds.
    Etf,
}

impl Category {
    /// Returns the spelling in `cache_entries.universe_category`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MarketCap => "market_cap",
            Self::MarketLeader => "market_leader",
            Self::Sector => "sector",
            Self::SectorLeader => "sector_leader",
            Self::Industry => "industry",
            Self::Theme => "theme",
            Self::Ipo => "ipo",
            Self::Index => "index",
            Self::Master => "master",
            Self::Etf => "etf",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The address of one universe: `stock_universe:top_500`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UniverseId {
    /// The type, the first half of the address.
    pub universe_type: UniverseType,
    key: CompactString,
}

/// Why a text is not the address of a universe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UniverseIdError {
    /// The part before the colon is no type.
    #[error("{0:?} is no universe type; the types are stock_universe and etf_universe")]
    UnknownType(String),
    /// The key is not snake_case.
    #[error("{0:?} is no universe key; keys are snake_case: lower-case letters, digits and '_', from a letter")]
    Key(String),
}

impl UniverseId {
    /// Builds an address from its parts.
    ///
    /// # Errors
    /// When `key` is not snake_case or longer than [`KEY_LEN_MAX`].
    pub fn new(universe_type: UniverseType, key: &str) -> Result<Self, UniverseIdError> {
        let snake = key.starts_with(|c: char| c.is_ascii_lowercase())
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && key.len() <= KEY_LEN_MAX;
        if !snake {
            return Err(UniverseIdError::Key(key.chars().take(KEY_LEN_MAX).collect()));
        }
        Ok(Self { universe_type, key: CompactString::new(key) })
    }

    /// Takes an address that stands in a database, whatever its key looks like.
    #[must_use]
    pub fn from_stored(universe_type: UniverseType, key: &str) -> Self {
        Self { universe_type, key: CompactString::new(key) }
    }

    /// Returns the key, the second half of the address.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for UniverseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.universe_type, self.key)
    }
}

impl FromStr for UniverseId {
    type Err = UniverseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, key) = text.split_once(':').unwrap_or(("", text));
        let universe_type =
            UniverseType::from_spelling(kind).ok_or_else(|| UniverseIdError::UnknownType(kind.to_owned()))?;
        Self::new(universe_type, key)
    }
}

impl TryFrom<String> for UniverseId {
    type Error = UniverseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<UniverseId> for String {
    fn from(id: UniverseId) -> Self {
        id.to_string()
    }
}

/// Turns a name into the part of a key that stands for it: `Health Care` becomes `health_care`.
#[must_use]
pub fn key_slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('_') && c != '\'' {
            slug.push('_');
        }
    }
    slug.truncate(slug.trim_end_matches('_').len());
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        let id: UniverseId = "stock_universe:top_500".parse().expect("an address");
        assert_eq!((id.universe_type, id.key()), (UniverseType::StockUniverse, "top_500"));
        assert_eq!(id.to_string(), "stock_universe:top_500");
    }

    #[test]
    fn refuses_other_types_and_spellings() {
        assert!(matches!("app_settings:x".parse::<UniverseId>(), Err(UniverseIdError::UnknownType(_))));
        assert!(matches!("etf_universe:Top".parse::<UniverseId>(), Err(UniverseIdError::Key(_))));
        assert!(matches!("etf_universe:".parse::<UniverseId>(), Err(UniverseIdError::Key(_))));
    }

    #[test]
    fn slugs_are_keys() {
        assert_eq!(key_slug("Health Care"), "health_care");
        assert_eq!(
            key_slug(" Medicinal Chemicals and Botanical Products "),
            "medicinal_chemicals_and_botanical_products"
        );
        assert_eq!(key_slug("Auto Parts:O.E.M."), "auto_parts_o_e_m");
    }
}
