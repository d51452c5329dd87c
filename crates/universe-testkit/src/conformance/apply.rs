//! Applying plans.

use serde_json::{Value, json};
use universe_core::market::MarketSession;
use universe_core::plan::Action;
use universe_store::{StoreError, open};

use super::Subject;
use super::state::put_entry;
use crate::builders::{
    ENVIRONMENT, MONDAY, RULES, TUESDAY, WEDNESDAY, apply, events, fund, instant, load, plan, rules, run_record,
    six_listings, snapshot, stock, symbol, symbols, sync, sync_by, universe,
};

/// Value, category and metadata are what every other program reads.
pub async fn writes_entries_as_the_contract_says(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let sql = "select name, value, environment, universe_category, universe_metadata from cache_entries
        where type = 'stock_universe' and key = 'top_2'";
    let row = subject.rows(sql).await.remove(0);
    let text = |at: usize| row[at].clone().expect("a text");
    assert_eq!((text(0), text(2), text(3)), ("Top 2".into(), "DEFAULT".into(), "market_leader".into()));
    assert_eq!(parsed(&text(1)), json!(["MSFT", "AAPL"]));
    let metadata = parsed(&text(4));
    let run_id = run_record(&plan(subject.store(), MONDAY, &rules(RULES)).await, 1).run_id;
    assert_eq!(metadata["last_updated"], instant(1).to_string());
    assert_eq!(metadata["rule"], "rankings");
    assert_eq!(metadata["run_id"], run_id.to_string());
    assert_eq!(metadata["session"], "2024-03-04");
    assert_eq!((&metadata["count"], &metadata["sequence"], &metadata["ranked"]), (&json!(2), &json!(1), &json!(true)));
    let created = "select created_at from cache_entries where key = 'top_2'";
    let first = subject.value(created).await;
    let rows = [stock("NVDA", 1_500.0, 2_500), stock("MSFT", 415.0, 7_430), stock("AAPL", 175.0, 15_400)];
    sync(subject.store(), &snapshot(TUESDAY, rows), 2).await;
    assert_eq!(subject.value(created).await, first);
    assert_eq!(value(subject, "top_2").await, json!(["NVDA", "MSFT"]));
}

