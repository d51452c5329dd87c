//! Undoing: the database is what it was, to the byte.

use universe_core::planner::Holds;
use universe_store::Store as _;

use crate::harness::{ENVIRONMENT, Older};

#[tokio::test]
async fn undoing_puts_everything_back() {
    let Some(older) = Older::new(3000).await else { return };
    older.adopt().await;
    let plan = older.undo().await.expect("undoes");
    assert_eq!((plan.losses.len(), plan.stays.len()), (0, 0), "{plan:?}");
    assert_eq!((plan.entries_restored, plan.symbols_restored), (0, 0));
    assert!(plan.drops_schema);
    older.assert_as_it_was().await;
    // As if nothing had been: it can be adopted again.
    older.adopt().await;
    older.assert_rows_untouched().await;
}

#[tokio::test]
async fn undoing_after_runs_puts_back_what_they_rewrote() {
    let Some(older) = Older::new(3000).await else { return };
    let adoption = older.adopt().await;
    older.sync(&adoption, Holds::Wait).await;
    older.sync(&adoption, Holds::Release).await;
    let plan = older.undo().await.expect("undoes");
    assert!(plan.losses.iter().any(|loss| loss.starts_with("the history of 2 runs")), "{plan:?}");
    assert!(plan.losses.iter().all(|loss| !loss.contains("other programs")), "{plan:?}");
    assert!(plan.entries_restored > 5 && plan.entries_deleted > 5 && plan.symbols_restored > 100, "{plan:?}");
    older.assert_as_it_was().await;
}

#[tokio::test]
async fn what_other_programs_wrote_since_is_named() {
    let Some(older) = Older::new(50).await else { return };
    let adoption = older.adopt().await;
    older.sync(&adoption, Holds::Release).await;
    let changes = "
        update cache_entries set value = '[\"V\"]' where key = 'my_picks';
        update symbols set sector = 'Fintech', last_updated = now() where symbol = 'V';
        insert into symbols (symbol, name, type) values ('NEW', 'New Corp.', 'CS');
        insert into cache_entries (type, name, key, value) values ('stock_universe', 'Theirs', 'theirs', '[]');
        insert into cache_entries (type, name, key, value) values ('app_settings', 'Later', 'later', '1')";
    older.client.batch_execute(changes).await.expect("changes");
    let plan = older.undo().await.expect("undoes");
    let named = "what other programs wrote since into 1 row of cache_entries: stock_universe:my_picks";
    assert!(plan.losses.iter().any(|loss| loss == named), "{plan:?}");
    assert_eq!(plan.stays, ["what other programs wrote since into 1 row of symbols", "1 listing that came since"]);
    let kept = older.value("select to_jsonb(sector) from symbols where symbol = 'V'").await;
    assert_eq!(kept, serde_json::json!("Fintech"));
    let theirs = older.value("select to_jsonb(count(*)) from cache_entries where key in ('theirs', 'later')").await;
    assert_eq!(theirs, serde_json::json!(2));
}

#[tokio::test]
async fn a_database_that_was_set_up_before_stays_set_up() {
    let Some(older) = Older::new(50).await else { return };
    older.store.migrate("2024-03-05T00:00:00Z".parse().expect("an instant")).await.expect("migrates");
    let adoption = older.adopt().await;
    older.sync(&adoption, Holds::Release).await;
    let plan = older.undo().await.expect("undoes");
    assert!(!plan.drops_schema);
    older.assert_rows_untouched().await;
    assert_eq!(older.store.head_version(ENVIRONMENT).await.expect("reads"), 0);
    assert!(older.store.migration_list().await.expect("lists").iter().all(|migration| migration.applied_at.is_some()));
    older.adopt().await;
}

#[tokio::test]
async fn a_view_that_was_made_since_is_no_collateral_damage() {
    let Some(older) = Older::new(50).await else { return };
    older.adopt().await;
    let view = "create view members as select universe, content from cache_entries";
    older.client.batch_execute(view).await.expect("makes a view");
    let error = older.undo().await.expect_err("is refused").to_string();
    assert!(error.contains("view members") && error.contains("drop that first"), "{error}");
    assert!(older.store.adoption_find(ENVIRONMENT).await.expect("reads").is_some(), "nothing was changed");
    older.client.batch_execute("drop view members").await.expect("drops it");
    older.undo().await.expect("undoes");
    older.assert_as_it_was().await;
}
