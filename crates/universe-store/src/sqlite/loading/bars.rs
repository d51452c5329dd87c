//! Bars of any length into their tables.

use rusqlite::{Connection, params};
use universe_core::Timeframe;

use super::super::values::{DayText, Dollars};
use crate::loading_records::{bars_of, volume};
use crate::{DataLoadPart, Loaded, StoreError};

/// Stores the bars of one length where they differ.
pub(super) fn store(
    db: &Connection,
    timeframe: Timeframe,
    parts: &[DataLoadPart],
    loaded: &mut Loaded,
) -> Result<(), StoreError> {
    let bars = bars_of(parts, timeframe);
    if bars.is_empty() {
        return Ok(());
    }
    let (table, time) = (timeframe.table(), if timeframe.is_dated() { "date" } else { "timestamp" });
    let mut statement = db.prepare_cached(&format!(
        "insert into {table} (symbol, {time}, open, high, low, close, volume)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        on conflict (symbol, {time}) do update set
            open = excluded.open, high = excluded.high, low = excluded.low,
            close = excluded.close, volume = excluded.volume
        where (open, high, low, close, volume)
            is not (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)"
    ))?;
    for bar in bars {
        let prices = (Dollars(bar.open), Dollars(bar.high), Dollars(bar.low), Dollars(bar.close));
        let (symbol, volume) = (bar.symbol.as_str(), volume(bar));
        let written = match timeframe.is_dated() {
            true => {
                let date = DayText::from(bar.date);
                statement.execute(params![symbol, date, prices.0, prices.1, prices.2, prices.3, volume])?
            }
            false => {
                let start = bar.start.to_string();
                statement.execute(params![symbol, start, prices.0, prices.1, prices.2, prices.3, volume])?
            }
        };
        if written > 0 {
            loaded.written += 1;
        } else {
            loaded.unchanged += 1;
        }
    }
    Ok(())
}
