//! A server that answers like the Massive API: documented shapes and limits, a made-up market, faults on demand.
//!
//! Everything in it follows from its settings and what was asked, so that a test knows each answer beforehand:
//! [`MassiveStandIn::bars`] are the bars that a client must end up with.

mod answers;
mod market;
mod script;
mod server;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::civil::Date;
use tokio::sync::Notify;
use universe_core::{Symbol, TimedBar, Timeframe};

pub use market::StandInListing;
pub use script::{Asked, Fault, RetryAfter};

use market::Market;
use script::Script;

/// What the stand-in is set up with.
#[derive(Clone, Debug)]
pub struct StandInSettings {
    /// The key that is let in.
    pub api_key: String,
    /// How many requests are answered in any [`StandInSettings::limit_window`]; the rest is told to wait.
    pub limit: Option<u32>,
    /// The length of time that the limit is about.
    pub limit_window: Duration,
    /// How long every answer takes.
    pub latency: Duration,
    /// The most rows of a page, where a client asks for more; the API's own limit is 50,000.
    pub page_rows_max: usize,
    /// Where next pages are said to be, instead of at the stand-in itself (`https://api.massive.com`).
    pub next_pages_at: Option<String>,
    /// The last session of the market.
    pub last_session: Date,
    /// The listings by the API's spelling of the symbol. Others are answered as unknown.
    pub listings: BTreeMap<String, StandInListing>,
}

impl StandInSettings {
    /// Returns a market of common stocks that have always traded, without limits.
    pub fn of(symbols: impl IntoIterator<Item = impl Into<String>>, last_session: Date) -> Self {
        let listings = symbols.into_iter().map(Into::into).map(|symbol: String| {
            let listing = StandInListing::common_stock(&symbol);
            (symbol, listing)
        });
        Self {
            api_key: "stand-in-key".to_owned(),
            limit: None,
            limit_window: Duration::from_secs(60),
            latency: Duration::ZERO,
            page_rows_max: 50_000,
            next_pages_at: None,
            last_session,
            listings: listings.collect(),
        }
    }
}

/// A running stand-in; it stops when it is dropped.
#[derive(Debug)]
pub struct MassiveStandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

/// What requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    settings: StandInSettings,
    market: Market,
    script: Script,
    base_url: String,
}

impl MassiveStandIn {
    /// Starts a stand-in on a free port, on a thread of its own: also for tests that block.
    ///
    /// # Panics
    /// When this machine has no free port.
    #[must_use]
    pub fn start(settings: StandInSettings) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("sockets can be polled");
        let address = listener.local_addr().expect("a bound socket has an address");
        let market = Market::new(settings.listings.clone(), settings.last_session);
        let base_url = format!("http://{address}");
        let shared = Arc::new(Shared { market, script: Script::default(), settings, base_url });
        let stop = Arc::new(Notify::new());
        let thread = std::thread::spawn({
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
            move || server::run(listener, shared, &stop)
        });
        Self { address, shared, stop, thread: Some(thread) }
    }

    /// Returns the address to configure as `massive.base_url`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the key that is let in.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.shared.settings.api_key
    }

    /// Answers the next `times` requests about a symbol with a fault; `None` for all of them.
    pub fn fail(&self, symbol: &str, fault: Fault, times: Option<u32>) {
        self.shared.script.fail(symbol, fault, times);
    }

    /// Answers about so many in a thousand requests with one of the faults, the same ones for the same seed
    /// and order of requests.
    pub fn fail_at_random(&self, seed: u64, in_a_thousand: u32, faults: &[Fault]) {
        self.shared.script.fail_at_random(seed, in_a_thousand, faults);
    }

    /// Takes back every fault that was asked for.
    pub fn recover(&self) {
        self.shared.script.recover();
    }

    /// Returns how often each thing was asked for and answered in full, faults left out.
    #[must_use]
    pub fn answered(&self) -> BTreeMap<Asked, u64> {
        self.shared.script.answered()
    }

    /// Returns how many requests came, whatever became of them.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.script.requests()
    }

    /// Returns how many requests were over the limit and told to wait.
    #[must_use]
    pub fn told_to_wait(&self) -> u64 {
        self.shared.script.told_to_wait()
    }

    /// Returns the bars that the market has, as a client must read them.
    #[must_use]
    pub fn bars(&self, symbol: &str, timeframe: Timeframe, from: Date, to: Date) -> Vec<TimedBar> {
        let name = Symbol::parse(symbol).map(|symbol| symbol.as_str().replace('^', "p")).unwrap_or_default();
        self.shared.market.bars(&name, timeframe, from, to)
    }
}

impl Drop for MassiveStandIn {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the server has failed the requests of the test already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
