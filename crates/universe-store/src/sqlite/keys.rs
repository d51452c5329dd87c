//! Keys of programs.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::history::texts;
use super::values::{Instant, Json, instant};
use crate::{ApiKeyRecord, StoreError};

const COLUMNS: &str = "api_key_id, name, hash, scopes, created_at, expires_at, revoked_at, last_used_at";

pub(super) fn key_put(db: &Connection, key: &ApiKeyRecord) -> Result<(), StoreError> {
    let sql = format!("insert into universe_api_key ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    db.prepare_cached(&sql)?.execute(params![
        key.api_key_id,
        key.name,
        key.hash,
        Value::from(key.scopes.clone()).to_string(),
        key.created_at.to_string(),
        key.expires_at.map(|at| at.to_string()),
        key.revoked_at.map(|at| at.to_string()),
        key.last_used_at.map(|at| at.to_string()),
    ])?;
    Ok(())
}

pub(super) fn key_list(db: &Connection) -> Result<Vec<ApiKeyRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!("select {COLUMNS} from universe_api_key"))?;
    let rows = statement.query_map([], key_record)?;
    let mut keys: Vec<ApiKeyRecord> = rows.collect::<Result<_, _>>()?;
    // Their texts would not compare as the instants do.
    keys.sort_by(|a, b| (a.created_at, &a.api_key_id).cmp(&(b.created_at, &b.api_key_id)));
    Ok(keys)
}

pub(super) fn key_find(db: &Connection, api_key_id: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!("select {COLUMNS} from universe_api_key where api_key_id = ?1"))?;
    Ok(statement.query_row([api_key_id], key_record).optional()?)
}

pub(super) fn key_revoke(db: &Connection, api_key_id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let mut statement =
        db.prepare_cached("update universe_api_key set revoked_at = ?2 where api_key_id = ?1 and revoked_at is null")?;
    Ok(statement.execute(params![api_key_id, now.to_string()])? == 1)
}

pub(super) fn key_used(db: &Connection, api_key_id: &str, now: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached("update universe_api_key set last_used_at = ?2 where api_key_id = ?1")?
        .execute(params![api_key_id, now.to_string()])?;
    Ok(())
}

fn key_record(row: &Row<'_>) -> rusqlite::Result<ApiKeyRecord> {
    Ok(ApiKeyRecord {
        api_key_id: row.get(0)?,
        name: row.get(1)?,
        hash: row.get(2)?,
        scopes: texts(row.get::<_, Json>(3)?.0),
        created_at: row.get::<_, Instant>(4)?.0,
        expires_at: instant(row, 5)?,
        revoked_at: instant(row, 6)?,
        last_used_at: instant(row, 7)?,
    })
}
