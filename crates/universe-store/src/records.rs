//! What a store hands out and takes in beside the domain's own types.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use universe_core::plan::{Mode, RecordedInterval, Step};
use universe_core::{Issue, Symbol, UniverseId, Usd};
use uuid::Uuid;

/// Which database a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// The embedded file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// What a run wants to know beyond the columns that every run reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Names of the securities, which are long and seldom used.
    pub company_names: bool,
    /// Exchange, country, currency, and what is known of funds, which few rules look at.
    pub details: bool,
    /// The loaded figures to read, by field name; others are not looked at.
    pub facts: Vec<String>,
    /// Returns since the session before, for the figures of the market.
    pub returns: bool,
}

/// One migration and whether it has been applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationState {
    /// Its number.
    pub version: i32,
    /// Its name.
    pub name: String,
    /// When it was applied.
    pub applied_at: Option<Timestamp>,
    /// Whether the text that was applied is the text that this program has.
    pub is_intact: bool,
}

/// A run as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunRecord {
    /// Its id; `job_id` elsewhere.
    pub run_id: Uuid,
    /// The environment of `cache_entries` that it worked on.
    pub environment: String,
    /// The part of the work.
    pub mode: Mode,
    /// The session that it was about; `None` until that is decided.
    pub session: Option<Date>,
    /// Its state (`pending`, `running`, `completed`, `completed_with_errors`, `held`, `failed`, `cancelled`).
    pub status: String,
    /// Who asked for it.
    pub triggered_by: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began; `None` while it waits.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How many memberships, caps and listings it changed.
    pub total_changes: i64,
    /// The addresses of the universes whose members it changed.
    pub universes_updated: Vec<String>,
    /// What each step did: `{step: {status, changes, duration_seconds, notes, error}}`.
    pub task_results: Value,
    /// The alerts that it raised.
    pub alerts: Value,
    /// What it held back: `[{universe, added, removed, count_before}]`.
    pub held: Value,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether changes that are too large were to be made all the same.
    pub force: bool,
    /// Whether universes that nothing defines were to be left alone.
    pub preserve: bool,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// The universes whose held changes it was to release.
    pub approves: Vec<UniverseId>,
    /// Whether somebody asked for it to stop.
    pub cancel_requested: bool,
    /// How far it is, in the words of whoever runs it; null unless it runs.
    pub progress: Value,
    /// The token of the lease under which it runs or ran; `None` for a run outside the queue.
    #[serde(skip)]
    pub lease_token: Option<u64>,
}

impl RunRecord {
    /// The kind of a run that went by the rules.
    pub const SYNC: &'static str = "sync";

    /// Returns whether it has ended, in whatever way; nothing about it changes any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "pending" | "running")
    }

    /// Returns the instant that it is recorded with: its end, else its beginning, else that of the order.
    #[must_use]
    pub fn recorded_at(&self) -> Timestamp {
        self.finished_at.or(self.started_at).unwrap_or(self.created_at)
    }

    /// Returns what kind of work it was: a run of the rules, or work by hand, whose name its results have.
    #[must_use]
    pub fn kind(&self) -> &str {
        let mut names = self.task_results.as_object().into_iter().flat_map(|results| results.keys());
        let is_step = |name: &String| Step::ALL.iter().any(|step| step.as_str() == name);
        names.find(|name| !is_step(name)).map_or(Self::SYNC, String::as_str)
    }

    /// Returns how long it took; `None` before it ended, or when it never began.
    #[must_use]
    pub fn duration_seconds(&self) -> Option<f64> {
        Some(self.finished_at?.duration_since(self.started_at?).as_secs_f64())
    }
}

/// A universe as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UniverseRecord {
    /// Its address.
    #[serde(skip)]
    pub id: UniverseId,
    /// Its name.
    pub name: String,
    /// Its category as the entry has it.
    pub category: Option<String>,
    /// How many members it has.
    pub count: usize,
    /// When its entry was written last.
    pub last_updated: Option<Timestamp>,
    /// The name of its rule; `None` for an entry of another program.
    pub rule: Option<String>,
    /// Whether its members are in order of rank.
    pub is_ranked: bool,
}

/// The members of a universe as of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct MembersAsOf {
    /// The universe.
    pub universe: UniverseRecord,
    /// The session that the answer is for; `None` when it is for now.
    pub as_of: Option<Date>,
    /// The session of the first membership ever recorded; before it nothing is known.
    pub known_since: Option<Date>,
    /// The members: in order of rank where that is known, else of symbol.
    pub members: Vec<MemberRecord>,
}

/// An entry as it stands now.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryRecord {
    /// The universe.
    pub universe: UniverseRecord,
    /// Its members in the order of the entry, each once.
    pub symbols: Vec<Symbol>,
}

/// What is known of a listing as of a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FigureRecord {
    /// The name of the company, as it is now.
    pub company_name: Option<String>,
    /// The market cap by the latest close up to the session, or as it is recorded where that cannot be calculated.
    pub market_cap: Option<Usd>,
    /// The sector.
    pub sector: Option<String>,
}

