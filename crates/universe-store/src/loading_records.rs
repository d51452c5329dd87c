//! Data-load jobs and their tasks, as they are ordered, kept and brought to their end.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use universe_core::event::Event;
use universe_core::{Symbol, TimedBar, Timeframe};

/// Makes the events of a job that a store itself brings to its end.
pub type EventsOfDataLoad = fn(&DataLoadRecord) -> Vec<Event>;

/// A job that is begun so often without finishing a task takes its process down with it, and fails.
pub const DATA_LOAD_ATTEMPTS_MAX: u32 = 10;

/// How many failed tasks a job shows; the others are counted.
pub const DATA_LOAD_ERRORS_MAX: usize = 100;

/// What is to be loaded: the members of a universe, the symbols of a file, or symbols by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLoadRequest {
    /// An address or a set expression; resolved when the job begins.
    pub universe_key: Option<String>,
    /// A file in the configured directory; read when the job begins.
    pub csv_file: Option<String>,
    /// Symbols by name; empty where a universe or a file is given.
    pub symbols: Vec<Symbol>,
    /// How many years back.
    pub years: u32,
    /// How long bars are, each once.
    pub timeframes: Vec<Timeframe>,
    /// Whether bars are loaded; without, the symbols are only made known.
    pub include_ohlcv: bool,
}

/// A job that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLoadOrder {
    /// Its id, as whoever asks chose it: the same id again is the same job.
    pub job_id: String,
    /// The environment in which universes are looked up.
    pub environment: String,
    /// What is to be loaded.
    pub request: DataLoadRequest,
    /// Who asks.
    pub requested_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataLoadStatus {
    /// It waits for its turn.
    Pending,
    /// It is at work, or waits for somebody to go on with it.
    Running,
    /// All of it was done.
    Completed,
    /// Some tasks failed; the rest was done.
    CompletedWithErrors,
    /// It could not be done.
    Failed,
    /// Somebody asked for it to stop.
    Cancelled,
}

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataLoadTaskStatus {
    /// Bars are still to come.
    Pending,
    /// All of its bars are stored.
    Completed,
    /// Its bars could not be had.
    Failed,
}

/// A task that failed, as a job shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataLoadFault {
    /// The symbol.
    pub symbol: String,
    /// How long the bars are.
    pub timeframe: String,
    /// Why.
    pub message: String,
}

/// A job as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct DataLoadRecord {
    /// What was asked for.
    pub order: DataLoadOrder,
    /// How it stands.
    pub status: DataLoadStatus,
    /// The same for people.
    pub message: String,
    /// How many symbols it is about; `None` until that is known.
    pub symbols_total: Option<u32>,
    /// How many of them have nothing more to come.
    pub symbols_done: u32,
    /// How many tasks it has: one for each symbol and timeframe.
    pub tasks_total: u32,
    /// How many of them ended, well or not.
    pub tasks_done: u32,
    /// How many bars were received.
    pub bars: u64,
    /// How many tasks failed.
    pub error_count: u32,
    /// The first of them, by symbol.
    pub errors: Vec<DataLoadFault>,
    /// The first day of its bars; `None` until it begins.
    pub first_date: Option<Date>,
    /// The last day of its bars.
    pub last_date: Option<Date>,
    /// When it first began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When anything about it changed last.
    pub updated_at: Timestamp,
    /// Whether somebody asked for it to stop.
    pub cancel_requested: bool,
    /// How often it was begun since a task was last brought to its end.
    pub attempts: u32,
    /// The token of the lease under which it runs or ran.
    pub lease_token: Option<u64>,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataLoadOrdered {
    /// It waits to be claimed.
    Queued,
    /// There is a job of that id already; nothing was written.
    Known,
}

/// A job that is the caller's to carry out, for as long as it keeps the lease.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedDataLoad {
    /// The job; one that was begun before has its dates and tasks already.
    pub job: DataLoadRecord,
    /// The token of the lease `data_load:ENVIRONMENT`; a higher one fences this process off.
    pub token: u64,
}

