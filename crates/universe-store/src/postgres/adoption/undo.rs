//! Undoing an adoption: rows get back what they said, and what was added goes.

use std::fmt::Write as _;

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde_json::Value;

use super::super::failure::Failure;
use super::super::migrate;
use super::catalogue::{self, Catalogue, Column};
use super::originals::{self, ENTRIES, Kept, SYMBOLS, quoted};
use super::record::parsed;
use crate::StoreError;
use crate::adoption::{Additions, AdoptionUndo};

/// How many names a sentence has before it says "and so many more".
const NAMES_MAX: usize = 5;

const RECORD: &str = "\
select was_set_up, added, rules, original_columns, run_id
from universe.adoption
where environment = $1";

/// Whoever holds a lease is at work, and would find its tables gone.
const AT_WORK: &str = "\
select l.name, l.holder
from universe.lease l
where l.holder is not null and l.expires_at > $1
order by l.name";

/// An entry `t` that runs wrote, or that is a copy of such a one: it says what the universe's members are.
const IS_OURS: &str = "exists (
    select from universe.universe u
    where u.environment = $1 and not u.is_retired and u.type = t.type
      and u.key = coalesce(t.universe_metadata::jsonb ->> 'mirror_of', t.key)
      and t.value::jsonb = to_jsonb(string_to_array(u.members, ' '))
  )";

/// An entry `t` at the address of a universe of ours, or a copy of one.
const HAS_OUR_ADDRESS: &str = "(
    t.universe_metadata::jsonb ->> 'mirror_of' is not null
    or exists (
      select from universe.universe u
      where u.environment = $1 and u.type = t.type and u.key = t.key and not u.is_retired
    )
  )";

/// A listing `t` whose last writer was a run or a load.
const SYMBOL_IS_OURS: &str = "t.last_updated::timestamptz in (
    select r.finished_at from universe.run r where r.finished_at is not null
    union all select l.loaded_at from universe.load l
  )";

/// What is known about the adoption that is to be undone.
struct Made {
    was_set_up: bool,
    added: Additions,
    original_columns: Value,
    run_id: uuid::Uuid,
    undo: AdoptionUndo,
}

impl Made {
    /// Returns the columns of a table whose values were kept and that are still there.
    fn kept<'c>(&self, catalogue: &'c Catalogue, table: &'c str) -> Result<Vec<&'c Column>, Failure> {
        let names = self.original_columns[table].as_array().into_iter().flatten().filter_map(Value::as_str);
        let find = |name: &str| catalogue.columns_of(table).find(|column| column.name == name);
        names
            .map(|name| {
                find(name).ok_or_else(|| {
                    let why = format!("the column {name} of table {table} is gone, and its values cannot be put back");
                    StoreError::Unsupported(why).into()
                })
            })
            .collect()
    }
}

/// Tells what undoing would do; `None` where nothing was adopted.
pub(super) async fn look(
    tx: &Transaction<'_>,
    environment: &str,
    now: Timestamp,
) -> Result<Option<AdoptionUndo>, Failure> {
    let exists = tx.query_one("select to_regclass('universe.adoption') is not null", &[]).await?;
    if !exists.get::<_, bool>(0) {
        return Ok(None);
    }
    let catalogue = catalogue::read(tx).await?;
    Ok(made(tx, &catalogue, environment, now).await?.map(|made| made.undo))
}

/// Undoes what `expected` says, or refuses.
pub(super) async fn apply(
    tx: &Transaction<'_>,
    environment: &str,
    expected: &AdoptionUndo,
    now: Timestamp,
) -> Result<(), Failure> {
    tx.batch_execute(migrate::LOCK).await?;
    tx.batch_execute("lock table public.cache_entries, public.symbols in access exclusive mode").await?;
    let catalogue = catalogue::read(tx).await?;
    let changed = || StoreError::Unsupported("the database changed since it was looked at; look again".to_owned());
    let Some(made) = made(tx, &catalogue, environment, now).await? else { return Err(changed().into()) };
    if made.undo != *expected {
        return Err(changed().into());
    }
    let triggers = triggers_off(tx).await?;
    put_back(tx, &catalogue, &made, environment).await?;
    tx.batch_execute(&triggers).await?;
    // Tables with checks that are still to be made cannot be altered.
    tx.batch_execute("set constraints all immediate").await?;
    if made.was_set_up { remove_rows(tx, environment).await } else { remove_schema(tx, &made.added).await }
}

