//! Asking for runs: ordering, approving and cancelling them; the worker carries them out.

use jiff::civil::Date;
use universe_core::UniverseId;
use universe_core::event::{
    Event, RunFacts, events_of_cancellation, events_of_cancelled_order, events_of_failed_end, events_of_order,
    events_of_start,
};
use universe_core::plan::Mode;
use universe_store::{Ordered, RunOrder, RunRecord, StoreError};
use uuid::Uuid;

use crate::Daemon;
use crate::sync::{facts_of_order, facts_of_run};

/// What a run is wanted to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
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
    /// Who asks (`api`, `cli`, `scheduler`, `signal`).
    pub triggered_by: String,
}

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// The run waits, and is carried out next.
    Queued {
        /// Its id.
        run_id: Uuid,
    },
    /// Another run of the environment waits or runs; nothing was ordered.
    Busy {
        /// The other run.
        run_id: Uuid,
    },
}

/// What became of an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// A run that makes the held changes waits, or another one stands before it.
    Placed(Placed),
    /// The run holds nothing; says how it ended.
    NothingHeld {
        /// Its status.
        status: String,
    },
    /// There is no such run.
    Unknown,
}

impl Wish {
    /// A whole run of the newest session, as the scheduler and signals ask for it.
    #[must_use]
    pub fn full(triggered_by: &str) -> Self {
        Self {
            mode: Mode::Full,
            session: None,
            force: false,
            preserve: false,
            dry_run: false,
            triggered_by: triggered_by.to_owned(),
        }
    }
}

impl Daemon {
    /// Orders a run; it survives a crash as soon as this returns, and any process may carry it out.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn order(&self, wish: &Wish) -> Result<Placed, StoreError> {
        self.place(self.run_order(self.ambient.new_run_id(), wish)).await
    }

    /// Orders a run under an id of the caller's, once: the same id again changes nothing.
    pub(crate) async fn order_once(&self, run_id: Uuid, wish: &Wish) -> Result<Placed, StoreError> {
        match self.place(self.run_order(run_id, wish)).await {
            Ok(Placed::Busy { run_id: other }) if other == run_id => Ok(Placed::Queued { run_id }),
            Err(StoreError::Conflict { .. }) => Ok(Placed::Queued { run_id }),
            placed => placed,
        }
    }

    /// Orders a run that makes what another one held back, and nothing else that is too large.
    ///
    /// It is about the same session, so that what was looked at is what is made; when a newer session was
    /// synchronized meanwhile it fails and says so.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn approve(&self, run_id: Uuid, triggered_by: &str) -> Result<Approval, StoreError> {
        let run = self.store.run_find(run_id).await?;
        let Some(run) = run.filter(|run| run.environment == self.environment) else { return Ok(Approval::Unknown) };
        let approves = held_universes(&run);
        if approves.is_empty() || run.dry_run {
            return Ok(Approval::NothingHeld { status: run.status });
        }
        let wish = Wish {
            mode: run.mode,
            session: run.session,
            force: false,
            preserve: run.preserve,
            dry_run: false,
            triggered_by: triggered_by.to_owned(),
        };
        let order = RunOrder { approves, ..self.run_order(self.ambient.new_run_id(), &wish) };
        Ok(Approval::Placed(self.place(order).await?))
    }

    /// Cancels a run that waits, or asks one that runs to stop before its next step; returns its status then.
    ///
    /// `None` when there is no such run. A run that is over stays as it is.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn cancel(&self, run_id: Uuid) -> Result<Option<String>, StoreError> {
        let run = self.store.run_find(run_id).await?;
        if run.is_none_or(|run| run.environment != self.environment) {
            return Ok(None);
        }
        let status = self.store.run_cancel(run_id, self.ambient.now(), events_of_cancelled).await?;
        self.outbox_written.notify_one();
        Ok(status)
    }

    fn run_order(&self, run_id: Uuid, wish: &Wish) -> RunOrder {
        RunOrder {
            run_id,
            environment: self.environment.clone(),
            mode: wish.mode,
            session: wish.session,
            force: wish.force,
            preserve: wish.preserve,
            dry_run: wish.dry_run,
            approves: Vec::new(),
            triggered_by: wish.triggered_by.clone(),
            created_at: self.ambient.now(),
        }
    }

    async fn place(&self, order: RunOrder) -> Result<Placed, StoreError> {
        // A dry run is nobody's business but the caller's: followers hear nothing of it.
        let events = if order.dry_run { Vec::new() } else { events_of_order(&facts_of_order(&order)) };
        Ok(match self.store.run_order(&order, &events).await? {
            Ordered::Queued => {
                self.run_ordered.notify_one();
                self.outbox_written.notify_one();
                Placed::Queued { run_id: order.run_id }
            }
            Ordered::Busy { run_id } => Placed::Busy { run_id },
        })
    }
}

/// Returns the event of a run from the queue that begins.
pub(crate) fn events_of_begun(run: &RunRecord) -> Vec<Event> {
    if run.dry_run { Vec::new() } else { events_of_start(&facts_of_run(run)) }
}

/// Returns the events of a run from the queue that was cancelled, before it began or after.
pub(crate) fn events_of_cancelled(run: &RunRecord) -> Vec<Event> {
    match (run.dry_run, run.started_at) {
        (true, _) => Vec::new(),
        (false, None) => events_of_cancelled_order(&RunFacts { started_at: run.recorded_at(), ..facts_of_run(run) }),
        (false, Some(_)) => events_of_cancellation(&facts_of_run(run)),
    }
}

/// Returns the events of a run from the queue that failed, or whose process died.
pub(crate) fn events_of_failed(run: &RunRecord) -> Vec<Event> {
    let error = run.error.as_deref().unwrap_or("its process died");
    if run.dry_run { Vec::new() } else { events_of_failed_end(&facts_of_run(run), error) }
}

fn held_universes(run: &RunRecord) -> Vec<UniverseId> {
    let held = run.held.as_array().into_iter().flatten();
    held.filter_map(|held| held["universe"].as_str()?.parse().ok()).collect()
}
