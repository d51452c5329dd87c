//! Data-load jobs: one job an id, one holder at a time, bars and the progress of their tasks in one transaction.

use std::sync::Arc;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use universe_core::{Price, TimedBar, Timeframe};
use universe_store::{
    ClaimedDataLoad, DATA_LOAD_ATTEMPTS_MAX, DataLoadEnd, DataLoadOrder, DataLoadOrdered, DataLoadPart, DataLoadPlan,
    DataLoadRecord, DataLoadRequest, DataLoadStatus, DataLoadTaskEnd, DataLoadTaskStatus, Needs, Store, StoreError,
};

use super::{Subject, at_once};
use crate::builders::{ENVIRONMENT, MONDAY, TUESDAY, event, instant, symbol, symbols};

/// Longer than the time between two instants of the tests, shorter than that between three.
const TTL_SECONDS: i64 = 90;

/// The same id is the same job, whoever orders it and whatever it asks for then.
pub async fn a_job_is_ordered_once(subject: &Subject) {
    let order_it = |store: Arc<dyn Store>, _| async move { store.data_load_order(&order("a", 1)).await };
    let answers = at_once(subject, order_it).await;
    let queued = answers.into_iter().filter(|answer| matches!(answer, Ok(DataLoadOrdered::Queued)));
    assert_eq!(queued.count(), 1);
    let other = DataLoadOrder { requested_by: "somebody else".to_owned(), ..order("a", 2) };
    assert_eq!(subject.store.data_load_order(&other).await.expect("written"), DataLoadOrdered::Known);
    let job = find(subject, "a").await;
    assert_eq!((job.status, &job.order), (DataLoadStatus::Pending, &order("a", 1)));
    assert_eq!((job.symbols_total, job.percentage(), job.updated_at), (None, 0, instant(1)));
    assert_eq!(subject.store.data_load_count(ENVIRONMENT).await.expect("counted"), 1);
    assert_eq!(subject.store.data_load_find("b").await.expect("read"), None);
}

/// A job that cannot be carried out is failed from the start, once, and an event tells it.
pub async fn a_refused_job_is_kept_with_its_event(subject: &Subject) {
    let refuse = async || subject.store.data_load_refuse(&order("a", 1), "no such universe", &[event(1)]).await;
    assert_eq!(refuse().await.expect("written"), DataLoadOrdered::Queued);
    let job = find(subject, "a").await;
    assert_eq!((job.status, job.message.as_str()), (DataLoadStatus::Failed, "no such universe"));
    assert_eq!(job.finished_at, Some(instant(1)));
    assert_eq!(subject.store.outbox_list(ENVIRONMENT, 0, 9).await.expect("listed").len(), 1);
    let before = subject.dump().await;
    assert_eq!(refuse().await.expect("nothing written"), DataLoadOrdered::Known);
    assert_eq!(subject.dump().await, before);
    assert_eq!(claim(subject, "a", 2).await, None);
}

/// Of several who ask at once one gets the job, with a token of its own; the next job waits for the end of the first.
pub async fn a_job_is_claimed_once(subject: &Subject) {
    assert_eq!(claim(subject, "a", 1).await, None);
    subject.store.data_load_order(&order("second", 2)).await.expect("ordered");
    subject.store.data_load_order(&order("first", 1)).await.expect("ordered");
    let take = |store: Arc<dyn Store>, holder: u32| async move {
        store.data_load_claim(ENVIRONMENT, &holder.to_string(), instant(3), TTL_SECONDS).await.expect("claims")
    };
    let claimed: Vec<ClaimedDataLoad> = at_once(subject, take).await.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    let job = &claimed[0].job;
    assert_eq!((job.order.job_id.as_str(), job.status), ("first", DataLoadStatus::Running));
    assert_eq!((job.started_at, job.attempts), (Some(instant(3)), 1));
    assert_eq!(claim(subject, "b", 3).await, None);
    close(subject, &claimed[0], DataLoadStatus::Completed, 4).await;
    assert_eq!(claim(subject, "b", 4).await.expect("claimed").job.order.job_id, "second");
    // Another environment has its own.
    let elsewhere = DataLoadOrder { environment: "STAGING".to_owned(), ..order("third", 1) };
    subject.store.data_load_order(&elsewhere).await.expect("ordered");
    let claimed = subject.store.data_load_claim("STAGING", "c", instant(4), TTL_SECONDS).await.expect("claims");
    assert_eq!(claimed.expect("claimed").job.order.job_id, "third");
}