async fn made(
    tx: &Transaction<'_>,
    catalogue: &Catalogue,
    environment: &str,
    now: Timestamp,
) -> Result<Option<Made>, Failure> {
    let Some(row) = tx.query_opt(RECORD, &[&environment]).await? else { return Ok(None) };
    let mut made = Made {
        was_set_up: row.get(0),
        added: parsed(row.get(1))?,
        original_columns: row.get(3),
        run_id: row.get(4),
        undo: AdoptionUndo { rules: parsed(row.get(2))?, ..AdoptionUndo::default() },
    };
    refuse_at_work(tx, now).await?;
    originals::be_exact(tx).await?;
    made.undo.drops_schema = !made.was_set_up;
    made.undo.removed = if made.was_set_up { Additions::default() } else { made.added.clone() };
    look_at_entries(tx, catalogue, &mut made, environment).await?;
    look_at_symbols(tx, catalogue, &mut made, environment).await?;
    losses(tx, &mut made, environment).await?;
    Ok(Some(made))
}

async fn refuse_at_work(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Failure> {
    let Some(row) = tx.query(AT_WORK, &[&now]).await?.into_iter().next() else { return Ok(()) };
    let (lease, holder): (String, String) = (row.get(0), row.get(1));
    let why = format!(
        "process {holder} is at work (it holds the lease {lease}): stop `universe serve` first, and wait half a minute \
         if it was killed"
    );
    Err(StoreError::Unsupported(why).into())
}

/// Whether a present row `t` differs from its original `o`.
fn differs(columns: &[&Column]) -> String {
    format!("o.row_values is distinct from {}", originals::values(columns))
}

fn joined_originals(table: &Kept) -> String {
    let Kept { name, key, .. } = table;
    format!(
        "universe.adoption_original o
        left join public.{name} t on t.{key}::text = o.row_key
        where o.environment = $1 and o.table_name = '{name}'"
    )
}

async fn look_at_entries(
    tx: &Transaction<'_>,
    catalogue: &Catalogue,
    made: &mut Made,
    environment: &str,
) -> Result<(), Failure> {
    let columns = made.kept(catalogue, ENTRIES.name)?;
    let (from, differs) = (joined_originals(&ENTRIES), differs(&columns));
    let place = |name: &str| columns.iter().position(|column| column.name == name).map_or(0, |at| at + 1);
    let (of_type, of_key) = (place("type"), place("key"));
    let sql = format!(
        "select o.row_values[{of_type}] || ':' || o.row_values[{of_key}], t.id is null,
          case
            when t.id is not null then {IS_OURS}
            else exists (
              select from universe.universe u
              where u.environment = $1 and u.is_retired
                and u.type = o.row_values[{of_type}] and u.key = o.row_values[{of_key}]
            )
          end
        from {from} and (t.id is null or {differs})
        order by 1"
    );
    let rows = tx.query(&sql, &[&environment]).await?;
    made.undo.entries_restored = rows.len() as u64;
    let others: Vec<String> = rows.iter().filter(|row| !row.get::<_, bool>(2)).map(|row| row.get(0)).collect();
    if !others.is_empty() {
        made.undo.losses.push(format!(
            "what other programs wrote since into {} of cache_entries: {}",
            counted(others.len() as u64, "row", "rows"),
            named(&others)
        ));
    }
    let sql = format!(
        "select count(*) from public.cache_entries t
        where {rows} and {HAS_OUR_ADDRESS} and {NEW}",
        rows = ENTRIES.rows,
    );
    made.undo.entries_deleted = count(tx, &sql, environment).await?;
    Ok(())
}

/// A row `t` of `cache_entries` that was not there before.
const NEW: &str = "not exists (
    select from universe.adoption_original o
    where o.environment = $1 and o.table_name = 'cache_entries' and o.row_key = t.id::text
  )";

async fn look_at_symbols(
    tx: &Transaction<'_>,
    catalogue: &Catalogue,
    made: &mut Made,
    environment: &str,
) -> Result<(), Failure> {
    if made.original_columns.get(SYMBOLS.name).is_none() {
        return Ok(());
    }
    let columns = made.kept(catalogue, SYMBOLS.name)?;
    let (from, differs, is_ours) =
        (joined_originals(&SYMBOLS), differs(&columns), symbol_is_ours(tx, catalogue).await?);
    let changed = format!("select count(*) from {from} and t.symbol is not null and {differs}");
    made.undo.symbols_restored = count(tx, &format!("{changed} and {is_ours}"), environment).await?;
    let others = count(tx, &changed, environment).await? - made.undo.symbols_restored;
    if others > 0 {
        made.undo
            .stays
            .push(format!("what other programs wrote since into {} of symbols", counted(others, "row", "rows")));
    }
    let new = "select count(*) from public.symbols t where not exists (
        select from universe.adoption_original o
        where o.environment = $1 and o.table_name = 'symbols' and o.row_key = t.symbol::text
      )";
    let new = count(tx, new, environment).await?;
    if new > 0 {
        made.undo.stays.push(format!("{} that came since", counted(new, "listing", "listings")));
    }
    Ok(())
}

