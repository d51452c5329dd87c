//! How the file is.

use rusqlite::Connection;

use crate::{LeaseHeld, StoreError, VitalSigns};

pub(super) fn vital_signs(db: &Connection) -> Result<VitalSigns, StoreError> {
    let number = |pragma: &str| db.query_row(&format!("pragma {pragma}"), [], |row| row.get::<_, i64>(0));
    let bytes = number("page_count")?.saturating_mul(number("page_size")?);
    let has_leases: bool =
        db.query_row("select exists (select 1 from sqlite_schema where name = 'universe_lease')", [], |row| {
            row.get(0)
        })?;
    Ok(VitalSigns {
        version: db.query_row("select sqlite_version()", [], |row| row.get(0))?,
        now: None,
        is_read_only: db.is_readonly(rusqlite::MAIN_DB)?,
        bytes: bytes.cast_unsigned(),
        journal: Some(db.query_row("pragma journal_mode", [], |row| row.get(0))?),
        leases: if has_leases { leases(db)? } else { Vec::new() },
    })
}

fn leases(db: &Connection) -> Result<Vec<LeaseHeld>, StoreError> {
    let mut statement = db.prepare(
        "select name, holder, expires_at
        from universe_lease
        where holder is not null and expires_at is not null
        order by name",
    )?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))?;
    let mut leases = Vec::new();
    for row in rows {
        let (name, holder, expires_at) = row?;
        let expires_at = expires_at.parse().map_err(|_| StoreError::Inconsistent {
            table: "lease",
            detail: format!("{expires_at:?} is no instant"),
        })?;
        leases.push(LeaseHeld { name, holder, expires_at });
    }
    Ok(leases)
}
