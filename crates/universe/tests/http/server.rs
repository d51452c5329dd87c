//! A running server, and a client that looks at whole answers.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use universe_store::{DatabaseUri, Store, open};

use crate::harness::Place;

/// How long anything may take that happens by itself; only a failure takes that long.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) const ROUTES: &str = "/api/processing/cache-sync";

/// A server; it is stopped with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) place: Place,
    key: Option<String>,
}

/// An answer: everything that a client can see of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Server {
    /// Starts a server without keys.
    pub(crate) fn start(place: Place) -> Self {
        Self::start_with(place, &[])
    }

    /// Starts a server with environment variables beside those that keep it from running by itself.
    pub(crate) fn start_with(place: Place, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_universe"));
        command.args(["serve", "--port", "0"]).current_dir(place.path("")).env_clear();
        command.env("UNIVERSE__SCHEDULER__ENABLED", "false").stdin(Stdio::null()).stdout(Stdio::piped());
        if let Some(uri) = place.postgres_uri() {
            command.env("DATABASE_URI", uri);
        }
        let log = std::fs::File::create(place.path("server.log")).expect("a log");
        let mut child = command.envs(environment.iter().copied()).stderr(log).spawn().expect("the program runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let Some(address) = line.trim().strip_prefix("listening on ") else {
            let _ = child.wait();
            panic!("no server: {}", std::fs::read_to_string(place.path("server.log")).expect("a log"));
        };
        Self { child, address: address.to_owned(), place, key: None }
    }

    /// Sends this key with every request from here on.
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, b"")
    }

    /// Posts JSON.
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.as_bytes())
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.address));
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).expect("a request");
        let settings = ureq::Agent::config_builder().timeout_global(Some(SOON)).http_status_as_error(false);
        let agent: ureq::Agent = settings.allow_non_standard_methods(true).build().into();
        let mut answer = agent.run(request).expect("an answer");
        let body = answer.body_mut().read_to_vec().expect("a body");
        Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
    }

    /// Asks for a run and returns its id.
    pub(crate) fn trigger(&self, body: &str) -> String {
        self.post(&format!("{ROUTES}/trigger"), body).is(202)["job_id"].as_str().expect("an id").to_owned()
    }

    /// Returns a run once it is over.
    pub(crate) fn ended(&self, job_id: &str) -> Value {
        soon("the end of a run", || {
            let run = self.get(&format!("{ROUTES}/status/{job_id}")).is(200);
            let is_over = !matches!(run["status"].as_str(), Some("pending" | "running"));
            is_over.then_some(run)
        })
    }

    /// Returns the store of the server, for what only another process can do to it.
    pub(crate) fn with_store<T>(&self, work: impl AsyncFnOnce(&dyn Store) -> T) -> T {
        with_store(&self.place, work)
    }

    /// Holds the lease of runs, so that what is ordered waits for as long as the test wants.
    pub(crate) fn hold_runs(&self) -> u64 {
        let now = jiff::Timestamp::from_second(4_000_000_000).expect("far away");
        self.with_store(async |store| {
            store.lease_take("run:DEFAULT", "a test", now, 3_600).await.expect("written").expect("free").token
        })
    }

    /// Lets runs begin again.
    pub(crate) fn release_runs(&self, token: u64) {
        self.with_store(async |store| store.lease_release("run:DEFAULT", token).await.expect("written"));
    }

    /// Asks the server to stop.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    }

    /// Waits for its end and returns its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("an end").code()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.place.path("server.log")).expect("a log")
    }
}

/// Opens the store of a place, for what only another process can do to it.
pub(crate) fn with_store<T>(place: &Place, work: impl AsyncFnOnce(&dyn Store) -> T) -> T {
    let uri: DatabaseUri = match place.postgres_uri() {
        Some(uri) => uri.parse().expect("an address"),
        None => DatabaseUri::sqlite_file(place.path("universe.db")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { work(&*open(&uri).await.expect("a store")).await })
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    /// Checks the status of an answer in JSON.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.text());
        assert!(self.header("x-request-id").is_some());
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Checks that an answer is a problem of a status and kind, and complete.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        assert!(self.header("x-request-id").is_some());
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(problem["type"], format!("urn:universe:problem:{kind}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string(), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
        problem
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks until there is an answer.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a server that hangs must fail its test, whatever time it is")]
pub(crate) fn soon<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < SOON, "{what} did not come");
        std::thread::yield_now();
    }
}
