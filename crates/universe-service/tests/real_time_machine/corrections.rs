//! Two corrections of the past: an imported history that a better one replaces, and a membership that never was.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use universe_core::constituents::{ConstituentInterval, ConstituentRecord, Dating};
use universe_core::plan::{PastChange, RecordedInterval};
use universe_core::planner::Holds;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId};
use universe_service::{Ambient as _, HistoryRequest, SyncRequest, Writing, import_history, sync};
use universe_store::Store;
use universe_testkit::ManualAmbient;

use crate::lived::{ENVIRONMENT, members, request};
use crate::recomputed::stocks;

/// The universe whose history is imported.
pub(crate) fn index() -> UniverseId {
    stocks("index_sp500")
}

/// Symbols and the days from which to which they belonged to the index.
type Spans<'s> = &'s [(&'s str, Date, Option<Date>)];

/// Returns a history that speaks up to a day.
pub(crate) fn history(spans: Spans<'_>, last: Date) -> ConstituentRecord {
    let on = |day| Dating { not_before: Some(day), by: day };
    let interval = |(symbol, from, until): &(&str, Date, Option<Date>)| ConstituentInterval {
        symbol: symbol.parse().expect("a symbol"),
        from: on(*from),
        until: until.map(on),
    };
    let mut intervals: Vec<ConstituentInterval> = spans.iter().map(interval).collect();
    intervals.sort();
    ConstituentRecord { source: "a source".to_owned(), first: date(2020, 1, 2), last, knows_all: true, intervals }
}

/// Imports a history of the index.
pub(crate) async fn import(
    store: &dyn Store,
    rules: &RuleSet,
    record: &ConstituentRecord,
    session: Date,
    ambient: &ManualAmbient,
) {
    let id = index();
    let history = HistoryRequest { universe: &id, name: None, record, quorum: 1, has_ended: false };
    let request = request(Some(session), Holds::Release);
    let imported =
        import_history(store, rules, &request, history, ambient, &|_| true).await.expect("a history without faults");
    assert!(imported.outcome.was_written);
}

/// A membership that was recorded, and found later to have been none.
#[derive(Clone, Debug)]
pub(crate) struct NeverWas {
    pub(crate) id: UniverseId,
    pub(crate) interval: RecordedInterval,
}

/// Supersedes the first membership of a universe that has ended, with a plan that does nothing else.
pub(crate) async fn supersede_one(
    store: &dyn Store,
    rules: &RuleSet,
    session: Date,
    holds: Holds,
    ambient: &ManualAmbient,
) -> NeverWas {
    let id = stocks("top_500");
    let rows = store.membership_list(ENVIRONMENT, Some(&id), None).await.expect("listed");
    let row = rows.into_iter().find(|row| row.valid_to.is_some_and(|to| row.valid_from < to)).expect("one that ended");
    let interval = RecordedInterval {
        symbol: row.symbol,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        opened_run: row.opened_run,
    };
    let look = SyncRequest { writing: Writing::DryRun, ..request(Some(session), holds) };
    let looked = sync(store, rules, &look, ambient, &|_, _| {}).await.expect("planned");
    let (mut plan, mut run) = (looked.plan, looked.run);
    plan.past = vec![PastChange {
        id: id.clone(),
        reason: "imported_history",
        source: "a person who looked".to_owned(),
        superseded: vec![interval.clone()],
        intervals: Vec::new(),
    }];
    (run.dry_run, run.finished_at) = (false, Some(ambient.now()));
    store.run_apply(&plan, &run, &[]).await.expect("applied");
    NeverWas { id, interval }
}

impl NeverWas {
    /// Checks that the membership answers only for what was known before.
    pub(crate) async fn check(&self, store: &dyn Store, before: Timestamp) {
        let RecordedInterval { symbol, valid_from, .. } = &self.interval;
        let today = members(store, &self.id, Some(*valid_from), None).await;
        let then = members(store, &self.id, Some(*valid_from), Some(before)).await;
        assert!(!today.contains(symbol), "{symbol} is corrected");
        let expected: BTreeSet<Symbol> = today.into_iter().chain([symbol.clone()]).collect();
        assert_eq!(then, expected, "nothing but {symbol} is, and it was known before");
    }

    /// Returns whether it changes the answer for a session.
    pub(crate) fn concerns(&self, id: &UniverseId, session: Date) -> bool {
        let RecordedInterval { valid_from, valid_to, .. } = &self.interval;
        self.id == *id && *valid_from <= session && valid_to.is_none_or(|to| session < to)
    }
}