/// Whose bars a job loads, and of which days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLoadPlan {
    /// What it does now, for people.
    pub message: String,
    /// The symbols, each once.
    pub symbols: Vec<Symbol>,
    /// The first day.
    pub first_date: Date,
    /// The last day.
    pub last_date: Date,
}

/// The bars of one symbol and timeframe, as far as they are loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLoadTask {
    /// The symbol.
    pub symbol: Symbol,
    /// How long the bars are.
    pub timeframe: Timeframe,
    /// How it stands.
    pub status: DataLoadTaskStatus,
    /// The date of the last bar that is stored, where it is under way.
    pub loaded_through: Option<Date>,
    /// How many bars were received.
    pub bars: u64,
    /// Why it failed.
    pub error: Option<String>,
}

/// What came of a task, in full or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLoadPart {
    /// The symbol.
    pub symbol: Symbol,
    /// How long the bars are.
    pub timeframe: Timeframe,
    /// The bars; those of one task in ascending order.
    pub bars: Vec<TimedBar>,
    /// Whether there is more to come.
    pub end: DataLoadTaskEnd,
}

/// How a task goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataLoadTaskEnd {
    /// More bars are to come.
    Continued,
    /// These were the last ones.
    Completed,
    /// No more could be had; says why.
    Failed(String),
}

/// How a job ends.
#[derive(Clone, Debug, PartialEq)]
pub struct DataLoadEnd {
    /// The status.
    pub status: DataLoadStatus,
    /// The same for people.
    pub message: String,
    /// What followers are told.
    pub events: Vec<Event>,
}

impl DataLoadStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Completed, Self::CompletedWithErrors, Self::Failed, Self::Cancelled];

    /// Returns its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::CompletedWithErrors => "completed_with_errors",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the status of a name.
    #[must_use]
    pub fn from_spelling(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Tells whether nothing more happens to the job.
    #[must_use]
    pub const fn is_over(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Completed | Self::CompletedWithErrors | Self::Failed | Self::Cancelled => true,
        }
    }
}

impl DataLoadTaskStatus {
    pub(crate) fn from_spelling(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "completed" => Some(Self::Completed),
            "failed" => Some(Self::Failed),
            _ => None,
        }
    }
}

impl DataLoadTaskEnd {
    /// Returns the status of the task, and why it failed.
    pub(crate) fn stored(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Continued => ("pending", None),
            Self::Completed => ("completed", None),
            Self::Failed(reason) => ("failed", Some(reason)),
        }
    }
}

impl DataLoadRecord {
    /// Returns how much of it is done, in percent.
    #[must_use]
    pub fn percentage(&self) -> u32 {
        match (self.status, self.tasks_total) {
            (DataLoadStatus::Completed | DataLoadStatus::CompletedWithErrors, _) => 100,
            (_, 0) => 0,
            (_, total) => u32::try_from(u64::from(self.tasks_done) * 100 / u64::from(total)).unwrap_or(100),
        }
    }

    /// Returns how it stands, as it is shown to programs (contract, section 6), with some more.
    #[must_use]
    pub fn status_document(&self) -> Value {
        let DataLoadOrder { job_id, request, requested_by, created_at, .. } = &self.order;
        json!({
            "job_id": job_id,
            "status": self.status,
            "progress": self.percentage(),
            "message": self.message,
            "symbols_total": self.symbols_total,
            "symbols_done": self.symbols_done,
            "errors": self.errors,
            "updated_at": self.updated_at,
            "error_count": self.error_count,
            "tasks_total": self.tasks_total,
            "tasks_done": self.tasks_done,
            "bars": self.bars,
            "universe_key": request.universe_key,
            "csv_file": request.csv_file,
            "years": request.years,
            "timeframes": request.timeframes,
            "include_ohlcv": request.include_ohlcv,
            "first_date": self.first_date,
            "last_date": self.last_date,
            "requested_by": requested_by,
            "created_at": created_at,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "cancel_requested": self.cancel_requested,
        })
    }
}

