//! Connections: from a URI to a pool, with words for everything that usually goes wrong.

use std::net::IpAddr;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

use super::columns::Columns;
use super::encryption::{self, Encryption};
use super::failure::describe;
use crate::StoreError;

/// The oldest server that has what is used: lz4 compression and `trim_scale`.
const VERSION_MIN: u32 = 14;
/// A run uses one connection; the rest is for lookups beside it. A stock server allows 100 in all.
const CONNECTIONS_MAX: usize = 8;
/// A server that does not answer for so long is down as far as a person at a terminal is concerned.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Waiting longer for one of our own connections means that something holds them all.
const POOL_WAIT_MAX: Duration = Duration::from_secs(30);

/// Connects to a database and returns the pool of its connections, the first one of them open, and how the database
/// names its columns where it is set up.
pub(super) async fn connect(uri: &str) -> Result<(Pool, Option<Columns>), StoreError> {
    let (config, encryption) = configuration(uri)?;
    let place = place(&config);
    let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match config.get_ssl_mode() {
        SslMode::Disable => Manager::from_config(config.clone(), NoTls, settings),
        _ => Manager::from_config(config.clone(), encryption.connector()?, settings),
    };
    let pool = Pool::builder(manager)
        .max_size(CONNECTIONS_MAX)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(POOL_WAIT_MAX))
        .build()
        .map_err(|error| StoreError::Driver(error.to_string()))?;
    let client = match pool.get().await {
        Ok(client) => client,
        Err(deadpool_postgres::PoolError::Backend(error)) => return Err(connection_error(&error, &config, &place)),
        Err(error) => return Err(StoreError::Unavailable(format!("{place}: {error}"))),
    };
    let version = "select current_setting('server_version_num')::integer, current_setting('server_version')";
    // On one way: a command that asks one question is mostly ways to the server.
    let (version, columns) = tokio::join!(client.query_typed_one(version, &[]), Columns::read(&client));
    let version = version.map_err(|error| connection_error(&error, &config, &place))?;
    refuse_old_server(version.get(0), version.get(1), &place)?;
    drop(client);
    Ok((pool, columns.ok()))
}

/// Reads a URI; its text stays out of every message, for it may carry a password.
fn configuration(uri: &str) -> Result<(Config, Encryption), StoreError> {
    let (uri, encryption) = encryption::split(uri)?;
    let mut config: Config = uri.parse().map_err(|error: tokio_postgres::Error| {
        StoreError::Unsupported(format!(
            "the database address cannot be read ({}); it looks like postgresql://user:password@host:5432/database",
            describe(&error)
        ))
    })?;
    // Within one machine there is nobody to read along, and encryption costs time.
    let usual = if is_local(&config) { SslMode::Disable } else { SslMode::Prefer };
    config.ssl_mode(encryption.mode.unwrap_or(usual));
    if config.get_application_name().is_none() {
        config.application_name("universe");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    Ok((config, encryption))
}

/// Returns whether every server that an address names is on this machine.
fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(host) => host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

fn refuse_old_server(version_number: i32, version: &str, place: &str) -> Result<(), StoreError> {
    if version_number / 10_000 < VERSION_MIN as i32 {
        return Err(StoreError::Unsupported(format!(
            "the server at {place} is PostgreSQL {version}; {VERSION_MIN} or later is needed, upgrade it"
        )));
    }
    Ok(())
}

/// Says where a database is: host and port, without who and with what password.
fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("{host}:{port}")
}

fn connection_error(error: &tokio_postgres::Error, config: &Config, place: &str) -> StoreError {
    let user = config.get_user().unwrap_or("(the present user)");
    let database = config.get_dbname().or(config.get_user()).unwrap_or("(none named)");
    let Some(refusal) = error.as_db_error() else {
        let description = describe(error);
        // The driver has no other way to tell this apart.
        if description.contains("TLS") {
            return StoreError::Driver(format!(
                "{place} and this program do not agree on an encrypted connection ({description}); check the server's \
                 certificate, and sslmode and sslrootcert in the database address"
            ));
        }
        return StoreError::Unavailable(format!(
            "{place} ({}); check that PostgreSQL runs there and that host and port are right",
            description
        ));
    };
    let code = refusal.code();
    // The server has one code for whoever it does not know, and for whoever comes without encryption.
    if refusal.message().ends_with("no encryption") {
        return StoreError::Driver(format!(
            "{place} does not let user {user} in ({}); if it takes encrypted connections only, add sslmode=require to the \
             database address",
            refusal.message()
        ));
    }
    if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) {
        StoreError::Driver(format!(
            "{place} does not let user {user} in ({}); check user and password in the database address",
            refusal.message()
        ))
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        StoreError::Driver(format!(
            "there is no database {database} at {place}; create it (createdb {database}) or correct the address"
        ))
    } else {
        super::failure::store_error(error)
    }
}

#[cfg(test)]
mod tests;
