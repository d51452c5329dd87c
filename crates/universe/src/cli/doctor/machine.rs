//! Checks of the machine: its clock, its disks, the processes that hold leases.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use universe_service::Ambient as _;
use universe_store::Backend;

use super::super::{serve, session};
use super::{Finding, Findings, Patient, not_checked};
use crate::clock::Surroundings;

/// Leases and expiries of keys bear so much, in milliseconds.
const CLOCK_WARNING_MS: i64 = 2_000;
/// From here on, two servers may both believe that it is their turn.
const CLOCK_ERROR_MS: i64 = 10_000;

/// A year of sessions needs less than this.
const DISK_WARNING_KB: u64 = 1 << 20;
/// A run may fail with less than this.
const DISK_ERROR_KB: u64 = 100 << 10;

/// Compares this machine's clock with those of the database server and of Redis.
pub(super) async fn clock(patient: &Patient) -> Findings {
    let mut findings = Vec::new();
    if let Some(store) = &patient.store {
        let before = Surroundings.now();
        let signs = store.vital_signs().await;
        let after = Surroundings.now();
        if let Some(now) = signs.ok().and_then(|signs| signs.now) {
            findings.push(compared("the database server", now, before, after));
        }
    }
    if let Ok(Some(redis)) = serve::redis_address(&patient.config) {
        let before = Surroundings.now();
        let signs = redis.signs().await;
        let after = Surroundings.now();
        if let Ok(signs) = signs {
            findings.push(compared("Redis", signs.now, before, after));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok("clock", "there is no server to compare it with"));
    }
    findings
}

/// What lies between the question and its answer is no difference.
fn compared(whose: &str, there: Timestamp, before: Timestamp, after: Timestamp) -> Finding {
    let off = if there < before {
        before.duration_since(there)
    } else if there > after {
        there.duration_since(after)
    } else {
        return Finding::ok("clock", format!("agrees with that of {whose}"));
    };
    let milliseconds = i64::try_from(off.as_millis()).unwrap_or(i64::MAX);
    let detail = format!("differs from that of {whose} by {:.1} s", off.as_secs_f64());
    let remedy = "run NTP on both machines";
    match milliseconds {
        ..CLOCK_WARNING_MS => Finding::ok("clock", format!("agrees with that of {whose}")),
        CLOCK_WARNING_MS..CLOCK_ERROR_MS => Finding::warning("clock", detail, remedy),
        CLOCK_ERROR_MS.. => Finding::error("clock", detail, remedy),
    }
}

/// Looks how much room there is where files are written.
pub(super) async fn disk(patient: &Patient) -> Findings {
    let mut places: Vec<(&str, PathBuf)> = Vec::new();
    if let Ok(uri) = session::database_uri(&patient.config)
        && let Some(path) = uri.sqlite_path()
    {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        places.push(("the database", parent.unwrap_or(Path::new(".")).to_owned()));
    }
    if let Some(directory) = patient.config.get("log.directory") {
        places.push(("the logs", PathBuf::from(directory)));
    }
    if places.is_empty() {
        return vec![Finding::ok("disk", "nothing is written on this machine")];
    }
    let mut findings = Vec::new();
    for (what, place) in places {
        findings.push(room(what, &place).await);
    }
    findings
}

async fn room(what: &str, place: &Path) -> Finding {
    let shown = place.display();
    if !place.is_dir() {
        let remedy = format!("mkdir -p {shown}, or let the first command make it");
        return Finding::warning("disk", format!("the directory of {what}, {shown}, does not exist"), remedy);
    }
    // The standard library has no call for it; every system has this program.
    let asked = tokio::process::Command::new("df").arg("-Pk").arg(place).output().await;
    let text = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let free = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    let Some(free) = free else {
        return Finding::warning("disk", format!("df does not tell the room of {shown}"), "look at the disk yourself");
    };
    let detail = format!("{:.1} GB free for {what} ({shown})", free as f64 / f64::from(1_u32 << 20));
    let remedy = "make room, or move it to a larger disk";
    match free {
        ..DISK_ERROR_KB => Finding::error("disk", detail, remedy),
        DISK_ERROR_KB..DISK_WARNING_KB => Finding::warning("disk", detail, remedy),
        DISK_WARNING_KB.. => Finding::ok("disk", detail),
    }
}

/// Looks for leases whose holders are gone.
pub(super) async fn leases(patient: &Patient) -> Findings {
    let Some(store) = patient.ready() else { return not_checked("leases", "the database is not set up") };
    let leases = match store.vital_signs().await {
        Ok(signs) => signs.leases,
        Err(error) => return vec![Finding::error("leases", error.to_string(), "see the check of the database")],
    };
    let now = Surroundings.now();
    let mut findings: Findings = Vec::new();
    for lease in &leases {
        let (name, holder) = (&lease.name, &lease.holder);
        let process = holder.split('/').next().unwrap_or_default();
        let runs_here = process.parse::<u32>().is_ok() && Path::new("/proc").join(process).exists();
        if lease.expires_at <= now {
            let remedy = "nothing, unless it stays so: the next server takes it, and fails the run that it was for";
            findings.push(Finding::warning(
                "leases",
                format!("{name} was left by process {holder}, which died"),
                remedy,
            ));
        } else if store.backend() == Backend::Sqlite && !runs_here {
            let seconds = lease.expires_at.duration_since(now).as_secs();
            let detail = format!("{name} is held by process {holder}, which does not run here");
            findings.push(Finding::warning("leases", detail, format!("wait {seconds} s: it expires by itself")));
        }
    }
    if findings.is_empty() {
        let held: Vec<&str> = leases.iter().map(|lease| lease.name.as_str()).collect();
        let held = if held.is_empty() { "nobody holds one".to_owned() } else { format!("held: {}", held.join(", ")) };
        findings.push(Finding::ok("leases", held));
    }
    findings
}
