//! `universe trigger`, `status` and `watch`: a running server, asked over HTTP as any other program would.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::arguments::{Format, Global, Server, Status, Trigger, Watch};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_FAILED, EXIT_HELD};
use crate::config::Config;

/// How often a run is looked at while it is watched.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long a server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How often a server that does not answer is asked again while a run is watched: it may be restarting.
const RETRIES_MAX: u32 = 25;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

const ROUTES: &str = "/api/processing/cache-sync";

/// A server and how to ask it.
#[derive(Clone)]
struct Client {
    agent: ureq::Agent,
    base: String,
    key: Option<String>,
}

/// What a server answered that is no success.
#[derive(Debug)]
struct Refused {
    status: u16,
    detail: String,
}

impl std::error::Error for Refused {}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server answered {}: {}", self.status, self.detail)
    }
}

pub(crate) async fn trigger(global: &Global, config: &Config, command: &Trigger) -> anyhow::Result<u8> {
    let client = Client::new(config, &command.server)?;
    let mut wish = json!({
        "mode": command.mode.as_str(),
        "force": command.force,
        "preserve": command.preserve,
        "dry_run": command.dry_run,
    });
    if let Some(session) = command.session {
        wish["session"] = json!(session);
    }
    let placed = client.post(&format!("{ROUTES}/trigger"), wish).await?;
    if !command.wait {
        output::print(global, &placed, || Rows {
            columns: vec!["job_id", "mode"],
            rows: vec![vec![text(&placed["job_id"]), text(&placed["mode"])]],
        })?;
        return Ok(EXIT_DONE);
    }
    follow(global, &client, &text(&placed["job_id"])).await
}

pub(crate) async fn status(global: &Global, config: &Config, command: &Status) -> anyhow::Result<u8> {
    let client = Client::new(config, &command.server)?;
    let run = client.run(command.job_id.as_deref()).await?;
    show(global, &run)?;
    Ok(EXIT_DONE)
}

pub(crate) async fn watch(global: &Global, config: &Config, command: &Watch) -> anyhow::Result<u8> {
    let client = Client::new(config, &command.server)?;
    let run = client.run(command.job_id.as_deref()).await?;
    follow(global, &client, &text(&run["job_id"])).await
}

/// Shows the steps of a run as they are taken, and the run when it is over; the exit code says how it ended.
async fn follow(global: &Global, client: &Client, job_id: &str) -> anyhow::Result<u8> {
    let bar = output::progress(global, 5, "steps");
    let mut last = String::new();
    let mut failures = 0;
    let run = loop {
        let run = match client.run(Some(job_id)).await {
            Ok(run) => run,
            Err(error) if error.is::<Refused>() || failures == RETRIES_MAX => return Err(error),
            Err(_) => {
                failures += 1;
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
        };
        failures = 0;
        let now = match run["progress"]["step"].as_str() {
            Some(step) => step.to_owned(),
            None => text(&run["status"]),
        };
        bar.set_position(run["progress"]["completed"].as_u64().unwrap_or_default());
        bar.set_message(now.clone());
        if now != last && bar.is_hidden() {
            output::remark(global, &now);
        }
        last = now;
        if !matches!(run["status"].as_str(), Some("pending" | "running")) {
            break run;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    bar.finish_and_clear();
    show(global, &run)?;
    Ok(match run["status"].as_str() {
        Some("completed") => EXIT_DONE,
        Some("held") => EXIT_HELD,
        Some(_) | None => EXIT_FAILED,
    })
}

fn show(global: &Global, run: &Value) -> anyhow::Result<()> {
    let steps = || {
        let tasks = run["task_results"].as_object().into_iter().flatten();
        let rows = tasks.map(|(step, task)| vec![step.clone(), text(&task["status"]), text(&task["changes"])]);
        Rows { columns: vec!["step", "status", "changes"], rows: rows.collect() }
    };
    if global.format != Format::Table {
        return output::print(global, run, steps);
    }
    let seconds = run["duration_seconds"].as_f64().map(|seconds| format!("  {seconds:.3} s")).unwrap_or_default();
    let step = run["progress"]["step"].as_str().map(|step| format!("  at {step}")).unwrap_or_default();
    let (job, status, mode) = (text(&run["job_id"]), text(&run["status"]), text(&run["mode"]));
    output::write_out(&format!("run {job}  {status}{step}  {mode}  {} changes{seconds}\n", run["total_changes"]))?;
    if let Some(error) = run["error_details"].as_str() {
        output::write_out(&format!("error: {error}\n"))?;
    }
    if run["task_results"].is_object() {
        output::print(global, run, steps)?;
    }
    Ok(())
}

impl Client {
    fn new(config: &Config, server: &Server) -> anyhow::Result<Self> {
        let base = match &server.server {
            Some(address) => address.trim_end_matches('/').to_owned(),
            None => {
                let host = config.get("server.host").unwrap_or("127.0.0.1");
                // A server that listens everywhere is reached here.
                let host = if matches!(host, "0.0.0.0" | "::" | "[::]") { "127.0.0.1" } else { host };
                let host =
                    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
                format!("http://{host}:{}", config.get("server.port").unwrap_or("8080"))
            }
        };
        if !base.starts_with("http://") {
            return Err(Usage(format!("{base} is no server address; write http://HOST:PORT")).into());
        }
        let settings = ureq::Agent::config_builder().timeout_global(Some(ANSWER_WITHIN)).http_status_as_error(false);
        let key = config.get("server.api_key").filter(|key| !key.is_empty()).map(str::to_owned);
        Ok(Self { agent: settings.build().into(), base, key })
    }

    /// Returns a run, or the newest one.
    async fn run(&self, job_id: Option<&str>) -> anyhow::Result<Value> {
        let job_id = match job_id {
            Some(job_id) => job_id.to_owned(),
            None => {
                let history = self.get(&format!("{ROUTES}/history?limit=1")).await?;
                let newest = history["jobs"][0]["job_id"].as_str().map(str::to_owned);
                newest.context("there has been no run yet; `universe trigger` asks for one")?
            }
        };
        self.get(&format!("{ROUTES}/status/{job_id}")).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (client, url) = (self.clone(), format!("{}{path}", self.base));
        off_thread(move || {
            let mut request = client.agent.get(&url);
            if let Some(key) = &client.key {
                request = request.header("X-API-Key", key);
            }
            client.read(request.call())
        })
        .await
    }

    async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let (client, url) = (self.clone(), format!("{}{path}", self.base));
        off_thread(move || {
            let mut request = client.agent.post(&url).header("Content-Type", "application/json");
            if let Some(key) = &client.key {
                request = request.header("X-API-Key", key);
            }
            client.read(request.send(body.to_string()))
        })
        .await
    }

    fn read(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> anyhow::Result<Value> {
        let unreachable = || format!("no server answers at {}; `universe serve` starts one", self.base);
        let mut answer = answer.with_context(unreachable)?;
        let status = answer.status();
        let text =
            answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().with_context(unreachable)?;
        let json: Option<Value> = serde_json::from_str(&text).ok();
        if status.is_success() {
            return json.with_context(|| format!("{} is no server of this program", self.base));
        }
        let detail = json.as_ref().and_then(|json| json["detail"].as_str()).unwrap_or("it says no more").to_owned();
        Err(Refused { status: status.as_u16(), detail }.into())
    }
}

/// Waits for the network on a thread that may wait.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("asking the server failed")?
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
