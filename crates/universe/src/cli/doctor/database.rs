//! Checks of the database and of what is in it.

use jiff::Timestamp;
use universe_core::{previous_session, session_close, session_on_or_before, sessions_between};
use universe_service::{Ambient as _, new_york_date};
use universe_store::{Backend, DatabaseUri, StoreError, open, open_postgres};

use super::super::{failure, session};
use super::{CHECK_TIMEOUT, Finding, Findings, Patient, not_checked};
use crate::clock::Surroundings;
use crate::config::Config;

/// Prices that are so many sessions old stop a business; fewer may be a holiday of the feed.
const SESSIONS_STALE_MAX: usize = 3;

/// So many events waiting are more than a moment's work.
const BACKLOG_MAX: u32 = 1_000;

/// For how long an event may wait before something is wrong with its publication.
const BACKLOG_SECONDS_MAX: i64 = 300;

/// Opens the database, without making one, and looks at it once for the checks that follow.
pub(super) async fn admit(config: Config) -> (Patient, Findings) {
    let mut patient = Patient { config, store: None, survey: None, is_set_up: false };
    let uri = match session::database_uri(&patient.config) {
        Ok(uri) => uri,
        Err(error) => {
            let detail = failure::shown(&error);
            let remedy = "set database.uri to postgresql://user:password@host/name or sqlite:PATH";
            return (patient, vec![Finding::error("database", detail.trim_start_matches("error: "), remedy)]);
        }
    };
    if let Some(path) = uri.sqlite_path().filter(|path| !path.exists()) {
        let detail = format!("{} does not exist yet", path.display());
        let remedy = "the first command that needs it makes it; or name another database with --database";
        return (patient, vec![Finding::warning("database", detail, remedy)]);
    }
    let findings = match tokio::time::timeout(CHECK_TIMEOUT, examine(&uri, &mut patient)).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => vec![unreachable(&uri, &error)],
        Err(_) => vec![Finding::error(
            "database",
            format!("{uri} does not answer within {} s", CHECK_TIMEOUT.as_secs()),
            "see whether the server is overloaded, or a firewall in between",
        )],
    };
    (patient, findings)
}

fn unreachable(uri: &DatabaseUri, error: &StoreError) -> Finding {
    let remedy = match error {
        StoreError::Unavailable(_) => "start the server, or correct host and port in database.uri (DATABASE_URI)",
        StoreError::Unsupported(_) => "see docs/operations.md for what is needed",
        _ => "correct user, password and name in database.uri (DATABASE_URI)",
    };
    Finding::error("database", format!("{uri}: {error}"), remedy)
}

async fn examine(uri: &DatabaseUri, patient: &mut Patient) -> Result<Findings, StoreError> {
    let store = open(uri).await?;
    let signs = store.vital_signs().await?;
    let kind = match store.backend() {
        Backend::Postgres => "PostgreSQL",
        Backend::Sqlite => "SQLite",
    };
    let megabytes = signs.bytes.div_ceil(1 << 20);
    let detail = format!("{uri}: {kind} {}, {megabytes} MB", signs.version);
    let mut findings = Vec::new();
    if signs.is_read_only {
        let remedy = "connect to the primary, or make the file writable";
        findings.push(Finding::error("database", format!("{detail}; it takes no writes"), remedy));
    } else if signs.journal.as_deref().is_some_and(|mode| mode != "wal") {
        let mode = signs.journal.unwrap_or_default();
        let remedy = "put the file on a local disk: lookups wait for runs without a write-ahead log";
        findings.push(Finding::warning("database", format!("{detail}; its journal is {mode}"), remedy));
    } else {
        findings.push(Finding::ok("database", detail));
    }
    patient.is_set_up = store.migration_list().await?.iter().any(|migration| migration.applied_at.is_some());
    patient.store = Some(store);
    if let Some(postgres) = open_postgres(uri).await? {
        patient.survey = Some(postgres.adoption_survey(session::environment(&patient.config)).await?);
    }
    Ok(findings)
}

/// Compares the applied migrations with those that this program has.
pub(super) async fn migrations(patient: &Patient) -> Findings {
    let Some(store) = &patient.store else { return not_checked("migrations", "there is no database") };
    let listed = match store.migration_list().await {
        Ok(listed) => listed,
        Err(error) => return vec![Finding::error("migrations", error.to_string(), "see `universe db status`")],
    };
    let changed: Vec<&str> = listed.iter().filter(|m| !m.is_intact).map(|m| m.name.as_str()).collect();
    let missing: Vec<&str> = listed.iter().filter(|m| m.applied_at.is_none()).map(|m| m.name.as_str()).collect();
    vec![if !changed.is_empty() {
        let detail = format!("applied with other statements than this program has: {}", changed.join(", "));
        Finding::error("migrations", detail, "use the version of the program that set the database up")
    } else if missing.is_empty() {
        Finding::ok("migrations", format!("all {} are applied", listed.len()))
    } else if !patient.is_set_up && patient.survey.as_ref().is_some_and(|survey| !survey.entries.is_empty()) {
        let detail = "the database has not been set up, and has entries of another program";
        Finding::warning("migrations", detail, "`universe adopt --dry-run` shows what moving in would do")
    } else {
        Finding::error("migrations", format!("not applied: {}", missing.join(", ")), "`universe db migrate`")
    }]
}

