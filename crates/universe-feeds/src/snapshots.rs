//! Daily snapshots in Parquet: many sessions in a file, one row per listing and session.
//!
//! Rows are sorted by `as_of`; the statistics of the row groups tell which of them a range of days needs.
//! One session is decoded at a time, so memory does not depend on the size of the files.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use universe_core::{Issue, Snapshot, expect_session};

use crate::cell::Cell;
use crate::issue_log::IssueLog;
use crate::listing_row::{RawListing, SnapshotBuilder};
use crate::parquet_table::{ParquetFile, RowGroup};
use crate::source::{self, Source};
use crate::table::{ColumnNames, find_columns};
use crate::{FeedError, Read};

/// The name of this source in a [`Snapshot`].
const SOURCE: &str = "snapshots";

/// The day, then the columns in the order of [`RawListing`].
const COLUMNS: [ColumnNames<'static>; 11] = [
    ColumnNames { name: "as_of", spellings: &["asof", "date", "session"], required: true },
    ColumnNames { name: "symbol", spellings: &["symbol"], required: true },
    ColumnNames { name: "exchange", spellings: &["exchange"], required: false },
    ColumnNames { name: "name", spellings: &["name", "companyname"], required: true },
    ColumnNames { name: "last_sale", spellings: &["lastsale", "close"], required: true },
    ColumnNames { name: "volume", spellings: &["volume"], required: true },
    ColumnNames { name: "market_cap", spellings: &["marketcap"], required: true },
    ColumnNames { name: "country", spellings: &["country"], required: true },
    ColumnNames { name: "ipo_year", spellings: &["ipoyear"], required: true },
    ColumnNames { name: "industry", spellings: &["industry"], required: true },
    ColumnNames { name: "sector", spellings: &["sector"], required: true },
];

/// The snapshots of a range of days, in ascending order; an iterator with one item per session.
///
/// After an error it ends. Days in the files that are no session are passed over, see
/// [`take_issues`](Self::take_issues).
pub struct Snapshots {
    files: VecDeque<SnapshotFile>,
    range: Days,
    current: Option<OpenGroup>,
    /// Runs of rows of one day that are still to be read, in order.
    pending: VecDeque<DayRun>,
    issues: Vec<Issue>,
    failed: bool,
}

/// Opens snapshot files for the days from `from` to `to`, both inclusive; `None` means no bound.
///
/// The files may be given in any order; none may hold days within the span of another.
///
/// # Errors
/// When a file cannot be read, is no such file, or has the wrong columns; when two files overlap; when no
/// file holds any of the days; when exactly one day is asked for and it is no session.
pub fn read_snapshots(paths: &[PathBuf], from: Option<Date>, to: Option<Date>) -> Result<Snapshots, FeedError> {
    let range = Days { first: from.unwrap_or(Date::MIN), last: to.unwrap_or(Date::MAX) };
    let mut files = paths.iter().map(|path| SnapshotFile::open(path)).collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(|file| file.days.first);
    for pair in files.windows(2) {
        if pair[1].days.first <= pair[0].days.last {
            let (path, other) = (pair[0].file.path().to_owned(), pair[1].file.path().to_owned());
            return Err(FeedError::Overlap { path, other, date: pair[1].days.first });
        }
    }
    let Some((first_file, last_file)) = files.first().zip(files.last()) else {
        return Ok(Snapshots::of(VecDeque::new(), range));
    };
    if range.first == range.last {
        expect_session(range.first)
            .map_err(|source| FeedError::NotASession { path: first_file.file.path().to_owned(), source })?;
    }
    let covered = Days { first: first_file.days.first, last: last_file.days.last };
    let path = first_file.file.path().to_owned();
    files.retain(|file| file.days.meets(range));
    let snapshots = Snapshots::of(files.into(), range);
    if snapshots.files.is_empty() || !snapshots.any_rows()? {
        let wanted = range.phrase(from, to);
        return Err(FeedError::NoSnapshot { path, wanted, first: covered.first, last: covered.last });
    }
    Ok(snapshots)
}

impl Snapshots {
    fn of(files: VecDeque<SnapshotFile>, range: Days) -> Self {
        Self { files, range, current: None, pending: VecDeque::new(), issues: Vec::new(), failed: false }
    }

    /// Takes the issues that concern whole days and not a session: so far, the days that are none.
    #[must_use]
    pub fn take_issues(&mut self) -> Vec<Issue> {
        std::mem::take(&mut self.issues)
    }

