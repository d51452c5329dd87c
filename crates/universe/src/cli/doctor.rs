//! `universe doctor`: looks at a whole deployment, and says for each finding how it is mended.
//!
//! Every check is a function with a time limit of its own, and all are made, whatever the others find. Nothing is
//! written, nothing is migrated, and no secret is shown.

mod configuration;
mod database;
mod machine;
mod services;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use serde_json::json;
use universe_store::{OlderDatabase, Store};

use super::arguments::Global;
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_HELD};
use crate::config::Config;

/// Whatever takes longer for one answer is no use to a run either.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Warning,
    Error,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a check found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    detail: String,
    /// How it is mended; `None` when nothing is wrong.
    remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, detail: detail.into(), remedy: None }
    }

    fn warning(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, status: Status::Warning, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    fn error(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, status: Status::Error, detail: detail.into(), remedy: Some(remedy.into()) }
    }
}

/// What the checks look at.
struct Patient {
    config: Config,
    /// The database, where it could be opened.
    store: Option<Arc<dyn Store>>,
    /// What a PostgreSQL database looks like, where it could be read.
    survey: Option<OlderDatabase>,
    is_set_up: bool,
}

impl Patient {
    /// Returns the database if it is there and set up.
    fn ready(&self) -> Option<&dyn Store> {
        self.store.as_deref().filter(|_| self.is_set_up)
    }
}

type Findings = Vec<Finding>;

pub(crate) async fn run(global: &Global) -> anyhow::Result<u8> {
    let (config, mut findings) = configuration::read(global);
    findings.extend(configuration::secrets(global, &config));
    let (patient, found) = database::admit(config).await;
    findings.extend(found);
    let checks: Vec<(&'static str, BoxFuture<'_, Findings>)> = vec![
        ("migrations", database::migrations(&patient).boxed()),
        ("tables", async { database::tables(&patient) }.boxed()),
        ("rights", async { database::rights(&patient) }.boxed()),
        ("redis", services::redis(&patient).boxed()),
        ("keys", services::keys(&patient).boxed()),
        ("clock", machine::clock(&patient).boxed()),
        ("disk", machine::disk(&patient).boxed()),
        ("feeds", database::feeds(&patient).boxed()),
        ("rules", configuration::rules(&patient).boxed()),
        ("market_data", services::market_data(&patient).boxed()),
        ("server", services::server(&patient).boxed()),
        ("outbox", database::outbox(&patient).boxed()),
        ("leases", machine::leases(&patient).boxed()),
    ];
    findings.extend(join_all(checks.into_iter().map(within)).await.into_iter().flatten());
    output::print(global, &json!({"checks": findings}), || Rows {
        columns: vec!["check", "status", "detail", "remedy"],
        rows: findings.iter().map(row).collect(),
    })?;
    let count = |status: Status| findings.iter().filter(|finding| finding.status == status).count();
    let (errors, warnings) = (count(Status::Error), count(Status::Warning));
    output::remark(global, &format!("{} checks: {errors} errors, {warnings} warnings", findings.len()));
    Ok(if errors > 0 { EXIT_HELD } else { EXIT_DONE })
}

async fn within((check, findings): (&'static str, BoxFuture<'_, Findings>)) -> Findings {
    tokio::time::timeout(CHECK_TIMEOUT, findings).await.unwrap_or_else(|_| {
        let seconds = CHECK_TIMEOUT.as_secs();
        vec![Finding::error(check, format!("no answer within {seconds} s"), "see whether what it asks is overloaded")]
    })
}

fn row(finding: &Finding) -> Vec<String> {
    let Finding { check, status, detail, remedy } = finding;
    vec![(*check).to_owned(), status.as_str().to_owned(), detail.clone(), remedy.clone().unwrap_or_default()]
}

/// Says that something could not be looked at because something else is missing.
fn not_checked(check: &'static str, why: &str) -> Findings {
    vec![Finding::warning(check, format!("not checked: {why}"), "mend that first, and run this again")]
}
