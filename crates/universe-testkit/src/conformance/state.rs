//! Reading what the last run left behind.

use universe_core::state::State;
use universe_store::UniverseRecord;

use super::Subject;
use crate::builders::{
    ENVIRONMENT, MONDAY, RULES, TUESDAY, load, plan, rules, six_listings, snapshot, symbols, sync, sync_by, universe,
};

/// Nothing was synchronized yet, and that is no error.
pub async fn an_empty_database_has_an_empty_state(subject: &Subject) {
    assert_eq!(state(subject, ENVIRONMENT).await, State::default());
    assert_eq!(subject.store.universe_list(ENVIRONMENT).await.expect("reads"), []);
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// What was applied is what is read: a second run of the session would change nothing.
pub async fn a_second_run_has_nothing_to_do(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let again = plan(subject.store(), MONDAY, &rules(RULES)).await;
    assert!(again.is_empty(), "{again:?}");
    let state = state(subject, ENVIRONMENT).await;
    assert_eq!((state.version, state.last_session, state.held), (1, Some(MONDAY), None));
    assert_eq!(state.universes.len(), 5);
    let top = &state.universes[&universe("stock_universe:top_2")];
    assert_eq!((top.name.as_str(), top.sequence, top.entry_is_intact), ("Top 2", 1, true));
    assert_eq!(top.members, symbols(&["MSFT", "AAPL"]));
    assert_eq!(top.reconstituted_session, Some(MONDAY));
    assert_eq!(top.rule.as_ref().map(|mark| mark.name.as_str()), Some("rankings"));
}

/// Whatever shape older writers left, the members are read; what cannot be read has none, and is no error.
pub async fn entries_of_other_programs_are_read_in_every_shape(subject: &Subject) {
    for (key, value) in [
        ("a_list", r#"["SPY", "BRK-B"]"#),
        ("b_symbols", r#"{"symbols": ["SPY", "BRK/B"], "count": 2}"#),
        ("c_value", r#"{"value": ["SPY", "BRK.B"]}"#),
        ("d_stocks", r#"{"stocks": [{"ticker": "SPY", "name": "x"}, {"ticker": "BRK.B"}]}"#),
        ("e_etfs", r#"{"etfs": [{"symbol": "SPY"}, {"symbol": "BRK.B"}]}"#),
        ("f_unreadable", r#"{"members": 7}"#),
        ("Weird Key", r#"["SPY", "BRK.B"]"#),
    ] {
        put_entry(subject, "stock_universe", key, value).await;
    }
    put_entry(subject, "app_settings", "g_other", r#"["SPY"]"#).await;
    let state = state(subject, ENVIRONMENT).await;
    assert_eq!(state.universes.len(), 7);
    for (id, found) in &state.universes {
        let expected = if id.key() == "f_unreadable" { Vec::new() } else { symbols(&["SPY", "BRK.B"]) };
        assert_eq!(found.members, expected, "{id}");
        assert!(found.rule.is_none() && found.entry_is_intact && found.sequence == 0, "{id}");
        assert_eq!((found.category, found.reconstituted_session), (None, None), "{id}");
    }
    let listed: Vec<UniverseRecord> = subject.store.universe_list(ENVIRONMENT).await.expect("reads");
    assert!(listed.iter().all(|universe| universe.rule.is_none() && universe.category.as_deref() == Some("odd")));
    assert_eq!(listed.iter().map(|universe| universe.count).sum::<usize>(), 12);
}

/// An older key that repeats a universe is a row for older programs, and nothing that is planned or listed.
pub async fn mirrors_are_no_universes(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let mirror = universe("etf_universe:etf_core");
    assert_eq!(subject.value("select count(*) from cache_entries where key = 'etf_core'").await, "1");
    assert!(!state(subject, ENVIRONMENT).await.universes.contains_key(&mirror));
    let listed = subject.store.universe_list(ENVIRONMENT).await.expect("reads");
    assert!(listed.iter().all(|universe| universe.id != mirror));
}

/// An entry that somebody else changed or deleted shows, and the next run writes it anew.
pub async fn entries_that_others_changed_are_not_intact(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    subject
        .execute("update cache_entries set value = '[]', updated_at = '2030-01-01T00:00:00Z' where key = 'top_2'")
        .await;
    subject.execute("delete from cache_entries where key = 'mega_cap'").await;
    let state = state(subject, ENVIRONMENT).await;
    for (id, universe) in &state.universes {
        assert_eq!(universe.entry_is_intact, !["top_2", "mega_cap"].contains(&id.key()), "{id}");
    }
    let plan = sync_by(subject.store(), MONDAY, RULES, 2).await;
    assert_eq!(plan.universes.len(), 2);
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
    let value = subject.value("select value from cache_entries where key = 'top_2'").await;
    assert_eq!(serde_json::from_str::<Vec<String>>(&value).expect("JSON"), ["MSFT", "AAPL"]);
}

/// One environment knows nothing of another's universes, runs and numbers.
pub async fn environments_are_apart(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    load(subject.store(), &snapshot(TUESDAY, six_listings()), 2).await;
    assert_eq!(state(subject, "TEST").await, State::default());
    assert_eq!(subject.store.universe_list("TEST").await.expect("reads"), []);
    assert_eq!(subject.store.run_list("TEST", 10, 0).await.expect("reads"), []);
    assert_eq!(subject.store.audit_list("TEST", 0, 10).await.expect("reads"), []);
    assert_eq!(subject.store.outbox_list("TEST", 0, 10).await.expect("reads"), []);
    assert_eq!(subject.store.membership_list("TEST", None, None).await.expect("reads"), []);
    let top = universe("stock_universe:top_2");
    assert_eq!(subject.store.member_list("TEST", &top, None, None).await.expect("reads"), None);
}

/// Writes an entry as another program does.
pub(super) async fn put_entry(subject: &Subject, kind: &str, key: &str, value: &str) {
    let columns = "type, name, key, value, environment, universe_category, created_at, updated_at";
    let at = "'2024-01-02T03:04:05Z'";
    let sql = format!(
        "insert into cache_entries ({columns}) values ('{kind}', 'Old', '{key}', '{value}', 'DEFAULT', 'odd', {at}, {at})"
    );
    subject.execute(&sql).await;
}

async fn state(subject: &Subject, environment: &str) -> State {
    subject.store.state_read(environment, TUESDAY).await.expect("reads")
}
