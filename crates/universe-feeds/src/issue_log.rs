//! Collects what is wrong with the rows of one file, up to a limit.

use std::path::Path;

use universe_core::Issue;

/// The most issues that are kept of one file: enough to see every kind of fault, small enough to store
/// with a run even when each of ten million rows is wrong.
pub const ISSUES_MAX: usize = 10_000;

/// The longest piece of a cell that an issue repeats; what is cut away helps nobody.
const SHOWN_CHARS_MAX: usize = 40;

/// The issues of one file.
#[derive(Debug)]
pub(crate) struct IssueLog {
    file: String,
    kept: Vec<Issue>,
    dropped: u64,
}

impl IssueLog {
    pub(crate) fn new(path: &Path) -> Self {
        Self { file: path.display().to_string(), kept: Vec::new(), dropped: 0 }
    }

    /// Notes a fault of a row, or of the whole file where `line` is `None`.
    pub(crate) fn push(&mut self, line: Option<u64>, symbol: Option<&str>, reason: impl Into<String>) {
        if self.kept.len() >= ISSUES_MAX {
            self.dropped += 1;
            return;
        }
        let symbol = symbol.map(str::trim).filter(|text| !text.is_empty()).map(printable);
        self.kept.push(Issue { file: self.file.clone(), line, symbol, reason: reason.into() });
    }

    /// Returns the first fault, for an error that must name one.
    pub(crate) fn first(&self) -> Option<&Issue> {
        self.kept.first()
    }

    /// Returns the issues in the order of their lines, the last one counting those that were not kept.
    pub(crate) fn into_issues(mut self) -> Vec<Issue> {
        self.kept.sort_by_key(|issue| issue.line);
        if self.dropped > 0 {
            let reason = format!("and {} more issues, which are not listed", self.dropped);
            self.kept.push(Issue { file: self.file, line: None, symbol: None, reason });
        }
        self.kept
    }
}

/// Quotes what a source wrote, shortened and with control characters escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut start: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}

fn printable(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
