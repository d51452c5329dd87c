//! Connections: how many, how long, and how they end.

use std::error::Error;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::lane::{Lane, Left};

/// How many connections are open at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;

/// How long a client may take to send the head of a request, also the next one on its connection.
const HEAD_WITHIN: Duration = Duration::from_secs(60);

/// How long answers may take to be finished when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// How long nothing is accepted after the system could not (too many open files).
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Threads that do nothing but answer lookups, so that none waits for a run or a query.
struct Lanes {
    threads: Vec<Handle>,
    next: usize,
    /// Dropped when the lanes are to end.
    _end: watch::Sender<()>,
}

/// What every connection needs.
struct Connections {
    lane: Lane,
    router: Router,
    shutdown: watch::Receiver<bool>,
    threads: Handle,
}

/// Answers connections until `shutdown` says true, then finishes the answers that have begun.
pub(crate) async fn answer(listener: TcpListener, lane: Lane, router: Router, mut shutdown: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let open = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = Arc::new(Connections { lane, router, shutdown: shutdown.clone(), threads: Handle::current() });
    let mut lanes = Lanes::start();
    loop {
        let accepted = tokio::select! {
            _ = shutdown.wait_for(|is_over| *is_over) => break,
            accepted = accept(&listener, &open) => accepted,
        };
        let Some((stream, permit)) = accepted else { continue };
        let (connections, watcher) = (Arc::clone(&connections), graceful.watcher());
        lanes.next().spawn(async move {
            if let Err(error) = connections.drive(stream, watcher, permit).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(STOP_GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("some answers were not finished within {} seconds", STOP_GRACE.as_secs());
    }
}

impl Lanes {
    /// Starts a thread for each core; without any, connections are answered where everything else is.
    fn start() -> Self {
        let (end, ended) = watch::channel(());
        let count = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let start = |_| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            let (handle, mut ended) = (runtime.handle().clone(), ended.clone());
            let thread = std::thread::Builder::new().name("lookups".to_owned());
            let run = move || runtime.block_on(async { drop(ended.changed().await) });
            thread.spawn(run).ok().map(|_| handle)
        };
        let mut threads: Vec<Handle> = (0..count).filter_map(start).collect();
        if threads.is_empty() {
            threads.push(Handle::current());
        }
        Self { threads, next: 0, _end: end }
    }

    /// Returns each in turn.
    fn next(&mut self) -> &Handle {
        self.next = (self.next + 1) % self.threads.len();
        &self.threads[self.next]
    }
}

impl Connections {
    /// Answers a connection in the lane, and from the first request on that is not for it by the router.
    async fn drive(
        self: Arc<Self>,
        stream: std::net::TcpStream,
        watcher: Watcher,
        permit: OwnedSemaphorePermit,
    ) -> std::io::Result<()> {
        let mut stream = TcpStream::from_std(stream)?;
        let Left::Rest(rest) = self.lane.answer(&mut stream, HEAD_WITHIN, self.shutdown.clone()).await? else {
            return Ok(());
        };
        let stream = stream.into_std()?;
        let connections = Arc::clone(&self);
        self.threads.spawn(async move {
            if let Err(error) = connections.route(stream, rest, watcher).await {
                tracing::debug!(error, "a connection ended early");
            }
            drop(permit);
        });
        Ok(())
    }

    async fn route(
        &self,
        stream: std::net::TcpStream,
        rest: Vec<u8>,
        watcher: Watcher,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (reading, writing) = TcpStream::from_std(stream)?.into_split();
        let stream = tokio::io::join(Cursor::new(rest).chain(reading), writing);
        let service = TowerToHyperService::new(self.router.clone());
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .serve_connection(TokioIo::new(stream), service);
        Ok(watcher.watch(connection).await?)
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(std::net::TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are whole: waiting to fill a packet would only delay them.
            let _ = stream.set_nodelay(true);
            Some((stream.into_std().ok()?, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            None
        }
    }
}
