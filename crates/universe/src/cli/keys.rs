//! `universe keys`: who may ask a server for what.

use anyhow::Context as _;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;
use universe_service::Ambient as _;
use universe_store::{ApiKeyRecord, Store};

use super::arguments::{Global, KeysCommand};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, session};
use crate::clock::{Surroundings, random_hex};
use crate::config::Config;
use crate::http::keys::{KEY_PREFIX, Scope, hash};

/// The random bytes of a key's public part, and of its secret.
const ID_BYTES: usize = 4;
const SECRET_BYTES: usize = 24;

/// The longest name: it is for people.
const NAME_LEN_MAX: usize = 100;

pub(crate) async fn run(global: &Global, config: &Config, command: &KeysCommand) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    match command {
        KeysCommand::Create { name, scope, expires } => {
            let now = Surroundings.now();
            let expires_at = expires.as_deref().map(|text| expiry(text, now)).transpose()?;
            let (key, record) = new_key(name, *scope, expires_at, now)?;
            store.key_put(&record).await?;
            show_new(global, &key, &record)
        }
        KeysCommand::List => list(global, &store.key_list().await?),
        KeysCommand::Revoke { id } => {
            let id = public_part(id);
            if !store.key_revoke(id, Surroundings.now()).await? {
                find(&*store, id).await?;
                output::remark(global, &format!("key {id} was revoked before"));
                return Ok(EXIT_DONE);
            }
            output::remark(global, &format!("key {id} is revoked; running servers refuse it within a second"));
            Ok(EXIT_DONE)
        }
        KeysCommand::Rotate { id } => {
            let now = Surroundings.now();
            let old = find(&*store, public_part(id)).await?;
            if old.revoked_at.is_some() {
                return Err(Usage(format!("key {} is revoked; create a new one", old.api_key_id)).into());
            }
            let (key, mut record) = new_key(&old.name, Scope::Read, old.expires_at, now)?;
            record.scopes.clone_from(&old.scopes);
            // First the new one: when this is interrupted, there is still a key that works.
            store.key_put(&record).await?;
            store.key_revoke(&old.api_key_id, now).await?;
            output::remark(global, &format!("key {} is revoked", old.api_key_id));
            show_new(global, &key, &record)
        }
    }
}

fn new_key(
    name: &str,
    scope: Scope,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> anyhow::Result<(String, ApiKeyRecord)> {
    if name.trim().is_empty() || name.chars().count() > NAME_LEN_MAX || name.chars().any(char::is_control) {
        return Err(Usage(format!("a name has 1 to {NAME_LEN_MAX} characters, on one line")).into());
    }
    let api_key_id = random_hex(ID_BYTES)?;
    let key = format!("{KEY_PREFIX}{api_key_id}_{}", random_hex(SECRET_BYTES)?);
    let record = ApiKeyRecord {
        api_key_id,
        name: name.to_owned(),
        hash: hash(&key).as_bytes().to_vec(),
        scopes: vec![scope.as_str().to_owned()],
        created_at: now,
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    Ok((key, record))
}

/// Reads a number of days (`90d`), or the day or instant from which on the key lets nobody in.
fn expiry(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let wrong = || Usage("an expiry is a number of days (90d), a day (2027-01-31) or an instant".to_owned());
    let expires_at = match text.strip_suffix('d').map(str::parse::<u32>) {
        Some(days) => {
            let hours = i64::from(days.map_err(|_| wrong())?) * 24;
            now.checked_add(hours.hours()).map_err(|_| wrong())?
        }
        None => match text.parse::<Timestamp>() {
            Ok(instant) => instant,
            Err(_) => {
                let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
                day.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp()
            }
        },
    };
    if expires_at <= now {
        return Err(Usage(format!("{text} is over already")).into());
    }
    Ok(expires_at)
}

async fn find(store: &dyn Store, id: &str) -> anyhow::Result<ApiKeyRecord> {
    store.key_find(id).await?.with_context(|| format!("there is no key {id}; `universe keys list` shows them all"))
}

/// Takes the public part of a key that was given as a whole.
fn public_part(text: &str) -> &str {
    text.strip_prefix(KEY_PREFIX).and_then(|rest| rest.split('_').next()).unwrap_or(text)
}

fn show_new(global: &Global, key: &str, record: &ApiKeyRecord) -> anyhow::Result<u8> {
    let data = json!({
        "id": record.api_key_id,
        "key": key,
        "name": record.name,
        "scopes": record.scopes,
        "expires_at": record.expires_at,
    });
    output::print(global, &data, || Rows {
        columns: vec!["id", "scopes", "expires_at", "key"],
        rows: vec![vec![
            record.api_key_id.clone(),
            record.scopes.join(","),
            instant(record.expires_at),
            key.to_owned(),
        ]],
    })?;
    output::remark(global, "keep the key now: it is stored as a hash and cannot be shown again");
    Ok(EXIT_DONE)
}

fn list(global: &Global, keys: &[ApiKeyRecord]) -> anyhow::Result<u8> {
    let now = Surroundings.now();
    let data: Vec<_> = keys
        .iter()
        .map(|key| {
            json!({
                "id": key.api_key_id,
                "name": key.name,
                "scopes": key.scopes,
                "state": state(key, now),
                "created_at": key.created_at,
                "expires_at": key.expires_at,
                "revoked_at": key.revoked_at,
                "last_used_at": key.last_used_at,
            })
        })
        .collect();
    let row = |key: &ApiKeyRecord| {
        vec![
            key.api_key_id.clone(),
            key.name.clone(),
            key.scopes.join(","),
            state(key, now).to_owned(),
            output::instant(&key.created_at),
            instant(key.expires_at),
            instant(key.last_used_at),
        ]
    };
    output::print(global, &data, || Rows {
        columns: vec!["id", "name", "scopes", "state", "created_at", "expires_at", "last_used_at"],
        rows: keys.iter().map(row).collect(),
    })?;
    Ok(EXIT_DONE)
}

fn state(key: &ApiKeyRecord, now: Timestamp) -> &'static str {
    match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(expires_at)) if expires_at <= now => "expired",
        (None, _) => "valid",
    }
}

fn instant(at: Option<Timestamp>) -> String {
    at.map(|at| output::instant(&at)).unwrap_or_default()
}
