//! Asking the API for the bars of tasks, several at once.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use universe_core::TimedBar;
use universe_feeds::massive::{BarRequest, Client, MassiveError};
use universe_store::{DataLoadPart, DataLoadTask, DataLoadTaskEnd};

/// What came of a request.
pub(super) enum Fetched {
    /// Bars, the end of a task, or both.
    Part {
        part: DataLoadPart,
        /// How many bars could not be and were left out.
        issues: usize,
        /// Whether the task failed for a reason that has nothing to do with it.
        is_outage: bool,
    },
    /// Every further request would be refused; says why.
    Refused(String),
}

/// What comes after a task.
enum Next {
    /// Another one.
    Task,
    /// None: the API refuses everything.
    Nothing,
}

/// The tasks that nobody has begun.
type Queue = Arc<Mutex<std::vec::IntoIter<DataLoadTask>>>;

/// Begins to ask, and returns where answers come out; whoever drops the set stops asking.
///
/// Answers wait for their receiver: no more are held than there are requests at once.
pub(super) fn fetch(
    client: &Client,
    tasks: Vec<DataLoadTask>,
    dates: (Date, Date),
    concurrency: usize,
) -> (JoinSet<()>, mpsc::Receiver<Fetched>) {
    let concurrency = concurrency.clamp(1, tasks.len().max(1));
    let (sender, receiver) = mpsc::channel(concurrency);
    let queue: Queue = Arc::new(Mutex::new(tasks.into_iter()));
    let mut askers = JoinSet::new();
    for _ in 0..concurrency {
        askers.spawn(ask(client.clone(), Arc::clone(&queue), dates, sender.clone()));
    }
    (askers, receiver)
}

/// Takes one task after another, until there are none or nobody listens any more.
async fn ask(client: Client, queue: Queue, dates: (Date, Date), sender: mpsc::Sender<Fetched>) {
    loop {
        let task = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(task) = task else { return };
        let fetched = ask_for(&client, &task, dates, &sender).await;
        if matches!(fetched, Ok(Next::Nothing)) {
            // Whatever is left would be refused as well: nobody begins it.
            *queue.lock().unwrap_or_else(PoisonError::into_inner) = Vec::new().into_iter();
        }
        if fetched.is_err() {
            return;
        }
    }
}

/// Hands over the bars of a task, page by page.
async fn ask_for(
    client: &Client,
    task: &DataLoadTask,
    (first_date, last_date): (Date, Date),
    sender: &mpsc::Sender<Fetched>,
) -> Result<Next, mpsc::error::SendError<Fetched>> {
    // The last date that is stored may not be complete: it is asked for again.
    let from = task.loaded_through.unwrap_or(first_date);
    let request = BarRequest { symbol: task.symbol.clone(), timeframe: task.timeframe, from, to: last_date };
    let mut pages = client.bars(request);
    let fetched = |bars: Vec<TimedBar>, issues, end, is_outage| {
        let part = DataLoadPart { symbol: task.symbol.clone(), timeframe: task.timeframe, bars, end };
        Fetched::Part { part, issues, is_outage }
    };
    // A page is handed over when it is known whether it is the last: most tasks have one, and end with it.
    let mut held: Option<(Vec<TimedBar>, usize)> = None;
    loop {
        match pages.next_page().await {
            Ok(Some(page)) => {
                for issue in &page.issues {
                    tracing::warn!(security.symbol = %task.symbol, timeframe = %task.timeframe, reason = issue.reason,
                        "a bar was left out");
                }
                if let Some((bars, issues)) = held.replace((page.value, page.issues.len())) {
                    sender.send(fetched(bars, issues, DataLoadTaskEnd::Continued, false)).await?;
                }
            }
            Ok(None) => {
                let (bars, issues) = held.unwrap_or_default();
                sender.send(fetched(bars, issues, DataLoadTaskEnd::Completed, false)).await?;
                return Ok(Next::Task);
            }
            Err(error) if error.ends_job() => {
                sender.send(Fetched::Refused(error.to_string())).await?;
                return Ok(Next::Nothing);
            }
            Err(error) => {
                tracing::warn!(security.symbol = %task.symbol, timeframe = %task.timeframe, %error, "no bars");
                let is_outage = matches!(error, MassiveError::Unavailable { .. } | MassiveError::RateLimited { .. });
                let (bars, issues) = held.unwrap_or_default();
                sender.send(fetched(bars, issues, DataLoadTaskEnd::Failed(error.to_string()), is_outage)).await?;
                return Ok(Next::Task);
            }
        }
    }
}