/// Bars and the end of their task are stored together, and the same bars again change nothing.
pub async fn bars_are_stored_with_their_tasks(subject: &Subject) {
    let claimed = begin(subject, "a", &["AAPL", "MSFT"], &[Timeframe::Day, Timeframe::Minute]).await;
    let job = find(subject, "a").await;
    assert_eq!((job.symbols_total, job.symbols_done, job.tasks_total), (Some(2), 0, 4));
    let parts = [
        part("AAPL", Timeframe::Day, &[(MONDAY, 175.1), (TUESDAY, 170.12)], DataLoadTaskEnd::Completed),
        part("AAPL", Timeframe::Minute, &[(MONDAY, 175.0)], DataLoadTaskEnd::Continued),
        part("MSFT", Timeframe::Day, &[], DataLoadTaskEnd::Failed("it is not known".to_owned())),
    ];
    let loaded = store_parts(subject, &claimed, &parts, 3).await.expect("stored");
    assert_eq!((loaded.written, loaded.unchanged), (3, 0));
    let rows = subject.rows("select symbol, open, high, low, close, volume from ohlcv_daily order by date").await;
    let numbers: Vec<f64> =
        rows[0][1..].iter().map(|cell| cell.as_deref().expect("a number").parse().expect("one")).collect();
    assert_eq!(numbers, [175.1, 176.1, 174.1, 175.1, 1_000.0]);
    assert_eq!(subject.value("select count(*) from ohlcv_1min").await, "1");

    let tasks = subject.store.data_load_task_list("a").await.expect("listed");
    let shown: Vec<_> =
        tasks.iter().map(|task| (task.symbol.as_str(), task.timeframe, task.status, task.bars)).collect();
    assert_eq!(
        shown,
        [
            ("AAPL", Timeframe::Minute, DataLoadTaskStatus::Pending, 1),
            ("AAPL", Timeframe::Day, DataLoadTaskStatus::Completed, 2),
            ("MSFT", Timeframe::Minute, DataLoadTaskStatus::Pending, 0),
            ("MSFT", Timeframe::Day, DataLoadTaskStatus::Failed, 0),
        ]
    );
    assert_eq!((tasks[0].loaded_through, tasks[1].loaded_through), (Some(MONDAY), Some(TUESDAY)));
    assert_eq!(tasks[3].error.as_deref(), Some("it is not known"));

    // The rest: what is there already, and one bar that differs.
    let parts = [
        part("AAPL", Timeframe::Minute, &[(MONDAY, 175.0)], DataLoadTaskEnd::Continued),
        part("AAPL", Timeframe::Minute, &[(TUESDAY, 171.0)], DataLoadTaskEnd::Completed),
        part("MSFT", Timeframe::Minute, &[], DataLoadTaskEnd::Completed),
    ];
    let loaded = store_parts(subject, &claimed, &parts, 4).await.expect("stored");
    assert_eq!((loaded.written, loaded.unchanged), (1, 1));
    let job = progress(subject, &claimed, 4).await.expect("held");
    assert_eq!((job.symbols_done, job.tasks_done, job.bars, job.error_count), (2, 4, 5, 1));
    assert_eq!((job.errors[0].symbol.as_str(), job.errors[0].timeframe.as_str()), ("MSFT", "day"));
    let job = close(subject, &claimed, DataLoadStatus::CompletedWithErrors, 5).await;
    assert_eq!(
        (job.status, job.percentage(), job.finished_at),
        (DataLoadStatus::CompletedWithErrors, 100, Some(instant(5)))
    );
}

