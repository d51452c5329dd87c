//! The record of an adoption, as it is stored.

use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_postgres::types::Json;

use super::super::failure::Failure;
use crate::StoreError;
use crate::adoption::{Additions, Adoption, AdoptionRecord};

const READ: &str = "\
select adopted_at, actor, run_id, session, added, sources, rules
from universe.adoption
where environment = $1";

const WRITE: &str = "\
insert into universe.adoption
  (environment, adopted_at, run_id, actor, session, was_set_up, added, sources, rules, original_columns)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Reads how an environment was adopted; `None` when it was not.
pub(super) async fn read(client: &impl GenericClient, environment: &str) -> Result<Option<AdoptionRecord>, Failure> {
    let exists = client.query_one("select to_regclass('universe.adoption') is not null", &[]).await?;
    if !exists.get::<_, bool>(0) {
        return Ok(None);
    }
    let Some(row) = client.query_opt(READ, &[&environment]).await? else { return Ok(None) };
    Ok(Some(AdoptionRecord {
        adopted_at: row.get(0),
        actor: row.get(1),
        run_id: row.get(2),
        session: row.get(3),
        added: parsed(row.get(4))?,
        sources: parsed(row.get(5))?,
        rules: parsed(row.get(6))?,
    }))
}

pub(super) async fn write(
    tx: &Transaction<'_>,
    adoption: &Adoption,
    now: Timestamp,
    was_set_up: bool,
    added: &Additions,
    columns: &Value,
) -> Result<(), Failure> {
    let run = &adoption.run;
    let (added, sources, rules) = (Json(added), Json(&adoption.sources), Json(&adoption.rules));
    tx.execute(
        WRITE,
        &[
            &run.environment,
            &now,
            &run.run_id,
            &run.triggered_by,
            &adoption.session,
            &was_set_up,
            &added,
            &sources,
            &rules,
            &columns,
        ],
    )
    .await?;
    Ok(())
}

pub(super) fn parsed<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value)
        .map_err(|error| StoreError::Inconsistent { table: "adoption", detail: error.to_string() }.into())
}
