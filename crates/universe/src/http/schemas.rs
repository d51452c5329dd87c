//! The shapes of answers that are put together elsewhere, for the OpenAPI document.
#![expect(dead_code, reason = "these describe JSON that is serialised ahead; nothing builds them")]

use std::collections::BTreeMap;

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
    /// Whether the members are those of the very session that the answer is for, and not the last that were known
    is_point_in_time: bool,
    /// How many sessions lie between the one that was synchronized and the one asked about; null where no run goes
    /// so far back
    source_age_sessions: Option<u32>,
    /// Whether a change of one of these universes waited for approval
    held: bool,
    /// How many listings were kept out because their data could not be believed
    quarantined_count: u32,
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
    /// What members of the past are called today, where that is another symbol; not in answers about now
    later_symbols: Option<BTreeMap<String, String>>,
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
    /// What members of the past are called today, where that is another symbol; not in answers about now
    later_symbols: Option<BTreeMap<String, String>>,
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

/// Who came and who went between two moments of a universe, or is in one universe only
#[derive(ToSchema)]
pub(crate) struct UniverseChanges {
    universe: String,
    /// The day that was asked for, or the id of the run; missing where universes are compared
    #[schema(required = false)]
    from: String,
    #[schema(required = false)]
    to: String,
    /// The universe that was compared with; missing where moments are compared
    #[schema(required = false)]
    with: String,
    /// Who is only on the second side
    added: Vec<String>,
    /// Who is only on the first side
    removed: Vec<String>,
    /// Those of both that are one listing, whose symbol changed: the old one to the new one
    renamed: BTreeMap<String, String>,
    before: ComparedMembers,
    after: ComparedMembers,
    /// What a person should know about both
    remarks: Vec<String>,
}

/// One side of a comparison, and how far it can be trusted
#[derive(ToSchema)]
pub(crate) struct ComparedMembers {
    universe: String,
    /// The session that its members are as of; null for now
    as_of: Option<Date>,
    /// The instant at which they were known; null for what is known now
    known_at: Option<Timestamp>,
    /// The run that left them, where one was asked for
    run_id: Option<Uuid>,
    count: u64,
    is_point_in_time: bool,
    source_age_sessions: Option<u32>,
    held: bool,
    quarantined_count: u32,
}

/// The universes of a symbol
#[derive(ToSchema)]
pub(crate) struct SymbolAnswer {
    /// In its canonical spelling
    symbol: String,
    /// The session that the answer is for
    as_of: Option<Date>,
    count: u64,
    /// Whether the members are those of the very session that the answer is for, and not the last that were known
    is_point_in_time: bool,
    /// How many sessions lie between the one that was synchronized and the one asked about; null where no run goes
    /// so far back
    source_age_sessions: Option<u32>,
    /// Whether a change of one of these universes waited for approval
    held: bool,
    /// How many listings were kept out because their data could not be believed
    quarantined_count: u32,
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
    /// Whether the answer is of the very session that it is for, and not the last that was known
    is_point_in_time: bool,
    /// How many sessions lie between the one that was synchronized and the one asked about; null where no run goes
    /// so far back
    source_age_sessions: Option<u32>,
    /// Whether a change of the members waited for approval
    held: bool,
    /// How many listings were kept out because their data could not be believed
    quarantined_count: u32,
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
    known_at: Option<Timestamp>,
    /// The first session of which anything is recorded
    known_since: Option<Date>,
    /// Whether the last session asked for was synchronized itself
    is_point_in_time: bool,
    /// How many sessions lie between the one that was synchronized and the last one asked for; null where no run goes
    /// so far back
    source_age_sessions: Option<u32>,
    /// Whether a change of the members waited for approval
    held: bool,
    /// How many listings were kept out because their data could not be believed
    quarantined_count: u32,
    changes: Vec<HistoryChange>,
    /// What a person should know about the answer
    remarks: Vec<String>,
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
    /// Whether it is known when it happened; of some members of an index it is only known that they were by then
    is_dated: bool,
    /// The first day on which it may have happened, where the sources of an index leave open when it did
    not_before: Option<Date>,
}

/// Every universe that a symbol was ever in
#[derive(ToSchema)]
pub(crate) struct SymbolHistory {
    symbol: String,
    from: Option<Date>,
    to: Option<Date>,
    /// The symbols that the listing had and has, oldest first
    also_known_as: Vec<SymbolTenure>,
    memberships: Vec<Interval>,
    /// Others who had the symbol that was asked for
    other_listings: Vec<SymbolTenure>,
}