/// Every length of bar has its table: weeks and months by date, minutes and hours by instant.
pub async fn every_timeframe_has_its_table(subject: &Subject) {
    let claimed = begin(subject, "a", &["AAPL"], &Timeframe::ALL).await;
    let parts = Timeframe::ALL
        .map(|timeframe| part("AAPL", timeframe, &[(MONDAY, 1.0), (TUESDAY, 2.0)], DataLoadTaskEnd::Completed));
    assert_eq!(store_parts(subject, &claimed, &parts, 3).await.expect("stored").written, 10);
    for timeframe in Timeframe::ALL {
        let table = timeframe.table();
        let time = if timeframe.is_dated() { "date" } else { "timestamp" };
        let rows = subject.rows(&format!("select {time} from {table} where symbol = 'AAPL' order by 1")).await;
        let found: Vec<&str> = rows.iter().filter_map(|row| row[0].as_deref()).collect();
        let expected = if timeframe.is_dated() { "2024-03-04" } else { "2024-03-04T14:30:00" };
        let first = found[0].replace(' ', "T");
        assert!(found.len() == 2 && first.starts_with(expected), "{table}: {found:?}");
    }
}

/// A close that was loaded is one that the next run sees.
pub async fn loaded_closes_are_observed(subject: &Subject) {
    crate::builders::load(subject.store(), &crate::builders::snapshot(MONDAY, crate::builders::six_listings()), 1)
        .await;
    let claimed = begin(subject, "a", &["AAPL"], &[Timeframe::Day]).await;
    let parts = [part("AAPL", Timeframe::Day, &[(TUESDAY, 200.5)], DataLoadTaskEnd::Completed)];
    store_parts(subject, &claimed, &parts, 3).await.expect("stored");
    assert_eq!(subject.store.session_latest(date(2030, 1, 1)).await.expect("read"), Some(TUESDAY));
    let needs = Needs { company_names: false, details: false, facts: Vec::new(), returns: false };
    let observation = subject.store.observation_read(TUESDAY, &needs).await.expect("observed");
    let at = observation.symbol.binary_search(&symbol("AAPL")).expect("listed");
    assert_eq!(observation.close[at], Price::from_dollars(200.5));
}

/// What is refused writes nothing: neither bars nor marks.
pub async fn a_refused_batch_writes_nothing(subject: &Subject) {
    let claimed = begin(subject, "a", &["AAPL"], &[Timeframe::Day]).await;
    let good = part("AAPL", Timeframe::Day, &[(MONDAY, 1.0)], DataLoadTaskEnd::Completed);
    let unknown = part("MSFT", Timeframe::Day, &[(MONDAY, 1.0)], DataLoadTaskEnd::Completed);
    let before = subject.dump().await;
    let error = store_parts(subject, &claimed, &[good.clone(), unknown], 3).await.expect_err("no such task");
    assert!(matches!(error, StoreError::RowsAffected { table: "data_load_task", expected: _, actual: _ }), "{error:?}");
    let stranger = ClaimedDataLoad { token: claimed.token + 1, ..claimed.clone() };
    let error = store_parts(subject, &stranger, std::slice::from_ref(&good), 3).await.expect_err("another's token");
    assert!(matches!(error, StoreError::DataLoadFenced { token: 2, .. }), "{error:?}");
    assert!(matches!(progress(subject, &stranger, 3).await, Err(StoreError::DataLoadFenced { .. })));
    assert_eq!(subject.dump().await, before);
    store_parts(subject, &claimed, std::slice::from_ref(&good), 3).await.expect("stored");
    // A task that ended is not marked again.
    let before = subject.dump().await;
    assert!(store_parts(subject, &claimed, &[good], 3).await.is_err());
    assert_eq!(subject.dump().await, before);
}