    /// Tells whether any row is within the range; only a range inside one row group has to be looked up.
    fn any_rows(&self) -> Result<bool, FeedError> {
        for file in &self.files {
            for group in file.groups.iter().filter(|group| group.days.meets(self.range)) {
                let ends_inside = self.range.contains(group.days.first) || self.range.contains(group.days.last);
                if ends_inside || file.day_runs(group)?.iter().any(|run| self.range.contains(run.date)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn next_session(&mut self) -> Result<Option<Read<Snapshot>>, FeedError> {
        loop {
            let Some(run) = self.next_run()? else { return Ok(None) };
            let Some(path) = self.files.front().map(|file| file.file.path().to_owned()) else { return Ok(None) };
            if let Err(not_a_session) = expect_session(run.date) {
                self.note_no_session(&path, &run, &not_a_session.to_string());
                continue;
            }
            let date = run.date;
            let mut issues = IssueLog::new(&path);
            let mut builder = SnapshotBuilder::default();
            self.read_run(&run, &mut builder, &mut issues)?;
            // The rest of the session, where it goes on in the next row group.
            while let Some(more) = self.next_run_of(date)? {
                self.read_run(&more, &mut builder, &mut issues)?;
            }
            return builder.finish(&path, date, SOURCE, issues).map(Some);
        }
    }

    fn note_no_session(&mut self, path: &Path, run: &DayRun, why: &str) {
        let reason = format!("{why}; its {} rows were skipped", run.rows);
        let file = path.display().to_string();
        // A day that straddles two row groups is one finding.
        let noted = |issue: &Issue| issue.file == file && issue.reason.starts_with(why);
        if !self.issues.iter().any(noted) {
            self.issues.push(Issue { file, line: Some(run.first_row), symbol: None, reason });
        }
    }

    fn next_run_of(&mut self, date: Date) -> Result<Option<DayRun>, FeedError> {
        // Only the last run of a row group can go on, and only in the same file: files do not overlap.
        if self.pending.is_empty() && self.files.front().is_some_and(|file| file.goes_on_with(date)) {
            self.open_next_group()?;
        }
        let goes_on = self.pending.front().is_some_and(|run| run.date == date);
        Ok(if goes_on { self.pending.pop_front() } else { None })
    }

    fn next_run(&mut self) -> Result<Option<DayRun>, FeedError> {
        while self.pending.is_empty() {
            if !self.open_next_group()? {
                return Ok(None);
            }
        }
        Ok(self.pending.pop_front())
    }

    /// Opens the next row group that has days of the range; `false` after the last one.
    fn open_next_group(&mut self) -> Result<bool, FeedError> {
        loop {
            let Some(file) = self.files.front_mut() else { return Ok(false) };
            let Some(group) = file.groups.pop_front() else {
                self.files.pop_front();
                continue;
            };
            if !group.days.meets(self.range) {
                continue;
            }
            let runs = file.day_runs(&group)?;
            let rows = file.file.group(group.index, &file.row_columns())?;
            self.current = Some(OpenGroup { rows, first_row: group.first_row, passed: 0 });
            self.pending.extend(runs.into_iter().filter(|run| self.range.contains(run.date)));
            return Ok(true);
        }
    }

    fn read_run(
        &mut self,
        run: &DayRun,
        builder: &mut SnapshotBuilder,
        issues: &mut IssueLog,
    ) -> Result<(), FeedError> {
        let (Some(open), Some(file)) = (&mut self.current, self.files.front()) else { return Ok(()) };
        let begin = usize::try_from(run.first_row - open.first_row).unwrap_or(usize::MAX);
        open.rows.skip(begin.saturating_sub(open.passed))?;
        open.rows.read(run.rows)?;
        open.passed = begin + run.rows;
        let has_exchange = usize::from(file.columns[2].is_some());
        for row in 0..run.rows {
            let cell = |column: usize| open.rows.cell(column, row);
            let rest = |column: usize| cell(column + has_exchange);
            let raw = RawListing {
                symbol: cell(0),
                exchange: if has_exchange == 1 { cell(1) } else { Cell::Null },
                name: rest(1),
                last_sale: rest(2),
                volume: rest(3),
                market_cap: rest(4),
                country: rest(5),
                ipo_year: rest(6),
                industry: rest(7),
                sector: rest(8),
            };
            builder.add(run.first_row + row as u64, &raw, issues);
        }
        Ok(())
    }
}

impl Iterator for Snapshots {
    type Item = Result<Read<Snapshot>, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_session().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

/// Days from the first to the last, both inclusive.
#[derive(Clone, Copy, Debug)]
struct Days {
    first: Date,
    last: Date,
}

impl Days {
    fn contains(self, date: Date) -> bool {
        self.first <= date && date <= self.last
    }

    fn meets(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    fn phrase(self, from: Option<Date>, to: Option<Date>) -> String {
        match (from, to) {
            (Some(from), Some(to)) if from == to => format!("of {from}"),
            (Some(from), Some(to)) => format!("from {from} to {to}"),
            (Some(from), None) => format!("from {from} on"),
            (None, Some(to)) => format!("up to {to}"),
            (None, None) => "at all".to_owned(),
        }
    }
}

struct SnapshotFile {
    file: ParquetFile,
    columns: Vec<Option<usize>>,
    /// The row groups that are still to be read.
    groups: VecDeque<Group>,
    days: Days,
}

#[derive(Clone, Copy)]
struct Group {
    index: usize,
    days: Days,
    rows: usize,
    /// Counted from 1 over the file.
    first_row: u64,
}

/// Consecutive rows of one day in one row group.
struct DayRun {
    date: Date,
    first_row: u64,
    rows: usize,
}

/// The row group that is being read and how many of its rows are behind.
struct OpenGroup {
    rows: RowGroup,
    first_row: u64,
    passed: usize,
}

impl SnapshotFile {
    fn open(path: &Path) -> Result<Self, FeedError> {
        let Source::Parquet(file) = source::open(path)? else {
            let detail = "it is no Parquet file; screener files are loaded with `load screener`".to_owned();
            return Err(FeedError::Damaged { path: path.to_owned(), detail });
        };
        let file = ParquetFile::new(path, file)?;
        let columns = find_columns(path, file.headers(), &COLUMNS)?;
        let unknown = Days { first: Date::MIN, last: Date::MIN };
        let mut opened = Self { file, columns, groups: VecDeque::new(), days: unknown };
        let mut first_row = 1;
        for index in 0..opened.file.group_count() {
            let rows = opened.file.group_rows(index);
            let group = Group { index, days: unknown, rows, first_row };
            first_row += rows as u64;
            if rows > 0 {
                let days = opened.group_days(&group)?;
                opened.groups.push_back(Group { days, ..group });
            }
        }
        for (before, after) in opened.groups.iter().zip(opened.groups.iter().skip(1)) {
            if after.days.first < before.days.last {
                let (row, date) = (after.first_row, after.days.first);
                return Err(FeedError::Unsorted { path: path.to_owned(), row, date });
            }
        }
        let Some((first, last)) = opened.groups.front().zip(opened.groups.back()) else {
            let detail = "it has columns and no row".to_owned();
            return Err(FeedError::NoRows { path: path.to_owned(), detail });
        };
        opened.days = Days { first: first.days.first, last: last.days.last };
        Ok(opened)
    }

    /// Returns the days of a row group, from its statistics or, where there are none, from its rows.
    fn group_days(&self, group: &Group) -> Result<Days, FeedError> {
        let noted = self.columns[0].and_then(|column| self.file.group_days(group.index, column));
        if let Some((first, last)) = noted {
            return Ok(Days { first, last });
        }
        let runs = self.day_runs(group)?;
        let ends = runs.first().zip(runs.last()).map(|(first, last)| Days { first: first.date, last: last.date });
        Ok(ends.unwrap_or(group.days))
    }

    /// Reads the day of every row of a row group and says where each begins.
    fn day_runs(&self, group: &Group) -> Result<Vec<DayRun>, FeedError> {
        let path = || self.file.path().to_owned();
        let column: Vec<usize> = self.columns[0].into_iter().collect();
        let mut days = self.file.group(group.index, &column)?;
        days.read(group.rows)?;
        let mut runs: Vec<DayRun> = Vec::new();
        let mut previous_cell = Cell::Null;
        for index in 0..group.rows {
            let cell = days.cell(0, index);
            if let (Some(run), true) = (runs.last_mut(), cell == previous_cell) {
                run.rows += 1;
                continue;
            }
            let row = group.first_row + index as u64;
            let Ok(Some(date)) = cell.day() else {
                let detail = format!("as_of in row {row} is no date");
                return Err(FeedError::Damaged { path: path(), detail });
            };
            match runs.last_mut() {
                Some(run) if run.date > date => return Err(FeedError::Unsorted { path: path(), row, date }),
                Some(run) if run.date == date => run.rows += 1,
                Some(_) | None => runs.push(DayRun { date, first_row: row, rows: 1 }),
            }
            previous_cell = cell;
        }
        Ok(runs)
    }

    /// The columns of a row without its day, in the order of [`COLUMNS`].
    fn row_columns(&self) -> Vec<usize> {
        self.columns.iter().skip(1).flatten().copied().collect()
    }

    fn goes_on_with(&self, date: Date) -> bool {
        self.groups.front().is_some_and(|group| group.days.first == date)
    }
}

#[cfg(test)]
mod tests;