/// The time in which a listing has a symbol
#[derive(ToSchema)]
pub(crate) struct SymbolTenure {
    symbol: String,
    /// The first session; null where nothing is known before it
    from: Option<Date>,
    /// The first session no longer; null while it lasts
    until: Option<Date>,
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

/// Somebody's word about a member
#[derive(ToSchema)]
pub(crate) struct OverrideAnswer {
    id: Uuid,
    universe: String,
    symbol: String,
    /// Whether it is to be a member
    is_member: bool,
    /// The first session
    from: Date,
    /// The first session no longer; null until it is withdrawn
    until: Option<Date>,
    reason: String,
    /// Who says so; over HTTP with the id of the key
    by: String,
    recorded_at: Timestamp,
    withdrawn: Option<OverrideWithdrawal>,
}

/// That an override was withdrawn
#[derive(ToSchema)]
pub(crate) struct OverrideWithdrawal {
    at: Timestamp,
    by: String,
}

/// A page of overrides, oldest first
#[derive(ToSchema)]
pub(crate) struct OverrideList {
    overrides: Vec<OverrideAnswer>,
    total: u64,
    limit: u32,
    offset: u32,
}

/// Changes that are known and not made yet
#[derive(ToSchema)]
pub(crate) struct PendingAnswer {
    /// Null for all of them
    universe: Option<String>,
    /// The session that memberships stand at
    as_of: Option<Date>,
    count: u64,
    /// Those that wait for approval first, then by session
    pending: Vec<PendingMember>,
}

/// A change of one member that is known and not made yet
#[derive(ToSchema)]
pub(crate) struct PendingMember {
    universe: String,
    symbol: String,
    /// Whether it is to be a member
    is_member: bool,
    /// `session`: the run of `from` makes it, or the next one; `approval`: whoever approves `run_id` makes it
    awaits: String,
    /// The first session
    from: Option<Date>,
    /// The first session no longer; null where no end was announced
    until: Option<Date>,
    reason: String,
    /// Who says so, or asked for the run
    by: String,
    recorded_at: Timestamp,
    /// The override that announces it
    override_id: Option<Uuid>,
    /// The run that holds it
    run_id: Option<Uuid>,
}

/// What a rollback changed, or would
#[derive(ToSchema)]
pub(crate) struct RollbackAnswer {
    /// The run; null where nothing was written
    job_id: Option<Uuid>,
    /// The session as of which members were restored
    session: Date,
    dry_run: bool,
    /// Whether anything was written; not where everything was so already
    written: bool,
    cause: Option<String>,
    total_changes: u64,
    /// The version of the memberships before it, for the request that follows a dry run
    base_version: u64,
    universes: Vec<RolledBackUniverse>,
    /// What a person should know about it
    remarks: Vec<String>,
}

/// What an import changed, or would
#[derive(ToSchema)]
pub(crate) struct ImportAnswer {
    /// The run; null where nothing was written
    job_id: Option<Uuid>,
    /// The session as of which members were put in place
    session: Date,
    dry_run: bool,
    /// Whether anything was written; not where everything was so already
    written: bool,
    cause: Option<String>,
    total_changes: u64,
    /// The version of the memberships before it, for the request that follows a dry run
    base_version: u64,
    universes: Vec<RolledBackUniverse>,
    /// What a person should know about it
    remarks: Vec<String>,
    /// How many rows, or entries of lists, the export has
    rows: u64,
    /// How many universes it has, of those that were asked for
    universes_read: u64,
    /// What should be known about the export
    issues: Vec<ImportIssue>,
}

/// Something about an export, and where
#[derive(ToSchema)]
pub(crate) struct ImportIssue {
    file: String,
    line: Option<u64>,
    symbol: Option<String>,
    reason: String,
}

/// What becomes of one universe
#[derive(ToSchema)]
pub(crate) struct RolledBackUniverse {
    #[schema(rename = "type")]
    universe_type: String,
    key: String,
    /// `created`, `updated`, `reordered`, `refreshed` or `retired`
    action: String,
    count_before: u64,
    count: u64,
    added: Vec<String>,
    removed: Vec<String>,
}

/// What a correction changed, or would
#[derive(ToSchema)]
pub(crate) struct CorrectionAnswer {
    /// The run; null where nothing was written
    job_id: Option<Uuid>,
    universe: String,
    symbol: String,
    dry_run: bool,
    /// Whether anything was written; not where it was recorded so already
    written: bool,
    /// The recorded intervals that answer no longer
    superseded: Vec<Sessions>,
    /// Those that answer instead
    added: Vec<Sessions>,
}

/// An interval of sessions, half-open
#[derive(ToSchema)]
pub(crate) struct Sessions {
    from: Date,
    /// Null while it lasts
    until: Option<Date>,
}
