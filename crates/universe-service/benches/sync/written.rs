//! Which rows a run wrote: what the floor writes again.

/// A table that a run writes, and how to tell its rows from those that were there before.
///
/// In the conditions `{now}` stands for the instant of the run, `{run}` for its number and `{audit}`,
/// `{event}`, `{entry}` and `{universe}` for the last numbers before it.
pub(crate) struct Table {
    /// The name without prefix or schema.
    pub(crate) name: &'static str,
    pub(crate) is_own: bool,
    pub(crate) key: &'static [&'static str],
    pub(crate) inserted: Option<&'static str>,
    pub(crate) updated: Option<(&'static str, &'static [&'static str])>,
}

pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "cache_entries",
        is_own: false,
        key: &["id"],
        inserted: Some("id > {entry}"),
        updated: Some((
            "id <= {entry} and updated_at = {now}",
            &["name", "value", "universe_category", "universe_metadata", "updated_at"],
        )),
    },
    Table {
        name: "universe",
        is_own: true,
        key: &["universe_id"],
        inserted: Some("universe_id > {universe}"),
        updated: Some((
            "universe_id <= {universe} and entry_updated_at = {now}",
            &["sequence", "members", "member_count", "reconstituted_session", "entry_updated_at"],
        )),
    },
    Table {
        name: "membership",
        is_own: true,
        key: &["universe_id", "symbol", "opened_run"],
        inserted: Some("opened_run = {run}"),
        updated: Some((
            "closed_run = {run} and opened_run < {run}",
            &["valid_to", "closed_run", "closed_reason", "closed_cap", "closed_rank"],
        )),
    },
    Table {
        name: "symbols",
        is_own: false,
        key: &["symbol"],
        inserted: None,
        updated: Some(("last_updated = {now}", &["market_cap", "is_active", "delisted_date", "last_updated"])),
    },
    Table {
        name: "market_session",
        is_own: true,
        key: &["session"],
        inserted: None,
        updated: Some(("session = {session}", &["listings", "breadth", "median_return", "volatility"])),
    },
    Table { name: "run", is_own: true, key: &["run_id"], inserted: Some("run_number = {run}"), updated: None },
    Table {
        name: "audit_entry",
        is_own: true,
        key: &["environment", "audit_number"],
        inserted: Some("audit_number > {audit}"),
        updated: None,
    },
    Table {
        name: "outbox",
        is_own: true,
        key: &["environment", "event_number"],
        inserted: Some("event_number > {event}"),
        updated: None,
    },
    Table {
        name: "head",
        is_own: true,
        key: &["environment"],
        inserted: Some("{run} = 1"),
        updated: Some((
            "{run} > 1",
            &["version", "run_number", "session", "run_id", "held", "audit_number", "event_number"],
        )),
    },
];

/// The last numbers before a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) run: i64,
    pub(crate) audit: i64,
    pub(crate) event: i64,
    pub(crate) entry: i64,
    pub(crate) universe: i64,
}

/// The query that reads [`Marks`]; `{universe}` and so on are the tables.
pub(crate) fn marks_sql(own: impl Fn(&str) -> String) -> String {
    let (head, universe) = (own("head"), own("universe"));
    format!(
        "select
            coalesce((select run_number from {head}), 0),
            coalesce((select audit_number from {head}), 0),
            coalesce((select event_number from {head}), 0),
            coalesce((select max(id) from cache_entries), 0),
            coalesce((select max(universe_id) from {universe}), 0)"
    )
}

impl Marks {
    /// Fills a condition of [`TABLES`] in.
    pub(crate) fn condition(&self, condition: &str, now: &str, session: jiff::civil::Date) -> String {
        condition
            .replace("{now}", &format!("'{now}'"))
            .replace("{session}", &format!("'{session}'"))
            .replace("{run}", &(self.run + 1).to_string())
            .replace("{audit}", &self.audit.to_string())
            .replace("{event}", &self.event.to_string())
            .replace("{entry}", &self.entry.to_string())
            .replace("{universe}", &self.universe.to_string())
    }
}
