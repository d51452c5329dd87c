//! A table with named columns, read row by row, whether it came as CSV or as Parquet.

use std::path::Path;

use crate::FeedError;
use crate::cell::Cell;
use crate::csv_table::{CsvTable, Step};
use crate::parquet_table::{ParquetFile, ParquetTable};
use crate::source::{self, Source};

/// What a text in CSV begins with that a spreadsheet could take for a formula, and the apostrophe that guards it.
pub(crate) const FORMULA_STARTS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// An open table.
pub(crate) enum Table {
    Csv { table: CsvTable, columns: Vec<usize> },
    Parquet(ParquetTable),
}

/// Opens a table; `choose` picks the columns to read from the names that it has.
pub(crate) fn open<T>(
    path: &Path,
    choose: impl FnOnce(&[String]) -> Result<(Vec<usize>, T), FeedError>,
) -> Result<(Table, T), FeedError> {
    match source::open(path)? {
        Source::Parquet(file) => {
            let file = ParquetFile::new(path, file)?;
            let (columns, chosen) = choose(file.headers())?;
            Ok((Table::Parquet(ParquetTable::new(file, columns)), chosen))
        }
        Source::Lines(lines) => {
            let table = CsvTable::new(lines)?;
            let (columns, chosen) = choose(table.headers())?;
            Ok((Table::Csv { table, columns }, chosen))
        }
        Source::Json(_) => {
            let detail = "it is JSON where CSV or Parquet is expected".to_owned();
            Err(FeedError::Damaged { path: path.to_owned(), detail })
        }
    }
}

impl Table {
    /// Moves to the next row.
    pub(crate) fn advance(&mut self) -> Result<Step, FeedError> {
        match self {
            Self::Csv { table, .. } => table.advance(),
            Self::Parquet(table) => Ok(if table.advance()? { Step::Row } else { Step::End }),
        }
    }

    /// The line of the current row, counted with the header; for Parquet its row number.
    pub(crate) fn line(&self) -> u64 {
        match self {
            Self::Csv { table, .. } => table.line(),
            Self::Parquet(table) => table.row(),
        }
    }

    /// Returns a value of the current row; `column` counts the columns that were chosen.
    pub(crate) fn cell(&self, column: usize) -> Cell<'_> {
        match self {
            Self::Csv { table, columns } => table.cell(columns[column]),
            Self::Parquet(table) => table.cell(column),
        }
    }

    /// Whether it is CSV, where texts that look like formulas are guarded.
    pub(crate) fn is_csv(&self) -> bool {
        matches!(self, Self::Csv { .. })
    }

    /// Returns what a row of the wrong shape has in a column, to name it in an issue.
    pub(crate) fn text_if_there(&self, column: usize) -> Option<&str> {
        match self {
            Self::Csv { table, columns } => table.cell_if_there(columns[column]),
            Self::Parquet(_) => None,
        }
    }
}

/// A column and the names by which sources call it, compared by [`plain_name`].
pub(crate) struct ColumnNames<'a> {
    /// The name that an error uses.
    pub(crate) name: &'a str,
    /// All its spellings, plain, the one to prefer first.
    pub(crate) spellings: &'a [&'a str],
    /// Whether a table without it is refused.
    pub(crate) required: bool,
}

/// Finds columns by name: for each of `wanted` its position, `None` where an optional one is missing.
///
/// Where a table has several spellings of one column, the one named first is taken; one name standing
/// there twice is refused, because nothing tells which of the two is meant.
pub(crate) fn find_columns(
    path: &Path,
    headers: &[String],
    wanted: &[ColumnNames<'_>],
) -> Result<Vec<Option<usize>>, FeedError> {
    let plain: Vec<String> = headers.iter().map(|header| plain_name(header)).collect();
    let (mut found, mut missing, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for column in wanted {
        let position_of = |spelling: &&str| plain.iter().position(|name| name == *spelling);
        let first = column.spellings.iter().find_map(position_of);
        if first.is_some_and(|first| plain[first + 1..].contains(&plain[first])) {
            repeated.push(column.name);
        }
        if first.is_none() && column.required {
            missing.push(column.name);
        }
        found.push(first);
    }
    let mut faults = Vec::new();
    if !missing.is_empty() {
        faults.push(format!("missing {}", missing.join(", ")));
    }
    if !repeated.is_empty() {
        faults.push(format!("more than one column for {}", repeated.join(", ")));
    }
    if faults.is_empty() {
        return Ok(found);
    }
    Err(FeedError::Columns { path: path.to_owned(), detail: faults.join("; "), found: headers.to_vec() })
}

/// Returns a column's name in lower case without anything but letters and digits, `%` as `pct`.
pub(crate) fn plain_name(name: &str) -> String {
    let name = name.replace('%', "pct");
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
