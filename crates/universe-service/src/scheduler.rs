//! The scheduler: orders a run after every session, once, whichever process of several does it.
//!
//! What fired is remembered in the database, so that a time missed while nothing ran is caught up once: the
//! last one, however many there were. The run's id follows from the session, so that a crash between the
//! order and the memory of it orders nothing twice.

mod schedule;

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::watch;
use universe_core::event::{Event, event_of_missing_signal};
use universe_store::StoreError;
use uuid::Uuid;

use crate::Daemon;
use crate::daemon::{is_stopped, pause};
use crate::order::{Placed, Wish};
use crate::turn::Turn;
pub use schedule::{Due, Schedule, ScheduleError};

/// The expression of the standard schedule: ten minutes after the close, on sessions.
pub const STANDARD_CRON: &str = "10 16 * * *";

/// The time zone of the standard schedule.
pub const STANDARD_ZONE: &str = "America/New_York";

/// The name under which the end-of-day signal is remembered beside schedules.
pub(crate) const EOD_SIGNAL: &str = "eod_signal";

/// How often the clock is looked at.
const POLL: Duration = Duration::from_secs(1);

/// When runs are ordered, and what they wait for.
#[derive(Clone, Debug)]
pub struct SchedulerSettings {
    /// When.
    pub schedule: Schedule,
    /// Whether the end-of-day signal must come first.
    pub eod_wait: EodWait,
}

/// Whether a run waits for the end-of-day signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EodWait {
    /// It does not.
    Off,
    /// The signal orders the run; without one, the schedule decides after some seconds.
    Signal {
        /// How long after the scheduled time.
        timeout_seconds: i64,
        /// What then.
        then: AfterTimeout,
    },
}

/// What happens when the end-of-day signal does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterTimeout {
    /// The run is ordered all the same.
    Proceed,
    /// There is no run for that session.
    GiveUp,
}

/// What a look at the clock led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Nothing is due.
    Idle,
    /// The schedule was never looked at before: what was due until now is none of its business.
    Began,
    /// A run was ordered.
    Fired {
        /// Its id.
        run_id: Uuid,
    },
    /// Another run stands before it; it is ordered after that.
    Busy,
    /// It is due, and waits for the end-of-day signal.
    AwaitsSignal,
    /// The signal came, and ordered the run itself.
    Signalled,
    /// The signal did not come, and there is no run.
    GaveUp,
}

/// Looks at the clock until the server stops.
pub async fn schedule(daemon: &Daemon, settings: SchedulerSettings, mut stop: watch::Receiver<bool>) {
    tracing::info!("runs are scheduled at {}, on sessions", settings.schedule);
    let mut turn = Turn::new(daemon, "scheduler");
    while !is_stopped(&stop) {
        let looked = async {
            if turn.is_ours().await? {
                schedule_tick(daemon, &settings).await?;
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = looked.await {
            tracing::warn!(%error, "the scheduler cannot use the database; it tries again");
        }
        pause(POLL, None, &mut stop).await;
    }
    turn.pass().await;
}

/// Orders the run that is due, if there is one.
///
/// # Errors
/// When the database cannot be read or written; the next look does it then.
pub async fn schedule_tick(daemon: &Daemon, settings: &SchedulerSettings) -> Result<Tick, StoreError> {
    let (store, environment) = (&*daemon.store, daemon.environment.as_str());
    let now = daemon.ambient.now();
    let Some(due) = settings.schedule.latest_due(now) else { return Ok(Tick::Idle) };
    let name = settings.schedule.name();
    match store.schedule_last(environment, name).await? {
        Some(last) if due.session <= last => return Ok(Tick::Idle),
        Some(_) => {}
        None => {
            store.schedule_fired(environment, name, due.session, now, &[]).await?;
            return Ok(Tick::Began);
        }
    }
    let (tick, missing) = match settings.eod_wait {
        EodWait::Off => (fire(daemon, name, due.session).await?, None),
        EodWait::Signal { .. } if was_signalled(daemon, due.session).await? => (Tick::Signalled, None),
        EodWait::Signal { timeout_seconds, .. } if now.duration_since(due.at).as_secs() < timeout_seconds => {
            return Ok(Tick::AwaitsSignal);
        }
        EodWait::Signal { timeout_seconds, then } => {
            let session = due.session;
            let (tick, outcome) = match then {
                AfterTimeout::Proceed => (fire(daemon, name, session).await?, "the run proceeds without it"),
                AfterTimeout::GiveUp => (Tick::GaveUp, "there is no run, as configured"),
            };
            let waited = format!("no end-of-day signal for {session} came within {timeout_seconds} seconds");
            (tick, Some(format!("{waited}; {outcome}")))
        }
    };
    if tick == Tick::Busy {
        return Ok(tick);
    }
    let events: Vec<Event> = missing.iter().map(|message| missing_signal(daemon, name, &due, tick, message)).collect();
    // The event is written with the memory of it: once, whoever looks and whatever dies.
    if store.schedule_fired(environment, name, due.session, now, &events).await?
        && let Some(message) = missing
    {
        tracing::warn!(session = %due.session, alert = "no_eod_signal", "{message}");
        daemon.outbox_written.notify_one();
    }
    Ok(tick)
}

fn missing_signal(daemon: &Daemon, schedule: &str, due: &Due, tick: Tick, message: &str) -> Event {
    let run_id = match tick {
        Tick::Fired { run_id } => Some(run_id),
        Tick::Idle | Tick::Began | Tick::Busy | Tick::AwaitsSignal | Tick::Signalled | Tick::GaveUp => None,
    };
    let occasion = run_id_of(&daemon.environment, schedule, due.session);
    event_of_missing_signal(occasion, run_id, daemon.ambient.now(), message)
}

async fn fire(daemon: &Daemon, schedule: &str, session: Date) -> Result<Tick, StoreError> {
    let run_id = run_id_of(&daemon.environment, schedule, session);
    Ok(match daemon.order_once(run_id, &Wish::full("scheduler")).await? {
        Placed::Queued { run_id } => {
            tracing::info!(run.id = %run_id, %session, "the scheduled run of {session} was ordered");
            Tick::Fired { run_id }
        }
        Placed::Busy { .. } => Tick::Busy,
    })
}

async fn was_signalled(daemon: &Daemon, session: Date) -> Result<bool, StoreError> {
    let last = daemon.store.schedule_last(&daemon.environment, EOD_SIGNAL).await?;
    Ok(last.is_some_and(|last| session <= last))
}

/// Returns the one id that the scheduled run of a session can have.
fn run_id_of(environment: &str, schedule: &str, session: Date) -> Uuid {
    let digest = blake3::hash(format!("{environment}/{schedule}/{session}").as_bytes());
    uuid::Builder::from_custom_bytes(std::array::from_fn(|at| digest.as_bytes()[at])).into_uuid()
}

/// Returns the last session that has closed by an instant.
pub(crate) fn session_closed(now: Timestamp) -> Date {
    let session = universe_core::session_on_or_before(crate::new_york_date(now));
    match universe_core::session_close(session) {
        Some(close) if close <= now => session,
        Some(_) | None => universe_core::previous_session(session),
    }
}
