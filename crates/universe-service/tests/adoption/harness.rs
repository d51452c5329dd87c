//! An older database of one test, and the steps of moving in.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};
use universe_core::UniverseId;
use universe_core::plan::Mode;
use universe_core::planner::{Holds, Request, Undefined};
use universe_core::rule::{RuleFile, RuleSet};
use universe_service::{
    AdoptionPlan, Ambient as _, PresentRules, SyncOutcome, SyncRequest, Writing, plan_adoption, sync,
};
use universe_store::{Adoption, AdoptionUndo, OlderDatabase, PostgresStore, StoreError};
use universe_testkit::older_database::{Rows, Shape, catalogue, make};
use universe_testkit::{ManualAmbient, TestDatabase, test_database};

pub(crate) const ENVIRONMENT: &str = "DEFAULT";
/// The newest session with bars.
pub(crate) const SESSION: Date = date(2024, 3, 4);

pub(crate) struct Older {
    pub(crate) client: Client,
    pub(crate) store: PostgresStore,
    pub(crate) ambient: ManualAmbient,
    pub(crate) shape: Shape,
    pub(crate) rows: BTreeMap<String, String>,
    pub(crate) foreign: BTreeMap<String, String>,
    pub(crate) catalogue: Vec<String>,
    pub(crate) database: TestDatabase,
}

pub(crate) async fn connect(uri: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}

impl Older {
    pub(crate) async fn new(fillers: u32) -> Option<Self> {
        let database = test_database()?;
        let client = connect(&database.uri()).await;
        make(&client, fillers).await;
        let shape = Shape::read(&client).await;
        let (rows, foreign) =
            (shape.fingerprints(&client, Rows::All).await, shape.fingerprints(&client, Rows::Foreign).await);
        let catalogue = catalogue(&client).await;
        let store = PostgresStore::connect(&database.uri()).await.expect("connects");
        let ambient = ManualAmbient::starting(date(2024, 3, 5));
        Some(Self { client, store, ambient, shape, rows, foreign, catalogue, database })
    }

    pub(crate) async fn survey(&self) -> OlderDatabase {
        self.store.adoption_survey(ENVIRONMENT).await.expect("looks")
    }

    pub(crate) async fn plan(&self) -> (OlderDatabase, AdoptionPlan) {
        let older = self.survey().await;
        assert_eq!(older.obstacles, []);
        let given = PresentRules { profile: "classic", own: &[], facts: &[], may_grow: true };
        let plan = plan_adoption(&older, given, date(2024, 3, 5)).expect("plans");
        (older, plan)
    }

    pub(crate) async fn adoption(&self) -> Adoption {
        let (older, plan) = self.plan().await;
        self.ambient.advance(1);
        plan.adoption(&older, ENVIRONMENT, &self.ambient)
    }

    pub(crate) async fn adopt(&self) -> Adoption {
        let adoption = self.adoption().await;
        self.store.adoption_apply(&adoption).await.expect("adopts");
        adoption
    }

    /// Synchronizes by the rules that adopting made.
    pub(crate) async fn sync(&self, adoption: &Adoption, holds: Holds) -> SyncOutcome {
        let own: Vec<RuleFile> =
            adoption.rules.iter().map(|rule| RuleFile { name: rule.name.clone(), text: rule.text.clone() }).collect();
        let rules = RuleSet::load("classic", &own, &[]).expect("rules");
        self.ambient.advance(60);
        let request = SyncRequest {
            environment: ENVIRONMENT.to_owned(),
            session: None,
            request: Request { mode: Mode::Full, undefined: Undefined::Retire, holds },
            triggered_by: "cli".to_owned(),
            writing: Writing::Apply,
        };
        sync(&self.store, &rules, &request, &self.ambient, &|_, _| ()).await.expect("synchronizes")
    }

    pub(crate) async fn undo_plan(&self) -> AdoptionUndo {
        let now = self.ambient.now();
        self.store.adoption_undo_plan(ENVIRONMENT, now).await.expect("looks").expect("was adopted")
    }

    pub(crate) async fn undo(&self) -> Result<AdoptionUndo, StoreError> {
        let plan = self.undo_plan().await;
        self.store.adoption_undo(ENVIRONMENT, &plan, self.ambient.now()).await.map(|()| plan)
    }

    pub(crate) async fn value(&self, sql: &str) -> Value {
        self.client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
    }

    /// Proves that every row is what it was, in the columns that it had.
    pub(crate) async fn assert_rows_untouched(&self) {
        assert_eq!(self.shape.fingerprints(&self.client, Rows::Older).await, self.rows);
    }

    pub(crate) async fn assert_foreign_rows_untouched(&self) {
        assert_eq!(self.shape.fingerprints(&self.client, Rows::Foreign).await, self.foreign);
    }

    /// Proves that the database is what it was before anything was done to it.
    pub(crate) async fn assert_as_it_was(&self) {
        assert_eq!(self.shape.fingerprints(&self.client, Rows::All).await, self.rows);
        assert_eq!(catalogue(&self.client).await, self.catalogue);
    }
}

pub(crate) fn universe(address: &str) -> UniverseId {
    address.parse().expect("an address")
}
