//! A database with a made-up market, and a server on it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use jiff::civil::{Date, date};
use universe_core::{Snapshot, SnapshotRow};
use universe_service::keep_figures;
use universe_service::market_simulator::{Market, MarketConfig};
use universe_store::{DatabaseUri, LoadRecord, Store, open};

const LISTINGS: usize = 7_000;

/// The key that is sent with every request; hashed, compared and counted as any other.
pub(crate) const KEY: &str = "a key for the benchmark";

/// A database and the market in it.
pub(crate) struct Place {
    uri: String,
    folder: PathBuf,
    market: Market,
}

impl Place {
    pub(crate) fn sqlite(folder: &Path) -> Self {
        Self::new(format!("sqlite:{}", folder.join("universe.db").display()), folder)
    }

    pub(crate) fn postgres(uri: &str, folder: &Path) -> Self {
        Self::new(uri.to_owned(), folder)
    }

    fn new(uri: String, folder: &Path) -> Self {
        let config = MarketConfig { listings: LISTINGS, first_session: date(2024, 1, 2), event_rate: 1.0 };
        Self { uri, folder: folder.to_owned(), market: Market::new(42, config) }
    }

    /// Makes the first two sessions.
    pub(crate) async fn prepare(&mut self) {
        self.store().await.migrate(jiff::Timestamp::UNIX_EPOCH).await.expect("migrated");
        for _ in 0..2 {
            let session = self.load_next().await;
            let mut sync = self.sync(session);
            assert!(sync.status().expect("the program runs").success());
        }
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let uri: DatabaseUri = self.uri.parse().expect("an address");
        open(&uri).await.expect("a store")
    }

    /// Stores the next session, and returns it.
    pub(crate) async fn load_next(&mut self) -> Date {
        let day = self.market.next_session();
        let store = self.store().await;
        let rows: Vec<SnapshotRow> =
            day.snapshot.rows.iter().filter(|row| row.listing.is_active != Some(false)).cloned().collect();
        let count = rows.len() as u64;
        let record = LoadRecord {
            kind: "bench".to_owned(),
            file: "made up".to_owned(),
            session: Some(day.session),
            rows: count,
            loaded: count,
            issues: Vec::new(),
        };
        let snapshot = Snapshot { session: day.session, source: day.snapshot.source.clone(), rows };
        store.snapshot_load(&snapshot, &record, jiff::Timestamp::UNIX_EPOCH).await.expect("loaded");
        keep_figures(&*store, day.session).await.expect("kept");
        day.session
    }

    /// Returns a process that decides a session.
    pub(crate) fn sync(&self, session: Date) -> Command {
        let mut command = self.program();
        command.args(["sync", "--force", "--session", &session.to_string(), "--quiet"]).stdout(Stdio::null());
        command
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_universe"));
        command.current_dir(&self.folder).env_clear().env("DATABASE_URI", &self.uri).stdin(Stdio::null());
        command
    }
}

/// A server, stopped when dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Server {
    pub(crate) fn start(place: &Place) -> Self {
        let mut command = place.program();
        command.args(["serve", "--port", "0"]).env("UNIVERSE__SCHEDULER__ENABLED", "false");
        // The limit is far away, and counted for every request.
        command.env("TICKSTOCKPL_API_KEY", KEY).env("UNIVERSE__SERVER__RATE_PER_SECOND", "10000000");
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://").expect("an address").to_owned();
        Self { child, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.parse().expect("an address")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns a request as programs send it.
    pub(crate) fn request_of(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\nx-api-key: {KEY}\r\naccept: */*\r\n\r\n", self.address)
    }

    pub(crate) fn body_of(&self, path: &str) -> Vec<u8> {
        let mut answer = ureq::get(self.url(path)).header("x-api-key", KEY).call().expect("an answer");
        answer.body_mut().read_to_vec().expect("a body")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
