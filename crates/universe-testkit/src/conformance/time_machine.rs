//! Corrections of the recorded past, and what sources say of it.

use std::collections::BTreeSet;

use jiff::civil::Date;
use universe_core::Symbol;
use universe_core::constituents::{ConstituentInterval, ConstituentRecord, Dating};
use universe_core::plan::{PastChange, PastInterval, Plan, PlannedPresent, RecordedInterval, plan_past};
use universe_core::state::Override;
use universe_store::{KeptSource, MembershipRecord, OverrideRecord, StoreError};
use uuid::Uuid;

use super::Subject;
use crate::builders::{
    ENVIRONMENT, MONDAY, RULES, TUESDAY, WEDNESDAY, apply, instant, plan, rules, six_listings, snapshot, stock, symbol,
    sync, universe,
};

const TOP: &str = "stock_universe:top_2";

async fn members(subject: &Subject, as_of: Date, known_at: Option<u32>) -> String {
    let found = subject.store.member_list(ENVIRONMENT, &universe(TOP), Some(as_of), known_at.map(instant)).await;
    let found = found.expect("reads").expect("there");
    found.members.iter().map(|member| member.symbol.as_str()).collect::<Vec<_>>().join(" ")
}

/// Plans what makes the past as wanted, on top of a run that has nothing else to do.
async fn correction(subject: &Subject, wanted: &[(&str, Date, Option<Date>)]) -> Plan {
    let mut plan = plan(subject.store(), WEDNESDAY, &rules(RULES)).await;
    let rows = subject.store.membership_list(ENVIRONMENT, Some(&universe(TOP)), None).await.expect("reads");
    let recorded: Vec<RecordedInterval> =
        rows.into_iter().filter(MembershipRecord::is_in_force).map(RecordedInterval::from).collect();
    let wanted: Vec<PastInterval> = wanted
        .iter()
        .map(|(text, valid_from, valid_to)| PastInterval {
            symbol: symbol(text),
            valid_from: *valid_from,
            valid_to: *valid_to,
        })
        .collect();
    let now: BTreeSet<Symbol> = ["MSFT", "NVDA"].map(symbol).into();
    let (superseded, intervals) = plan_past(&recorded, &wanted, PlannedPresent { session: WEDNESDAY, members: &now });
    let source = "the exchange's announcement".to_owned();
    plan.past = vec![PastChange { id: universe(TOP), reason: "corrected", source, superseded, intervals }];
    plan
}

/// Two runs: AAPL leads with MSFT on Monday, NVDA takes its place on Wednesday.
async fn two_runs(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let mut rows = six_listings();
    rows[3] = stock("NVDA", 2_000.0, 2_500);
    sync(subject.store(), &snapshot(WEDNESDAY, rows), 2).await;
}

/// A correction changes what is answered for the past from then on, and not what was answered before.
pub async fn a_corrected_past_answers_anew_and_is_remembered(subject: &Subject) {
    two_runs(subject).await;
    // NVDA had led since Tuesday, and MSFT only came then. What NVDA is since Wednesday is part of the whole.
    let wanted = [("AAPL", MONDAY, Some(TUESDAY)), ("NVDA", TUESDAY, None), ("MSFT", TUESDAY, None)];
    let plan = correction(subject, &wanted).await;
    assert!(!plan.is_empty());
    apply(subject.store(), &plan, 3).await.expect("applies");
    for (as_of, before, after) in
        [(MONDAY, "AAPL MSFT", "AAPL"), (TUESDAY, "AAPL MSFT", "MSFT NVDA"), (WEDNESDAY, "MSFT NVDA", "MSFT NVDA")]
    {
        assert_eq!(members(subject, as_of, None).await, after, "as of {as_of}");
        assert_eq!(members(subject, as_of, Some(3)).await, after, "as of {as_of}, known with the correction");
        assert_eq!(members(subject, as_of, Some(2)).await, before, "as of {as_of}, known before");
    }
    assert_eq!(members(subject, TUESDAY, Some(1)).await, "AAPL MSFT", "known before the second run");
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
    let audit = subject.store.audit_list(ENVIRONMENT, 0, 100).await.expect("reads");
    let told = audit.iter().find(|entry| entry.action == "history_rewritten").expect("an audit entry");
    assert_eq!(told.reason, "3 intervals superseded, 3 added by the exchange's announcement");
    // The same again has nothing to do.
    assert!(correction(subject, &wanted).await.past.iter().all(PastChange::is_empty));
}

