//! Intervals of membership, and the panel of sessions that follows from them.

use std::collections::BTreeSet;

use jiff::civil::Date;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, sessions};
use universe_service::{IntervalRow, Selection, interval_export};
use universe_store::Store;
use uuid::Uuid;

use super::super::arguments::{Export, Global};
use super::super::output;
use super::rows::{Cell, Column, Kind};
use super::target::Place;
use super::{Form, Written, rows_to};
use crate::clock::Surroundings;

const INTERVALS: &[Column] = &[
    Column { name: "type", kind: Kind::Text },
    Column { name: "key", kind: Kind::Text },
    Column { name: "symbol", kind: Kind::Text },
    Column { name: "valid_from", kind: Kind::Day },
    Column { name: "valid_to", kind: Kind::Day },
    Column { name: "opened_run", kind: Kind::Text },
    Column { name: "opened_reason", kind: Kind::Text },
    Column { name: "opened_market_cap", kind: Kind::Whole },
    Column { name: "opened_rank", kind: Kind::Whole },
    Column { name: "closed_run", kind: Kind::Text },
    Column { name: "closed_reason", kind: Kind::Text },
    Column { name: "closed_market_cap", kind: Kind::Whole },
    Column { name: "closed_rank", kind: Kind::Whole },
];

const PANEL: &[Column] = &[
    Column { name: "session", kind: Kind::Day },
    Column { name: "type", kind: Kind::Text },
    Column { name: "key", kind: Kind::Text },
    Column { name: "symbol", kind: Kind::Text },
    Column { name: "is_point_in_time", kind: Kind::Flag },
];

/// Writes a row for each interval, by universe, symbol and time.
pub(super) async fn intervals(
    global: &Global,
    store: &dyn Store,
    rules: &RuleSet,
    selection: &Selection,
    to: Place<'_>,
    form: Form,
) -> anyhow::Result<Written> {
    let intervals = interval_export(store, rules, selection, &Surroundings).await?;
    let bar = output::progress(global, intervals.universes.len() as u64, "universes");
    let mut rows = rows_to(to, form, INTERVALS)?;
    let mut written = Written { universes: intervals.universes.len(), ..Written::default() };
    for id in &intervals.universes {
        bar.set_message(id.to_string());
        for row in intervals.of(id).await? {
            let interval = &row.interval;
            let [opened_run, closed_run] =
                [row.opened_run, row.closed_run].map(|run| run.as_ref().map(Uuid::to_string));
            rows.push(&[
                Cell::Text(id.universe_type.as_str()),
                Cell::Text(id.key()),
                Cell::Text(interval.symbol.as_str()),
                Cell::Day(interval.valid_from),
                interval.valid_to.into(),
                opened_run.as_deref().into(),
                Cell::Text(&interval.opened_reason),
                interval.opened_cap.map(|cap| cap.0).into(),
                interval.opened_rank.map(i64::from).into(),
                closed_run.as_deref().into(),
                interval.closed_reason.as_deref().into(),
                interval.closed_cap.map(|cap| cap.0).into(),
                interval.closed_rank.map(i64::from).into(),
            ])?;
            written.rows += 1;
        }
        bar.inc(1);
        if rows.is_unread() {
            break;
        }
    }
    bar.finish_and_clear();
    written.bytes = rows.finish()?;
    Ok(written)
}

/// Writes a row for each session and member, by universe, session and symbol.
pub(super) async fn panel(
    global: &Global,
    store: &dyn Store,
    rules: &RuleSet,
    selection: &Selection,
    command: &Export,
    to: Place<'_>,
    form: Form,
) -> anyhow::Result<Written> {
    let intervals = interval_export(store, rules, selection, &Surroundings).await?;
    let bar = output::progress(global, intervals.universes.len() as u64, "universes");
    let mut rows = rows_to(to, form, PANEL)?;
    let mut written = Written { universes: intervals.universes.len(), ..Written::default() };
    let last = [intervals.last_session, command.to].into_iter().flatten().min();
    for id in &intervals.universes {
        bar.set_message(id.to_string());
        let found = intervals.of(id).await?;
        let first = found.iter().map(|row| row.interval.valid_from).min().max(command.from);
        let (Some(first), Some(last)) = (first, last) else { continue };
        for (session, symbol) in Sweep::new(&found, first, last) {
            rows.push(&[
                Cell::Day(session),
                Cell::Text(id.universe_type.as_str()),
                Cell::Text(id.key()),
                Cell::Text(symbol.as_str()),
                Cell::Flag(intervals.is_point_in_time(session)),
            ])?;
            written.rows += 1;
            if rows.is_unread() {
                break;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    written.bytes = rows.finish()?;
    Ok(written)
}

/// Goes through sessions in order, and hands out the members of each: memory holds those of one session.
struct Sweep<'i> {
    /// Intervals that have not begun, the next one last.
    ahead: Vec<&'i IntervalRow>,
    /// Symbols with the session on which they are members no longer.
    members: BTreeSet<(&'i Symbol, Option<Date>)>,
    sessions: Box<dyn Iterator<Item = Date> + Send>,
    session: Option<Date>,
    at: Option<(&'i Symbol, Option<Date>)>,
}

impl<'i> Sweep<'i> {
    fn new(intervals: &'i [IntervalRow], first: Date, last: Date) -> Self {
        let mut ahead: Vec<&IntervalRow> = intervals
            .iter()
            .filter(|row| row.interval.valid_to.is_none_or(|to| first < to && row.interval.valid_from < to))
            .collect();
        ahead.sort_by_key(|row| std::cmp::Reverse(row.interval.valid_from));
        let sessions: Box<dyn Iterator<Item = Date> + Send> =
            if last < first { Box::new(std::iter::empty()) } else { Box::new(sessions(first, last)) };
        let mut sweep = Self { ahead, members: BTreeSet::new(), sessions, session: None, at: None };
        sweep.next_session();
        sweep
    }

    fn next_session(&mut self) {
        self.session = self.sessions.next();
        self.at = None;
        let Some(session) = self.session else { return };
        self.members.retain(|(_, to)| to.is_none_or(|to| session < to));
        while let Some(row) = self.ahead.pop_if(|row| row.interval.valid_from <= session) {
            if row.interval.valid_to.is_none_or(|to| session < to) {
                self.members.insert((&row.interval.symbol, row.interval.valid_to));
            }
        }
    }
}

impl<'i> Iterator for Sweep<'i> {
    type Item = (Date, &'i Symbol);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let session = self.session?;
            let next = match self.at {
                None => self.members.first().copied(),
                Some(at) => {
                    self.members.range((std::ops::Bound::Excluded(at), std::ops::Bound::Unbounded)).next().copied()
                }
            };
            match next {
                Some(member) => {
                    self.at = Some(member);
                    return Some((session, member.0));
                }
                None => self.next_session(),
            }
        }
    }
}
