//! Reads what a decision needs: the listings and their latest closes, in as few bytes and trips as it takes.

use std::pin::pin;

use deadpool_postgres::Object;
use futures_util::TryStreamExt as _;
use jiff::civil::Date;
use tokio_postgres::{Row, Statement};
use universe_core::{FactWalk, Observation, ObservedListing, Price, Symbol, Usd};

use super::columns::Columns;
use super::failure::Failure;
use super::numeric::NumericPrice;
use super::past::facts_as_of;
use crate::Needs;
use crate::as_of_facts::as_of_session;

/// Codes that are understood without a name; for all others the name is read to tell the kind from.
const PLAIN_CODES: &str = "'CS', 'ETF', 'ADRC', 'PFD', 'WARRANT', 'RIGHT', 'UNIT', 'NOTE', 'FUND', 'OTHER'";

/// Closes of one session; put in order here, where it takes a fraction of the server's time.
const CLOSES: &str = "\
select o.symbol::text, o.close::numeric, o.volume::bigint
from public.ohlcv_daily o
where o.date = $1";

/// The latest close before a session of the listings that have none in it: one descent of the key each.
const EARLIER_CLOSES: &str = "\
select m.number::integer - 1, c.close::numeric, c.volume::bigint
from unnest($2::text[]) with ordinality m (symbol, number)
cross join lateral (
  select o.close, o.volume
  from public.ohlcv_daily o
  where o.symbol = m.symbol and o.date < $1 and o.close > 0
  order by o.date desc
  limit 1
) c";

const SNAPSHOT_SESSIONS: &str = "\
select distinct session
from universe.snapshot
where session <= $1
order by session";

/// One row for each figure: a row for each value costs several times as much to send and to take in.
const FACTS: &str = "\
select field, array_agg(symbol), array_agg(value)
from (
  select field, symbol, value
  from universe.listing_fact
  where field = any($2) and as_of <= $1
  order by field, symbol, as_of
) f
group by field
order by field";

const SESSION_LATEST: &str = "select max(date)::date from public.ohlcv_daily where date <= $1";

/// Steps from field to field along the key, instead of looking at every figure of every listing. The key has the
/// database's own order, so the steps have it too.
const FACT_LIST: &str = "\
with recursive f (field) as (
  select min(field) from universe.listing_fact
  union all
  select (select min(l.field) from universe.listing_fact l where l.field > f.field) from f
  where f.field is not null
)
select field from f where field is not null order by field collate \"C\"";

/// Closes of the session and of the newest one with closes before it, of listings that have both.
const RETURNS: &str = "\
select o.close::numeric, b.close::numeric
from public.ohlcv_daily o
join public.ohlcv_daily b
  on b.symbol = o.symbol
  and b.date = (select max(p.date) from public.ohlcv_daily p where p.date < $1)
where o.date = $1";

/// Between texts that are read as one: a column more costs the server more than the text in it.
const SEPARATOR: char = '\u{1f}';
/// Stands for a text that is absent.
const ABSENT: &str = "\u{1e}";
/// How many texts are read as one.
const TEXTS: usize = 6;

/// Returns the statement that reads every listing, in any order; without details their places stay empty.
pub(super) fn listings_sql(columns: &Columns, details: bool) -> String {
    let Columns { company_name, security_type, exchange, listing_date, is_active, .. } = columns;
    let needed = |column: &str| format!("coalesce(s.{column}::text, chr(30))");
    let detail = |column: &str| if details { needed(column) } else { "chr(30)".to_owned() };
    let of_fund = |column: &str, kind: &str| format!("{}::{kind}", if details { column } else { "null" });
    let (etf_type, issuer) = (of_fund("s.etf_type", "text"), of_fund("s.issuer", "text"));
    let aum_millions = of_fund("s.aum_millions", "double precision");
    let texts = [
        needed(security_type),
        detail(exchange),
        needed("sector"),
        needed("industry"),
        detail("country"),
        detail("currency"),
    ]
    .join("\n    || chr(31) || ");
    format!(
        "select
  s.symbol::text,
  {texts},
  case when $1 or s.{security_type} is null or s.{security_type} not in ({PLAIN_CODES}) then s.{company_name}::text end,
  coalesce(s.{is_active}, true),
  s.delisted_date::date,
  s.{listing_date}::date,
  s.first_seen_session,
  s.last_seen_session,
  s.ipo_year,
  s.market_cap::bigint,
  s.weighted_shares_outstanding::bigint,
  {etf_type},
  {issuer},
  {aum_millions}
from public.symbols s"
    )
}

