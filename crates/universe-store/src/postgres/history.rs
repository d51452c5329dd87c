//! Reads what runs did, and whether what they left agrees with itself.

use std::collections::BTreeMap;

use deadpool_postgres::{Object, Transaction};
use serde_json::Value;
use universe_core::{Symbol, UniverseId};

use super::failure::Failure;
use super::state::{UNIVERSE_COLUMNS, universe_row};
use crate::answers::{self, Evidence, IntervalEvidence, Numbers, UniverseEvidence};
use crate::{AuditEntry, Inconsistency, SnapshotRecord};

const AUDIT: &str = "\
select audit_number, recorded_at, run_id, actor, action, universe, symbol, reason, detail
from universe.audit_entry
where environment = $1 and audit_number > $2
order by audit_number
limit $3";

const SNAPSHOTS: &str = "\
select session, source, rows, loaded_at
from universe.snapshot
order by session, source collate \"C\"";

const INTERVALS: &str = "\
select m.universe_id, m.symbol, m.valid_from, m.valid_to
from universe.membership m
join universe.universe u on u.universe_id = m.universe_id
where u.environment = $1 and m.superseded_run is null
order by m.universe_id, m.symbol, m.valid_from, m.opened_run";

const HEAD: &str = "select audit_number, event_number, pruned_number from universe.head where environment = $1";
const AUDIT_NUMBERS: &str = "select audit_number from universe.audit_entry where environment = $1 order by 1";
const EVENT_NUMBERS: &str = "select event_number from universe.outbox where environment = $1 order by 1";

const SEQUENCES: &str = "\
select universe, sequence
from universe.outbox
where environment = $1 and universe is not null and sequence is not null
order by event_number";

pub(super) async fn audit_list(
    client: &Object,
    environment: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<AuditEntry>, Failure> {
    let statement = client.prepare_cached(AUDIT).await?;
    let rows = client.query(&statement, &[&environment, &after, &i64::from(limit)]).await?;
    let entry = |row: &tokio_postgres::Row| AuditEntry {
        number: row.get(0),
        recorded_at: row.get(1),
        run_id: row.get(2),
        actor: row.get(3),
        action: row.get(4),
        universe: row.get::<_, Option<&str>>(5).and_then(answers::stored_address),
        symbol: row.get::<_, Option<&str>>(6).map(Symbol::from_stored),
        reason: row.get(7),
        detail: row.get(8),
    };
    Ok(rows.iter().map(entry).collect())
}

pub(super) async fn snapshot_list(client: &Object) -> Result<Vec<SnapshotRecord>, Failure> {
    let rows = client.query(SNAPSHOTS, &[]).await?;
    let record = |row: &tokio_postgres::Row| SnapshotRecord {
        session: row.get(0),
        source: row.get(1),
        rows: row.get::<_, i64>(2).cast_unsigned(),
        loaded_at: row.get(3),
    };
    Ok(rows.iter().map(record).collect())
}

pub(super) async fn inconsistency_list(client: &mut Object, environment: &str) -> Result<Vec<Inconsistency>, Failure> {
    // All of it as of one moment: a run that is applied meanwhile is no contradiction.
    let tx = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let evidence = evidence(&tx, environment).await?;
    tx.commit().await?;
    Ok(answers::inconsistencies(&evidence))
}

/// Reads what is stored in several places.
pub(super) async fn evidence(tx: &Transaction<'_>, environment: &str) -> Result<Evidence, Failure> {
    let universes = format!(
        "select {UNIVERSE_COLUMNS}, u.universe_id, e.value::jsonb, e.universe_metadata::jsonb
        from universe.universe u
        left join lateral (
          select *
          from public.cache_entries c
          where c.type = u.type and c.key = u.key and c.environment = u.environment
          -- Where an older program left an entry twice, only the first is kept up.
          order by c.id
          limit 1
        ) e on true
        where u.environment = $1
        order by u.type collate \"C\", u.key collate \"C\""
    );
    let rows = tx.query(INTERVALS, &[&environment]).await?;
    let mut intervals: BTreeMap<i32, Vec<IntervalEvidence>> = BTreeMap::new();
    for row in &rows {
        intervals.entry(row.get(0)).or_default().push(IntervalEvidence {
            symbol: Symbol::from_stored(row.get(1)),
            valid_from: row.get(2),
            valid_to: row.get(3),
        });
    }
    let mut evidence = Evidence::default();
    for row in &tx.query(&universes, &[&environment]).await? {
        let entry = row.get::<_, Option<Value>>(14);
        evidence.universes.push(UniverseEvidence {
            row: universe_row(row)?,
            entry: entry.map(|value| (value, row.get::<_, Option<Value>>(15).unwrap_or_default())),
            intervals: intervals.remove(&row.get(13)).unwrap_or_default(),
        });
    }
    let head = tx.query_opt(HEAD, &[&environment]).await?;
    let (audit_last, event_last, pruned) = head.map_or((0, 0, 0), |row| (row.get(0), row.get(1), row.get(2)));
    let audit = tx.query(AUDIT_NUMBERS, &[&environment]).await?;
    evidence.audit = Numbers { found: audit.iter().map(|row| row.get(0)).collect(), pruned: 0, last: audit_last };
    let outbox = tx.query(EVENT_NUMBERS, &[&environment]).await?;
    evidence.outbox = Numbers { found: outbox.iter().map(|row| row.get(0)).collect(), pruned, last: event_last };
    let sequences = tx.query(SEQUENCES, &[&environment]).await?;
    let sequence = |row: &tokio_postgres::Row| -> Option<(UniverseId, u64)> {
        Some((answers::stored_address(row.get(0))?, row.get::<_, i64>(1).cast_unsigned()))
    };
    evidence.sequences = sequences.iter().filter_map(sequence).collect();
    Ok(evidence)
}
