//! Symbol changes from tables, from the API and from snapshots into the store, and histories that follow them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use universe_core::identity::{SymbolChange, Tenure, check_changes, detect, identity, tenure_at, tenures};
use universe_core::{Issue, Snapshot, Symbol};
use universe_feeds::read_symbol_changes;
use universe_store::{MembershipRecord, Needs, Store, StoreError, SymbolChangeRecord};

use crate::{Ambient, LoadError, LoadReport, Renaming};

/// Loads a table of symbol changes; it wins over what was found in snapshots.
///
/// What cannot be true together is an issue, and the rest is loaded. A change of symbols that no source has shown is
/// loaded and noted.
///
/// # Errors
/// When the file is refused as a whole or cannot be stored; nothing of it is then stored.
pub async fn load_symbol_changes(
    store: &dyn Store,
    file: &Path,
    ambient: &dyn Ambient,
) -> Result<LoadReport, LoadError> {
    let failed = |source| LoadError::Store { file: file.to_owned(), source };
    let shown = file.display().to_string();
    let read = read_symbol_changes(file)?;
    let lines: Vec<(u64, SymbolChange)> = read.value.clone();
    let (changes, refused) = check_changes(read.value);
    let mut issues = read.issues;
    let issue = |line, symbol: &Symbol, reason| Issue {
        file: shown.clone(),
        line: Some(line),
        symbol: Some(symbol.to_string()),
        reason,
    };
    issues.extend(refused.iter().map(|r| issue(r.line, &r.symbol, format!("{}; the row was skipped", r.reason))));
    let mut both: Vec<Symbol> =
        changes.iter().flat_map(|change| [Some(change.from.clone()), change.to.clone()]).flatten().collect();
    both.sort();
    both.dedup();
    let names = store.company_name_list(&both).await.map_err(failed)?;
    let is_known = |symbol: &Symbol| both.binary_search(symbol).is_ok_and(|at| names[at].is_some());
    for (line, SymbolChange { from, to, .. }) in &lines {
        let is_taken = changes.iter().any(|change| change.from == *from && change.to == *to);
        if is_taken && !is_known(from) && !to.as_ref().is_some_and(is_known) {
            issues.push(issue(*line, from, "no source has shown it under either symbol; it is kept".to_owned()));
        }
    }
    let loaded = changes.len() as u64;
    let written = keep(store, changes, &shown, ambient.now()).await.map_err(failed)?;
    Ok(LoadReport { files: vec![shown], rows: read.rows, loaded, written, issues, ..LoadReport::default() })
}

/// Keeps what the API says about the symbols that were asked for; returns how much of it is news.
///
/// # Errors
/// When the store fails.
pub async fn keep_renamings(
    store: &dyn Store,
    renamings: &[Renaming],
    source: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let change = |r: &Renaming| SymbolChange { date: r.date, from: r.from.clone(), to: Some(r.to.clone()) };
    let (changes, _) = check_changes((1..).zip(renamings.iter().map(change)).collect());
    keep(store, changes, source, now).await
}

/// Stores what somebody says, in the place of what was found, or told before, about the same events.
async fn keep(store: &dyn Store, changes: Vec<SymbolChange>, source: &str, now: Timestamp) -> Result<u64, StoreError> {
    let mut replaced = symbol_changes(store, None).await?;
    replaced.retain(|before| !changes.contains(before) && changes.iter().any(|change| change.is_about(before)));
    let record = |change| SymbolChangeRecord { change, source: source.to_owned(), recorded_at: now };
    let records: Vec<SymbolChangeRecord> = changes.into_iter().map(record).collect();
    store.symbol_change_put(&records, &replaced).await
}

/// Returns the symbol changes that are known, or were at an instant, oldest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn symbol_changes(store: &dyn Store, known_at: Option<Timestamp>) -> Result<Vec<SymbolChange>, StoreError> {
    let records = match known_at {
        Some(instant) => store.symbol_change_list_at(instant).await?,
        None => store.symbol_change_list().await?,
    };
    Ok(records.into_iter().map(|record| record.change).collect())
}