/// A column without a time zone was written by sessions in the server's own.
async fn symbol_is_ours(tx: &Transaction<'_>, catalogue: &Catalogue) -> Result<String, Failure> {
    let is_plain = catalogue
        .columns_of(SYMBOLS.name)
        .any(|column| column.name == "last_updated" && column.type_name.ends_with("without time zone"));
    if !is_plain {
        return Ok(SYMBOL_IS_OURS.to_owned());
    }
    let zone = tx.query_one("select reset_val from pg_settings where name = 'TimeZone'", &[]).await?;
    let zone = zone.get::<_, String>(0).replace('\'', "''");
    Ok(SYMBOL_IS_OURS.replace("::timestamptz", &format!(" at time zone '{zone}'")))
}

/// Says what cannot be had again, and what stays.
async fn losses(tx: &Transaction<'_>, made: &mut Made, environment: &str) -> Result<(), Failure> {
    let mut lost = Vec::new();
    let of = if made.was_set_up { "environment = $1" } else { "$1::text is not null" };
    let adoptions = "select a.run_id from universe.adoption a";
    let runs = format!("select count(*) from universe.run where {of} and run_id not in ({adoptions})");
    let facts = [
        (
            runs,
            "the history of the run since (memberships, audit entries)",
            "the history of {} runs since (memberships, audit entries)",
        ),
        (
            format!("select count(*) from universe.outbox where {of} and published_at is null"),
            "an event that has not been published",
            "{} events that have not been published",
        ),
        (
            format!("select count(*) from universe.import_list where {of} and source not like 'adopted from %'"),
            "a list of members that was loaded",
            "{} lists of members that were loaded",
        ),
    ];
    for (sql, one, many) in facts {
        lost.extend(phrase(count(tx, &sql, environment).await?, one, many));
    }
    if !made.was_set_up {
        let all = [
            ("api_key", "revoked_at is null", "a key of `universe keys`", "{} keys of `universe keys`"),
            ("snapshot", "true", "what a snapshot said of each listing", "what {} snapshots said of each listing"),
            (
                "adoption",
                "environment <> $1",
                "the adoption of another environment",
                "the adoptions of {} other environments",
            ),
        ];
        for (table, which, one, many) in all {
            let sql = format!("select count(*) from universe.{table} where $1::text is not null and {which}");
            lost.extend(phrase(count(tx, &sql, environment).await?, one, many));
        }
        for table in &made.added.tables {
            let name = quoted(table);
            let sql = format!("select count(*) from (select from public.{name} limit 1) t where $1::text is not null");
            if count(tx, &sql, environment).await? > 0 {
                lost.push(format!("the rows of table {table}, which was added"));
            }
        }
        let loads = count(tx, "select count(*) from universe.load where $1::text is not null", environment).await?;
        if loads > 0 {
            made.undo.stays.push("bars that were loaded since".to_owned());
        }
    }
    tracing::debug!(run.id = %made.run_id, losses = lost.len(), "an adoption was looked at");
    made.undo.losses.extend(lost);
    Ok(())
}

fn phrase(count: u64, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(one.to_owned()),
        count => Some(many.replace("{}", &count.to_string())),
    }
}