/// Returns the name of the lease that the job of an environment holds.
///
/// One job of an environment is at work at a time: the API counts the requests of all of them together.
#[must_use]
pub fn data_load_lease(environment: &str) -> String {
    format!("data_load:{environment}")
}

/// A task as a batch leaves it: parts of one task that came in one batch are one.
pub(crate) struct TaskProgress<'p> {
    pub(crate) symbol: &'p Symbol,
    pub(crate) timeframe: Timeframe,
    pub(crate) end: &'p DataLoadTaskEnd,
    pub(crate) loaded_through: Option<Date>,
    pub(crate) bars: i64,
}

/// Sums up the parts of a batch by task.
pub(crate) fn progress_of(parts: &[DataLoadPart]) -> Vec<TaskProgress<'_>> {
    let mut tasks: BTreeMap<(&Symbol, Timeframe), TaskProgress<'_>> = BTreeMap::new();
    for part in parts {
        let through = part.bars.last().map(|bar| bar.date);
        let bars = i64::try_from(part.bars.len()).unwrap_or(i64::MAX);
        tasks
            .entry((&part.symbol, part.timeframe))
            .and_modify(|task| {
                task.end = &part.end;
                task.loaded_through = through.or(task.loaded_through);
                task.bars += bars;
            })
            .or_insert(TaskProgress {
                symbol: &part.symbol,
                timeframe: part.timeframe,
                end: &part.end,
                loaded_through: through,
                bars,
            });
    }
    tasks.into_values().collect()
}

/// Returns the bars of a batch that are of one length; of a bar that is there twice the later one.
pub(crate) fn bars_of(parts: &[DataLoadPart], timeframe: Timeframe) -> Vec<&TimedBar> {
    let of_timeframe = || parts.iter().filter(|part| part.timeframe == timeframe);
    let bars = of_timeframe().flat_map(|part| &part.bars);
    // Within a part they ascend: only parts of the same task can have the same bar.
    let symbols: BTreeSet<&Symbol> = of_timeframe().map(|part| &part.symbol).collect();
    if symbols.len() == of_timeframe().count() {
        return bars.collect();
    }
    let mut by_key: BTreeMap<(&Symbol, Date, Option<Timestamp>), &TimedBar> = BTreeMap::new();
    for bar in bars {
        by_key.insert((&bar.symbol, bar.date, (!timeframe.is_dated()).then_some(bar.start)), bar);
    }
    by_key.into_values().collect()
}

/// Returns the volume as databases count.
pub(crate) fn volume(bar: &TimedBar) -> i64 {
    i64::try_from(bar.volume).unwrap_or(i64::MAX)
}

/// Returns a job as it waits.
pub(crate) fn data_load_of_order(order: &DataLoadOrder) -> DataLoadRecord {
    DataLoadRecord {
        order: order.clone(),
        status: DataLoadStatus::Pending,
        message: "waits for its turn".to_owned(),
        symbols_total: None,
        symbols_done: 0,
        tasks_total: 0,
        tasks_done: 0,
        bars: 0,
        error_count: 0,
        errors: Vec::new(),
        first_date: None,
        last_date: None,
        started_at: None,
        finished_at: None,
        updated_at: order.created_at,
        cancel_requested: false,
        attempts: 0,
        lease_token: None,
    }
}

/// Returns a job that was refused before it could wait.
pub(crate) fn refused_data_load(order: &DataLoadOrder, reason: &str) -> DataLoadRecord {
    DataLoadRecord {
        status: DataLoadStatus::Failed,
        message: reason.to_owned(),
        finished_at: Some(order.created_at),
        ..data_load_of_order(order)
    }
}

/// Brings a job to its end that keeps taking its process down.
pub(crate) fn fail_dead_data_load(job: &mut DataLoadRecord, now: Timestamp) {
    job.status = DataLoadStatus::Failed;
    job.message = format!(
        "given up: its process died {} times in a row without bringing a task to its end; see the server's log",
        job.attempts
    );
    job.finished_at = Some(now);
    job.updated_at = now;
}
