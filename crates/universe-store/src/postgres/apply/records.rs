//! The records of a run beside its own row: audit entries, events, the figures of its session.

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde_json::Value;
use universe_core::event::Event;
use universe_core::market::MarketSession;
use uuid::Uuid;

use super::super::failure::Failure;
use crate::RunRecord;
use crate::write_set::AuditRow;

const AUDIT: &str = "\
insert into universe.audit_entry
  (environment, audit_number, recorded_at, run_id, actor, action, universe, symbol, reason, detail)
select $1, $2 + v.number, $3, $4, $5, v.action, v.universe, v.symbol, v.reason, v.detail::json
from unnest($6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
  with ordinality v (action, universe, symbol, reason, detail, number)";

/// Channels come as one text each: arrays of arrays cannot be of different lengths.
const EVENTS: &str = "\
insert into universe.outbox
  (environment, event_number, event_id, event, channels, universe, sequence, message, created_at)
select $1, $2 + v.number, v.event_id, v.event, string_to_array(v.channels, ' '), v.universe, v.sequence, v.message, $3
from unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[])
  with ordinality v (event_id, event, channels, universe, sequence, message, number)";

const MARKET: &str = "\
insert into universe.market_session (session, listings, breadth, median_return, volatility)
select v.session, v.listings, v.breadth, v.median_return, v.volatility
from unnest($1::date[], $2::integer[], $3::double precision[], $4::double precision[], $5::double precision[])
  v (session, listings, breadth, median_return, volatility)
on conflict (session) do update
set listings = excluded.listings, breadth = excluded.breadth, median_return = excluded.median_return,
  volatility = excluded.volatility";

/// Appends audit entries behind the last number that was given out.
pub(in crate::postgres) async fn append_audit(
    tx: &Transaction<'_>,
    run: &RunRecord,
    last_number: i64,
    now: Timestamp,
    rows: &[AuditRow],
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let actions: Vec<&str> = rows.iter().map(|row| row.action).collect();
    let universes: Vec<Option<String>> =
        rows.iter().map(|row| row.universe.as_ref().map(ToString::to_string)).collect();
    let symbols: Vec<Option<&str>> = rows.iter().map(|row| row.symbol.as_ref().map(AsRef::as_ref)).collect();
    let reasons: Vec<&str> = rows.iter().map(|row| row.reason.as_str()).collect();
    let details: Vec<String> = rows.iter().map(|row| row.detail.to_string()).collect();
    let statement = tx.prepare_cached(AUDIT).await?;
    tx.execute(
        &statement,
        &[
            &run.environment,
            &last_number,
            &now,
            &run.run_id,
            &run.triggered_by,
            &actions,
            &universes,
            &symbols,
            &reasons,
            &details,
        ],
    )
    .await?;
    Ok(())
}

/// Appends events behind the last number that was given out.
pub(in crate::postgres) async fn append_events(
    tx: &Transaction<'_>,
    environment: &str,
    last_number: i64,
    now: Timestamp,
    events: &[Event],
) -> Result<(), Failure> {
    if events.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    let names: Vec<&str> = events.iter().map(|event| event.event).collect();
    let channels: Vec<String> = events.iter().map(|event| event.channels.join(" ")).collect();
    let universes: Vec<Option<String>> =
        events.iter().map(|event| event.universe.as_ref().map(|(id, _)| id.to_string())).collect();
    let sequences: Vec<Option<i64>> =
        events.iter().map(|event| event.universe.as_ref().map(|(_, sequence)| sequence.cast_signed())).collect();
    let messages: Vec<String> = events.iter().map(|event| Value::to_string(&event.message)).collect();
    let statement = tx.prepare_cached(EVENTS).await?;
    tx.execute(
        &statement,
        &[&environment, &last_number, &now, &ids, &names, &channels, &universes, &sequences, &messages],
    )
    .await?;
    Ok(())
}

/// Stores the figures of sessions, replacing those of the same session.
pub(super) async fn market_session_put(tx: &Transaction<'_>, figures: &[MarketSession]) -> Result<(), Failure> {
    let sessions: Vec<_> = figures.iter().map(|figures| figures.session).collect();
    let listings: Vec<i32> =
        figures.iter().map(|figures| i32::try_from(figures.listings).unwrap_or(i32::MAX)).collect();
    let breadths: Vec<f64> = figures.iter().map(|figures| figures.breadth).collect();
    let medians: Vec<f64> = figures.iter().map(|figures| figures.median_return).collect();
    let volatilities: Vec<Option<f64>> = figures.iter().map(|figures| figures.volatility).collect();
    let statement = tx.prepare_cached(MARKET).await?;
    tx.execute(&statement, &[&sessions, &listings, &breadths, &medians, &volatilities]).await?;
    Ok(())
}