/// One member of a universe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberRecord {
    /// Its symbol.
    pub symbol: Symbol,
    /// Its name.
    pub company_name: Option<String>,
    /// Its rank, where the universe is ranked and the answer is for now.
    pub rank: Option<u32>,
    /// Its market cap by the latest close up to the session, or as it is recorded where that cannot be calculated.
    pub market_cap: Option<Usd>,
    /// Its sector.
    pub sector: Option<String>,
    /// The session since which it has been a member without a break.
    pub since: Option<Date>,
}

/// One interval of membership.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MembershipRecord {
    /// The universe.
    pub universe: UniverseId,
    /// The member, as its symbol was then.
    pub symbol: Symbol,
    /// The first session.
    pub valid_from: Date,
    /// The first session no longer; `None` while it lasts.
    pub valid_to: Option<Date>,
    /// The number of the run that opened it.
    pub opened_run: i64,
    /// The number of the run that closed it.
    pub closed_run: Option<i64>,
    /// The code of the reason for coming.
    pub opened_reason: String,
    /// The cap at that time.
    pub opened_cap: Option<Usd>,
    /// The rank at that time.
    pub opened_rank: Option<u32>,
    /// The code of the reason for going.
    pub closed_reason: Option<String>,
    /// The cap at that time.
    pub closed_cap: Option<Usd>,
    /// The rank at that time.
    pub closed_rank: Option<u32>,
    /// The number of the run that corrected it: from then on it answers only for what was known before.
    pub superseded_run: Option<i64>,
}

impl MembershipRecord {
    /// Returns whether it answers for any session as far as is known now: it was neither corrected, nor taken back
    /// within the session that it began with.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.superseded_run.is_none() && self.valid_to != Some(self.valid_from)
    }

    /// Returns whether it answers for a session, as far as is known now.
    #[must_use]
    pub fn covers(&self, session: Date) -> bool {
        self.is_in_force() && self.overlaps(Some(session), Some(session))
    }

    /// Returns whether any of its sessions lies between two days, both included; without one it is open to that side.
    #[must_use]
    pub fn overlaps(&self, from: Option<Date>, to: Option<Date>) -> bool {
        let ends_before = |from| self.valid_to.is_some_and(|end| end <= from);
        !from.is_some_and(ends_before) && to.is_none_or(|to| self.valid_from <= to)
    }
}

impl From<MembershipRecord> for RecordedInterval {
    fn from(row: MembershipRecord) -> Self {
        let MembershipRecord { symbol, valid_from, valid_to, opened_run, .. } = row;
        Self { symbol, valid_from, valid_to, opened_run }
    }
}

/// One audit entry; their numbers have no gaps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Its number within the environment, from 1.
    pub number: i64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The run.
    pub run_id: Uuid,
    /// Who.
    pub actor: String,
    /// What: `created`, `updated`, `retired`, `delisted`, `renamed`, `ipo_assigned`, `held`, `imported`.
    pub action: String,
    /// The universe, where it is about one.
    pub universe: Option<UniverseId>,
    /// The symbol, where it is about one.
    pub symbol: Option<Symbol>,
    /// Why, for people.
    pub reason: String,
    /// Further figures.
    pub detail: Value,
}

/// One event as it waits for publication; their numbers have no gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxEntry {
    /// Its number within the environment, from 1.
    pub number: i64,
    /// Its id.
    pub id: Uuid,
    /// What happened.
    pub event: String,
    /// The channels that it is published on.
    pub channels: Vec<String>,
    /// The universe and the number of its change, where it is about one.
    pub universe: Option<(UniverseId, u64)>,
    /// The complete message.
    pub message: Value,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was published.
    pub published_at: Option<Timestamp>,
}

/// A full snapshot that was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotRecord {
    /// The session.
    pub session: Date,
    /// The source.
    pub source: String,
    /// How many listings it showed.
    pub rows: u64,
    /// When it was loaded.
    pub loaded_at: Timestamp,
}

/// What a load did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Loaded {
    /// How many rows were new or changed.
    pub written: u64,
    /// How many rows were as they are already.
    pub unchanged: u64,
}

/// A load as it is recorded, with what was wrong with the data.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadRecord {
    /// What was loaded (`screener`, `snapshots`, `symbols`, `prices`, `universe`).
    pub kind: String,
    /// The file.
    pub file: String,
    /// The session, where the file is about one.
    pub session: Option<Date>,
    /// How many rows the file has.
    pub rows: u64,
    /// How many were taken.
    pub loaded: u64,
    /// What was wrong.
    pub issues: Vec<Issue>,
}

/// A place where what is stored contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inconsistency {
    /// What was compared (`entry_equals_intervals`, `intervals_overlap`, `audit_gap`, `outbox_gap`, ...).
    pub check: &'static str,
    /// The universe.
    pub universe: Option<UniverseId>,
    /// The symbol.
    pub symbol: Option<Symbol>,
    /// What is wrong.
    pub detail: String,
}