/// A job whose process died goes on where it was, and the dead one writes no more.
pub async fn a_dead_job_is_taken_over(subject: &Subject) {
    let first = begin(subject, "a", &["AAPL", "MSFT"], &[Timeframe::Day]).await;
    let parts = [part("AAPL", Timeframe::Day, &[(MONDAY, 1.0)], DataLoadTaskEnd::Completed)];
    store_parts(subject, &first, &parts, 2).await.expect("stored");
    progress(subject, &first, 3).await.expect("held");
    subject.store.data_load_order(&order("b", 1)).await.expect("ordered");
    assert_eq!(claim(subject, "b", 4).await, None);
    let second = claim(subject, "b", 5).await.expect("taken over");
    assert_eq!((second.job.order.job_id.as_str(), second.token), ("a", first.token + 1));
    assert_eq!(second.job.started_at, first.job.started_at);
    assert_eq!((second.job.first_date, second.job.last_date), (Some(MONDAY), Some(TUESDAY)));
    assert_eq!(second.job.tasks_done, 1);
    let rest = [part("MSFT", Timeframe::Day, &[(MONDAY, 2.0)], DataLoadTaskEnd::Completed)];
    let error = store_parts(subject, &first, &rest, 5).await.expect_err("fenced");
    assert!(matches!(error, StoreError::DataLoadFenced { .. }), "{error:?}");
    assert!(matches!(progress(subject, &first, 5).await, Err(StoreError::DataLoadFenced { .. })));
    let end = end_of(DataLoadStatus::Failed);
    let closed = subject.store.data_load_close("a", first.token, &end, instant(5)).await;
    assert!(matches!(closed, Err(StoreError::DataLoadFenced { .. })), "{closed:?}");
    let pending = subject.store.data_load_task_list("a").await.expect("listed");
    let pending: Vec<&str> = pending
        .iter()
        .filter(|task| task.status == DataLoadTaskStatus::Pending)
        .map(|task| task.symbol.as_str())
        .collect();
    assert_eq!(pending, ["MSFT"]);
    store_parts(subject, &second, &rest, 5).await.expect("stored");
    assert_eq!(close(subject, &second, DataLoadStatus::Completed, 6).await.symbols_done, 2);
}

/// A job that is given back is taken at once, by anybody.
pub async fn a_released_job_is_taken_at_once(subject: &Subject) {
    let first = begin(subject, "a", &["AAPL"], &[Timeframe::Day]).await;
    subject.store.lease_release(&universe_store::data_load_lease(ENVIRONMENT), first.token).await.expect("released");
    assert_eq!(claim(subject, "b", 2).await.expect("taken").token, first.token + 1);
}

/// A job that takes its processes down is given up; one that gets on is not.
pub async fn a_job_that_kills_is_given_up(subject: &Subject) {
    let mut claimed = begin(subject, "a", &["AAPL", "MSFT"], &[Timeframe::Day]).await;
    let reap = async |number| {
        subject.store.data_load_reap(ENVIRONMENT, instant(number), |_| vec![event(7)]).await.expect("written")
    };
    for attempt in 1..DATA_LOAD_ATTEMPTS_MAX {
        assert_eq!(reap(attempt * 3 + 1).await, [""; 0]);
        claimed = claim(subject, "b", attempt * 3 + 1).await.expect("taken over");
        if attempt == 3 {
            let parts = [part("AAPL", Timeframe::Day, &[], DataLoadTaskEnd::Completed)];
            store_parts(subject, &claimed, &parts, 10).await.expect("stored");
        }
    }
    assert_eq!(claimed.job.attempts, DATA_LOAD_ATTEMPTS_MAX - 4);
    for attempt in DATA_LOAD_ATTEMPTS_MAX..DATA_LOAD_ATTEMPTS_MAX + 4 {
        assert_eq!(reap(attempt * 3 + 1).await, [""; 0]);
        claim(subject, "b", attempt * 3 + 1).await.expect("taken over");
    }
    // Not while somebody works on it.
    assert_eq!(reap((DATA_LOAD_ATTEMPTS_MAX + 3) * 3 + 1).await, [""; 0]);
    assert_eq!(reap(90).await, ["a"]);
    assert_eq!(reap(90).await, [""; 0]);
    let job = find(subject, "a").await;
    assert_eq!((job.status, job.finished_at), (DataLoadStatus::Failed, Some(instant(90))));
    assert_eq!(subject.store.outbox_list(ENVIRONMENT, 0, 9).await.expect("listed").len(), 1);
    assert_eq!(claim(subject, "b", 91).await, None);
}

