//! How the server is.

use deadpool_postgres::Object;

use super::failure::Failure;
use crate::{LeaseHeld, VitalSigns};

const SERVER: &str = "\
select current_setting('server_version'), clock_timestamp(), current_setting('transaction_read_only') = 'on',
  pg_database_size(current_database()), to_regclass('universe.lease') is not null";

const LEASES: &str = "\
select name, holder, expires_at
from universe.lease
where holder is not null and expires_at is not null
order by name collate \"C\"";

pub(super) async fn vital_signs(client: &Object) -> Result<VitalSigns, Failure> {
    let server = client.query_one(SERVER, &[]).await?;
    let leases = if server.get(4) { client.query(LEASES, &[]).await? } else { Vec::new() };
    let lease = |row: &tokio_postgres::Row| LeaseHeld { name: row.get(0), holder: row.get(1), expires_at: row.get(2) };
    Ok(VitalSigns {
        version: server.get(0),
        now: Some(server.get(1)),
        is_read_only: server.get(2),
        bytes: server.get::<_, i64>(3).cast_unsigned(),
        journal: None,
        leases: leases.iter().map(lease).collect(),
    })
}