/// Looks whether the tables that are there can be used.
pub(super) fn tables(patient: &Patient) -> Findings {
    let Some(survey) = &patient.survey else {
        return match &patient.store {
            Some(_) => vec![Finding::ok("tables", "as this program made them")],
            None => not_checked("tables", "there is no database"),
        };
    };
    let shapes = survey.obstacles.iter().filter(|obstacle| !obstacle.is_right);
    let mut findings: Findings =
        shapes.map(|obstacle| Finding::error("tables", &*obstacle.detail, &*obstacle.remedy)).collect();
    let additions = &survey.additions;
    let has_entries = !additions.tables.iter().any(|table| table == "cache_entries");
    if has_entries && !survey.entry_key_is_unique && findings.is_empty() {
        findings.push(Finding::warning(
            "tables",
            "nothing keeps two rows of cache_entries from having the same type, key and environment",
            "remove doubles, then: create unique index on cache_entries (type, key, environment)",
        ));
    }
    let missing = additions.tables.len() + additions.columns.len() + additions.indexes.len();
    if survey.is_set_up && missing > 0 {
        let all = [&additions.tables[..], &additions.columns, &additions.indexes].concat().join(", ");
        findings.push(Finding::error(
            "tables",
            format!("somebody removed what was set up: {all}"),
            "restore it from a backup, or add it as migrations/postgres has it",
        ));
    } else if findings.is_empty() {
        let to_add = if missing > 0 { format!("; {missing} things are added by setting up") } else { String::new() };
        findings.push(Finding::ok("tables", format!("every column is recognised{to_add}")));
    }
    findings
}

/// Looks whether the user may do what has to be done.
pub(super) fn rights(patient: &Patient) -> Findings {
    let Some(store) = &patient.store else { return not_checked("rights", "there is no database") };
    if store.backend() == Backend::Sqlite {
        return vec![Finding::ok("rights", "the file can be written")];
    }
    let Some(survey) = &patient.survey else { return not_checked("rights", "the catalogue could not be read") };
    let rights = survey.obstacles.iter().filter(|obstacle| obstacle.is_right);
    let mut findings: Findings =
        rights.map(|obstacle| Finding::error("rights", &*obstacle.detail, &*obstacle.remedy)).collect();
    if findings.is_empty() {
        findings.push(Finding::ok("rights", format!("user {} may do what is needed", survey.user)));
    }
    findings
}

/// Compares the newest prices with the calendar.
pub(super) async fn feeds(patient: &Patient) -> Findings {
    let Some(store) = patient.ready() else { return not_checked("feeds", "the database is not set up") };
    let now = Surroundings.now();
    let today = session_on_or_before(new_york_date(now));
    let is_over = session_close(today).is_none_or(|close| close <= now);
    let expected = if is_over { today } else { previous_session(today) };
    let load = "load them: `universe load screener FILE`, or see whatever fills ohlcv_daily";
    vec![match store.session_latest(today).await {
        Err(error) => Finding::error("feeds", error.to_string(), "see the check of the database"),
        Ok(None) => Finding::warning("feeds", "there are no prices yet", load),
        Ok(Some(newest)) => {
            let stale = if newest < expected { sessions_between(newest, expected) } else { 0 };
            match stale {
                0 => Finding::ok("feeds", format!("the newest prices are of {newest}")),
                stale => {
                    let sessions = if stale == 1 { "session" } else { "sessions" };
                    let detail = format!("the newest prices are of {newest}: stale by {stale} {sessions}");
                    match stale <= SESSIONS_STALE_MAX {
                        true => Finding::warning("feeds", detail, load),
                        false => Finding::error("feeds", detail, load),
                    }
                }
            }
        }
    }]
}

/// Looks how many events wait, and for how long.
pub(super) async fn outbox(patient: &Patient) -> Findings {
    let Some(store) = patient.ready() else { return not_checked("outbox", "the database is not set up") };
    let waiting = match store.outbox_unpublished(session::environment(&patient.config), BACKLOG_MAX + 1).await {
        Ok(waiting) => waiting,
        Err(error) => return vec![Finding::error("outbox", error.to_string(), "see the check of the database")],
    };
    let Some(oldest) = waiting.first() else { return vec![Finding::ok("outbox", "no event waits")] };
    let count = waiting.len();
    let more = if count > BACKLOG_MAX as usize { "more than " } else { "" };
    let count = count.min(BACKLOG_MAX as usize);
    let detail = format!("{more}{count} events wait, the oldest since {}", shown(oldest.created_at));
    let age = Surroundings.now().duration_since(oldest.created_at).as_secs();
    vec![if patient.config.get("redis.url").or(patient.config.get("redis.host")).is_none_or(str::is_empty) {
        Finding::ok("outbox", format!("{detail}; without Redis they are served over HTTP"))
    } else if age > BACKLOG_SECONDS_MAX {
        Finding::warning("outbox", detail, "see that `universe serve` runs and reaches Redis: it publishes them")
    } else {
        Finding::ok("outbox", detail)
    }]
}

fn shown(at: Timestamp) -> String {
    super::super::output::instant(&at)
}
