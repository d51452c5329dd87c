//! A job as its row has it.

use rusqlite::Row;
use universe_core::Symbol;

use super::super::values::{Count, Instant, Json, conversion, day, instant};
use crate::{DataLoadOrder, DataLoadRecord, DataLoadRequest, DataLoadStatus};

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<DataLoadRecord> {
    let status = row.get_ref(9)?.as_str()?;
    let symbols: Vec<String> = parsed(4, serde_json::from_value(row.get::<_, Json>(4)?.0))?;
    let request = DataLoadRequest {
        universe_key: row.get(2)?,
        csv_file: row.get(3)?,
        symbols: symbols.iter().map(|text| Symbol::from_stored(text)).collect(),
        years: row.get(5)?,
        timeframes: parsed(6, serde_json::from_value(row.get::<_, Json>(6)?.0))?,
        include_ohlcv: row.get(7)?,
    };
    let order = DataLoadOrder {
        job_id: row.get(0)?,
        environment: row.get(1)?,
        request,
        requested_by: row.get(8)?,
        created_at: row.get::<_, Instant>(20)?.0,
    };
    Ok(DataLoadRecord {
        order,
        status: parsed(9, DataLoadStatus::from_spelling(status).ok_or("no status of a job"))?,
        message: row.get(10)?,
        symbols_total: row.get(11)?,
        symbols_done: row.get(12)?,
        tasks_total: row.get(13)?,
        tasks_done: row.get(14)?,
        bars: row.get::<_, Count>(15)?.0,
        error_count: row.get(16)?,
        errors: parsed(17, serde_json::from_value(row.get::<_, Json>(17)?.0))?,
        first_date: day(row, 18)?,
        last_date: day(row, 19)?,
        started_at: instant(row, 21)?,
        finished_at: instant(row, 22)?,
        updated_at: row.get::<_, Instant>(23)?.0,
        cancel_requested: row.get(24)?,
        attempts: row.get(25)?,
        lease_token: row.get::<_, Option<Count>>(26)?.map(|token| token.0),
    })
}

/// Says that a column holds what it must not.
pub(super) fn parsed<T, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    at: usize,
    value: Result<T, E>,
) -> rusqlite::Result<T> {
    value.map_err(|error| conversion(at, rusqlite::types::FromSqlError::Other(error.into())))
}
