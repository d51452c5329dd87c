//! Tables of symbol changes: the old symbol, the new one, and the day, as CSV, Parquet or a JSON array.

use std::path::Path;

use jiff::civil::Date;
use serde_json::Value;
use universe_core::Symbol;
use universe_core::identity::SymbolChange;

use crate::cell::Cell;
use crate::csv_table::Step;
use crate::issue_log::IssueLog;
use crate::source::{self, Source};
use crate::table::{self, ColumnNames, find_columns, plain_name};
use crate::{FeedError, Read};

const COLUMNS: [ColumnNames<'static>; 3] = [
    ColumnNames { name: "old_symbol", spellings: &["oldsymbol", "old", "from", "fromsymbol"], required: true },
    ColumnNames { name: "new_symbol", spellings: &["newsymbol", "new", "to", "tosymbol"], required: true },
    ColumnNames { name: "date", spellings: &["date", "effectivedate", "effectivesession"], required: true },
];

/// Reads symbol changes with their lines; a bad row is an issue.
///
/// A row without a new symbol says that the listing ended, and that whoever has its symbol since is another one.
///
/// # Errors
/// When the file cannot be read, is no such table, is truncated, or has no usable row.
pub fn read_symbol_changes(path: &Path) -> Result<Read<Vec<(u64, SymbolChange)>>, FeedError> {
    let mut issues = IssueLog::new(path);
    let (mut value, mut rows) = (Vec::new(), 0);
    if let Source::Json(text) = source::open(path)? {
        let documents: Vec<Value> = text.read_json()?;
        for (line, document) in (1..).zip(&documents) {
            let fields = document.as_object();
            let cell = |column: &ColumnNames<'_>| {
                let mut fields = fields.into_iter().flatten();
                let found = fields.find(|(name, _)| column.spellings.contains(&plain_name(name).as_str()));
                Cell::from_json(found.map_or(&Value::Null, |(_, value)| value))
            };
            rows += 1;
            take(line, COLUMNS.each_ref().map(cell), &mut value, &mut issues);
        }
    } else {
        let (mut table, ()) = table::open(path, |headers| {
            let found = find_columns(path, headers, &COLUMNS)?;
            Ok((found.into_iter().flatten().collect(), ()))
        })?;
        loop {
            match table.advance()? {
                Step::End => break,
                Step::Bad(reason) => issues.push(Some(table.line()), table.text_if_there(0), reason),
                Step::Row => take(table.line(), [0, 1, 2].map(|at| table.cell(at)), &mut value, &mut issues),
            }
            rows += 1;
        }
    }
    if value.is_empty() {
        let detail = issues.first().map_or("it has no row".to_owned(), |issue| issue.reason.clone());
        return Err(FeedError::NoRows { path: path.to_owned(), detail });
    }
    Ok(Read { value, rows, issues: issues.into_issues() })
}

fn take(line: u64, [old, new, day]: [Cell<'_>; 3], taken: &mut Vec<(u64, SymbolChange)>, issues: &mut IssueLog) {
    match change(old, new, day) {
        Ok(change) => taken.push((line, change)),
        Err(reason) => issues.push(Some(line), Some(&old.shown()), format!("{reason}; the row was skipped")),
    }
}

fn change(old: Cell<'_>, new: Cell<'_>, day: Cell<'_>) -> Result<SymbolChange, String> {
    let symbol = |cell: Cell<'_>| cell.owned_text().map(|text| Symbol::parse(&text)).transpose();
    let from = symbol(old).map_err(|error| format!("no usable old symbol: {error}"))?;
    let to = symbol(new).map_err(|error| format!("no usable new symbol: {error}"))?;
    let date: Option<Date> = day.day().map_err(|bad| bad.0)?;
    match (from, date) {
        (Some(from), Some(date)) => Ok(SymbolChange { date, from, to }),
        (None, _) => Err("no old symbol".to_owned()),
        (_, None) => Err("no date".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(read: &Read<Vec<(u64, SymbolChange)>>) -> Vec<String> {
        let to = |change: &SymbolChange| change.to.as_ref().map_or_else(String::new, ToString::to_string);
        read.value.iter().map(|(line, c)| format!("{line} {} {} {}", c.date, c.from, to(c))).collect()
    }

    #[test]
    fn tables_and_documents_say_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let csv = "old_symbol,new_symbol,date\nFB,META,2022-06-09\nRDUS,,2023-09-01\nX Y,Z,2023-01-03\n,Z,2023-01-03\nA,B,soon\n";
        let json = r#"[{"Old Symbol": "fb", "new": "META", "date": "2022-06-09"}, {"from": "RDUS", "to": null, "date": "2023-09-01"}]"#;
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            read_symbol_changes(&path)
        };
        let read = file("changes.csv", csv).expect("reads");
        assert_eq!(told(&read), ["2 2022-06-09 FB META", "3 2023-09-01 RDUS "]);
        assert_eq!((read.rows, read.issues.len()), (5, 3));
        let reasons: Vec<&str> = read.issues.iter().map(|issue| issue.reason.as_str()).collect();
        assert!(reasons[0].starts_with("no usable old symbol: ") && reasons[0].ends_with("; the row was skipped"));
        assert!(reasons[1].starts_with("no old symbol") && reasons[2].contains("soon"), "{reasons:?}");
        let read = file("changes.json", json).expect("reads");
        assert_eq!(told(&read), ["1 2022-06-09 FB META", "2 2023-09-01 RDUS "]);
        let missing = file("other.csv", "old_symbol,date\nFB,2022-06-09\n").expect_err("refused");
        assert!(missing.to_string().contains("missing new_symbol"), "{missing}");
        assert!(matches!(file("empty.csv", "old_symbol,new_symbol,date\n"), Err(FeedError::NoRows { .. })));
    }
}
