//! Keys of programs.

use deadpool_postgres::Object;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::failure::Failure;
use crate::ApiKeyRecord;

const PUT: &str = "\
insert into universe.api_key (api_key_id, name, hash, scopes, created_at, expires_at, revoked_at, last_used_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)";

const LIST: &str = "\
select api_key_id, name, hash, scopes, created_at, expires_at, revoked_at, last_used_at
from universe.api_key
order by created_at, api_key_id collate \"C\"";

const FIND: &str = "\
select api_key_id, name, hash, scopes, created_at, expires_at, revoked_at, last_used_at
from universe.api_key
where api_key_id = $1";

const REVOKE: &str = "update universe.api_key set revoked_at = $2 where api_key_id = $1 and revoked_at is null";

const USED: &str = "update universe.api_key set last_used_at = $2 where api_key_id = $1";

pub(super) async fn key_put(client: &Object, key: &ApiKeyRecord) -> Result<(), Failure> {
    let ApiKeyRecord { api_key_id, name, hash, scopes, created_at, expires_at, revoked_at, last_used_at } = key;
    let statement = client.prepare_cached(PUT).await?;
    client
        .execute(&statement, &[api_key_id, name, hash, scopes, created_at, expires_at, revoked_at, last_used_at])
        .await?;
    Ok(())
}

pub(super) async fn key_list(client: &Object) -> Result<Vec<ApiKeyRecord>, Failure> {
    let statement = client.prepare_cached(LIST).await?;
    Ok(client.query(&statement, &[]).await?.iter().map(key_record).collect())
}

pub(super) async fn key_find(client: &Object, api_key_id: &str) -> Result<Option<ApiKeyRecord>, Failure> {
    let statement = client.prepare_cached(FIND).await?;
    Ok(client.query_opt(&statement, &[&api_key_id]).await?.as_ref().map(key_record))
}

pub(super) async fn key_revoke(client: &Object, api_key_id: &str, now: Timestamp) -> Result<bool, Failure> {
    let statement = client.prepare_cached(REVOKE).await?;
    Ok(client.execute(&statement, &[&api_key_id, &now]).await? == 1)
}

pub(super) async fn key_used(client: &Object, api_key_id: &str, now: Timestamp) -> Result<(), Failure> {
    let statement = client.prepare_cached(USED).await?;
    client.execute(&statement, &[&api_key_id, &now]).await?;
    Ok(())
}

fn key_record(row: &Row) -> ApiKeyRecord {
    ApiKeyRecord {
        api_key_id: row.get(0),
        name: row.get(1),
        hash: row.get(2),
        scopes: row.get(3),
        created_at: row.get(4),
        expires_at: row.get(5),
        revoked_at: row.get(6),
        last_used_at: row.get(7),
    }
}