/// Rows of other types and of other environments stay as they are, to the byte.
pub async fn keeps_rows_of_other_programs(subject: &Subject) {
    put_entry(subject, "app_settings", "theme", r#"{"dark":   true, "a": [1, 2.50]}"#).await;
    put_entry(subject, "cache_config", "top_2", r#"{"ttl": 30}"#).await;
    put_entry(subject, "stock_universe", "legacy", r#"["AAPL"]"#).await;
    subject.execute("update cache_entries set environment = 'STAGING' where key = 'legacy'").await;
    let sql = "select * from cache_entries where type = 'app_settings' or type = 'cache_config' or environment = 'STAGING' order by id";
    let before = subject.rows(sql).await;
    assert_eq!(before.len(), 3);
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    sync(subject.store(), &snapshot(TUESDAY, [stock("AAPL", 300.0, 15_400), fund("SPY", 1.0)]), 2).await;
    assert_eq!(subject.rows(sql).await, before);
}

/// A plan from a state that is no longer current is refused, and nothing is written.
pub async fn refuses_a_stale_plan(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let stale = plan(subject.store(), MONDAY, &rules(RULES)).await;
    apply(subject.store(), &stale, 1).await.expect("applies");
    let before = subject.dump().await;
    let error = apply(subject.store(), &stale, 2).await.expect_err("is stale");
    assert!(matches!(error, StoreError::Stale { expected: 0, current: 1 }), "{error:?}");
    assert!(!error.is_transient());
    assert_eq!(subject.dump().await, before);
}

/// A plan for a session before the newest one is refused: it would end memberships before they began.
pub async fn refuses_a_session_before_the_last(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let mut early = plan(subject.store(), MONDAY, &rules(RULES)).await;
    sync(subject.store(), &snapshot(TUESDAY, six_listings()), 1).await;
    early.base_version = 1;
    let before = subject.dump().await;
    let error = apply(subject.store(), &early, 2).await.expect_err("is too late");
    assert!(matches!(error, StoreError::Inconsistent { table: "head", .. }), "{error:?}");
    assert_eq!(subject.dump().await, before);
    let state = subject.store.state_read(ENVIRONMENT, MONDAY).await.expect("reads");
    assert_eq!(state.last_session, Some(TUESDAY));
}

/// Who is only going to be listed is nobody yet: in no universe, and not delisted either.
pub async fn loading_ahead_decides_the_same(subject: &Subject) {
    let mut later = six_listings();
    later[3] = stock("NVDA", 1_300.0, 2_500);
    later[1] = stock("GME", 15.0, 3_000);
    later.push(stock("ALAB", 4_000.0, 1_000));
    load(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    load(subject.store(), &snapshot(TUESDAY, later), 2).await;
    let first = sync_by(subject.store(), MONDAY, RULES, 1).await;
    assert!(first.delistings.is_empty() && first.symbols.iter().all(|listing| listing.as_str() != "ALAB"));
    assert_eq!(value(subject, "top_2").await, json!(["MSFT", "AAPL"]));
    assert_eq!(value(subject, "mid_cap").await, json!(["GME"]));
    let active = "select count(*) from symbols where not cast(is_active as boolean) or delisted_date is not null";
    assert_eq!(subject.value(active).await, "0");
    assert!(plan(subject.store(), MONDAY, &rules(RULES)).await.is_empty());
    sync_by(subject.store(), TUESDAY, RULES, 2).await;
    assert_eq!(value(subject, "top_2").await, json!(["ALAB", "NVDA"]));
    assert_eq!(value(subject, "large_cap").await, json!(["GME"]));
    assert_eq!(subject.value(active).await, "0");
    let found = subject.store.membership_list(ENVIRONMENT, None, Some(&symbol("ALAB"))).await.expect("reads");
    assert!(found.iter().all(|membership| membership.valid_from == TUESDAY), "{found:?}");
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// A write that fails near the end undoes everything before it.
pub async fn a_conflict_writes_nothing(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    load(subject.store(), &snapshot(TUESDAY, [stock("NVDA", 1_500.0, 2_500), fund("SPY", 512.0)]), 2).await;
    let plan = plan(subject.store(), TUESDAY, &rules(RULES)).await;
    assert!(plan.changed_universes().count() > 0 && !plan.caps_moved.is_empty());
    let record = run_record(&plan, 2);
    let mut events = events(&plan, &record);
    let taken = subject.store.outbox_list(ENVIRONMENT, 0, 1).await.expect("reads").remove(0);
    events.last_mut().expect("events").id = taken.id;
    let before = subject.dump().await;
    let error = subject.store.run_apply(&plan, &record, &events).await.expect_err("conflicts");
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    assert_eq!(subject.dump().await, before);
    // The number of a run that exists is as taken as that of an event.
    let record = run_record(&plan, 1);
    let error = subject.store.run_apply(&plan, &record, &[]).await.expect_err("conflicts");
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    assert_eq!(subject.dump().await, before);
    apply(subject.store(), &plan, 2).await.expect("applies after all");
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// Of two runs that were planned from one state exactly one happens.
pub async fn one_of_two_runs_is_stale(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let plan = plan(subject.store(), MONDAY, &rules(RULES)).await;
    let other = open(&subject.uri).await.expect("opens");
    let (a, b) = tokio::join!(apply(subject.store(), &plan, 1), apply(&*other, &plan, 2));
    let stale = |result: &Result<(), StoreError>| matches!(result, Err(StoreError::Stale { expected: 0, current: 1 }));
    assert!((a.is_ok() && stale(&b)) || (stale(&a) && b.is_ok()), "{a:?} {b:?}");
    assert_eq!(subject.store.run_list(ENVIRONMENT, 10, 0).await.expect("reads").len(), 1);
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// A listing that crosses a breakpoint leaves one band and enters the other, with reason and figures.
pub async fn moves_members_between_bands(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let mut rows = six_listings();
    rows[1] = stock("GME", 48.0, 305);
    sync(subject.store(), &snapshot(TUESDAY, rows), 2).await;
    assert_eq!(value(subject, "mid_cap").await, json!([]));
    assert_eq!(value(subject, "large_cap").await, json!(["GME"]));
    let found = subject.store.membership_list(ENVIRONMENT, None, Some(&symbol("GME"))).await.expect("reads");
    assert_eq!(found.len(), 2);
    let (old, new) = (&found[0], &found[1]);
    assert_eq!((old.universe.key(), old.valid_from, old.valid_to), ("mid_cap", MONDAY, Some(TUESDAY)));
    assert_eq!((old.opened_run, old.closed_run), (1, Some(2)));
    assert_eq!((old.opened_reason.as_str(), old.closed_reason.as_deref()), ("in_band", Some("out_of_band")));
    assert_eq!(old.opened_cap.map(|cap| cap.0), Some(4_575_000_000));
    assert_eq!(old.closed_cap.map(|cap| cap.0), Some(14_640_000_000));
    assert_eq!((new.universe.key(), new.valid_from, new.valid_to, new.opened_run), ("large_cap", TUESDAY, None, 2));
    let top =
        subject.store.membership_list(ENVIRONMENT, Some(&universe("stock_universe:top_2")), None).await.expect("reads");
    let ranks: Vec<_> = top.iter().map(|m| (m.symbol.as_str(), m.opened_rank, m.opened_reason.as_str())).collect();
    assert_eq!(ranks, [("AAPL", Some(2), "rank_reached"), ("MSFT", Some(1), "rank_reached")]);
}

/// A universe without a rule goes with its members; with the rule it comes back, its history kept.
pub async fn retires_and_makes_anew(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    sync_by(subject.store(), MONDAY, &RULES[1..], 2).await;
    let top = universe("stock_universe:top_2");
    assert_eq!(subject.value("select count(*) from cache_entries where key = 'top_2'").await, "0");
    let state = subject.store.state_read(ENVIRONMENT, MONDAY).await.expect("reads");
    assert!(!state.universes.contains_key(&top));
    assert_eq!(state.retired.iter().collect::<Vec<_>>(), [(&top, &2)]);
    let listed = subject.store.universe_list(ENVIRONMENT).await.expect("reads");
    assert!(listed.iter().all(|universe| universe.id != top));
    load(subject.store(), &snapshot(TUESDAY, six_listings()), 3).await;
    let plan = sync_by(subject.store(), TUESDAY, RULES, 3).await;
    let made = plan.universes.iter().find(|universe| universe.id == top).expect("is made");
    // Followers count on from the change that retired it.
    assert_eq!((made.action, made.sequence), (Action::Created, 3));
    assert!(subject.store.state_read(ENVIRONMENT, TUESDAY).await.expect("reads").retired.is_empty());
    assert_eq!(value(subject, "top_2").await, json!(["MSFT", "AAPL"]));
    let found = subject.store.membership_list(ENVIRONMENT, Some(&top), Some(&symbol("MSFT"))).await.expect("reads");
    let spans: Vec<_> = found.iter().map(|m| (m.valid_from, m.valid_to, m.closed_reason.as_deref())).collect();
    assert_eq!(spans, [(MONDAY, Some(MONDAY), Some("universe_retired")), (TUESDAY, None, None)]);
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// The retirement of another program's entry was told as a change: a universe in its place counts on from it.
pub async fn counts_on_after_entries_of_other_programs(subject: &Subject) {
    put_entry(subject, "stock_universe", "top_2", r#"["AAPL"]"#).await;
    load(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    sync_by(subject.store(), MONDAY, &RULES[1..], 1).await;
    let top = universe("stock_universe:top_2");
    for (run, files, sequence) in [(2, RULES, 2), (3, &RULES[1..], 3)] {
        let plan = sync_by(subject.store(), MONDAY, files, run).await;
        let changed = plan.universes.iter().find(|universe| universe.id == top).expect("is changed");
        assert_eq!(changed.sequence, sequence);
    }
    put_entry(subject, "stock_universe", "top_2", r#"["AAPL"]"#).await;
    sync_by(subject.store(), MONDAY, &RULES[1..], 4).await;
    let state = subject.store.state_read(ENVIRONMENT, MONDAY).await.expect("reads");
    assert_eq!(state.retired.get(&top), Some(&4));
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// An entry of another program under a key that a rule defines becomes ours, with all its members.
pub async fn takes_over_entries_of_other_programs(subject: &Subject) {
    put_entry(subject, "stock_universe", "top_2", r#"{"stocks": [{"ticker": "AAPL"}, {"ticker": "GE"}]}"#).await;
    put_entry(subject, "stock_universe", "mid_cap", r#"{"symbols": ["GME"]}"#).await;
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    assert_eq!(value(subject, "top_2").await, json!(["MSFT", "AAPL"]));
    assert_eq!(value(subject, "mid_cap").await, json!(["GME"]));
    assert_eq!(subject.value("select count(*) from cache_entries where key in ('top_2', 'mid_cap')").await, "2");
    let top = universe("stock_universe:top_2");
    let found = subject.store.membership_list(ENVIRONMENT, Some(&top), None).await.expect("reads");
    let open: Vec<_> = found.iter().map(|m| (m.symbol.as_str(), m.valid_to)).collect();
    assert_eq!(open, [("AAPL", None), ("MSFT", None)]);
    let audit = subject.store.audit_list(ENVIRONMENT, 0, 100).await.expect("reads");
    let of = |id| audit.iter().find(|entry| entry.universe == Some(universe(id))).expect("an audit entry");
    assert_eq!(of("stock_universe:top_2").detail["value"], json!({"stocks": [{"ticker": "AAPL"}, {"ticker": "GE"}]}));
    assert_eq!(of("stock_universe:mid_cap").detail["value"], json!({"symbols": ["GME"]}));
    assert!(plan(subject.store(), MONDAY, &rules(RULES)).await.is_empty());
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// An entry of another program that nothing defines goes, and what it said is kept with the audit entry.
pub async fn keeps_values_that_are_retired(subject: &Subject) {
    put_entry(subject, "etf_universe", "old_etfs", r#"{"etfs": [{"symbol": "SPY"}]}"#).await;
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    assert_eq!(subject.value("select count(*) from cache_entries where key = 'old_etfs'").await, "0");
    let audit = subject.store.audit_list(ENVIRONMENT, 0, 100).await.expect("reads");
    let id = universe("etf_universe:old_etfs");
    let entry = audit.iter().find(|entry| entry.universe.as_ref() == Some(&id)).expect("an audit entry");
    assert_eq!((entry.action.as_str(), entry.actor.as_str()), ("retired", "cli"));
    assert_eq!(entry.detail["value"], json!({"etfs": [{"symbol": "SPY"}]}));
    assert!(plan(subject.store(), MONDAY, &rules(RULES)).await.is_empty());
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// The older key has the same members, follows every change, and goes with its universe.
pub async fn mirrors_follow_and_go(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    assert_eq!(value(subject, "etf_core").await, value(subject, "index_broad_market").await);
    let metadata = subject.value("select universe_metadata from cache_entries where key = 'etf_core'").await;
    assert_eq!(parsed(&metadata)["mirror_of"], "index_broad_market");
    let other = "type = \"etf_universe\"\ncategory = \"etf\"\nchange_limit = { off = true }\n[universe]\n\
        key = \"index_broad_market\"\nname = \"Broad\"\nmirrors = [\"etf_basis\"]\nsymbols = [\"SPY\"]\n";
    let files = [RULES[0], RULES[1], ("etf_broad_market.toml", other)];
    sync_by(subject.store(), MONDAY, &files, 2).await;
    assert_eq!(value(subject, "etf_basis").await, json!(["SPY"]));
    let keys = "select key from cache_entries where type = 'etf_universe' order by key";
    let keys = async || subject.rows(keys).await.concat().into_iter().flatten().collect::<Vec<String>>();
    assert_eq!(keys().await, ["etf_basis", "index_broad_market"]);
    sync_by(subject.store(), MONDAY, &RULES[..2], 3).await;
    assert_eq!(keys().await, [""; 0]);
}

/// A held change leaves members and entry as they were; the hold is remembered, so that it is news once.
pub async fn holds_are_remembered(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let before = subject.rows("select * from cache_entries where key = 'index_broad_market'").await;
    let other = RULES[2].1.replace("\"QQQ\"", "\"IWM\", \"DIA\"");
    let files = [RULES[0], RULES[1], ("etf_broad_market.toml", other.as_str())];
    load(subject.store(), &snapshot(MONDAY, [fund("DIA", 390.0), fund("IWM", 205.0)]), 2).await;
    let mut rows = six_listings();
    rows.extend([fund("DIA", 390.0), fund("IWM", 205.0)]);
    load(subject.store(), &snapshot(MONDAY, rows), 3).await;
    let plan_held = sync_by(subject.store(), MONDAY, &files, 2).await;
    let held: Vec<_> = plan_held.held_universes().map(|(universe, _)| universe.id.key()).collect();
    assert_eq!(held, ["index_broad_market"]);
    let state = subject.store.state_read(ENVIRONMENT, MONDAY).await.expect("reads");
    assert!(state.held.is_some() && state.held == plan_held.held);
    assert_eq!(state.version, 2);
    assert_eq!(state.universes[&universe("etf_universe:index_broad_market")].members.len(), 2);
    assert_eq!(subject.rows("select * from cache_entries where key = 'index_broad_market'").await, before);
    let audit = subject.store.audit_list(ENVIRONMENT, 0, 100).await.expect("reads");
    assert!(audit.iter().any(|entry| entry.action == "held"));
    assert!(plan(subject.store(), MONDAY, &rules(&files)).await.is_empty());
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// A cap that moved by more than a twentieth is rewritten; a smaller move is not.
pub async fn rewrites_caps_that_moved(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let mut rows = six_listings();
    (rows[0], rows[1]) = (stock("AAPL", 176.0, 15_400), stock("GME", 18.0, 305));
    let plan = sync(subject.store(), &snapshot(TUESDAY, rows), 2).await;
    assert_eq!(plan.caps_moved.len(), 1);
    let caps =
        subject.rows("select symbol, market_cap from symbols where symbol in ('AAPL', 'GME') order by symbol").await;
    let expected = [["AAPL", "2695000000000"], ["GME", "5490000000"]];
    assert_eq!(caps, expected.map(|row| row.map(|text| Some(text.to_owned())).to_vec()));
    let audit = subject.store.audit_list(ENVIRONMENT, 0, 100).await.expect("reads");
    assert!(audit.iter().any(|entry| entry.action == "market_caps_rewritten"));
}

/// A listing that was missing for long is delisted from the session on; its memberships end.
pub async fn records_delistings(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let mut session = MONDAY;
    for number in 2..12 {
        session = session.tomorrow().expect("a day");
        let rows = six_listings().into_iter().filter(|row| row.listing.symbol != symbol("GME"));
        load(subject.store(), &snapshot(session, rows), number).await;
    }
    let plan = sync_by(subject.store(), session, RULES, 12).await;
    assert_eq!(plan.delistings.len(), 1);
    let row = subject.rows("select is_active, delisted_date from symbols where symbol = 'GME'").await.remove(0);
    assert!(["0", "f"].contains(&row[0].as_deref().expect("a flag")));
    assert_eq!(row[1], Some(session.to_string()));
    assert_eq!(value(subject, "mid_cap").await, json!([]));
    let found = subject.store.membership_list(ENVIRONMENT, None, Some(&symbol("GME"))).await.expect("reads");
    assert_eq!((found[0].valid_to, found[0].closed_reason.as_deref()), (Some(session), Some("delisted")));
    let audit = subject.store.audit_list(ENVIRONMENT, 0, 100).await.expect("reads");
    let entry = audit.iter().find(|entry| entry.action == "delisted").expect("an audit entry");
    assert_eq!(entry.symbol, Some(symbol("GME")));
}

/// Runs, audit entries and events are numbered from one, without gaps, over runs of all kinds.
pub async fn numbers_have_no_gaps(subject: &Subject) {
    let first = sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let failed = run_record(&first, 2);
    subject.store.run_close(&failed, &[]).await.expect("writes");
    let mut rows = six_listings();
    rows[1] = stock("GME", 48.0, 305);
    sync(subject.store(), &snapshot(TUESDAY, rows), 3).await;
    let audit = subject.store.audit_list(ENVIRONMENT, 0, 1_000).await.expect("reads");
    assert!(audit.iter().map(|entry| entry.number).eq(1..=i64::try_from(audit.len()).expect("few")));
    let outbox = subject.store.outbox_list(ENVIRONMENT, 0, 1_000).await.expect("reads");
    assert!(outbox.iter().map(|event| event.number).eq(1..=i64::try_from(outbox.len()).expect("few")));
    let numbers = subject.rows("select run_number from {run} order by run_number").await.concat();
    assert_eq!(numbers, ["1", "2", "3"].map(|text| Some(text.to_owned())));
    let version = subject.store.state_read(ENVIRONMENT, TUESDAY).await.expect("reads").version;
    assert_eq!(version, 3);
}

/// The figures that a plan was made with are kept with it.
pub async fn keeps_the_figures_of_the_market(subject: &Subject) {
    let monday: Vec<_> = (0..25).map(|at| stock(&format!("S{at}"), 100.0, 100)).collect();
    let tuesday: Vec<_> = (0..25).map(|at| stock(&format!("S{at}"), 101.0, 100)).collect();
    load(subject.store(), &snapshot(MONDAY, monday), 1).await;
    let plan = sync(subject.store(), &snapshot(TUESDAY, tuesday), 2).await;
    let figures: Vec<MarketSession> = subject.store.market_session_list(WEDNESDAY).await.expect("reads");
    assert_eq!(figures, [plan.market.expect("enough listings").session]);
    assert_eq!(figures[0].listings, 25);
    let state = subject.store.state_read(ENVIRONMENT, MONDAY).await.expect("reads");
    assert_eq!(state.market, []);
}

/// Another process that opens the database finds everything.
pub async fn survives_being_opened_again(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let other = open(&subject.uri).await.expect("opens");
    let (a, b) = tokio::join!(subject.store.state_read(ENVIRONMENT, MONDAY), other.state_read(ENVIRONMENT, MONDAY));
    let state = a.expect("reads");
    assert_eq!(state, b.expect("reads"));
    assert_eq!(state.universes[&universe("stock_universe:mega_cap")].members, symbols(&["AAPL", "MSFT", "NVDA"]));
}

async fn value(subject: &Subject, key: &str) -> Value {
    parsed(&subject.value(&format!("select value from cache_entries where key = '{key}'")).await)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}
