//! The instrument files of qlib: for each universe one, with a line for each stretch of membership.

use std::io::Write as _;

use anyhow::Context as _;
use jiff::civil::Date;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId, previous_session};
use universe_service::{IntervalRow, Selection, interval_export};
use universe_store::Store;

use super::super::arguments::Global;
use super::super::output;
use super::Written;
use super::target::{Place, Target};
use crate::clock::Surroundings;

/// Writes `KEY.txt` for each universe into a directory; no file takes its place before all are written. A pipe takes
/// one after the other.
pub(super) async fn export(
    global: &Global,
    store: &dyn Store,
    rules: &RuleSet,
    selection: &Selection,
    to: Place<'_>,
) -> anyhow::Result<Written> {
    let intervals = interval_export(store, rules, selection, &Surroundings).await?;
    if let Place::Path(directory) = to {
        let failed = || format!("cannot make the directory {}", directory.display());
        std::fs::create_dir_all(directory).with_context(failed)?;
    }
    let bar = output::progress(global, intervals.universes.len() as u64, "universes");
    let mut written = Written { universes: intervals.universes.len(), ..Written::default() };
    let mut files = Vec::new();
    for id in &intervals.universes {
        bar.set_message(id.to_string());
        let found = intervals.of(id).await?;
        let mut file = match to {
            Place::Path(directory) => Target::open(Place::Path(&directory.join(name_of(id, &intervals.universes))))?,
            Place::Pipe(_) => Target::open(to)?,
        };
        for Stretch { symbol, first, last } in stretches(&found, intervals.last_session) {
            writeln!(file, "{symbol}\t{first}\t{last}")?;
            written.rows += 1;
        }
        written.bytes += file.bytes();
        files.push(file);
        bar.inc(1);
    }
    for file in files {
        file.commit()?;
    }
    bar.finish_and_clear();
    Ok(written)
}

/// The name of the file: the key, with the type where both types have it.
fn name_of(id: &UniverseId, universes: &[UniverseId]) -> String {
    let namesakes = universes.iter().filter(|other| other.key() == id.key()).count();
    if namesakes > 1 { format!("{}_{}.txt", id.universe_type, id.key()) } else { format!("{}.txt", id.key()) }
}

/// A symbol from its first session to its last one, both included, as qlib reads it.
#[derive(Debug, PartialEq)]
struct Stretch<'i> {
    symbol: &'i Symbol,
    first: Date,
    last: Date,
}

/// Joins intervals that meet; `last_session` is the last day of those that have no end.
fn stretches(intervals: &[IntervalRow], last_session: Option<Date>) -> Vec<Stretch<'_>> {
    let mut stretches: Vec<Stretch<'_>> = Vec::new();
    for row in intervals {
        let interval = &row.interval;
        // Taken back within its session, it never was one.
        if interval.valid_to == Some(interval.valid_from) {
            continue;
        }
        let end = interval.valid_to.map(previous_session).or(last_session);
        let last = end.unwrap_or(interval.valid_from).max(interval.valid_from);
        let before = stretches.last_mut().filter(|before| *before.symbol == interval.symbol);
        match before.filter(|before| universe_core::next_session(before.last) == interval.valid_from) {
            Some(before) => before.last = last,
            None => stretches.push(Stretch { symbol: &interval.symbol, first: interval.valid_from, last }),
        }
    }
    stretches
}