/// A correction of a correction finds both.
pub async fn a_past_may_be_corrected_twice(subject: &Subject) {
    two_runs(subject).await;
    let first = correction(subject, &[("NVDA", MONDAY, None), ("MSFT", MONDAY, None)]).await;
    apply(subject.store(), &first, 3).await.expect("applies");
    assert_eq!(members(subject, MONDAY, None).await, "MSFT NVDA");
    let second = correction(subject, &[("AAPL", MONDAY, Some(WEDNESDAY)), ("MSFT", MONDAY, None)]).await;
    apply(subject.store(), &second, 4).await.expect("applies");
    let answers = [(1, "AAPL MSFT"), (2, "AAPL MSFT"), (3, "MSFT NVDA"), (4, "AAPL MSFT")];
    for (known_at, expected) in answers {
        assert_eq!(members(subject, MONDAY, Some(known_at)).await, expected, "as known after run {known_at}");
    }
    assert_eq!(members(subject, WEDNESDAY, None).await, "MSFT NVDA");
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// Intervals that are not what the plan was made from are refused, and nothing is written.
pub async fn superseding_what_is_not_there_is_refused(subject: &Subject) {
    two_runs(subject).await;
    let mut plan = correction(subject, &[("MSFT", MONDAY, None)]).await;
    plan.past[0].superseded[0].opened_run = 77;
    let before = subject.dump().await;
    apply(subject.store(), &plan, 3).await.expect_err("refused");
    assert_eq!(subject.dump().await, before);
}

/// Sources are kept side by side; one that speaks again replaces what it said.
pub async fn sources_are_kept_side_by_side(subject: &Subject) {
    let record = |source: &str, by: Date, number: u32| KeptSource {
        record: content(source, by),
        quorum: 1 + number as usize,
        has_ended: number == 1,
        loaded_at: instant(number),
    };
    let (store, id) = (subject.store(), universe("stock_universe:index_sp500"));
    for source in [record("wiki", MONDAY, 0), record("mit", MONDAY, 1), record("wiki", TUESDAY, 2)] {
        store.constituent_source_put(ENVIRONMENT, &id, &source).await.expect("kept");
    }
    let kept = store.constituent_source_list(ENVIRONMENT, &id).await.expect("reads");
    assert_eq!(kept, [record("mit", MONDAY, 1), record("wiki", TUESDAY, 2)]);
    let other = store.constituent_source_list(ENVIRONMENT, &universe(TOP)).await.expect("reads");
    assert_eq!(other, []);
}

fn content(source: &str, by: Date) -> ConstituentRecord {
    ConstituentRecord {
        source: source.to_owned(),
        first: MONDAY,
        last: WEDNESDAY,
        knows_all: true,
        intervals: vec![ConstituentInterval {
            symbol: symbol("BRK.B"),
            from: Dating::by(by),
            until: Some(Dating::on(WEDNESDAY)),
        }],
    }
}

/// A word about a member is part of the state of the sessions that it holds for, until it is withdrawn or replaced.
pub async fn a_word_about_a_member_counts_while_it_holds(subject: &Subject) {
    let store = subject.store();
    let word = |number: u128, text: &str, from: Date, until: Option<Date>| OverrideRecord {
        override_id: Uuid::from_u128(number),
        content: Override {
            universe: universe(TOP),
            symbol: symbol(text),
            is_member: true,
            from,
            until,
            reason: "announced".to_owned(),
            actor: "anna".to_owned(),
        },
        recorded_at: instant(u32::try_from(number).expect("small")),
        withdrawn: None,
    };
    let (now, soon) = (word(1, "GME", MONDAY, Some(WEDNESDAY)), word(2, "BRK.B", WEDNESDAY, None));
    store.override_put(ENVIRONMENT, &now, None).await.expect("kept");
    store.override_put(ENVIRONMENT, &soon, None).await.expect("kept");
    let held = async |session: Date| -> Vec<Override> {
        store.state_read(ENVIRONMENT, session).await.expect("reads").overrides
    };
    assert_eq!(held(MONDAY).await, std::slice::from_ref(&now.content));
    assert_eq!(held(TUESDAY).await, std::slice::from_ref(&now.content));
    assert_eq!(held(WEDNESDAY).await, std::slice::from_ref(&soon.content));
    // The next run goes by it.
    sync(store, &snapshot(MONDAY, six_listings()), 1).await;
    assert_eq!(members(subject, MONDAY, None).await, "AAPL GME MSFT");

    let amended = word(3, "BRK.B", TUESDAY, None);
    store.override_put(ENVIRONMENT, &amended, Some(soon.override_id)).await.expect("replaced");
    assert_eq!(held(WEDNESDAY).await, std::slice::from_ref(&amended.content));
    let again = store.override_put(ENVIRONMENT, &word(4, "BRK.B", MONDAY, None), Some(soon.override_id)).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    assert!(store.override_withdraw(ENVIRONMENT, now.override_id, "bob", instant(9)).await.expect("withdrawn"));
    assert!(!store.override_withdraw(ENVIRONMENT, now.override_id, "bob", instant(10)).await.expect("known"));
    assert_eq!(held(MONDAY).await, []);
    let all = store.override_list(ENVIRONMENT).await.expect("reads");
    let withdrawals: Vec<_> = all.iter().map(|w| w.withdrawn.as_ref().map(|w| (w.by.as_str(), w.at))).collect();
    assert_eq!(withdrawals, [Some(("bob", instant(9))), Some(("anna", instant(3))), None]);
    assert_eq!((all.len(), &all[2]), (3, &amended));
}
