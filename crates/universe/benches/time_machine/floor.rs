//! The same rows by the barest SQL that returns them, on a connection of its own; and what the tables take on disk.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use rusqlite::Connection;
use tokio_postgres::{Client, NoTls, Statement};
use universe_core::{Symbol, UniverseId};

use crate::samples::Samples;

/// The symbols of one universe on one day.
const STAB: &str = "select m.symbol
    from {universe} u
    join {membership} m on m.universe_id = u.universe_id
    where u.environment = 'DEFAULT' and u.type = $1 and u.key = $2 and m.superseded_run is null
        and m.valid_from <= {day} and (m.valid_to is null or {day} < m.valid_to)
    order by m.symbol";

/// The memberships of one symbol.
const OF_SYMBOL: &str = "select u.type, u.key, m.valid_from, m.valid_to
    from {universe} u
    cross join {membership} m
    where m.universe_id = u.universe_id and u.environment = 'DEFAULT' and m.symbol = $1";

/// A database, asked as barely as possible.
pub(crate) enum Floor {
    Sqlite { file: PathBuf, connection: Connection },
    Postgres { uri: String, client: Client, stab: Statement, of_symbol: Statement },
}

/// What is on disk.
pub(crate) struct Bytes {
    /// The rows of memberships and the index over them.
    pub(crate) memberships: u64,
    /// Everything that is written for changes: memberships, audit, events, runs, universes and entries.
    pub(crate) changes: u64,
    /// The whole database, with listings, prices and what snapshots said.
    pub(crate) database: u64,
}

impl Floor {
    pub(crate) fn sqlite(file: &Path) -> Self {
        Self::Sqlite { file: file.to_owned(), connection: Connection::open(file).expect("opened") }
    }

    pub(crate) async fn postgres(uri: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(uri, NoTls).await.expect("connected");
        tokio::spawn(connection);
        // What a server does by itself in a minute or so.
        client.batch_execute("vacuum analyze").await.expect("analyzed");
        let named = |sql: &str| {
            let sql = sql.replace("{universe}", "universe.universe").replace("{membership}", "universe.membership");
            sql.replace("{day}", "$3::text::date")
        };
        let stab = client.prepare(&named(STAB)).await.expect("prepared");
        let of_symbol = client.prepare(&named(OF_SYMBOL)).await.expect("prepared");
        Self::Postgres { uri: uri.to_owned(), client, stab, of_symbol }
    }

    /// Reads the symbols of a universe as of a day, and returns how many there are.
    pub(crate) async fn stab(&mut self, id: &UniverseId, session: Date, samples: &mut Samples) -> usize {
        let (universe_type, key, day) = (id.universe_type.as_str(), id.key(), session.to_string());
        match self {
            Self::Sqlite { connection, .. } => samples.time(|| {
                let mut statement = connection.prepare_cached(&in_sqlite(STAB)).expect("prepared");
                let rows = statement.query_map([universe_type, key, &day], |row| row.get::<_, String>(0));
                rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).expect("read").len()
            }),
            Self::Postgres { client, stab, .. } => {
                samples.time_async(client.query(&*stab, &[&universe_type, &key, &day])).await.expect("read").len()
            }
        }
    }

    /// Opens the database anew and reads nothing of interest: what a cold command cannot do without.
    pub(crate) async fn open(&self, samples: &mut Samples) {
        match self {
            Self::Sqlite { file, .. } => {
                let one = samples.time(|| {
                    let connection = Connection::open(file).expect("opened");
                    connection.query_row("select count(*) from sqlite_schema", [], |row| row.get::<_, i64>(0))
                });
                assert!(0 < one.expect("read"));
            }
            Self::Postgres { uri, .. } => {
                let asked = async {
                    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.expect("connected");
                    tokio::spawn(connection);
                    client.simple_query("select 1").await
                };
                assert!(!samples.time_async(asked).await.expect("read").is_empty());
            }
        }
    }

    /// Reads the memberships of a symbol, and returns how many there are.
    pub(crate) async fn of_symbol(&mut self, symbol: &Symbol, samples: &mut Samples) -> usize {
        let symbol = symbol.as_str();
        match self {
            Self::Sqlite { connection, .. } => samples.time(|| {
                let mut statement = connection.prepare_cached(&in_sqlite(OF_SYMBOL)).expect("prepared");
                let rows = statement.query_map([symbol], |row| {
                    Ok((row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, Option<String>>(3)?))
                });
                rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).expect("read").len()
            }),
            Self::Postgres { client, of_symbol, .. } => {
                samples.time_async(client.query(&*of_symbol, &[&symbol])).await.expect("read").len()
            }
        }
    }

    /// Asks what the tables take on disk.
    pub(crate) async fn bytes(&mut self) -> Bytes {
        match self {
            Self::Sqlite { connection, .. } => {
                let sum = |names: &str| {
                    let sql = format!("select coalesce(sum(pgsize), 0) from dbstat where {names}");
                    connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).expect("summed").unsigned_abs()
                };
                let changes = "name in ('universe_membership', 'universe_audit_entry', 'universe_outbox', \
                    'universe_run', 'universe_universe', 'cache_entries') or name like '%outbox%idx'";
                let memberships = sum("name = 'universe_membership'");
                Bytes { memberships, changes: sum(changes), database: sum("true") }
            }
            Self::Postgres { client, .. } => {
                let sql = "select pg_total_relation_size('universe.membership'),
                    (select sum(pg_total_relation_size(t::regclass))::bigint from unnest(array['universe.membership',
                        'universe.audit_entry', 'universe.outbox', 'universe.run', 'universe.universe',
                        'public.cache_entries']) t),
                    pg_database_size(current_database())";
                let row = client.query_one(sql, &[]).await.expect("summed");
                let bytes = |column: usize| row.get::<_, i64>(column).unsigned_abs();
                Bytes { memberships: bytes(0), changes: bytes(1), database: bytes(2) }
            }
        }
    }
}

fn in_sqlite(sql: &str) -> String {
    let sql = sql.replace("{universe}", "universe_universe").replace("{membership}", "universe_membership");
    sql.replace("{day}", "$3").replace('$', "?")
}
