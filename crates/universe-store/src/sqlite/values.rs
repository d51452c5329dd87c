//! Domain values as SQLite holds them: dates and instants are texts, prices are numbers.

use compact_str::CompactString;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde_json::Value;
use universe_core::{Price, Symbol, UniverseId, UniverseType};
use uuid::Uuid;

/// A date read from an ISO text; a time behind it, which other programs may write, is not looked at.
#[derive(Clone, Copy)]
pub(super) struct Day(pub(super) Date);

/// A date as an ISO text, without an allocation: a load binds millions.
#[derive(Clone, Copy)]
pub(super) struct DayText([u8; 10]);

/// An instant; other programs may have left out the time zone, which is then UTC.
#[derive(Clone, Copy)]
pub(super) struct Instant(pub(super) Timestamp);

/// A price as a number of dollars.
#[derive(Clone, Copy)]
pub(super) struct Dollars(pub(super) Price);

/// A symbol as it was stored.
pub(super) struct StoredSymbol(pub(super) Symbol);

/// A JSON text; one that is none, in another program's row, reads as null.
pub(super) struct Json(pub(super) Value);

/// A UUID as text.
pub(super) struct Id(pub(super) Uuid);

/// A number that is never negative.
pub(super) struct Count(pub(super) u64);

impl From<Date> for DayText {
    fn from(date: Date) -> Self {
        let digit = |value: i16, unit: i16| b'0' + u8::try_from(value / unit % 10).unwrap_or(0);
        let (year, month, day) = (date.year(), i16::from(date.month()), i16::from(date.day()));
        Self([
            digit(year, 1_000),
            digit(year, 100),
            digit(year, 10),
            digit(year, 1),
            b'-',
            digit(month, 10),
            digit(month, 1),
            b'-',
            digit(day, 10),
            digit(day, 1),
        ])
    }
}

impl ToSql for DayText {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(&self.0)))
    }
}

impl FromSql for Day {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_bytes()?;
        parse_day(text).map(Self).ok_or_else(|| complaint("date", text))
    }
}

impl FromSql for Instant {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Ok(Self(instant));
        }
        let local = text.parse::<DateTime>().ok().and_then(|local| local.to_zoned(TimeZone::UTC).ok());
        local.map(|zoned| Self(zoned.timestamp())).ok_or_else(|| complaint("instant", text.as_bytes()))
    }
}

impl FromSql for Dollars {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let dollars = f64::column_result(value)?;
        Price::from_dollars(dollars).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for Dollars {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.dollars()))
    }
}

impl FromSql for StoredSymbol {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(|text| Self(Symbol::from_stored(text)))
    }
}

impl FromSql for Json {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(value.as_str().ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)))
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        Uuid::try_parse(text).map(Self).map_err(|_| complaint("UUID", text.as_bytes()))
    }
}

impl FromSql for Count {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).map(Self).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

/// Builds the address of a universe from its two columns.
pub(super) fn universe_id(row: &rusqlite::Row<'_>, type_at: usize, key_at: usize) -> rusqlite::Result<UniverseId> {
    let spelling = row.get_ref(type_at)?.as_str()?;
    let universe_type = UniverseType::from_spelling(spelling)
        .ok_or_else(|| conversion(type_at, complaint("type of universe", spelling.as_bytes())))?;
    Ok(UniverseId::from_stored(universe_type, row.get_ref(key_at)?.as_str()?))
}

/// Reads an optional symbol.
pub(super) fn symbol(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Symbol> {
    Ok(row.get::<_, StoredSymbol>(at)?.0)
}

/// Reads an optional date.
pub(super) fn day(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<Date>> {
    Ok(row.get::<_, Option<Day>>(at)?.map(|day| day.0))
}

/// Reads an optional instant.
pub(super) fn instant(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<Instant>>(at)?.map(|instant| instant.0))
}

/// Reads an optional text without copying it.
pub(super) fn text<'r>(row: &'r rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<&'r str>> {
    Ok(row.get_ref(at)?.as_str_or_null()?)
}

/// Says that a column holds what it must not.
pub(super) fn conversion(at: usize, error: FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error))
}

/// Returns a number as SQLite holds it; ours stay far below its limit.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn complaint(what: &str, text: &[u8]) -> FromSqlError {
    let text = CompactString::from_utf8_lossy(text);
    FromSqlError::Other(format!("{text:?} is no {what}").into())
}

fn parse_day(text: &[u8]) -> Option<Date> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.iter().try_fold(0_i16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0')))
    };
    if text.get(4) != Some(&b'-') || text.get(7) != Some(&b'-') {
        return None;
    }
    let (month, day) = (i8::try_from(number(5, 7)?).ok()?, i8::try_from(number(8, 10)?).ok()?);
    Date::new(number(0, 4)?, month, day).ok()
}
