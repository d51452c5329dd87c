//! Runs and what they leave for others to read.

use universe_core::event::{RunFacts, events_of_failure};

use super::Subject;
use crate::builders::{
    ENVIRONMENT, MONDAY, TUESDAY, WEDNESDAY, events, instant, load, plan, rules, run_record, six_listings, snapshot,
    stock, sync, universe,
};

/// Runs are read back as they were recorded, newest first, page by page.
pub async fn runs_are_listed_newest_first(subject: &Subject) {
    let mut records = Vec::new();
    for (number, session) in (1..).zip([MONDAY, TUESDAY, WEDNESDAY]) {
        let rows = [stock("AAPL", 100.0 * f64::from(number), 15_400), stock("GME", 15.0, 305 * i64::from(number))];
        let plan = sync(subject.store(), &snapshot(session, rows), number).await;
        records.push(run_record(&plan, number));
    }
    records.reverse();
    assert_eq!(subject.store.run_list(ENVIRONMENT, 10, 0).await.expect("reads"), records);
    assert_eq!(subject.store.run_list(ENVIRONMENT, 1, 1).await.expect("reads"), records[1..2]);
    assert_eq!(subject.store.run_list(ENVIRONMENT, 10, 3).await.expect("reads"), []);
}

/// A run that failed is in the list, its events go out, and plans that were made before still apply.
pub async fn a_failed_run_is_recorded_and_changes_no_version(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let plan = plan(subject.store(), MONDAY, &rules(crate::builders::RULES)).await;
    let mut failed = run_record(&plan, 1);
    failed.status = "failed".to_owned();
    failed.error = Some("the disk is full".to_owned());
    failed.task_results = serde_json::json!({"market_cap_recalculation": {"status": "failed", "changes": 0}});
    failed.alerts = serde_json::json!([{"alert": "calculation_failures"}]);
    let facts = RunFacts {
        run_id: failed.run_id,
        mode: failed.mode,
        status: &failed.status,
        started_at: instant(0),
        finished_at: instant(1),
        triggered_by: "cli",
        force: false,
        steps: &[],
        alerts: &[],
        offering_names: &[],
    };
    let sent = events_of_failure(&facts, "the disk is full");
    subject.store.run_close(&failed, &sent).await.expect("writes");
    assert_eq!(subject.store.run_list(ENVIRONMENT, 10, 0).await.expect("reads"), [failed.clone()]);
    assert_eq!(subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads").len(), sent.len());
    assert_eq!(subject.store.state_read(ENVIRONMENT, MONDAY).await.expect("reads").version, 0);
    assert_eq!(subject.store.audit_list(ENVIRONMENT, 0, 10).await.expect("reads"), []);
    let error = subject.store.run_close(&failed, &[]).await.expect_err("is recorded already");
    assert!(matches!(error, universe_store::StoreError::Conflict { .. }), "{error:?}");
    crate::builders::apply(subject.store(), &plan, 2).await.expect("applies");
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// Audit entries say who did what and why; a page begins after a number.
pub async fn audit_entries_are_read_in_pages(subject: &Subject) {
    let plan = sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let all = subject.store.audit_list(ENVIRONMENT, 0, 100).await.expect("reads");
    assert_eq!(all.len(), plan.universes.len());
    let top = all.iter().find(|entry| entry.universe == Some(universe("stock_universe:top_2"))).expect("an entry");
    assert_eq!((top.action.as_str(), top.actor.as_str()), ("created", "cli"));
    assert_eq!((top.recorded_at, top.run_id), (instant(1), run_record(&plan, 1).run_id));
    assert_eq!(top.reason, "2 added, 0 removed by rule rankings");
    assert_eq!(top.detail["count"], 2);
    assert_eq!(subject.store.audit_list(ENVIRONMENT, 1, 2).await.expect("reads"), all[1..3]);
    assert_eq!(subject.store.audit_list(ENVIRONMENT, 100, 2).await.expect("reads"), []);
}

/// Events are read back complete, unpublished, in the order in which they were written.
pub async fn events_are_read_in_pages(subject: &Subject) {
    let plan = sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let sent = events(&plan, &run_record(&plan, 1));
    let read = subject.store.outbox_list(ENVIRONMENT, 0, 1_000).await.expect("reads");
    assert_eq!(read.len(), sent.len());
    for (read, sent) in read.iter().zip(&sent) {
        assert_eq!((read.id, read.event.as_str()), (sent.id, sent.event));
        assert_eq!(read.channels, sent.channels);
        assert_eq!((&read.universe, &read.message), (&sent.universe, &sent.message));
        assert_eq!((read.created_at, read.published_at), (instant(1), None));
    }
    assert_eq!(subject.store.outbox_list(ENVIRONMENT, 2, 3).await.expect("reads"), read[2..5]);
}
