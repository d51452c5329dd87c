//! Small inputs for tests: snapshots, rules, and runs from observation to applied plan.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use universe_core::event::{Event, RunFacts, events_of_run};
use universe_core::plan::{Mode, Plan};
use universe_core::planner::{self, Holds, Request, Undefined};
use universe_core::rule::{RuleFile, RuleSet};
use universe_core::{ListingRecord, Price, SecurityType, Snapshot, SnapshotRow, Symbol, UniverseId};
use universe_store::{LoadRecord, Needs, RunOrder, RunRecord, Store, StoreError};
use uuid::Uuid;

/// The environment that tests work in.
pub const ENVIRONMENT: &str = "DEFAULT";

/// Monday, 4 March 2024, and the sessions after it.
pub const MONDAY: Date = date(2024, 3, 4);
/// The session after [`MONDAY`].
pub const TUESDAY: Date = date(2024, 3, 5);
/// The session after [`TUESDAY`].
pub const WEDNESDAY: Date = date(2024, 3, 6);

/// A ranking of two places, three bands of size, and a fixed list of funds with an older key beside its own.
pub const RULES: &[(&str, &str)] = &[
    (
        "rankings.toml",
        "category = \"market_leader\"\n\
        change_limit = { off = true }\n\
        [[ranking]]\n\
        key = \"top_2\"\n\
        name = \"Top 2\"\n\
        count = 2\n",
    ),
    (
        "bands.toml",
        "category = \"market_cap\"\n\
        change_limit = { off = true }\n\
        band = [\n\
            { key = \"mega_cap\", name = \"Mega Cap\", at_least = 200e9 },\n\
            { key = \"large_cap\", name = \"Large Cap\", at_least = 10e9 },\n\
            { key = \"mid_cap\", name = \"Mid Cap\", at_least = 2e9 },\n\
        ]\n",
    ),
    (
        "etf_broad_market.toml",
        "type = \"etf_universe\"\n\
        category = \"etf\"\n\
        [universe]\n\
        key = \"index_broad_market\"\n\
        name = \"Broad Market ETFs\"\n\
        mirrors = [\"etf_core\"]\n\
        symbols = [\"SPY\", \"QQQ\"]\n",
    ),
];

/// Returns a symbol.
///
/// # Panics
/// When the text is none.
#[must_use]
pub fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns symbols.
#[must_use]
pub fn symbols(texts: &[&str]) -> Vec<Symbol> {
    texts.iter().map(|text| symbol(text)).collect()
}

/// Returns the address of a universe, such as `stock_universe:top_2`.
///
/// # Panics
/// When the text is none.
#[must_use]
pub fn universe(address: &str) -> UniverseId {
    address.parse().unwrap_or_else(|error| panic!("{address}: {error}"))
}

/// Returns the instant at which the tests' run or load of that number ends; later numbers are later.
///
/// # Panics
/// Never with numbers that tests use.
#[must_use]
pub fn instant(number: u32) -> Timestamp {
    // The evening of MONDAY, and a minute for each number.
    Timestamp::from_second(1_709_596_800 + i64::from(number) * 60).expect("in range")
}

/// Returns a common stock with its close and its shares outstanding in millions.
#[must_use]
pub fn stock(text: &str, close: f64, shares_millions: i64) -> SnapshotRow {
    let close = Price::from_dollars(close).expect("a price");
    let mut listing = ListingRecord::new(symbol(text));
    listing.company_name = Some(format!("{text} Inc. Common Stock"));
    listing.security_type = Some(SecurityType::Cs);
    listing.sector = Some("Technology".to_owned());
    listing.weighted_shares_outstanding = Some(shares_millions * 1_000_000);
    listing.market_cap = close.times_shares(shares_millions * 1_000_000);
    SnapshotRow { listing, close: Some(close), volume: Some(1_000) }
}

/// Returns an exchange traded fund with its close.
#[must_use]
pub fn fund(text: &str, close: f64) -> SnapshotRow {
    let mut listing = ListingRecord::new(symbol(text));
    listing.company_name = Some(format!("{text} ETF Trust"));
    listing.security_type = Some(SecurityType::Etf);
    SnapshotRow { listing, close: Price::from_dollars(close), volume: Some(2_000) }
}

/// Returns a full snapshot of the source `screener`.
#[must_use]
pub fn snapshot(session: Date, rows: impl IntoIterator<Item = SnapshotRow>) -> Snapshot {
    let rows: BTreeMap<Symbol, SnapshotRow> = rows.into_iter().map(|row| (row.listing.symbol.clone(), row)).collect();
    Snapshot { session, source: "screener".to_owned(), rows: rows.into_values().collect() }
}

/// Returns six listings: three mega caps (MSFT, AAPL, NVDA in order of size), a mid cap and two funds.
#[must_use]
pub fn six_listings() -> Vec<SnapshotRow> {
    vec![
        stock("AAPL", 175.0, 15_400),
        stock("GME", 15.0, 305),
        stock("MSFT", 415.0, 7_430),
        stock("NVDA", 852.0, 2_500),
        fund("QQQ", 444.0),
        fund("SPY", 512.0),
    ]
}

/// Returns the record of a load without issues.
#[must_use]
pub fn load_record(kind: &str, session: Option<Date>) -> LoadRecord {
    LoadRecord { kind: kind.to_owned(), file: format!("{kind}.csv"), session, rows: 1, loaded: 1, issues: Vec::new() }
}

