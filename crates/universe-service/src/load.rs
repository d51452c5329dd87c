//! Loads: from files by way of the feeds into the store, and the market figures of the sessions they touch.

mod lists;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Serialize;
use universe_core::market::MarketSession;
use universe_core::{Issue, Snapshot, previous_session, session_on_or_before};
use universe_feeds::{Read, read_prices, read_screener, read_snapshots, read_symbols};
use universe_store::{LoadRecord, Store};

use crate::identity::find_changes;
use crate::sync::new_york_date;
use crate::{Ambient, LoadError};
pub use lists::{UniverseList, load_lists};

/// What a load did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoadReport {
    /// The files that were read.
    pub files: Vec<String>,
    /// How many rows of data they have.
    pub rows: u64,
    /// How many of them were taken.
    pub loaded: u64,
    /// How many of those changed what is stored.
    #[serde(skip)]
    pub written: u64,
    /// The sessions that were loaded.
    #[serde(skip)]
    pub sessions: BTreeSet<Date>,
    /// What was wrong with the data.
    pub issues: Vec<Issue>,
}

/// Called with what was just done, for people who wait.
pub type Told<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Loads a screener file: the full list of listings of one session.
///
/// # Errors
/// When the file is refused as a whole or cannot be stored; nothing of it is then stored.
pub async fn load_screener(
    store: &dyn Store,
    file: &Path,
    as_of: Option<Date>,
    ambient: &dyn Ambient,
) -> Result<LoadReport, LoadError> {
    let read = read_screener(file, as_of)?;
    let mut report = LoadReport { files: vec![shown(file)], ..LoadReport::default() };
    store_snapshot(store, "screener", file, read, ambient, &mut report).await?;
    Ok(report)
}

/// Loads the daily snapshots of Parquet files for a range of days, both ends included.
///
/// Each session is stored as a whole before the next one is read.
///
/// # Errors
/// When a file is refused or a session cannot be stored; sessions before it stay loaded.
pub async fn load_snapshots(
    store: &dyn Store,
    files: &[PathBuf],
    from: Option<Date>,
    to: Option<Date>,
    ambient: &dyn Ambient,
    told: Told<'_>,
) -> Result<LoadReport, LoadError> {
    let mut snapshots = read_snapshots(files, from, to)?;
    let name = files.first().cloned().unwrap_or_default();
    let mut report = LoadReport { files: files.iter().map(|file| shown(file)).collect(), ..LoadReport::default() };
    for read in snapshots.by_ref() {
        let read = read?;
        told(&format!("{}: {} listings", read.value.session, read.value.rows.len()));
        store_snapshot(store, "snapshots", &name, read, ambient, &mut report).await?;
    }
    report.issues.extend(snapshots.take_issues());
    Ok(report)
}

/// Loads reference data; figures beyond the standard columns are recorded as of `as_of`, or else today.
///
/// # Errors
/// When the file is refused as a whole or cannot be stored; nothing of it is then stored.
pub async fn load_symbols(
    store: &dyn Store,
    file: &Path,
    as_of: Option<Date>,
    ambient: &dyn Ambient,
) -> Result<LoadReport, LoadError> {
    let read = read_symbols(file)?;
    let loaded = read.value.len() as u64;
    let record = record("symbols", file, as_of, read.rows, loaded, &read.issues);
    let now = ambient.now();
    let as_of = as_of.unwrap_or_else(|| session_on_or_before(new_york_date(now)));
    let stored = store.listing_load(&read.value, as_of, &record, now).await.map_err(|e| not_stored(file, e))?;
    Ok(LoadReport {
        files: vec![shown(file)],
        rows: read.rows,
        loaded,
        written: stored.written,
        sessions: BTreeSet::new(),
        issues: read.issues,
    })
}

/// Loads daily bars. The file is read to its end before anything is stored, so that a damaged one stores nothing.
///
/// # Errors
/// When the file is refused as a whole or cannot be stored; batches before a failure of the store stay loaded.
pub async fn load_prices(
    store: &dyn Store,
    file: &Path,
    ambient: &dyn Ambient,
    told: Told<'_>,
) -> Result<LoadReport, LoadError> {
    let mut checked = read_prices(file)?;
    let mut loaded = 0;
    for batch in checked.by_ref() {
        loaded += batch?.len() as u64;
    }
    let read = checked.finish();
    told(&format!("{loaded} bars are right"));
    let record = record("prices", file, None, read.rows, loaded, &read.issues);
    let mut report =
        LoadReport { files: vec![shown(file)], rows: read.rows, loaded, issues: read.issues, ..LoadReport::default() };
    for batch in read_prices(file)? {
        let batch = batch?;
        report.sessions.extend(batch.iter().map(|bar| bar.date));
        let stored = store.bar_load(&batch, &record, ambient.now()).await.map_err(|e| not_stored(file, e))?;
        report.written += stored.written;
        told(&format!("{} of {loaded} bars changed what is stored", report.written));
    }
    for session in report.sessions.clone() {
        keep_figures(store, session).await.map_err(|e| not_stored(file, e))?;
    }
    Ok(report)
}

/// Computes and keeps the figures of the market as of a session, so that no run has to.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn keep_figures(store: &dyn Store, session: Date) -> Result<(), universe_store::StoreError> {
    let returns = store.session_returns(session).await?;
    let before = store.market_session_list(previous_session(session)).await?;
    match MarketSession::compute(session, returns, &before) {
        Some(figures) => store.market_session_put(&[figures]).await,
        None => Ok(()),
    }
}

async fn store_snapshot(
    store: &dyn Store,
    kind: &str,
    file: &Path,
    read: Read<Snapshot>,
    ambient: &dyn Ambient,
    report: &mut LoadReport,
) -> Result<(), LoadError> {
    let session = read.value.session;
    let loaded = read.value.rows.len() as u64;
    let record = record(kind, file, Some(session), read.rows, loaded, &read.issues);
    find_changes(store, &read.value, ambient.now()).await.map_err(|e| not_stored(file, e))?;
    let stored = store.snapshot_load(&read.value, &record, ambient.now()).await.map_err(|e| not_stored(file, e))?;
    if stored.written > 0 {
        keep_figures(store, session).await.map_err(|e| not_stored(file, e))?;
    }
    report.rows += read.rows;
    report.loaded += loaded;
    report.written += stored.written;
    report.sessions.insert(session);
    report.issues.extend(read.issues);
    Ok(())
}

fn record(kind: &str, file: &Path, session: Option<Date>, rows: u64, loaded: u64, issues: &[Issue]) -> LoadRecord {
    LoadRecord { kind: kind.to_owned(), file: shown(file), session, rows, loaded, issues: issues.to_vec() }
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}

fn not_stored(file: &Path, source: universe_store::StoreError) -> LoadError {
    LoadError::Store { file: file.to_owned(), source }
}
