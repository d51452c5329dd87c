//! CSV, one record a line.
//!
//! A quoted field may hold commas and doubled quotes but no line break. So a quote that is never closed
//! costs its own line and not the rest of the file, memory stays bounded whatever the file holds, and
//! every issue can name its line. No source of market data breaks lines inside a field.

use crate::FeedError;
use crate::cell::Cell;
use crate::source::TextSource;

/// A CSV file with a header.
pub(crate) struct CsvTable {
    source: TextSource,
    headers: Vec<String>,
    header_line: String,
    line: Line,
}

/// What reading on has come to.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// A row, to be read cell by cell.
    Row,
    /// A row that has the wrong shape, and what is wrong with it.
    Bad(String),
    /// The end of the file.
    End,
}

impl CsvTable {
    /// Reads the header.
    pub(crate) fn new(mut source: TextSource) -> Result<Self, FeedError> {
        let mut line = Line::default();
        loop {
            if !source.read_line(&mut line.text)? {
                return Err(FeedError::Empty { path: source.path().to_owned() });
            }
            if !line.is_blank() {
                break;
            }
        }
        // A quote left open makes a header that lacks columns, which is refused by name later.
        let _closed = line.split();
        let headers = (0..line.fields.len()).map(|field| line.field(field).trim().to_owned()).collect();
        Ok(Self { source, headers, header_line: line.text.clone(), line })
    }

    pub(crate) fn headers(&self) -> &[String] {
        &self.headers
    }

    pub(crate) fn line(&self) -> u64 {
        self.source.line()
    }

    pub(crate) fn advance(&mut self) -> Result<Step, FeedError> {
        loop {
            if !self.source.read_line(&mut self.line.text)? {
                return Ok(Step::End);
            }
            if self.line.is_blank() {
                continue;
            }
            if self.line.text == self.header_line {
                return Ok(Step::Bad("the header again; the line was skipped".to_owned()));
            }
            let closed = self.line.split();
            let (found, expected) = (self.line.fields.len(), self.headers.len());
            if closed && found == expected {
                return Ok(Step::Row);
            }
            if (found < expected || !closed) && !self.source.ended_with_newline() {
                let line = self.source.line();
                let detail = format!("its last line, {line}, ends after {found} of {expected} fields");
                return Err(FeedError::Truncated { path: self.source.path().to_owned(), detail });
            }
            let fault = if closed { "" } else { "a quote that is never closed, " };
            return Ok(Step::Bad(format!("{fault}{found} fields instead of {expected}; the row was skipped")));
        }
    }

    /// Returns a field of the current row.
    pub(crate) fn cell(&self, column: usize) -> Cell<'_> {
        Cell::Text(self.line.field(column))
    }

    /// Returns a field of a row of the wrong shape, where it has so many.
    pub(crate) fn cell_if_there(&self, column: usize) -> Option<&str> {
        (column < self.line.fields.len()).then(|| self.line.field(column))
    }
}

/// One line and where its fields are.
#[derive(Default)]
struct Line {
    text: String,
    /// The contents of quoted fields that hold quotes.
    unquoted: String,
    fields: Vec<Field>,
}

/// Where the contents of a field stand.
#[derive(Clone, Copy)]
enum Field {
    Plain { start: usize, end: usize },
    Unquoted { start: usize, end: usize },
}

impl Line {
    fn is_blank(&self) -> bool {
        self.text.trim_ascii().is_empty()
    }

    fn field(&self, index: usize) -> &str {
        match self.fields[index] {
            Field::Plain { start, end } => &self.text[start..end],
            Field::Unquoted { start, end } => &self.unquoted[start..end],
        }
    }

    /// Finds the fields; `false` where a quote is never closed.
    fn split(&mut self) -> bool {
        self.fields.clear();
        self.unquoted.clear();
        let mut start = 0;
        loop {
            let rest = &self.text[start..];
            let (field, comma) = if let Some(quoted) = rest.strip_prefix('"') {
                let Some(length) = closing_quote(quoted) else {
                    self.fields.push(Field::Plain { start: start + 1, end: self.text.len() });
                    return false;
                };
                let field = unquoted_field(quoted, length, start + 1, &mut self.unquoted);
                // Whatever stands between the closing quote and the comma is no part of the field.
                (field, quoted[length..].find(',').map(|comma| start + 1 + length + comma))
            } else {
                let comma = rest.find(',').map(|comma| start + comma);
                (Field::Plain { start, end: comma.unwrap_or(self.text.len()) }, comma)
            };
            self.fields.push(field);
            match comma {
                Some(comma) => start = comma + 1,
                None => return true,
            }
        }
    }
}

/// Returns where the quoted text ends, doubled quotes belonging to it.
fn closing_quote(quoted: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let quote = from + quoted[from..].find('"')?;
        if quoted[quote + 1..].starts_with('"') {
            from = quote + 2;
        } else {
            return Some(quote);
        }
    }
}

fn unquoted_field(quoted: &str, length: usize, start: usize, unquoted: &mut String) -> Field {
    let content = &quoted[..length];
    if !content.contains('"') {
        return Field::Plain { start, end: start + length };
    }
    let begin = unquoted.len();
    unquoted.push_str(&content.replace("\"\"", "\""));
    Field::Unquoted { start: begin, end: unquoted.len() }
}

#[cfg(test)]
mod tests;
