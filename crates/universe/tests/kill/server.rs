//! A server process that can be killed, and a client that takes no answer for an answer.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, eventually};

/// Longer than the server itself takes to give up on a database.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    agent: ureq::Agent,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

impl Server {
    /// Starts a server, whose log goes on where the last one's ended.
    pub(crate) fn start(world: &World, name: &str, redis: &str) -> Self {
        let log_path = world.path(&format!("{name}.log"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&log_path).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_universe"));
        command.args(["serve", "--port", "0"]).current_dir(world.path("")).env_clear();
        command
            .env("UNIVERSE__LOG__LEVEL", "info")
            .env("UNIVERSE__SCHEDULER__ENABLED", "false")
            .env("DATABASE_URI", &world.uri)
            .env("REDIS_URL", redis);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("the program runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("no server: {line:?}"));
        let settings = ureq::Agent::config_builder().timeout_global(Some(ANSWER_TIMEOUT)).http_status_as_error(false);
        Self { address: address.to_owned(), child, agent: settings.build().into() }
    }

    /// Ends it as a crash would, at once.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("an end");
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill runs").success());
    }

    /// Asks for a run and returns its id, or `None` when it was not accepted.
    pub(crate) fn trigger(&self, wish: &Value) -> Option<Uuid> {
        let url = format!("{}/api/processing/cache-sync/trigger", self.address);
        let mut answer = self.agent.post(&url).send_json(wish).ok()?;
        let body: Value = answer.body_mut().read_json().ok()?;
        match answer.status().as_u16() {
            202 => Some(body["job_id"].as_str().expect("an id").parse().expect("an id")),
            409 | 500 | 503 | 504 => None,
            status => panic!("a trigger was answered with {status}: {body}"),
        }
    }

    /// Asks for a run of everything until one is accepted.
    pub(crate) fn trigger_soon(&self) -> Uuid {
        eventually("a trigger", || self.trigger(&json!({"mode": "full", "force": true})))
    }

    /// Asks for a run to stop, which it may have done by itself.
    pub(crate) fn cancel(&self, run_id: Uuid) {
        let url = format!("{}/api/processing/cache-sync/cancel/{run_id}", self.address);
        let _ = self.agent.post(&url).send_empty();
    }

    /// Asks, and takes any answer.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Answer {
        let url = format!("{}{path}", self.address);
        let answer = if method == "POST" { self.agent.post(&url).send_empty() } else { self.agent.get(&url).call() };
        let mut answer = answer.expect("an answer");
        let body = answer.body_mut().read_to_string().expect("a body");
        Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
    }

    /// Returns the body of an answer, or `None` when it is none of success.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let mut answer = self.agent.get(format!("{}{path}", self.address)).call().ok()?;
        if !answer.status().is_success() {
            return None;
        }
        answer.body_mut().read_json().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