/// A job that waits or is dead is cancelled at once, one at work is asked to stop, one that is over stays.
pub async fn a_job_is_cancelled(subject: &Subject) {
    let cancel =
        async |job_id: &str, number| subject.store.data_load_cancel(job_id, instant(number)).await.expect("written");
    assert_eq!(cancel("a", 1).await, None);
    subject.store.data_load_order(&order("a", 1)).await.expect("ordered");
    assert_eq!(cancel("a", 2).await, Some(DataLoadStatus::Cancelled));
    let before = subject.dump().await;
    assert_eq!(cancel("a", 3).await, Some(DataLoadStatus::Cancelled));
    assert_eq!(subject.dump().await, before);
    let claimed = begin(subject, "b", &["AAPL"], &[Timeframe::Day]).await;
    assert_eq!(cancel("b", 2).await, Some(DataLoadStatus::Running));
    assert!(progress(subject, &claimed, 2).await.expect("held").cancel_requested);
    assert_eq!(cancel("b", 4).await, Some(DataLoadStatus::Cancelled));
    assert!(matches!(progress(subject, &claimed, 4).await, Err(StoreError::DataLoadFenced { .. })));
    assert_eq!(find(subject, "b").await.finished_at, Some(instant(4)));
    assert_eq!(claim(subject, "c", 5).await, None);
}

/// A job without bars has no tasks, and is done when it is closed.
pub async fn a_job_without_bars_has_no_tasks(subject: &Subject) {
    let mut without = order("a", 1);
    without.request.include_ohlcv = false;
    subject.store.data_load_order(&without).await.expect("ordered");
    let claimed = claim(subject, "a", 1).await.expect("claimed");
    subject.store.data_load_plan("a", claimed.token, &plan_of(&["AAPL", "MSFT"]), instant(1)).await.expect("planned");
    let job = find(subject, "a").await;
    assert_eq!((job.symbols_total, job.symbols_done, job.tasks_total, job.percentage()), (Some(2), 0, 0, 0));
    let job = close(subject, &claimed, DataLoadStatus::Completed, 2).await;
    assert_eq!((job.symbols_done, job.percentage()), (2, 100));
}

/// Jobs are listed newest first, and by their last change.
pub async fn jobs_are_listed(subject: &Subject) {
    for (number, job_id) in (1..).zip(["a", "b", "c"]) {
        subject.store.data_load_order(&order(job_id, number)).await.expect("ordered");
    }
    let ids = |jobs: Vec<DataLoadRecord>| -> Vec<String> { jobs.into_iter().map(|job| job.order.job_id).collect() };
    let list =
        async |limit, offset| ids(subject.store.data_load_list(ENVIRONMENT, limit, offset).await.expect("listed"));
    assert_eq!(list(10, 0).await, ["c", "b", "a"]);
    assert_eq!(list(1, 1).await, ["b"]);
    subject.store.data_load_cancel("a", instant(9)).await.expect("cancelled");
    let changed =
        async |number| ids(subject.store.data_load_changed(ENVIRONMENT, instant(number), 10).await.expect("listed"));
    assert_eq!(changed(3).await, ["a", "c"]);
    assert_eq!(changed(9).await, ["a"]);
    assert_eq!(changed(10).await, [""; 0]);
    assert_eq!(ids(subject.store.data_load_list("STAGING", 10, 0).await.expect("listed")), [""; 0]);
}

/// Jobs that ended long ago go with their tasks; their bars stay, and so do jobs that have not ended.
pub async fn old_jobs_are_deleted(subject: &Subject) {
    let claimed = begin(subject, "old", &["AAPL"], &[Timeframe::Day]).await;
    let parts = [part("AAPL", Timeframe::Day, &[(MONDAY, 1.0)], DataLoadTaskEnd::Completed)];
    store_parts(subject, &claimed, &parts, 2).await.expect("stored");
    close(subject, &claimed, DataLoadStatus::Completed, 3).await;
    subject.store.data_load_refuse(&order("newer", 4), "no", &[]).await.expect("written");
    subject.store.data_load_order(&order("waiting", 1)).await.expect("ordered");
    let prune = async |number| subject.store.data_load_prune(ENVIRONMENT, instant(number)).await.expect("deleted");
    assert_eq!(prune(3).await, 0);
    assert_eq!(prune(4).await, 1);
    assert_eq!(prune(4).await, 0);
    let jobs = subject.store.data_load_list(ENVIRONMENT, 9, 0).await.expect("listed");
    let ids: Vec<&str> = jobs.iter().map(|job| job.order.job_id.as_str()).collect();
    assert_eq!(ids, ["newer", "waiting"]);
    assert_eq!(subject.value("select count(*) from {data_load_task}").await, "0");
    assert_eq!(subject.value("select count(*) from ohlcv_daily").await, "1");
}

