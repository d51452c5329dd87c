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
    /// Whether the members are those of the very session that the answer is for, and not the last that were known
    is_point_in_time: bool,
    /// How many sessions lie between the one that was synchronized and the one asked about; null where no run goes
    /// so far back
    source_age_sessions: Option<u32>,
    /// Whether a change of the members waited for approval
    held: bool,
    /// How many listings were kept out because their data could not be believed
    quarantined_count: u32,
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
    /// Whether the members are those of the very session that the answer is for, and not the last that were known
    is_point_in_time: bool,
    /// How many sessions lie between the one that was synchronized and the one asked about; null where no run goes
    /// so far back
    source_age_sessions: Option<u32>,
    /// Whether a change of the members waited for approval
    held: bool,
    /// How many listings were kept out because their data could not be believed
    quarantined_count: u32,
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

/// Why a symbol is in a universe, or is not
#[derive(ToSchema)]
pub(crate) struct ExplanationAnswer {
    universe: String,
    /// In its canonical spelling
    symbol: String,
    company_name: Option<String>,
    /// The session that the answer is for
    as_of: Date,
    /// As it is recorded
    is_member: bool,
    since: Option<Date>,
    /// The last change up to the session; null when it was never a member
    recorded: Option<RecordedTurn>,
    /// What the rule says of the session's figures; null where nothing defines the universe any more
    by_rule: Option<RuleVerdict>,
    /// What a person should know about the answer
    remarks: Vec<String>,
}

/// The last thing that was recorded about a symbol in a universe
#[derive(ToSchema)]
pub(crate) struct RecordedTurn {
    session: Date,
    /// `added` or `removed`
    action: String,
    /// The code of the reason
    reason: String,
    /// In US dollars
    market_cap: Option<i64>,
    rank: Option<u32>,
    run_id: Option<Uuid>,
    recorded_at: Option<Timestamp>,
}

/// What a rule says about a symbol
#[derive(ToSchema)]
pub(crate) struct RuleVerdict {
    rule: String,
    /// The fingerprint of the rule's text
    rule_version: String,
    /// Whether it was a member before, which counts where the rule has a buffer
    was_member: bool,
    is_member: bool,
    /// The code of the reason that a run would record
    reason: String,
    rank: Option<u32>,
    inputs: Vec<RuleInput>,
    /// In order; the first that does not hold decides, else the last
    questions: Vec<RuleQuestion>,
}

/// A field that a rule reads, and what the listing has there
#[derive(ToSchema)]
pub(crate) struct RuleInput {
    field: String,
    value: Option<String>,
}

/// A question of a rule
#[derive(ToSchema)]
pub(crate) struct RuleQuestion {
    asks: String,
    found: String,
    /// Null where it cannot be told, which is not enough
    holds: Option<bool>,
}

/// How the members of a universe changed
#[derive(ToSchema)]
pub(crate) struct UniverseHistory {
    universe: String,
    from: Option<Date>,
    to: Option<Date>,
    changes: Vec<HistoryChange>,
}

/// A symbol that came or went
#[derive(ToSchema)]
pub(crate) struct HistoryChange {
    universe: String,
    symbol: String,
    session: Date,
    /// `added` or `removed`
    action: String,
    /// The code of the reason
    reason: String,
    /// In US dollars
    market_cap: Option<i64>,
    rank: Option<u32>,
    run_id: Option<Uuid>,
    recorded_at: Option<Timestamp>,
}

/// Every universe that a symbol was ever in
#[derive(ToSchema)]
pub(crate) struct SymbolHistory {
    symbol: String,
    from: Option<Date>,
    to: Option<Date>,
    memberships: Vec<Interval>,
}

/// One interval of membership
#[derive(ToSchema)]
pub(crate) struct Interval {
    universe: String,
    symbol: String,
    /// The first session
    valid_from: Date,
    /// The first session no longer; null while it lasts
    valid_to: Option<Date>,
    opened_run: i64,
    closed_run: Option<i64>,
    opened_reason: String,
    opened_cap: Option<i64>,
    opened_rank: Option<u32>,
    closed_reason: Option<String>,
    closed_cap: Option<i64>,
    closed_rank: Option<u32>,
}