/// Finds the symbols that stand for another listing in a snapshot than before, and keeps that; only the newest
/// snapshot is compared with what was known before it.
pub(crate) async fn find_changes(store: &dyn Store, snapshot: &Snapshot, now: Timestamp) -> Result<(), StoreError> {
    let loaded = store.snapshot_list().await?;
    let Some(before) = loaded.iter().map(|record| record.session).max().filter(|last| *last < snapshot.session) else {
        return Ok(());
    };
    let needs = Needs { company_names: true, details: true, facts: Vec::new(), returns: false };
    let known = store.observation_read(before, &needs).await?;
    let recorded = symbol_changes(store, None).await?;
    let found = detect(&known, snapshot, &recorded);
    if found.is_empty() {
        return Ok(());
    }
    let source = SymbolChangeRecord::DETECTED.to_owned();
    let record = |change| SymbolChangeRecord { change, source: source.clone(), recorded_at: now };
    let records: Vec<SymbolChangeRecord> = found.into_iter().map(record).collect();
    store.symbol_change_put(&records, &[]).await.map(|_| ())
}

/// The memberships of one listing under all its symbols.
#[derive(Clone, Debug, Serialize)]
pub struct ListingHistory {
    /// The symbols that it had and has, oldest first.
    pub also_known_as: Vec<Tenure>,
    /// Its memberships, in order of time.
    pub memberships: Vec<MembershipRecord>,
    /// Other listings that had the asked symbol, and were members under it.
    pub other_listings: Vec<Tenure>,
}

/// Returns the memberships of the listing that has a symbol as of a day, or had it last before that: under the
/// symbols of before and since too, and without those of others who had its symbol; by the symbol changes that are
/// known, or were at an instant.
///
/// # Errors
/// When the store cannot be read.
pub async fn listing_history(
    store: &dyn Store,
    environment: &str,
    symbol: &Symbol,
    as_of: Option<Date>,
    known_at: Option<Timestamp>,
) -> Result<ListingHistory, StoreError> {
    let own = store.membership_list(environment, None, Some(symbol));
    let (changes, own) = tokio::try_join!(symbol_changes(store, known_at), own)?;
    let begins_in = |row: &MembershipRecord, tenure: &Tenure| tenure.covers(row.valid_from);
    let day = as_of.unwrap_or(Date::MAX);
    let asked = tenure_at(&changes, symbol, day);
    let chain = |tenure: &Tenure| identity(&changes, tenure);
    let mut of_symbol = tenures(&changes, symbol);
    of_symbol.retain(|tenure| {
        let is_member = own.iter().any(|row| begins_in(row, tenure));
        is_member || (*tenure == asked && chain(tenure).len() > 1)
    });
    // Nobody has it any more: the last who had it is meant.
    let meant = of_symbol.iter().rfind(|tenure| tenure.from.is_none_or(|from| from <= day));
    let meant = meant.or(of_symbol.first()).cloned().unwrap_or(asked);
    let also_known_as = chain(&meant);
    let other_listings = of_symbol.into_iter().filter(|tenure| !also_known_as.contains(tenure)).collect();
    let mut memberships = Vec::new();
    for tenure in &also_known_as {
        let rows = match tenure.symbol == *symbol {
            true => own.clone(),
            false => store.membership_list(environment, None, Some(&tenure.symbol)).await?,
        };
        memberships.extend(rows.into_iter().filter(|row| begins_in(row, tenure)));
    }
    memberships.sort_by(|a, b| (a.valid_from, &a.universe).cmp(&(b.valid_from, &b.universe)));
    Ok(ListingHistory { also_known_as, memberships, other_listings })
}

/// Returns the symbols that have another one than as of a day by now, with that.
pub(crate) fn later_symbols<'s>(
    changes: &[SymbolChange],
    symbols: impl IntoIterator<Item = &'s Symbol>,
    as_of: Date,
) -> BTreeMap<Symbol, Symbol> {
    let went: BTreeSet<&Symbol> =
        changes.iter().filter(|change| as_of < change.date).map(|change| &change.from).collect();
    let later = |symbol: &Symbol| {
        let last = identity(changes, &tenure_at(changes, symbol, as_of)).pop()?.symbol;
        (last != *symbol).then(|| (symbol.clone(), last))
    };
    symbols.into_iter().filter(|symbol| went.contains(symbol)).filter_map(later).collect()
}

/// Says under which symbol to ask where, as of a day, a listing does not have the asked one.
pub(crate) fn symbol_remark(changes: &[SymbolChange], symbol: &Symbol, day: Date) -> Option<String> {
    let change = changes.iter().rfind(|change| change.from == *symbol && change.date <= day);
    if let Some(SymbolChange { date, to: Some(to), .. }) = change
        && changes.iter().all(|other| other.to.as_ref() != Some(symbol) || other.date <= *date)
    {
        return Some(format!("{symbol} is {to} since {date}"));
    }
    let change = changes.iter().find(|change| change.to.as_ref() == Some(symbol) && day < change.date)?;
    Some(format!("{symbol} was {} until {}", change.from, change.date))
}
