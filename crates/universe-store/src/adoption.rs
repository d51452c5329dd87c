//! What is found in an older TickStock database, what moving in makes of it, and what undoing that means.
//!
//! Older databases are PostgreSQL; `PostgresStore` has the operations that take and return these.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use universe_core::{Category, SecurityType, Symbol, UniverseId};
use uuid::Uuid;

use crate::entry::entry_items;
use crate::{EntryShapeError, RunRecord};

/// The types of `cache_entries` rows that moving in reads beside the two types of universes.
pub(crate) const ADOPTABLE_TYPES: [&str; 6] =
    ["stock_etf_combo", "cache_config", "themes", "theme", "industry_groups", "industry_group"];

/// The rule by whose name an adopted universe goes until the first run decides it.
pub const ADOPTED_RULE: &str = crate::write_set::ADOPTED;

/// What a database looks like before anything is done to it.
#[derive(Clone, Debug)]
pub struct OlderDatabase {
    /// Its name.
    pub name: String,
    /// The user that looks at it.
    pub user: String,
    /// The version of the server, as it says it.
    pub server_version: String,
    /// Whether the schema `universe` and its migrations are there.
    pub is_set_up: bool,
    /// How the environment was adopted, if it was.
    pub adopted: Option<AdoptionRecord>,
    /// How many runs of the environment are recorded.
    pub runs: i64,
    /// Whether `(type, key, environment)` or a part of it is unique.
    pub entry_key_is_unique: bool,
    /// What is in the way, each with what to do about it.
    pub obstacles: Vec<Obstacle>,
    /// What setting it up adds.
    pub additions: Additions,
    /// The rows that moving in reads, by id.
    pub entries: Vec<OlderEntry>,
    /// How many rows of every other type there are; none of them is touched.
    pub other_types: BTreeMap<String, i64>,
    /// What the symbols are, where the table says so.
    pub securities: BTreeMap<Symbol, SecurityType>,
    /// The spellings of sectors in use.
    pub sectors: BTreeSet<String>,
    /// The spellings of industries in use.
    pub industries: BTreeSet<String>,
    /// About how many bars `ohlcv_daily` has.
    pub bars: i64,
    /// The newest date with bars.
    pub newest_bar: Option<Date>,
    /// A fingerprint of `entries`: applying refuses when they changed meanwhile.
    pub fingerprint: String,
}

/// Something that keeps a database from being used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// What is wrong.
    pub detail: String,
    /// How it is mended.
    pub remedy: String,
    /// Whether it is a right that is missing.
    pub is_right: bool,
}

/// What setting a database up adds to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Additions {
    /// Whether the schema `universe` is made.
    pub schema: bool,
    /// The role that may only read, where it is made.
    pub role: bool,
    /// Tables of the public schema.
    pub tables: Vec<String>,
    /// Columns of public tables that were there, `table.column`, in the order in which they are added.
    pub columns: Vec<String>,
    /// Indexes of public tables that were there.
    pub indexes: Vec<String>,
}

/// A row of an older `cache_entries`.
#[derive(Clone, Debug, PartialEq)]
pub struct OlderEntry {
    /// Its id.
    pub id: String,
    /// Its type.
    pub entry_type: String,
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: String,
    /// Its category, where a newer program wrote one.
    pub category: Option<String>,
    /// Its value.
    pub value: Value,
}

impl OlderEntry {
    /// Reads the symbols of its value in every older shape: each once, in its order, with what is no symbol.
    ///
    /// # Errors
    /// When the value is neither a list nor an object with one.
    pub fn symbols(&self) -> Result<(Vec<Symbol>, Vec<String>), EntryShapeError> {
        let (mut symbols, mut rejects, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for item in entry_items(&self.value)? {
            match item {
                Ok(symbol) if seen.insert(symbol.clone()) => symbols.push(symbol),
                Ok(_) => {}
                Err(reject) => rejects.push(reject),
            }
        }
        Ok((symbols, rejects))
    }

    /// Returns what its value is called in messages: `[..]`, `{"symbols":[..]}`, ...
    #[must_use]
    pub fn shape(&self) -> &'static str {
        let Value::Object(fields) = &self.value else {
            return if self.value.is_array() { "[..]" } else { "a single value" };
        };
        let has = |name: &str| fields.get(name).is_some_and(Value::is_array);
        match () {
            () if has("symbols") => "{\"symbols\":[..]}",
            () if has("value") => "{\"value\":[..]}",
            () if has("stocks") => "{\"stocks\":[..]}",
            () if has("etfs") => "{\"etfs\":[..]}",
            () => "{..}",
        }
    }
}

/// One universe that moving in makes.
#[derive(Clone, Debug, PartialEq)]
pub struct AdoptedUniverse {
    /// Its address.
    pub id: UniverseId,
    /// Its name.
    pub name: String,
    /// What it groups by.
    pub category: Category,
    /// Whether its members are in order of rank.
    pub is_ranked: bool,
    /// Its members, in their order.
    pub members: Vec<Symbol>,
    /// The row that they come from, `type:key`.
    pub source: String,
    /// What that row says.
    pub value: Value,
    /// Whether its members stay as they are until somebody loads others, because no rule decides them.
    pub is_listed: bool,
    /// Whether `cache_entries` has no row at its address yet, so that one is added.
    pub is_new_entry: bool,
}

/// What became of a row, for people and for the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptedSource {
    /// The row, `type:key`.
    pub source: String,
    /// The shape of its value.
    pub shape: String,
    /// What it became: an address, a rule file, an expression; empty where nothing was made of it.
    pub becomes: String,
    /// How many members there are.
    pub count: usize,
    /// Who decides the members from now on: a rule, the list itself, or nobody.
    pub decided_by: String,
    /// What people should know about it.
    pub notes: Vec<String>,
}

/// A rule file that moving in makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptedRule {
    /// The name of the file.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Everything that moving in writes.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The run in whose name it is recorded.
    pub run: RunRecord,
    /// The session from which the memberships hold.
    pub session: Date,
    /// The universes, in order of their addresses.
    pub universes: Vec<AdoptedUniverse>,
    /// What became of each row.
    pub sources: Vec<AdoptedSource>,
    /// The rule files.
    pub rules: Vec<AdoptedRule>,
    /// The fingerprint of the rows that it was made from.
    pub fingerprint: String,
}

/// An adoption as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdoptionRecord {
    /// When.
    pub adopted_at: Timestamp,
    /// By whom.
    pub actor: String,
    /// The run in whose name.
    pub run_id: Uuid,
    /// The session from which the memberships hold.
    pub session: Date,
    /// What was added.
    pub added: Additions,
    /// What became of each row.
    pub sources: Vec<AdoptedSource>,
    /// The rule files that were made.
    pub rules: Vec<AdoptedRule>,
}

/// What undoing an adoption puts back, and what would be lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AdoptionUndo {
    /// Whether the schema `universe` goes; it stays where it was there before.
    pub drops_schema: bool,
    /// What goes from the public schema.
    pub removed: Additions,
    /// Rows of `cache_entries` that get back what they said.
    pub entries_restored: u64,
    /// Rows of `cache_entries` that runs made.
    pub entries_deleted: u64,
    /// Listings that get back what they said.
    pub symbols_restored: u64,
    /// What cannot be had again afterwards, in words; undoing must be forced when there is any.
    pub losses: Vec<String>,
    /// What stays though it was not there before, in words.
    pub stays: Vec<String>,
    /// The rule files that adopting made.
    pub rules: Vec<AdoptedRule>,
}
