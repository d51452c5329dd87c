//! The shapes of answers that are put together elsewhere, for the OpenAPI document.
#![expect(dead_code, reason = "these describe JSON that is serialised ahead; nothing builds them")]

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// Every universe
#[derive(ToSchema)]
pub(crate) struct UniverseList {
    /// The session that the members stand at
    as_of: Option<Date>,
    count: u64,
    universes: Vec<ListedUniverse>,
}

/// One universe of the list
#[derive(ToSchema)]
pub(crate) struct ListedUniverse {
    /// `stock_universe` or `etf_universe`
    #[schema(rename = "type")]
    universe_type: String,
    key: String,
    name: String,
    category: Option<String>,
    count: u64,
    last_updated: Option<Timestamp>,
    /// The rule that makes it; null for an entry of another program
    rule: Option<String>,
    /// Whether its members are in order of rank
    is_ranked: bool,
}

/// The symbols of a universe
#[derive(ToSchema)]
pub(crate) struct SymbolsAnswer {
    /// Null for an expression
    #[schema(rename = "type")]
    universe_type: Option<String>,
    /// The key, or the expression
    key: String,
    /// The session that the answer is for
    as_of: Option<Date>,
    count: u64,
    /// In order of rank where there is one, else sorted
    symbols: Vec<String>,
}

/// A universe and its members
#[derive(ToSchema)]
pub(crate) struct MembersAnswer {
    /// Null for an expression
    #[schema(rename = "type")]
    universe_type: Option<String>,
    /// The key, or the expression
    key: String,
    name: String,
    /// The session that the answer is for
    as_of: Option<Date>,
    count: u64,
    symbols: Vec<String>,
    members: Vec<Member>,
}

/// One member
#[derive(ToSchema)]
pub(crate) struct Member {
    symbol: String,
    company_name: Option<String>,
    /// Where the universe is ranked and the answer is for now
    rank: Option<u32>,
    /// In US dollars
    market_cap: Option<i64>,
    sector: Option<String>,
    /// The session since which it has been a member without a break
    since: Option<Date>,
}

/// Who came to a universe and who went between two days
#[derive(ToSchema)]
pub(crate) struct UniverseChanges {
    universe: String,
    from: Date,
    to: Date,
    added: Vec<String>,
    removed: Vec<String>,
}

/// The universes of a symbol
#[derive(ToSchema)]
pub(crate) struct SymbolAnswer {
    /// In its canonical spelling
    symbol: String,
    as_of: Option<Date>,
    count: u64,
    universes: Vec<SymbolSeat>,
}

/// One universe of a symbol
#[derive(ToSchema)]
pub(crate) struct SymbolSeat {
    #[schema(rename = "type")]
    universe_type: String,
    key: String,
    name: String,
    category: Option<String>,
    rank: Option<u32>,
    since: Option<Date>,
}

/// A part of the events
#[derive(ToSchema)]
pub(crate) struct EventPage {
    events: Vec<NumberedEvent>,
    /// What to give as `after` for the next page
    next_after: i64,
    /// The number of the oldest event that is kept
    oldest: i64,
    /// The number of the newest event
    newest: i64,
}

/// An event as it is published, and its number
#[derive(ToSchema)]
pub(crate) struct NumberedEvent {
    /// Rises by one with every event
    number: i64,
    /// Identifies the event, for whoever sees it twice
    id: Uuid,
    event: String,
    timestamp: Timestamp,
    source: String,
    version: String,
    payload: Value,
    /// The Redis channels that it is published on
    channels: Vec<String>,
}
