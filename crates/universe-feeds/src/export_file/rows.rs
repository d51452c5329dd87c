//! A row for each member, as CSV or Parquet.

use std::collections::HashMap;
use std::path::Path;

use universe_core::{Category, Symbol, UniverseId};

use super::{Draft, EXPORT_MEMBERS_MAX, ExportedUniverse, address, category_of, unguarded};
use crate::FeedError;
use crate::cell::Cell;
use crate::csv_table::Step;
use crate::issue_log::shown;
use crate::table::{self, ColumnNames, find_columns, plain_name};

/// The columns that are read, in this order, and the names that others are allowed to have.
const READ: [ColumnNames<'static>; 9] = [
    ColumnNames { name: "type", spellings: &["type"], required: true },
    ColumnNames { name: "key", spellings: &["key"], required: true },
    ColumnNames { name: "symbol", spellings: &["symbol"], required: true },
    ColumnNames { name: "name", spellings: &["name"], required: false },
    ColumnNames { name: "rank", spellings: &["rank"], required: false },
    ColumnNames { name: "category", spellings: &["category"], required: false },
    ColumnNames { name: "rule", spellings: &["rule"], required: false },
    ColumnNames { name: "as_of", spellings: &["asof"], required: false },
    ColumnNames { name: "held", spellings: &["held"], required: false },
];

/// Columns that an export has for its readers, and an import does not need.
const KNOWN: [&str; 6] =
    ["companyname", "marketcap", "since", "ispointintime", "sourceagesessions", "quarantinedcount"];

/// A universe as its rows come.
struct Growing {
    id: UniverseId,
    name: Option<String>,
    category: Option<Category>,
    rule: Option<String>,
    held: bool,
    members: Vec<Row>,
}

/// A member as its row has it; small, since there may be millions.
struct Row {
    symbol: Symbol,
    rank: Option<u32>,
    line: u32,
}

