//! `universe adopt` as people meet it: what it shows, asks, writes beside the database, and takes back.

use std::collections::BTreeMap;

use tokio_postgres::{Client, NoTls};
use universe_testkit::older_database::{self, Rows, Shape};

use crate::harness::Place;

struct Older {
    place: Place,
    client: Client,
    shape: Shape,
    rows: BTreeMap<String, String>,
}

const RULES: (&str, &str) = ("UNIVERSE__RULES__DIRECTORY", "rules");

impl Older {
    async fn new() -> Option<Self> {
        let place = Place::on_empty_postgres()?;
        let uri = place.postgres_uri().expect("an address");
        let (client, connection) = tokio_postgres::connect(&uri, NoTls).await.expect("connects");
        tokio::spawn(connection);
        older_database::make(&client, 60).await;
        let shape = Shape::read(&client).await;
        let rows = shape.fingerprints(&client, Rows::All).await;
        Some(Self { place, client, shape, rows })
    }

    async fn assert_untouched(&self) {
        assert_eq!(self.shape.fingerprints(&self.client, Rows::Older).await, self.rows);
    }

    async fn has_schema(&self) -> bool {
        let sql = "select to_regnamespace('universe') is not null";
        self.client.query_one(sql, &[]).await.expect("asks").get(0)
    }
}

#[test]
fn an_embedded_database_is_nothing_to_adopt() {
    let place = Place::embedded();
    place.run(&["adopt", "--dry-run"]).refused(2, &["nothing to adopt", "--database postgresql://"]);
    assert!(!place.exists("universe.db"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_shows_everything_and_changes_nothing() {
    let Some(older) = Older::new().await else { return };
    let shown = older.place.run(&["adopt", "--dry-run"]).done();
    for part in [
        "schema universe",
        "column symbols.country",
        "index ohlcv_daily_date_idx",
        "rule file bands.toml",
        "stock_universe:theme_tech_mix_stocks + etf_universe:theme_tech_mix_etfs",
        "type user_pref, rows: 60",
        "left as it is: its value is neither a list",
    ] {
        assert!(shown.stdout.contains(part), "{part}:\n{}", shown.stdout);
    }
    assert!(shown.stderr.contains("need a place: set rules.directory"), "{}", shown.stderr);
    let planned = older.place.run(&["adopt", "--dry-run", "--format", "json"]).done().json();
    assert_eq!((&planned["status"], &planned["session"]), (&"planned".into(), &"2024-03-04".into()));
    assert_eq!(planned["adds"]["schema"], true);
    older.assert_untouched().await;
    assert!(!older.has_schema().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_unasked() {
    let Some(older) = Older::new().await else { return };
    let asked = older.place.run_in(&[RULES], &["adopt"]);
    assert_eq!(asked.code, 2, "{asked:?}");
    assert!(asked.stdout.contains("schema universe") && asked.stderr.contains("nobody is there to ask"), "{asked:?}");
    older.place.run(&["adopt", "--yes"]).refused(2, &["5 rule files", "rules.directory", "--no-rules"]);
    assert!(!older.has_schema().await && !older.place.exists("rules"));
    older.place.run(&["adopt", "--undo", "--yes"]).refused(1, &["was not adopted"]);
    older.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moves_in_runs_and_moves_out() {
    let Some(older) = Older::new().await else { return };
    let place = &older.place;
    let run = |arguments: &[&str]| place.run_in(&[RULES], arguments);
    let adopted = run(&["adopt", "--yes", "--format", "json"]).done().json();
    assert_eq!(adopted["status"], "adopted");
    older.assert_untouched().await;
    for file in ["bands.toml", "rankings.toml", "industry_banks.toml", "theme_dividend_aristocrats.toml"] {
        assert!(place.exists(&format!("rules/{file}")), "{file}");
    }
    run(&["rules", "check"]).done();
    assert_eq!(
        run(&["show", "watch", "--format", "json"]).done().json()["symbols"],
        serde_json::json!(["MSFT", "AAPL"])
    );
    run(&["sync", "--dry-run"]);
    older.assert_untouched().await;

    std::fs::remove_file(place.path("rules/bands.toml")).expect("removed");
    let again = run(&["adopt", "--yes"]).done();
    assert!(again.stderr.contains("was adopted already") && again.stderr.contains("missing: bands.toml"), "{again:?}");
    assert!(place.exists("rules/bands.toml"));

    run(&["sync", "--force"]).done();
    let lossy = run(&["adopt", "--undo", "--yes"]).held();
    assert!(lossy.stderr.contains("undoing loses") && lossy.stderr.contains("--force"), "{}", lossy.stderr);
    assert!(older.has_schema().await);
    place.write("rules/rankings.toml", "");
    let undone = run(&["adopt", "--undo", "--yes", "--force", "--format", "json"]).done();
    assert_eq!(undone.json()["status"], "undone");
    assert!(undone.stderr.contains("changed since stay: rankings.toml"), "{}", undone.stderr);
    older.assert_untouched().await;
    assert!(!older.has_schema().await && !place.exists("rules/bands.toml") && place.exists("rules/rankings.toml"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_leaves_no_rule_files() {
    let Some(older) = Older::new().await else { return };
    let sql = "create role refusing_role_adopt; alter table cache_entries owner to refusing_role_adopt";
    older.client.batch_execute(sql).await.expect("gives the table away");
    let read_only = "alter database {} set default_transaction_read_only = on";
    let name: String = older.client.query_one("select current_database()::text", &[]).await.expect("asks").get(0);
    older.client.batch_execute(&read_only.replace("{}", &name)).await.expect("sets");
    let environment = [RULES];
    older
        .place
        .run_in(&environment, &["adopt", "--yes"])
        .refused(1, &["cannot be adopted", "takes no writes", "mend it"]);
    assert!(!older.place.exists("rules"));
    let back = "alter table cache_entries owner to current_user; drop role refusing_role_adopt";
    older.client.batch_execute(back).await.expect("takes it back");
}