/// Reads the listings and their latest closes not later than `session`.
pub(super) async fn observation_read(
    client: &Object,
    listings_sql: &str,
    session: Date,
    needs: &Needs,
) -> Result<Observation, Failure> {
    let (listings, closes, sessions, facts) = tokio::try_join!(
        client.prepare_cached(listings_sql),
        client.prepare_cached(CLOSES),
        client.prepare_cached(SNAPSHOT_SESSIONS),
        client.prepare_cached(FACTS),
    )?;
    // Sent at once; rows are taken in while the server is still busy with the next ones, and none is kept as
    // the driver holds it, which takes several times the memory.
    let (mut listings, mut closes, sessions, facts) = tokio::try_join!(
        biased;
        listing_rows(client, &listings, needs.company_names),
        close_rows(client, &closes, session),
        async { Ok(client.query(&sessions, &[&session]).await?) },
        fact_columns(client, &facts, session, &needs.facts),
    )?;
    let sessions: Vec<Date> = sessions.iter().map(|row| row.get(0)).collect();
    // They nearly come in this order.
    listings.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    closes.sort_by(|a, b| a.symbol.cmp(&b.symbol));

    let mut observation = Observation::with_capacity(session, listings.len());
    let mut shown_later = Vec::new();
    let mut closes = closes.into_iter().peekable();
    for listing in listings {
        // Closes of symbols that are no listing are passed over.
        while closes.next_if(|close| close.symbol < listing.symbol).is_some() {}
        let close = closes.next_if(|close| close.symbol == listing.symbol);
        if Some(session) < listing.last_seen_session {
            shown_later.push(observation.len());
        }
        observation.push(listing.observed(&sessions, close.as_ref())?);
    }
    read_earlier_closes(client, session, &mut observation).await?;
    for row in &facts {
        let (symbols, values): (Vec<&str>, Vec<f64>) = (row.get(1), row.get(2));
        let mut walk = FactWalk::new(&observation);
        symbols.into_iter().zip(values).for_each(|(symbol, value)| walk.push(symbol, value));
        if let Some(column) = walk.finish() {
            observation.facts.insert(row.get(0), column);
        }
    }
    if needs.returns {
        observation.returns = session_returns(client, session).await?;
    }
    if shown_later.is_empty() {
        return Ok(observation);
    }
    let wanted: Vec<&Symbol> = shown_later.iter().map(|listing| &observation.symbol[*listing]).collect();
    let found = facts_as_of(client, session, &wanted).await?;
    Ok(as_of_session(&observation, &shown_later, &found))
}

/// Reads the returns of the listings with a close in the session and in the one before it.
pub(super) async fn session_returns(client: &Object, session: Date) -> Result<Vec<f64>, Failure> {
    let statement = client.prepare_cached(RETURNS).await?;
    let mut stream = pin!(client.query_raw(&statement, [&session]).await?);
    let mut returns = Vec::new();
    while let Some(row) = stream.try_next().await? {
        if let (Some(now), Some(before)) = (price(&row, 0), price(&row, 1)) {
            returns.push(now.dollars() / before.dollars() - 1.0);
        }
    }
    Ok(returns)
}

/// Returns a price, which is positive; older programs stored zero where they had none.
fn price(row: &Row, column: usize) -> Option<Price> {
    row.get::<_, Option<NumericPrice>>(column)?.0.filter(|price| 0 < price.micros())
}

/// A row of the listings, as small as it gets.
struct ListingRow {
    symbol: Symbol,
    texts: Box<str>,
    company_name: Option<Box<str>>,
    etf_type: Option<Box<str>>,
    issuer: Option<Box<str>>,
    is_active: bool,
    delisted_date: Option<Date>,
    listing_date: Option<Date>,
    first_seen_session: Option<Date>,
    last_seen_session: Option<Date>,
    ipo_year: Option<i16>,
    cap: Option<i64>,
    shares: Option<i64>,
    aum_millions: Option<f64>,
}

/// A row of the closes of a session.
struct CloseRow {
    symbol: Symbol,
    close: Price,
    volume: Option<i64>,
}

