//! What the public schema consists of: read before and after setting up, so that undoing knows the difference.

use std::collections::BTreeSet;

use deadpool_postgres::GenericClient;

use super::super::failure::Failure;
use crate::adoption::Additions;

const SCHEMA: &str = "\
select to_regnamespace('universe') is not null, to_regclass('universe.migration') is not null,
  exists (select from pg_roles where rolname = 'tickstock_reader')";

const COLUMNS: &str = "\
select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attgenerated <> ''
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
order by c.relname, a.attnum";

const INDEXES: &str = "\
select t.relname::text, i.relname::text
from pg_index x
join pg_class i on i.oid = x.indexrelid
join pg_class t on t.oid = x.indrelid
where t.relnamespace = 'public'::regnamespace
order by 1, 2";

/// A column of a public table.
pub(super) struct Column {
    pub(super) table: String,
    pub(super) name: String,
    /// Its type, as a cast takes it.
    pub(super) type_name: String,
    pub(super) is_generated: bool,
}

pub(super) struct Catalogue {
    pub(super) has_schema: bool,
    pub(super) is_set_up: bool,
    pub(super) has_role: bool,
    /// In order of table and place.
    pub(super) columns: Vec<Column>,
    pub(super) indexes: Vec<(String, String)>,
}

impl Catalogue {
    pub(super) fn columns_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a Column> {
        self.columns.iter().filter(move |column| column.table == table)
    }
}

pub(super) async fn read(client: &impl GenericClient) -> Result<Catalogue, Failure> {
    let schema = client.query_one(SCHEMA, &[]).await?;
    let columns = client.query(COLUMNS, &[]).await?;
    let indexes = client.query(INDEXES, &[]).await?;
    let column = |row: &tokio_postgres::Row| Column {
        table: row.get(0),
        name: row.get(1),
        type_name: row.get(2),
        is_generated: row.get(3),
    };
    Ok(Catalogue {
        has_schema: schema.get(0),
        is_set_up: schema.get(1),
        has_role: schema.get(2),
        columns: columns.iter().map(column).collect(),
        indexes: indexes.iter().map(|row| (row.get(0), row.get(1))).collect(),
    })
}

/// Returns what is in the second and was not in the first.
pub(super) fn added(before: &Catalogue, after: &Catalogue) -> Additions {
    let tables_before: BTreeSet<&str> = before.columns.iter().map(|column| column.table.as_str()).collect();
    let was_there = |table: &str| tables_before.contains(table);
    let tables: BTreeSet<&str> =
        after.columns.iter().map(|column| column.table.as_str()).filter(|table| !was_there(table)).collect();
    let columns_before: BTreeSet<(&str, &str)> = before.columns.iter().map(|c| (&*c.table, &*c.name)).collect();
    let columns =
        after.columns.iter().filter(|c| was_there(&c.table) && !columns_before.contains(&(&*c.table, &*c.name)));
    let indexes = after.indexes.iter().filter(|index| was_there(&index.0) && !before.indexes.contains(index));
    Additions {
        schema: after.has_schema && !before.has_schema,
        role: after.has_role && !before.has_role,
        tables: tables.into_iter().map(str::to_owned).collect(),
        columns: columns.map(|column| format!("{}.{}", column.table, column.name)).collect(),
        indexes: indexes.map(|(_, index)| index.clone()).collect(),
    }
}
