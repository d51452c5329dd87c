//! Runs as jobs, leases, keys: what the service keeps beside memberships.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use universe_core::UniverseId;
use universe_core::event::Event;
use universe_core::plan::Mode;
use uuid::Uuid;

use crate::RunRecord;

/// Makes the events of a run that a store itself brings to its end.
///
/// Their ids must be others than those of the events that the run has sent already.
pub type EventsOf = fn(&RunRecord) -> Vec<Event>;

/// A run that somebody asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOrder {
    /// Its id; `job_id` elsewhere.
    pub run_id: Uuid,
    /// The environment of `cache_entries` to work on.
    pub environment: String,
    /// The part of the work.
    pub mode: Mode,
    /// The session; `None` for the newest one with prices.
    pub session: Option<Date>,
    /// Whether changes that are too large are made all the same.
    pub force: bool,
    /// Whether universes that nothing defines are left alone.
    pub preserve: bool,
    /// Whether nothing is to be written.
    pub dry_run: bool,
    /// The universes whose held changes are released; empty unless it approves another run.
    pub approves: Vec<UniverseId>,
    /// Who asks (`api`, `cli`, `scheduler`, `signal`).
    pub triggered_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// It waits to be claimed.
    Queued,
    /// Another run of the environment waits or runs; nothing was written.
    Busy {
        /// The other run.
        run_id: Uuid,
    },
}

/// A run that is the caller's to carry out, for as long as it keeps the lease.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedRun {
    /// What was asked for.
    pub order: RunOrder,
    /// When it began.
    pub started_at: Timestamp,
    /// The token of the lease `run:ENVIRONMENT`; a higher one fences this run off.
    pub token: u64,
}

/// A lease that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Rises by one with every new holder.
    pub token: u64,
}

/// Figures of runs over a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RunStatistics {
    /// How many were asked for.
    pub total: u64,
    /// How many of them did their work (`completed`, `held`).
    pub successful: u64,
    /// How many of them did not, or only in part (`failed`, `completed_with_errors`).
    pub failed: u64,
    /// How long those that began and ended took on average; `None` where there are none.
    pub avg_duration_seconds: Option<f64>,
}

/// Which events an environment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxSpan {
    /// The number of the oldest event that is kept; one more than `newest` where none is.
    pub oldest: i64,
    /// The number of the newest event, kept or not.
    pub newest: i64,
    /// How many are not published.
    pub unpublished: u64,
    /// When the oldest one of them was written.
    pub unpublished_since: Option<Timestamp>,
}

/// A key that lets programs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its public part, by which it is found.
    pub api_key_id: String,
    /// What it is for, for people.
    pub name: String,
    /// The hash of its secret part.
    pub hash: Vec<u8>,
    /// What it allows (`read`, `operate`, `admin`).
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it lets nobody in.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, roughly.
    pub last_used_at: Option<Timestamp>,
}

/// Returns the name of the lease that the run of an environment holds.
#[must_use]
pub fn run_lease(environment: &str) -> String {
    format!("run:{environment}")
}

/// Returns the instant at which a lease expires.
pub(crate) fn expiry(now: Timestamp, ttl_seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(ttl_seconds)).unwrap_or(Timestamp::MAX)
}

/// Returns the addresses of universes as they are stored.
pub(crate) fn addresses(universes: &[UniverseId]) -> Value {
    universes.iter().map(ToString::to_string).collect()
}

/// Returns a run as it waits.
pub(crate) fn run_of_order(order: &RunOrder) -> RunRecord {
    RunRecord {
        run_id: order.run_id,
        environment: order.environment.clone(),
        mode: order.mode,
        session: order.session,
        status: "pending".to_owned(),
        triggered_by: order.triggered_by.clone(),
        created_at: order.created_at,
        started_at: None,
        finished_at: None,
        total_changes: 0,
        universes_updated: Vec::new(),
        task_results: json!({}),
        alerts: json!([]),
        held: json!([]),
        error: None,
        force: order.force,
        preserve: order.preserve,
        dry_run: order.dry_run,
        approves: order.approves.clone(),
        cancel_requested: false,
        progress: Value::Null,
        lease_token: None,
    }
}

/// Returns what whoever claimed a run has to know.
pub(crate) fn claimed_run(run: RunRecord, started_at: Timestamp, token: u64) -> ClaimedRun {
    let order = RunOrder {
        run_id: run.run_id,
        environment: run.environment,
        mode: run.mode,
        session: run.session,
        force: run.force,
        preserve: run.preserve,
        dry_run: run.dry_run,
        approves: run.approves,
        triggered_by: run.triggered_by,
        created_at: run.created_at,
    };
    ClaimedRun { order, started_at, token }
}

/// Begins a run that waited, and returns when: never before it was ordered, perhaps by a machine whose clock is ahead.
pub(crate) fn begin_run(run: &mut RunRecord, now: Timestamp) -> Timestamp {
    let started_at = now.max(run.created_at);
    run.status = "running".to_owned();
    run.started_at = Some(started_at);
    started_at
}

/// Brings a run that waited to its end.
pub(crate) fn cancel_waiting_run(run: &mut RunRecord, now: Timestamp) {
    run.status = "cancelled".to_owned();
    run.finished_at = Some(now.max(run.created_at));
    run.cancel_requested = true;
}

/// Brings a run whose lease nobody holds to its end.
pub(crate) fn fail_dead_run(run: &mut RunRecord, now: Timestamp) {
    run.status = "failed".to_owned();
    run.finished_at = Some(run.started_at.map_or(now, |started_at| now.max(started_at)));
    run.progress = Value::Null;
    run.error = Some("its process died: it gave no sign of life for longer than its lease; order it again".to_owned());
}