pub(super) fn read(path: &Path, draft: &mut Draft) -> Result<(), FeedError> {
    let mut unknown = Vec::new();
    let (mut table, places) = table::open(path, |headers| {
        let found = find_columns(path, headers, &READ)?;
        let is_known =
            |plain: &str| KNOWN.contains(&plain) || READ.iter().any(|column| column.spellings.contains(&plain));
        unknown.extend(headers.iter().filter(|header| !is_known(&plain_name(header))).cloned());
        let mut columns = Vec::new();
        let places: Vec<Option<usize>> = found
            .into_iter()
            .map(|column| {
                columns.push(column?);
                Some(columns.len() - 1)
            })
            .collect();
        Ok((columns, places))
    })?;
    for header in unknown {
        draft.issue(None, None, format!("the column {} is not looked at", shown(&header)));
    }
    let [universe_type, key, symbol, name, rank, category, rule, as_of, held] =
        [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|at: usize| places[at]);
    let mut growing: Vec<Growing> = Vec::new();
    let mut by_address: HashMap<(String, String), usize> = HashMap::new();
    loop {
        match table.advance()? {
            Step::End => break,
            Step::Row => {}
            Step::Bad(reason) => {
                draft.fault(Some(table.line()), None, reason);
                continue;
            }
        }
        draft.file.rows += 1;
        if draft.file.rows > EXPORT_MEMBERS_MAX {
            let limit = format!("{EXPORT_MEMBERS_MAX} members");
            return Err(FeedError::TooLarge { path: path.to_owned(), limit });
        }
        let line = Some(table.line());
        let text = |column: Option<usize>| column.and_then(|column| text_of(table.cell(column), table.is_csv()));
        let (Some(universe_type), Some(key)) = (text(universe_type), text(key)) else {
            draft.fault(line, None, "the row has no type and key");
            continue;
        };
        let place = match by_address.get(&(universe_type.clone(), key.clone())) {
            Some(place) => *place,
            None => match address(&universe_type, &key) {
                Ok(id) => {
                    let category = text(category).and_then(|text| category_of(&text));
                    let held = held.is_some_and(|held| table.cell(held).flag() == Ok(Some(true)));
                    let (name, rule) = (text(name), text(rule));
                    growing.push(Growing { id, name, category, rule, held, members: Vec::new() });
                    by_address.insert((universe_type, key), growing.len() - 1);
                    growing.len() - 1
                }
                Err(reason) => {
                    draft.fault(line, None, reason);
                    continue;
                }
            },
        };
        match as_of.map_or(Ok(None), |as_of| table.cell(as_of).day()) {
            Ok(Some(day)) if draft.file.as_of.is_some_and(|before| before != day) => {
                draft.fault(line, None, format!("as_of: {day} here, and another day before"));
            }
            Ok(day) => draft.file.as_of = day.or(draft.file.as_of),
            Err(bad) => draft.fault(line, None, format!("as_of: {}", bad.0)),
        }
        let universe = &mut growing[place];
        if text(name) != universe.name {
            let names = [text(name), universe.name.clone()].map(|name| shown(&name.unwrap_or_default()));
            draft.fault(line, None, format!("{} is called {} here, and {} before", universe.id, names[0], names[1]));
        }
        let Some(said) = text(symbol) else {
            draft.fault(line, None, format!("a row of {} has no symbol", universe.id));
            continue;
        };
        let symbol = match Symbol::parse(&said) {
            Ok(symbol) => symbol,
            Err(error) => {
                draft.fault(line, Some(&said), error.to_string());
                continue;
            }
        };
        let rank = match rank.map_or(Ok(None), |rank| table.cell(rank).whole()) {
            Ok(rank) => rank.map(|rank| u32::try_from(rank).unwrap_or(0)),
            Err(bad) => {
                draft.fault(line, Some(symbol.as_str()), format!("rank: {}", bad.0));
                continue;
            }
        };
        universe.members.push(Row { symbol, rank, line: u32::try_from(table.line()).unwrap_or(u32::MAX) });
    }
    for universe in growing {
        finish(universe, draft);
    }
    Ok(())
}

/// Puts the members of a universe in order, and checks that their ranks leave nobody out and nobody is twice there.
fn finish(universe: Growing, draft: &mut Draft) {
    let Growing { id, name, category, rule, held, mut members } = universe;
    members.sort_by(|a, b| a.symbol.cmp(&b.symbol).then(a.line.cmp(&b.line)));
    members.dedup_by(|later, first| {
        let is_twice = later.symbol == first.symbol;
        if is_twice {
            let reason = format!("{id} lists it twice, first in line {}", first.line);
            draft.fault(Some(later.line.into()), Some(later.symbol.as_str()), reason);
        }
        is_twice
    });
    members.sort_by_key(|row| row.line);
    let is_ranked = members.iter().any(|row| row.rank.is_some());
    if is_ranked {
        members.sort_by_key(|row| row.rank);
        let gap = members.iter().zip(1..).find(|(row, expected)| row.rank != Some(*expected));
        if let Some((row, expected)) = gap {
            let reason = format!("{id}: nobody has rank {expected}, or two have; rows are missing");
            draft.fault(None, Some(row.symbol.as_str()), reason);
        }
    }
    let symbols = members.into_iter().map(|row| row.symbol).collect();
    let is_ranked = Some(is_ranked);
    draft.add(None, ExportedUniverse { id, name, category, rule, rule_version: None, is_ranked, held, symbols });
}

/// Returns a text as it was before it was written: not trimmed, since a name may begin with anything.
fn text_of(cell: Cell<'_>, is_guarded: bool) -> Option<String> {
    match cell {
        Cell::Text(text) => {
            let text = if is_guarded { unguarded(text) } else { text };
            (!text.is_empty()).then(|| text.to_owned())
        }
        other => other.owned_text(),
    }
}