/// Events that belong to nothing are numbered as others are, and none is there twice.
pub async fn events_are_appended(subject: &Subject) {
    subject.store.event_append(ENVIRONMENT, &[event(1), event(2)], instant(1)).await.expect("written");
    let error = subject.store.event_append(ENVIRONMENT, &[event(3), event(2)], instant(2)).await.expect_err("again");
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    subject.store.event_append(ENVIRONMENT, &[event(3)], instant(2)).await.expect("written");
    let numbers: Vec<i64> =
        subject.store.outbox_list(ENVIRONMENT, 0, 9).await.expect("listed").iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("compared"), []);
}

fn order(job_id: &str, number: u32) -> DataLoadOrder {
    DataLoadOrder {
        job_id: job_id.to_owned(),
        environment: ENVIRONMENT.to_owned(),
        request: DataLoadRequest {
            universe_key: Some("top_2".to_owned()),
            csv_file: None,
            symbols: symbols(&["AAPL", "BRK.B"]),
            years: 2,
            timeframes: vec![Timeframe::Day],
            include_ohlcv: true,
        },
        requested_by: "a test".to_owned(),
        created_at: instant(number),
    }
}

fn plan_of(texts: &[&str]) -> DataLoadPlan {
    DataLoadPlan { message: "loading".to_owned(), symbols: symbols(texts), first_date: MONDAY, last_date: TUESDAY }
}

fn end_of(status: DataLoadStatus) -> DataLoadEnd {
    DataLoadEnd { status, message: "over".to_owned(), events: Vec::new() }
}

/// Orders a job, claims it at instant 1 and plans it.
async fn begin(subject: &Subject, job_id: &str, texts: &[&str], timeframes: &[Timeframe]) -> ClaimedDataLoad {
    let mut wanted = order(job_id, 1);
    wanted.request.timeframes = timeframes.to_vec();
    subject.store.data_load_order(&wanted).await.expect("ordered");
    let claimed = claim(subject, "a", 1).await.expect("claimed");
    assert_eq!(claimed.job.order, wanted);
    subject.store.data_load_plan(job_id, claimed.token, &plan_of(texts), instant(1)).await.expect("planned");
    claimed
}

async fn find(subject: &Subject, job_id: &str) -> DataLoadRecord {
    subject.store.data_load_find(job_id).await.expect("read").expect("there")
}

async fn claim(subject: &Subject, holder: &str, number: u32) -> Option<ClaimedDataLoad> {
    subject.store.data_load_claim(ENVIRONMENT, holder, instant(number), TTL_SECONDS).await.expect("claims")
}

async fn progress(subject: &Subject, claimed: &ClaimedDataLoad, number: u32) -> Result<DataLoadRecord, StoreError> {
    let job_id = &claimed.job.order.job_id;
    subject.store.data_load_progress(job_id, claimed.token, instant(number), TTL_SECONDS).await
}

async fn store_parts(
    subject: &Subject,
    claimed: &ClaimedDataLoad,
    parts: &[DataLoadPart],
    number: u32,
) -> Result<universe_store::Loaded, StoreError> {
    subject.store.timed_bar_load(&claimed.job.order.job_id, claimed.token, parts, instant(number)).await
}

async fn close(subject: &Subject, claimed: &ClaimedDataLoad, status: DataLoadStatus, number: u32) -> DataLoadRecord {
    let job_id = &claimed.job.order.job_id;
    subject.store.data_load_close(job_id, claimed.token, &end_of(status), instant(number)).await.expect("closed")
}

/// Bars of a thousand shares, from a dollar below the close to one above.
fn part(text: &str, timeframe: Timeframe, closes: &[(Date, f64)], end: DataLoadTaskEnd) -> DataLoadPart {
    let price = |dollars: f64| Price::from_dollars(dollars).expect("a price");
    let bar = |(date, close): &(Date, f64)| TimedBar {
        symbol: symbol(text),
        start: date.at(14, 30, 0, 0).to_zoned(TimeZone::UTC).expect("exists").timestamp(),
        date: *date,
        open: price(*close),
        high: price(*close + 1.0),
        low: price((*close - 1.0).max(0.5)),
        close: price(*close),
        volume: 1_000,
    };
    DataLoadPart { symbol: symbol(text), timeframe, bars: closes.iter().map(bar).collect(), end }
}
