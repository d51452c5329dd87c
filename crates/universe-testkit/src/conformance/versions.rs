//! Runs as versions of the memberships, and what puts an earlier one back.

use universe_core::plan::{Cause, Plan};
use universe_core::planner::{Wanted, WantedMembers, plan_restore};
use universe_core::state::RuleMark;
use universe_core::{Category, UniverseId};
use universe_store::Needs;
use uuid::Uuid;

use super::Subject;
use crate::builders::{
    ENVIRONMENT, MONDAY, RULES, TUESDAY, apply, instant, rules, run_record, six_listings, snapshot, stock, symbols,
    sync, universe,
};

const CAUSE: Cause = Cause::Rollback { run_id: Uuid::from_u128(1) };

/// Plans that universes become what is wanted, on what the store holds.
async fn restoring(subject: &Subject, wanted: &[Wanted]) -> Plan {
    let needs = Needs { company_names: false, details: false, facts: Vec::new(), returns: true };
    let observation = subject.store.observation_read(TUESDAY, &needs).await.expect("observes");
    let state = subject.store.state_read(ENVIRONMENT, TUESDAY).await.expect("reads the state");
    plan_restore(&observation, &rules(RULES), &state, wanted, CAUSE)
}

fn wanted(id: UniverseId, rule: &str, members: &[&str]) -> Wanted {
    Wanted::Members(WantedMembers {
        name: id.key().to_owned(),
        id,
        category: Category::Theme,
        rule: RuleMark { name: rule.to_owned(), version: "here".to_owned() },
        is_ranked: rule == "rankings",
        members: symbols(members),
    })
}

async fn members(subject: &Subject, id: &UniverseId) -> Vec<String> {
    let found = subject.store.member_list(ENVIRONMENT, id, None, None).await.expect("reads").expect("is known");
    found.members.into_iter().map(|member| member.symbol.to_string()).collect()
}

/// Versions come in order, with the numbers that memberships name.
pub async fn versions_are_listed_in_order(subject: &Subject) {
    assert_eq!(subject.store.version_list(ENVIRONMENT).await.expect("reads"), []);
    let first = sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let second = sync(subject.store(), &snapshot(TUESDAY, [stock("NVDA", 9_000.0, 2_500)]), 2).await;
    let mut failed = run_record(&second, 3);
    failed.status = "failed".to_owned();
    subject.store.run_close(&failed, &[]).await.expect("writes");
    let versions = subject.store.version_list(ENVIRONMENT).await.expect("reads");
    let shown: Vec<_> =
        versions.iter().map(|v| (v.run_number, v.run_id, v.session, v.status.as_str(), v.recorded_at)).collect();
    let id = |plan: &Plan, number| run_record(plan, number).run_id;
    assert_eq!(
        shown,
        [
            (1, id(&first, 1), Some(MONDAY), "completed", instant(1)),
            (2, id(&second, 2), Some(TUESDAY), "completed", instant(2)),
            (3, id(&second, 3), Some(TUESDAY), "failed", instant(3)),
        ]
    );
    let opened = subject.store.membership_list(ENVIRONMENT, None, None).await.expect("reads");
    assert!(opened.iter().all(|interval| versions.iter().any(|version| version.run_number == interval.opened_run)));
    assert_eq!(subject.store.version_list("OTHER").await.expect("reads"), []);
}

/// Members that are put in their place are written as a run, with its reason, and the database stays sound.
pub async fn what_is_restored_is_a_run(subject: &Subject) {
    let top = universe("stock_universe:top_2");
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    sync(subject.store(), &snapshot(TUESDAY, [stock("NVDA", 9_000.0, 2_500)]), 2).await;
    assert_eq!(members(subject, &top).await, ["NVDA", "MSFT"]);
    let plan = restoring(subject, &[wanted(top.clone(), "rankings", &["MSFT", "AAPL"])]).await;
    apply(subject.store(), &plan, 3).await.expect("applies");
    assert_eq!(members(subject, &top).await, ["MSFT", "AAPL"]);
    let audit = subject.store.audit_list(ENVIRONMENT, 0, 1_000).await.expect("reads");
    let last = audit.last().expect("an entry");
    assert_eq!(last.reason, format!("1 added, 1 removed by {CAUSE}"));
    let intervals = subject.store.membership_list(ENVIRONMENT, Some(&top), None).await.expect("reads");
    let nvda = intervals.iter().find(|interval| interval.symbol.as_str() == "NVDA").expect("was a member");
    assert_eq!(
        (nvda.valid_from, nvda.valid_to, nvda.closed_reason.as_deref()),
        (TUESDAY, Some(TUESDAY), Some("restored"))
    );
    let events = subject.store.outbox_list(ENVIRONMENT, 0, 1_000).await.expect("reads");
    let told = events.iter().rev().find(|event| event.universe == Some((top.clone(), 3))).expect("an event");
    assert_eq!(told.message["payload"]["reason"], format!("{CAUSE}: 1 added, 1 removed"));
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// A list is stored and removed in the transaction of the run whose members it decides; a refused one leaves it.
pub async fn lists_go_with_the_run(subject: &Subject) {
    let mine = universe("stock_universe:mine");
    sync(subject.store(), &snapshot(TUESDAY, six_listings()), 1).await;
    let plan = restoring(subject, &[wanted(mine.clone(), "import", &["MSFT", "AAPL"])]).await;
    apply(subject.store(), &plan, 2).await.expect("applies");
    let list = |state: universe_core::state::State| state.imports.get(&mine).map(|list| list.symbols.clone());
    let state = subject.store.state_read(ENVIRONMENT, TUESDAY).await.expect("reads");
    assert_eq!(list(state), Some(symbols(&["AAPL", "MSFT"])));
    let stale = apply(subject.store(), &plan, 3).await;
    assert!(matches!(stale, Err(universe_store::StoreError::Stale { .. })), "{stale:?}");
    let gone = restoring(subject, &[Wanted::Gone(mine.clone())]).await;
    let before = subject.dump().await;
    let mut refused = gone.clone();
    refused.base_version -= 1;
    apply(subject.store(), &refused, 3).await.expect_err("is stale");
    assert_eq!(subject.dump().await, before);
    apply(subject.store(), &gone, 3).await.expect("applies");
    let state = subject.store.state_read(ENVIRONMENT, TUESDAY).await.expect("reads");
    assert_eq!((list(state.clone()), state.universes.get(&mine)), (None, None));
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}
