//! Answers as tables for people, JSON and CSV for programs; words on standard error.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use jiff::Timestamp;

use super::arguments::{Format, Global};

/// A table: the names of its columns, and rows of as many cells.
pub(crate) struct Rows {
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Prints an answer in the format that was asked for: `data` as JSON, `rows` as a table or as CSV.
pub(crate) fn print(global: &Global, data: &impl Serialize, rows: impl FnOnce() -> Rows) -> anyhow::Result<()> {
    let text = match global.format {
        Format::Json => {
            let mut text = serde_json::to_string_pretty(data)?;
            text.push('\n');
            text
        }
        Format::Csv => csv_text(&rows())?,
        Format::Table => table_text(&rows()),
    };
    write_out(&text)
}

/// Writes text to standard output; a reader that went away (`| head`) is no failure.
pub(crate) fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says something to a person, on standard error; there is nobody to tell when that is closed.
pub(crate) fn words(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
}

/// Says something unless `--quiet` asked not to.
pub(crate) fn remark(global: &Global, text: &str) {
    if !global.quiet {
        words(text);
    }
}

/// Returns a bar for long work: shown on a terminal only.
pub(crate) fn progress(global: &Global, total: u64, unit: &str) -> indicatif::ProgressBar {
    if global.quiet || !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let template = format!("{{bar:30}} {{pos}}/{{len}} {unit}  {{msg}}");
    let style =
        indicatif::ProgressStyle::with_template(&template).unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
    // Also when it is dropped because of an error, whose message must not be appended to a bar.
    indicatif::ProgressBar::new(total).with_style(style).with_finish(indicatif::ProgressFinish::AndClear)
}

/// Returns an instant as tables show it.
pub(crate) fn instant(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Returns whether text on a stream may be coloured: on a terminal, unless the reader wants none (no-color.org).
pub(crate) fn is_coloured(stream: &impl std::io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn table_text(rows: &Rows) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    let is_bold = is_coloured(&std::io::stdout());
    let heading = |name: &&str| {
        let cell = Cell::new(name.to_uppercase().replace('_', " "));
        if is_bold { cell.add_attribute(Attribute::Bold) } else { cell }
    };
    table.set_header(rows.columns.iter().map(heading));
    for row in &rows.rows {
        table.add_row(row.iter().map(|text| {
            let cell = Cell::new(text);
            if is_figure(text) { cell.set_alignment(CellAlignment::Right) } else { cell }
        }));
    }
    let mut text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    if rows.rows.is_empty() {
        text.push_str(" (none)\n");
    }
    text
}

fn csv_text(rows: &Rows) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&rows.columns)?;
    for row in &rows.rows {
        writer.write_record(row.iter().map(|text| harmless(text)))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Keeps a spreadsheet from taking a text for a formula: no figure of ours starts like one.
fn harmless(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '@', '\t', '\r']) || (text.starts_with('-') && !is_figure(text));
    if formula { format!("'{text}") } else { text.to_owned() }
}

fn is_figure(text: &str) -> bool {
    let digits = text.trim_end_matches(['T', 'B', 'M', 'K', '%', 's']).trim_end();
    !digits.is_empty() && digits.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_holds_no_formula() {
        let rows = Rows {
            columns: vec!["symbol", "change"],
            rows: vec![
                vec!["=HYPERLINK(\"x\")".to_owned(), "-1.5".to_owned()],
                vec!["-cmd".to_owned(), "2.95T".to_owned()],
            ],
        };
        assert_eq!(csv_text(&rows).expect("text"), "symbol,change\n\"'=HYPERLINK(\"\"x\"\")\",-1.5\n'-cmd,2.95T\n");
    }
}
