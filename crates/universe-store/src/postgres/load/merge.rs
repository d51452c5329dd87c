//! The statement that merges incoming listings into `symbols`, whatever its columns are called.

use super::super::columns::Columns;

/// What becomes of a listing that is stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum MergeRule {
    /// What is given replaces what is stored.
    Given,
    /// As the newest full snapshot shows it: listed, by its present name.
    Snapshot,
    /// An older snapshot, loaded late: it only fills what is blank.
    OlderSnapshot,
}

/// A column of `symbols`: by the contract's name, by its name here, its type.
struct Field {
    name: &'static str,
    column: &'static str,
    kind: &'static str,
}

/// Returns the statement; it returns the symbols about which something else is said than before.
///
/// To have been seen again changes `last_seen_session` and nothing else, and is not counted.
///
/// Parameters: the instant, the session (null without one), whether a new listing is known to be new.
pub(in super::super) fn merge_sql(columns: &Columns, rule: MergeRule) -> String {
    let fields = fields(columns);
    let each = |write: &dyn Fn(&Field) -> String, separator: &str| -> String {
        fields.iter().map(write).collect::<Vec<_>>().join(separator)
    };
    let merged = each(&|field| format!("{} as {}", merged(field, columns, rule), field.name), ",\n    ");
    let set = each(&|field| format!("{} = n.{}", field.column, field.name), ",\n    ");
    let stored = each(&|field| format!("s.{}::{}", field.column, field.kind), ", ");
    let new = each(&|field| format!("m.{}", field.name), ", ");
    let targets = each(&|field| field.column.to_owned(), ", ");
    let inserted = each(&|field| inserted(field, rule), ", ");
    // A first appearance is one only against an earlier snapshot, and when the year of the offering allows it.
    let appeared = "case
      when $3::boolean and (i.ipo_year is null or i.ipo_year >= extract(year from $2::date)) then $2::date
    end";
    format!(
        "with n as (
  select
    s.symbol as key,
    m.*,
    greatest(s.last_seen_session, $2::date) as last_seen_session,
    ({stored}, s.first_seen_session) is distinct from ({new}, m.first_seen_session) as says_else
  from incoming_listing i
  join public.symbols s on s.symbol = i.symbol
  cross join lateral (
    select
    {merged},
    case
      when s.first_seen_session > $2::date then case when $3::boolean then $2::date end
      else s.first_seen_session
    end as first_seen_session
  ) m
),
changed as (
  update public.symbols s
  set {set},
    first_seen_session = n.first_seen_session,
    last_seen_session = n.last_seen_session,
    last_updated = case when n.says_else then $1::timestamptz else s.last_updated end
  from n
  where s.symbol = n.key
    and (n.says_else or s.last_seen_session is distinct from n.last_seen_session)
  returning s.symbol::text, n.says_else
),
created as (
  insert into public.symbols (symbol, {targets}, first_seen_session, last_seen_session, last_updated)
  select i.symbol, {inserted}, {appeared}, $2::date, $1::timestamptz
  from incoming_listing i
  where not exists (select from public.symbols s where s.symbol = i.symbol)
  returning symbol::text
)
select symbol from changed where says_else
union all
select symbol from created"
    )
}

fn fields(columns: &Columns) -> Vec<Field> {
    let field = |name, column, kind| Field { name, column, kind };
    vec![
        field("company_name", columns.company_name, "text"),
        field("security_type", columns.security_type, "text"),
        field("exchange", columns.exchange, "text"),
        field("sector", "sector", "text"),
        field("industry", "industry", "text"),
        field("country", "country", "text"),
        field("currency", "currency", "text"),
        field("market_cap", "market_cap", "bigint"),
        field("weighted_shares_outstanding", "weighted_shares_outstanding", "bigint"),
        field("listing_date", columns.listing_date, "date"),
        field("ipo_year", "ipo_year", "smallint"),
        field("is_active", columns.is_active, "boolean"),
        field("delisted_date", "delisted_date", "date"),
        field("etf_type", "etf_type", "text"),
        field("issuer", "issuer", "text"),
        field("aum_millions", "aum_millions", "double precision"),
    ]
}

/// The value that a stored listing gets.
fn merged(field: &Field, columns: &Columns, rule: MergeRule) -> String {
    let Field { name, column, kind } = field;
    let given = format!("coalesce(i.{name}, s.{column}::{kind})");
    let filled = format!("coalesce(s.{column}::{kind}, i.{name})");
    let kept = format!("s.{column}::{kind}");
    match (rule, *name) {
        (MergeRule::Given, _) => given,
        // Runs rewrite a cap by a rule of their own.
        (MergeRule::Snapshot, "market_cap") => filled,
        // The kind was told from the name: it changes with it.
        (MergeRule::Snapshot, "security_type") => format!(
            "case when i.company_name is distinct from s.{}::text and i.company_name is not null then {given} \
             else {filled} end",
            columns.company_name
        ),
        // Being seen is evidence of being listed, unless a delisting is announced for later.
        (MergeRule::Snapshot, "is_active") => "true".to_owned(),
        (MergeRule::Snapshot, "delisted_date") => format!("case when {kept} > $2::date then {kept} end"),
        (MergeRule::Snapshot, _) => given,
        (MergeRule::OlderSnapshot, "is_active" | "delisted_date") => kept,
        (MergeRule::OlderSnapshot, _) => filled,
    }
}

/// The value that a new listing gets.
fn inserted(field: &Field, rule: MergeRule) -> String {
    match (field.name, rule) {
        ("currency", _) => "coalesce(i.currency, 'USD')".to_owned(),
        ("is_active", MergeRule::Given) => "coalesce(i.is_active, true)".to_owned(),
        ("is_active", MergeRule::Snapshot | MergeRule::OlderSnapshot) => "true".to_owned(),
        ("delisted_date", MergeRule::Snapshot | MergeRule::OlderSnapshot) => "null".to_owned(),
        (name, _) => format!("i.{name}"),
    }
}