async fn listing_rows(client: &Object, statement: &Statement, names: bool) -> Result<Vec<ListingRow>, Failure> {
    let mut stream = pin!(client.query_raw(statement, [&names]).await?);
    let mut listings = Vec::new();
    while let Some(row) = stream.try_next().await? {
        let text = |column: usize| row.get::<_, Option<&str>>(column).map(Box::from);
        listings.push(ListingRow {
            symbol: Symbol::from_stored(row.get(0)),
            texts: Box::from(row.get::<_, &str>(1)),
            company_name: text(2),
            is_active: row.get(3),
            delisted_date: row.get(4),
            listing_date: row.get(5),
            first_seen_session: row.get(6),
            last_seen_session: row.get(7),
            ipo_year: row.get(8),
            cap: row.get(9),
            shares: row.get(10),
            etf_type: text(11),
            issuer: text(12),
            aum_millions: row.get(13),
        });
    }
    Ok(listings)
}

async fn close_rows(client: &Object, statement: &Statement, session: Date) -> Result<Vec<CloseRow>, Failure> {
    let mut stream = pin!(client.query_raw(statement, [&session]).await?);
    let mut closes = Vec::new();
    while let Some(row) = stream.try_next().await? {
        if let Some(close) = price(&row, 1) {
            closes.push(CloseRow { symbol: Symbol::from_stored(row.get(0)), close, volume: row.get(2) });
        }
    }
    Ok(closes)
}

impl ListingRow {
    fn observed(&self, sessions: &[Date], close: Option<&CloseRow>) -> Result<ObservedListing<'_>, Failure> {
        let [security_type, exchange, sector, industry, country, currency] = texts(&self.texts).ok_or_else(|| {
            let detail = format!("a text of {} contains the control character U+001F", self.symbol);
            crate::StoreError::Inconsistent { table: "symbols", detail }
        })?;
        let sessions_absent = self.last_seen_session.map_or(0, |seen| {
            let later = sessions.len() - sessions.partition_point(|session| *session <= seen);
            u16::try_from(later).unwrap_or(u16::MAX)
        });
        Ok(ObservedListing {
            symbol: self.symbol.clone(),
            company_name: self.company_name.as_deref(),
            security_type,
            is_active: self.is_active,
            delisted_date: self.delisted_date,
            listing_date: self.listing_date,
            first_seen_session: self.first_seen_session,
            sessions_absent,
            ipo_year: self.ipo_year,
            recorded_cap: self.cap.map(Usd),
            shares: self.shares,
            close: close.map(|close| close.close),
            volume: close.and_then(|close| close.volume),
            exchange,
            sector,
            industry,
            country,
            currency,
            etf_type: self.etf_type.as_deref(),
            issuer: self.issuer.as_deref(),
            aum_millions: self.aum_millions,
        })
    }
}

/// Takes texts apart that were read as one.
fn texts(joined: &str) -> Option<[Option<&str>; TEXTS]> {
    let mut texts = [None; TEXTS];
    let mut parts = joined.split(SEPARATOR);
    for text in &mut texts {
        *text = Some(parts.next()?).filter(|text| *text != ABSENT);
    }
    parts.next().is_none().then_some(texts)
}

async fn read_earlier_closes(client: &Object, session: Date, observation: &mut Observation) -> Result<(), Failure> {
    let missing: Vec<usize> = (0..observation.len()).filter(|listing| observation.close[*listing].is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let symbols: Vec<&str> = missing.iter().map(|listing| observation.symbol[*listing].as_str()).collect();
    let statement = client.prepare_cached(EARLIER_CLOSES).await?;
    let rows = client.query(&statement, &[&session, &symbols]).await?;
    for row in &rows {
        let listing = missing[usize::try_from(row.get::<_, i32>(0)).expect("ordinalities count from one")];
        observation.close[listing] = price(row, 1);
        observation.volume[listing] = row.get(2);
    }
    Ok(())
}

async fn fact_columns(
    client: &Object,
    statement: &Statement,
    session: Date,
    fields: &[String],
) -> Result<Vec<Row>, Failure> {
    match fields {
        [] => Ok(Vec::new()),
        _ => Ok(client.query(statement, &[&session, &fields]).await?),
    }
}

/// Returns the newest date not later than `limit` for which there are closes.
pub(super) async fn session_latest(client: &Object, limit: Date) -> Result<Option<Date>, Failure> {
    let statement = client.prepare_cached(SESSION_LATEST).await?;
    Ok(client.query_one(&statement, &[&limit]).await?.get(0))
}

/// Returns the names of all loaded figures, sorted.
pub(super) async fn fact_list(client: &Object) -> Result<Vec<String>, Failure> {
    let rows = client.query_typed(FACT_LIST, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

#[cfg(test)]
mod tests;
