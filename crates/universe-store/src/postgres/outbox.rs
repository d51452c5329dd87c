//! The outbox as the relay and its followers see it.

use deadpool_postgres::Object;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::failure::Failure;
use crate::answers::stored_address;
use crate::{OutboxEntry, OutboxSpan, StoreError};

const OUTBOX: &str = "\
select event_number, event_id, event, channels, universe, sequence, message, created_at, published_at
from universe.outbox
where environment = $1 and event_number > $2
order by event_number
limit $3";

const UNPUBLISHED: &str = "\
select event_number, event_id, event, channels, universe, sequence, message, created_at, published_at
from universe.outbox
where environment = $1 and published_at is null
order by event_number
limit $2";

const NEWEST: &str = "\
select event_number, event_id, event, channels, universe, sequence, message, created_at, published_at
from universe.outbox
where environment = $1 and event = $2
order by event_number desc
limit $3";

const PUBLISHED: &str = "\
update universe.outbox
set published_at = $3
where environment = $1 and event_number <= $2 and published_at is null";

/// The number of the newest event before the first one that is to stay, so that what is kept has no gaps.
const PRUNED: &str = "\
select coalesce(
  (
    select event_number - 1
    from universe.outbox
    where environment = $1 and (published_at is null or created_at >= $2)
    order by event_number
    limit 1
  ),
  event_number
), pruned_number
from universe.head
where environment = $1
for update";

const PRUNE: &str = "delete from universe.outbox where environment = $1 and event_number <= $2";

const PRUNE_HEAD: &str = "update universe.head set pruned_number = $2 where environment = $1";

const SPAN: &str = "\
select h.pruned_number + 1, h.event_number, u.unpublished, u.since
from universe.head h
cross join (
  select count(*) as unpublished, min(created_at) as since
  from universe.outbox
  where environment = $1 and published_at is null
) u
where h.environment = $1 and h.event_number > 0";

const VERSION: &str = "select version from universe.head where environment = $1";

pub(super) async fn outbox_list(
    client: &Object,
    environment: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<OutboxEntry>, Failure> {
    let statement = client.prepare_cached(OUTBOX).await?;
    let rows = client.query(&statement, &[&environment, &after, &i64::from(limit)]).await?;
    rows.iter().map(entry).collect()
}

pub(super) async fn outbox_unpublished(
    client: &Object,
    environment: &str,
    limit: u32,
) -> Result<Vec<OutboxEntry>, Failure> {
    let statement = client.prepare_cached(UNPUBLISHED).await?;
    let rows = client.query(&statement, &[&environment, &i64::from(limit)]).await?;
    rows.iter().map(entry).collect()
}

pub(super) async fn outbox_newest(
    client: &Object,
    environment: &str,
    event: &str,
    limit: u32,
) -> Result<Vec<OutboxEntry>, Failure> {
    let statement = client.prepare_cached(NEWEST).await?;
    let rows = client.query(&statement, &[&environment, &event, &i64::from(limit)]).await?;
    rows.iter().map(entry).collect()
}

pub(super) async fn outbox_published(
    client: &Object,
    environment: &str,
    up_to: i64,
    now: Timestamp,
) -> Result<u64, Failure> {
    let statement = client.prepare_cached(PUBLISHED).await?;
    Ok(client.execute(&statement, &[&environment, &up_to, &now]).await?)
}

pub(super) async fn outbox_prune(
    client: &mut Object,
    environment: &str,
    created_before: Timestamp,
) -> Result<u64, Failure> {
    let tx = client.transaction().await?;
    let statement = tx.prepare_cached(PRUNED).await?;
    let Some(row) = tx.query_opt(&statement, &[&environment, &created_before]).await? else { return Ok(0) };
    let (last, pruned): (i64, i64) = (row.get(0), row.get(1));
    if last <= pruned {
        return Ok(0);
    }
    let statement = tx.prepare_cached(PRUNE).await?;
    let deleted = tx.execute(&statement, &[&environment, &last]).await?;
    let statement = tx.prepare_cached(PRUNE_HEAD).await?;
    tx.execute(&statement, &[&environment, &last]).await?;
    tx.commit().await?;
    Ok(deleted)
}

pub(super) async fn outbox_span(client: &Object, environment: &str) -> Result<Option<OutboxSpan>, Failure> {
    let statement = client.prepare_cached(SPAN).await?;
    let row = client.query_opt(&statement, &[&environment]).await?;
    Ok(row.map(|row| OutboxSpan {
        oldest: row.get(0),
        newest: row.get(1),
        unpublished: row.get::<_, i64>(2).cast_unsigned(),
        unpublished_since: row.get(3),
    }))
}

pub(super) async fn head_version(client: &Object, environment: &str) -> Result<u64, Failure> {
    let statement = client.prepare_cached(VERSION).await?;
    let row = client.query_opt(&statement, &[&environment]).await?;
    Ok(row.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned()))
}

fn entry(row: &Row) -> Result<OutboxEntry, Failure> {
    let number = row.get(0);
    let universe = row.get::<_, Option<&str>>(4).and_then(stored_address);
    let sequence = row.get::<_, Option<i64>>(5).map(i64::cast_unsigned);
    let message = serde_json::from_str(row.get(6)).map_err(|error| StoreError::Inconsistent {
        table: "outbox",
        detail: format!("the message of event {number} is no JSON: {error}"),
    })?;
    Ok(OutboxEntry {
        number,
        id: row.get(1),
        event: row.get(2),
        channels: row.get(3),
        universe: universe.zip(sequence),
        message,
        created_at: row.get(7),
        published_at: row.get(8),
    })
}