async fn count(tx: &Transaction<'_>, sql: &str, environment: &str) -> Result<u64, Failure> {
    Ok(tx.query_one(sql, &[&environment]).await?.get::<_, i64>(0).cast_unsigned())
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn named(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Switches the triggers of users off, and returns the statements that switch on those that were.
///
/// A trigger that notes when a row was written would note this.
async fn triggers_off(tx: &Transaction<'_>) -> Result<String, Failure> {
    let sql = "select c.relname::text, g.tgname::text, g.tgenabled::text
        from pg_trigger g
        join pg_class c on c.oid = g.tgrelid
        where c.oid in ('public.cache_entries'::regclass, 'public.symbols'::regclass)
          and not g.tgisinternal and g.tgenabled <> 'D'
        order by 1, 2";
    let (mut off, mut on) = (String::new(), String::new());
    for row in &tx.query(sql, &[]).await? {
        let (table, trigger, mode) = (row.get::<_, &str>(0), quoted(row.get(1)), row.get::<_, &str>(2));
        let enable = match mode {
            "A" => "enable always",
            "R" => "enable replica",
            _ => "enable",
        };
        let _ = writeln!(off, "alter table public.{table} disable trigger {trigger};");
        let _ = writeln!(on, "alter table public.{table} {enable} trigger {trigger};");
    }
    tx.batch_execute(&off).await?;
    Ok(on)
}

async fn put_back(tx: &Transaction<'_>, catalogue: &Catalogue, made: &Made, environment: &str) -> Result<(), Failure> {
    let delete = format!("delete from public.cache_entries t where {} and {HAS_OUR_ADDRESS} and {NEW}", ENTRIES.rows);
    tx.execute(&delete, &[&environment]).await?;
    let entries = made.kept(catalogue, ENTRIES.name)?;
    tx.execute(&update_sql(&ENTRIES, &entries, "true"), &[&environment]).await?;
    tx.execute(&insert_sql(&ENTRIES, &entries), &[&environment]).await?;
    if made.original_columns.get(SYMBOLS.name).is_some() {
        let symbols = made.kept(catalogue, SYMBOLS.name)?;
        let is_ours = symbol_is_ours(tx, catalogue).await?;
        tx.execute(&update_sql(&SYMBOLS, &symbols, &is_ours), &[&environment]).await?;
    }
    Ok(())
}

/// Returns the value of an original for a column, as its type.
fn original(at: usize, column: &Column) -> String {
    format!("(o.row_values[{}])::{}", at + 1, column.type_name)
}

fn update_sql(table: &Kept, columns: &[&Column], which: &str) -> String {
    let Kept { name, key, .. } = table;
    let sets = columns.iter().enumerate().filter(|(_, column)| column.name != *key);
    let sets: Vec<String> = sets.map(|(at, c)| format!("{} = {}", quoted(&c.name), original(at, c))).collect();
    format!(
        "update public.{name} t
        set {}
        from universe.adoption_original o
        where o.environment = $1 and o.table_name = '{name}' and o.row_key = t.{key}::text
          and {} and {which}",
        sets.join(", "),
        differs(columns),
    )
}

fn insert_sql(table: &Kept, columns: &[&Column]) -> String {
    let Kept { name, .. } = table;
    let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    let values: Vec<String> = columns.iter().enumerate().map(|(at, column)| original(at, column)).collect();
    format!(
        "insert into public.{name} ({})
        overriding system value
        select {}
        from {} and t.{} is null",
        names.join(", "),
        values.join(", "),
        joined_originals(table),
        table.key,
    )
}

/// Removes what runs and adopting wrote for one environment, where the schema is to stay.
async fn remove_rows(tx: &Transaction<'_>, environment: &str) -> Result<(), Failure> {
    let memberships = "delete from universe.membership m using universe.universe u
        where u.universe_id = m.universe_id and u.environment = $1";
    tx.execute(memberships, &[&environment]).await?;
    for table in ["universe", "run", "audit_entry", "outbox", "import_list", "head", "adoption_original", "adoption"] {
        tx.execute(&format!("delete from universe.{table} where environment = $1"), &[&environment]).await?;
    }
    Ok(())
}

/// Removes everything that setting up added; what somebody else made of it since stops this.
async fn remove_schema(tx: &Transaction<'_>, added: &Additions) -> Result<(), Failure> {
    let mut sql = String::new();
    for index in &added.indexes {
        let _ = writeln!(sql, "drop index if exists public.{};", quoted(index));
    }
    // The generated ones come last, and are made from the others.
    for (table, column) in added.columns.iter().rev().filter_map(|column| column.split_once('.')) {
        let _ = writeln!(sql, "alter table public.{} drop column if exists {};", quoted(table), quoted(column));
    }
    for table in &added.tables {
        let _ = writeln!(sql, "drop table if exists public.{};", quoted(table));
    }
    tx.batch_execute(&sql).await?;
    tx.batch_execute(REVOKE).await?;
    let own = "select coalesce(string_agg(format('universe.%I', c.relname), ', ' order by c.relname), '')
        from pg_class c
        where c.relnamespace = 'universe'::regnamespace and c.relkind = 'r'";
    let own: String = tx.query_one(own, &[]).await?.get(0);
    tx.batch_execute(&format!("drop table {own}; drop schema universe")).await?;
    if added.role {
        tx.batch_execute(DROP_ROLE).await?;
    }
    Ok(())
}

const REVOKE: &str = "\
do $$
declare
  present record;
begin
  if exists (select from pg_roles where rolname = 'tickstock_reader') then
    for present in
      select c.oid::regclass as name
      from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relname in
        ('cache_entries', 'symbols', 'ohlcv_daily', 'ohlcv_1min', 'ohlcv_hourly', 'ohlcv_weekly', 'ohlcv_monthly')
    loop
      execute format('revoke select on %s from tickstock_reader', present.name);
    end loop;
    revoke usage on schema public from tickstock_reader;
  end if;
end
$$";

/// Another database of the server may have taken the role up.
const DROP_ROLE: &str = "\
do $$
begin
  drop role tickstock_reader;
exception
  when dependent_objects_still_exist or insufficient_privilege or undefined_object then null;
end
$$";
