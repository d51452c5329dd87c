//! Rows as CSV, JSON or Parquet, written as they come.

use std::io::Write;

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::parquet_rows::ParquetRows;
use super::target::Target;

/// What a text in CSV begins with that a spreadsheet could take for a formula, and the apostrophe that guards it.
const FORMULA_STARTS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// A column of an export.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What a column holds; every one of them may hold nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Whole,
    Day,
    Flag,
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Text(&'a str),
    Whole(i64),
    Day(Date),
    Flag(bool),
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Whole)
    }
}

impl From<Option<Date>> for Cell<'_> {
    fn from(day: Option<Date>) -> Self {
        day.map_or(Self::Null, Self::Day)
    }
}

/// Writes rows in one of the formats.
pub(super) enum Rows {
    Csv { writer: Box<csv::Writer<Target>>, line: Vec<String> },
    Json { out: Target, columns: &'static [Column], is_first: bool },
    Parquet(Box<ParquetRows>),
}

impl Rows {
    pub(super) fn csv(out: Target, columns: &[Column]) -> anyhow::Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(columns.iter().map(|column| column.name))?;
        Ok(Self::Csv { writer: Box::new(writer), line: Vec::new() })
    }

    /// A list of objects, one a line.
    pub(super) fn json(mut out: Target, columns: &'static [Column]) -> anyhow::Result<Self> {
        out.write_all(b"[")?;
        Ok(Self::Json { out, columns, is_first: true })
    }

    pub(super) fn parquet(out: Target, columns: &[Column]) -> anyhow::Result<Self> {
        Ok(Self::Parquet(Box::new(ParquetRows::new(out, columns)?)))
    }

    /// Writes a row, with a cell for each column.
    pub(super) fn push(&mut self, cells: &[Cell<'_>]) -> anyhow::Result<()> {
        match self {
            Self::Csv { writer, line } => {
                line.resize(cells.len(), String::new());
                for (text, cell) in line.iter_mut().zip(cells) {
                    text.clear();
                    write_cell(text, *cell);
                }
                writer.write_record(line.iter())?;
            }
            Self::Json { out, columns, is_first } => {
                let fields = columns.iter().zip(cells).map(|(column, cell)| (column.name.to_owned(), json_of(*cell)));
                out.write_all(if *is_first { b"\n" } else { b",\n" })?;
                serde_json::to_writer(&mut *out, &fields.collect::<Map<_, _>>())?;
                *is_first = false;
            }
            Self::Parquet(rows) => rows.push(cells)?,
        }
        Ok(())
    }

    /// Whether nobody reads what would still be written.
    pub(super) fn is_unread(&self) -> bool {
        match self {
            Self::Csv { writer, .. } => writer.get_ref().is_unread(),
            Self::Json { out, .. } => out.is_unread(),
            Self::Parquet(_) => false,
        }
    }

    /// Writes the end, and makes the whole of it the file; returns how many bytes it has.
    pub(super) fn finish(self) -> anyhow::Result<u64> {
        let out = match self {
            Self::Csv { writer, .. } => writer.into_inner().map_err(|error| anyhow::Error::from(error.into_error()))?,
            Self::Json { mut out, .. } => {
                out.write_all(b"\n]\n")?;
                out
            }
            Self::Parquet(rows) => rows.finish()?,
        };
        out.commit()
    }
}

/// Writes a cell of CSV: on one line, and nothing that a spreadsheet takes for a formula.
fn write_cell(line: &mut String, cell: Cell<'_>) {
    use std::fmt::Write as _;
    let written = match cell {
        Cell::Null => Ok(()),
        Cell::Whole(number) => write!(line, "{number}"),
        Cell::Day(day) => write!(line, "{day}"),
        Cell::Flag(flag) => write!(line, "{flag}"),
        Cell::Text(text) => {
            if text.starts_with(FORMULA_STARTS) {
                line.push('\'');
            }
            line.extend(text.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
            Ok(())
        }
    };
    written.expect("a string takes everything");
}

fn json_of(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => Value::from(text),
        Cell::Whole(number) => Value::from(number),
        Cell::Day(day) => Value::from(day.to_string()),
        Cell::Flag(flag) => Value::from(flag),
    }
}