/// Reads rules from the texts of files.
///
/// # Panics
/// When a text is no rule.
#[must_use]
pub fn rules(files: &[(&str, &str)]) -> RuleSet {
    let files = files.iter().map(|(name, text)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() });
    RuleSet::from_files("classic", files, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// Plans a full run on what a store holds, as the service does.
///
/// # Panics
/// When the store cannot be read.
pub async fn plan(store: &dyn Store, session: Date, rules: &RuleSet) -> Plan {
    let request = Request { mode: Mode::Full, undefined: Undefined::Retire, holds: Holds::Wait };
    let needs = Needs {
        company_names: rules.reads_company_name(),
        details: rules.reads_details(),
        facts: rules.facts(),
        returns: true,
    };
    let observation = store.observation_read(session, &needs).await.expect("observes");
    let state = store.state_read(ENVIRONMENT, session).await.expect("reads the state");
    planner::plan(&observation, rules, &state, request)
}

/// Returns the record of the tests' run of that number.
#[must_use]
pub fn run_record(plan: &Plan, number: u32) -> RunRecord {
    RunRecord {
        run_id: Uuid::from_u128(u128::from(number)),
        environment: ENVIRONMENT.to_owned(),
        mode: plan.mode,
        session: Some(plan.session),
        status: "completed".to_owned(),
        triggered_by: "cli".to_owned(),
        created_at: instant(number - 1),
        started_at: Some(instant(number - 1)),
        finished_at: Some(instant(number)),
        total_changes: i64::try_from(plan.total_changes()).expect("few"),
        universes_updated: plan.changed_universes().map(|universe| universe.id.to_string()).collect(),
        task_results: json!({}),
        alerts: Value::Array(Vec::new()),
        held: Value::Array(Vec::new()),
        error: None,
        force: false,
        preserve: false,
        dry_run: false,
        approves: Vec::new(),
        cancel_requested: false,
        progress: Value::Null,
        lease_token: None,
    }
}

/// Returns the events of a run.
#[must_use]
pub fn events(plan: &Plan, record: &RunRecord) -> Vec<Event> {
    let facts = RunFacts {
        run_id: record.run_id,
        mode: record.mode,
        status: &record.status,
        started_at: record.started_at.unwrap_or(record.created_at),
        finished_at: record.recorded_at(),
        triggered_by: &record.triggered_by,
        force: false,
        steps: &plan.steps,
        alerts: &plan.alerts,
        offering_names: &[],
    };
    events_of_run(plan, &facts)
}

/// Returns the tests' order of that number: a full run.
#[must_use]
pub fn order(number: u32) -> RunOrder {
    RunOrder {
        run_id: Uuid::from_u128(0xface_0000 + u128::from(number)),
        environment: ENVIRONMENT.to_owned(),
        mode: Mode::Full,
        session: None,
        force: false,
        preserve: false,
        dry_run: false,
        approves: Vec::new(),
        triggered_by: "api".to_owned(),
        created_at: instant(number),
    }
}

/// Returns an event of that number, which is about nothing.
#[must_use]
pub fn event(number: u32) -> Event {
    let id = Uuid::from_u128(0xcafe_0000 + u128::from(number));
    Event { id, event: "error", channels: &["tickstock:errors"], universe: None, message: json!({"number": number}) }
}

/// Returns the one event of a run that a store brought to its end.
#[must_use]
pub fn events_of_end(run: &RunRecord) -> Vec<Event> {
    let id = Uuid::from_u128(run.run_id.as_u128() + 0xbeef_0000_0000);
    let message = json!({"run_id": run.run_id, "status": run.status});
    vec![Event { id, event: "phase_failed", channels: &["tickstock:processing:status"], universe: None, message }]
}

/// Returns the one event of a run that a store began.
#[must_use]
pub fn events_of_begin(run: &RunRecord) -> Vec<Event> {
    let id = Uuid::from_u128(run.run_id.as_u128() + 0xfade_0000_0000);
    let message = json!({"run_id": run.run_id, "status": run.status, "started_at": run.started_at});
    vec![Event { id, event: "phase_started", channels: &["tickstock:processing:status"], universe: None, message }]
}

/// Applies a plan as the tests' run of that number.
///
/// # Errors
/// As [`Store::run_apply`].
pub async fn apply(store: &dyn Store, plan: &Plan, number: u32) -> Result<(), StoreError> {
    let record = run_record(plan, number);
    store.run_apply(plan, &record, &events(plan, &record)).await
}

/// Loads a snapshot as the tests' load of that number.
///
/// # Panics
/// When the store refuses.
pub async fn load(store: &dyn Store, snapshot: &Snapshot, number: u32) -> universe_store::Loaded {
    let record = load_record("screener", Some(snapshot.session));
    store.snapshot_load(snapshot, &record, instant(number)).await.expect("loads")
}

/// Loads a snapshot and synchronizes its session by [`RULES`], as run of that number; returns the plan.
///
/// # Panics
/// When the store refuses, or there is nothing to do.
pub async fn sync(store: &dyn Store, snapshot: &Snapshot, number: u32) -> Plan {
    load(store, snapshot, number).await;
    sync_by(store, snapshot.session, RULES, number).await
}

/// Synchronizes a session by other rules, as run of that number; returns the plan.
///
/// # Panics
/// When the store refuses, or there is nothing to do.
pub async fn sync_by(store: &dyn Store, session: Date, files: &[(&str, &str)], number: u32) -> Plan {
    let plan = plan(store, session, &rules(files)).await;
    assert!(!plan.is_empty(), "run {number} would have nothing to do");
    apply(store, &plan, number).await.unwrap_or_else(|error| panic!("run {number}: {error}"));
    plan
}
