//! Whose bars a job loads: the members of a universe, the symbols of a file, or those it names.

use std::collections::BTreeSet;

use universe_core::{ListingRecord, Symbol, resolve_symbol};
use universe_feeds::read_universe;
use universe_store::{DataLoadRequest, LoadRecord, Needs, StoreError};

use super::DataLoadSettings;
use crate::scheduler::session_closed;
use crate::{Daemon, LookupError, Question, look_up};

/// The symbols of a job.
pub(super) struct Selection {
    pub(super) symbols: Vec<Symbol>,
    /// Where they come from, for people.
    pub(super) source: String,
}

/// Why a job has no symbols.
pub(super) enum SelectionError {
    /// It asks for what there is not; says what.
    Refused(String),
    /// The database could not answer.
    Store(StoreError),
}

impl From<StoreError> for SelectionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Finds out whose bars a job loads, in order of symbol.
pub(super) async fn select(
    daemon: &Daemon,
    settings: &DataLoadSettings,
    request: &DataLoadRequest,
) -> Result<Selection, SelectionError> {
    let wants_file = |universe: Option<&String>| universe.is_none() || !settings.use_cache_universes;
    match (&request.universe_key, &request.csv_file) {
        (universe, Some(file)) if wants_file(universe.as_ref()) => of_file(settings, file).await,
        (Some(universe), _) => of_universe(daemon, universe).await,
        (None, _) => {
            let known = known_symbols(daemon).await?;
            // `BRKB` means `BRK.B` where that is listed.
            let meant = |symbol: &Symbol| resolve_symbol(symbol.as_str(), &known).unwrap_or_else(|| symbol.clone());
            let symbols: BTreeSet<Symbol> = request.symbols.iter().map(meant).collect();
            Ok(Selection { symbols: symbols.into_iter().collect(), source: "the symbols named".to_owned() })
        }
    }
}

async fn of_universe(daemon: &Daemon, asked: &str) -> Result<Selection, SelectionError> {
    let rules = daemon.rules.rules(&*daemon.store).await.map_err(SelectionError::Refused)?;
    let question = Question { environment: &daemon.environment, as_of: None, known_at: None };
    let answer = match look_up(&*daemon.store, &rules, asked, question).await {
        Ok(answer) => answer,
        Err(LookupError::Store { source, .. }) => return Err(source.into()),
        Err(error @ (LookupError::Expression(_) | LookupError::Unknown { .. } | LookupError::Ambiguous(_))) => {
            return Err(SelectionError::Refused(error.to_string()));
        }
    };
    let symbols: BTreeSet<Symbol> = answer.members.into_iter().map(|member| member.symbol).collect();
    if symbols.is_empty() {
        return Err(SelectionError::Refused(format!("{asked} has no members")));
    }
    Ok(Selection { symbols: symbols.into_iter().collect(), source: asked.to_owned() })
}

async fn of_file(settings: &DataLoadSettings, file: &str) -> Result<Selection, SelectionError> {
    let path = settings.csv_directory.join(file);
    let read = tokio::task::spawn_blocking(move || read_universe(&path)).await;
    let read = read.map_err(|fault| SelectionError::Refused(format!("{file} could not be read: {fault}")))?;
    let read = read.map_err(|error| SelectionError::Refused(error.to_string()))?;
    for issue in &read.issues {
        tracing::warn!(file, line = issue.line, reason = issue.reason, "an entry of {file} was left out");
    }
    let symbols: BTreeSet<Symbol> = read.value.into_iter().collect();
    Ok(Selection { symbols: symbols.into_iter().collect(), source: file.to_owned() })
}

/// Returns the symbols of all listings, in order.
pub(super) async fn known_symbols(daemon: &Daemon) -> Result<Vec<Symbol>, StoreError> {
    let needs = Needs { company_names: false, details: false, facts: Vec::new(), returns: false };
    let session = session_closed(daemon.ambient.now());
    Ok(daemon.store.observation_read(session, &needs).await?.symbol)
}

/// Makes symbols known that no listing has: nothing else is said about them.
pub(super) async fn make_known(daemon: &Daemon, job_id: &str, symbols: &[Symbol]) -> Result<(), StoreError> {
    if symbols.is_empty() {
        return Ok(());
    }
    let now = daemon.ambient.now();
    let load = |count: usize| LoadRecord {
        kind: "data_load".to_owned(),
        file: job_id.to_owned(),
        session: None,
        rows: count as u64,
        loaded: count as u64,
        issues: Vec::new(),
    };
    let mut listings: Vec<ListingRecord> = symbols.iter().cloned().map(ListingRecord::new).collect();
    let day = crate::new_york_date(now);
    match daemon.store.listing_load(&listings, day, &load(symbols.len()), now).await {
        // An older table takes no listing without a name.
        Err(StoreError::Conflict { .. }) => {
            for listing in &mut listings {
                listing.company_name = Some(listing.symbol.to_string());
            }
            daemon.store.listing_load(&listings, day, &load(symbols.len()), now).await?;
        }
        stored => drop(stored?),
    }
    Ok(())
}
