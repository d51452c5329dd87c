//! What is stored about universes, as it stands: what checks of integrity go by.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use universe_core::{SecurityType, Symbol, UniverseId};

use crate::Inconsistency;

/// Types of entry that older programs wrote for universes; today an expression says the same.
pub const OLDER_TYPES: [&str; 1] = ["stock_etf_combo"];

/// Everything that is stored about the universes of an environment, read at one moment.
///
/// Nothing of it is believed: a value that cannot be understood is here as it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IntegrityFacts {
    /// The version of the state, as [`universe_core::state::State::version`] has it.
    pub version: u64,
    /// The newest session that was synchronized.
    pub session: Option<Date>,
    /// The fingerprint of what the last run held back.
    pub held: Option<String>,
    /// The newest date for which there are closes.
    pub newest_prices: Option<Date>,
    /// The universes of our own, retired ones too, in order of address.
    pub universes: Vec<UniverseFacts>,
    /// Entries of the two types that other programs wrote, in order of address.
    pub foreign: Vec<EntryFacts>,
    /// Entries that repeat another one under an older key, in order of address.
    pub mirrors: Vec<MirrorFacts>,
    /// Types and keys of the entries of [`OLDER_TYPES`].
    pub older: Vec<(String, String)>,
    /// The imported lists.
    pub imports: BTreeMap<UniverseId, Vec<Symbol>>,
    /// The listings, in order of symbol.
    pub listings: Vec<ListingFacts>,
    /// Where entries, intervals, audit entries and events contradict one another.
    pub contradictions: Vec<Inconsistency>,
}

/// A universe of our own.
#[derive(Clone, Debug, PartialEq)]
pub struct UniverseFacts {
    /// Its address.
    pub id: UniverseId,
    /// Its name.
    pub name: String,
    /// Its category, as it is spelled.
    pub category: String,
    /// The name of the rule that made it.
    pub rule: String,
    /// The fingerprint of that rule's text.
    pub rule_version: String,
    /// Whether its members are in order of rank.
    pub is_ranked: bool,
    /// The number of its last change.
    pub sequence: u64,
    /// The session whose data decided its members last.
    pub reconstituted_session: Option<Date>,
    /// Whether it has ended.
    pub is_retired: bool,
    /// The members in the order of the entry, as they were written.
    pub members: Vec<Symbol>,
    /// The members by their intervals: those that are open, each once, in order of symbol.
    pub open: Vec<Symbol>,
    /// Value and metadata of its entry, null where they are not even JSON; `None` where there is none.
    pub entry: Option<(Value, Value)>,
}

/// An entry of `cache_entries` that another program wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryFacts {
    /// Its address.
    pub id: UniverseId,
    /// Its name.
    pub name: String,
    /// Its category, as it is spelled.
    pub category: Option<String>,
    /// Its value; null where it is not even JSON.
    pub value: Value,
    /// Its metadata; null where there is none, or it is not even JSON.
    pub metadata: Value,
    /// When it was written last, where that can be read.
    pub updated_at: Option<Timestamp>,
}

/// An entry that repeats another one under an older key.
#[derive(Clone, Debug, PartialEq)]
pub struct MirrorFacts {
    /// Its address.
    pub id: UniverseId,
    /// The key of the universe that it repeats, of the same type.
    pub mirror_of: String,
    /// Its value; null where it is not even JSON.
    pub value: Value,
}

/// A listing, as far as membership depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingFacts {
    /// Its symbol.
    pub symbol: Symbol,
    /// What kind of security it is; `None` where the reference data has no code for it.
    pub security_type: Option<SecurityType>,
    /// Whether it is listed.
    pub is_active: bool,
    /// The first session no longer listed.
    pub delisted_date: Option<Date>,
}

/// A membership that began or ended lately; one that was superseded within its session is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipSpan {
    /// The universe.
    pub universe: UniverseId,
    /// The member.
    pub symbol: Symbol,
    /// The first session.
    pub valid_from: Date,
    /// The first session no longer; `None` while it lasts.
    pub valid_to: Option<Date>,
}
