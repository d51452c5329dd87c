//! Members that are put in or left out by hand.

use deadpool_postgres::{GenericClient, Object};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use universe_core::Symbol;
use universe_core::state::Override;
use uuid::Uuid;

use super::failure::Failure;
use super::state::universe_id;
use crate::{OverrideRecord, StoreError, Withdrawal};

const ACTIVE: &str = "\
select override_id, type, key, symbol, is_member, effective_from, effective_until, reason, actor, recorded_at,
  withdrawn_at, withdrawn_by
from universe.membership_override
where environment = $1 and withdrawn_at is null
  and effective_from <= $2 and (effective_until is null or $2 < effective_until)
order by recorded_at, override_id";

const ALL: &str = "\
select override_id, type, key, symbol, is_member, effective_from, effective_until, reason, actor, recorded_at,
  withdrawn_at, withdrawn_by
from universe.membership_override
where environment = $1
order by recorded_at, override_id";

const PUT: &str = "\
insert into universe.membership_override
  (override_id, environment, type, key, symbol, is_member, effective_from, effective_until, reason, actor, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

const WITHDRAW: &str = "\
update universe.membership_override
set withdrawn_at = $3, withdrawn_by = $4
where environment = $1 and override_id = $2 and withdrawn_at is null";

/// Returns those that hold as of a session, oldest first.
pub(super) async fn overrides_active(
    client: &impl GenericClient,
    environment: &str,
    session: Date,
) -> Result<Vec<Override>, Failure> {
    let statement = client.prepare_cached(ACTIVE).await?;
    let rows = client.query(&statement, &[&environment, &session]).await?;
    rows.iter().map(|row| Ok(record(row)?.content)).collect()
}

pub(super) async fn override_list(client: &Object, environment: &str) -> Result<Vec<OverrideRecord>, Failure> {
    let rows = client.query(ALL, &[&environment]).await?;
    rows.iter().map(record).collect()
}

pub(super) async fn override_put(
    client: &mut Object,
    environment: &str,
    entry: &OverrideRecord,
    replaces: Option<Uuid>,
) -> Result<(), Failure> {
    let content = &entry.content;
    let tx = client.transaction().await?;
    if let Some(replaced) = replaces
        && !override_withdraw(&tx, environment, replaced, &content.actor, entry.recorded_at).await?
    {
        return Err(StoreError::Conflict {
            constraint: format!("override {replaced}, which is not there or was withdrawn"),
        }
        .into());
    }
    let (universe_type, key) = (content.universe.universe_type.as_str(), content.universe.key());
    let symbol = content.symbol.as_str();
    let given: [&(dyn ToSql + Sync); 11] = [
        &entry.override_id,
        &environment,
        &universe_type,
        &key,
        &symbol,
        &content.is_member,
        &content.from,
        &content.until,
        &content.reason,
        &content.actor,
        &entry.recorded_at,
    ];
    tx.execute(PUT, &given).await?;
    tx.commit().await?;
    Ok(())
}

pub(super) async fn override_withdraw(
    client: &impl GenericClient,
    environment: &str,
    override_id: Uuid,
    actor: &str,
    now: Timestamp,
) -> Result<bool, Failure> {
    Ok(client.execute(WITHDRAW, &[&environment, &override_id, &now, &actor]).await? == 1)
}

fn record(row: &Row) -> Result<OverrideRecord, Failure> {
    let withdrawn = row.get::<_, Option<Timestamp>>(10).zip(row.get::<_, Option<String>>(11));
    Ok(OverrideRecord {
        override_id: row.get(0),
        content: Override {
            universe: universe_id(row.get(1), row.get(2))?,
            symbol: Symbol::from_stored(row.get::<_, &str>(3)),
            is_member: row.get(4),
            from: row.get(5),
            until: row.get(6),
            reason: row.get(7),
            actor: row.get(8),
        },
        recorded_at: row.get(9),
        withdrawn: withdrawn.map(|(at, by)| Withdrawal { at, by }),
    })
}
