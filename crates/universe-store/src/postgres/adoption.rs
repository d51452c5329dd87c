//! Moving in from an older TickStock database, and out again: each in one transaction.
//!
//! Adopting adds, and rewrites nothing: rows that other programs wrote stay as they are until a run writes the
//! universe that they are about. What they said is kept here, so that undoing can put it back.

mod catalogue;
mod originals;
mod record;
mod survey;
mod undo;

use std::sync::PoisonError;

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use super::failure::{ATTEMPTS_MAX, Failure};
use super::{PostgresStore, apply, jobs, migrate, retrying};
use crate::adoption::{ADOPTED_RULE, AdoptedUniverse, Adoption, AdoptionRecord, AdoptionUndo, OlderDatabase};
use crate::write_set::{ADOPTED, AuditRow};
use crate::{RunRecord, StoreError};

/// Whoever holds a lock for longer than this is told of instead of waited for: everybody else would wait behind.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '10s'";

const ENTRIES_LOCK: &str = "lock table public.cache_entries in share row exclusive mode";

const ENTRIES_ADD: &str = "\
insert into public.cache_entries
  (type, key, name, value, environment, universe_category, universe_metadata, created_at, updated_at)
select v.type, v.key, v.name, v.value::jsonb, $1, v.category, v.metadata::jsonb, $2::timestamptz, $2::timestamptz
from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
  v (type, key, name, value, category, metadata)";

const UNIVERSES_ADD: &str = "\
insert into universe.universe (
  environment, type, key, name, category, rule, rule_version, is_ranked,
  sequence, members, member_count, reconstituted_session, entry_updated_at, is_retired
)
select $1, v.type, v.key, v.name, v.category, $2, '', v.is_ranked, 0, v.members, v.member_count, $3, (
    select e.updated_at::timestamptz
    from public.cache_entries e
    where e.environment = $1 and e.type = v.type and e.key = v.key
    order by e.id
    limit 1
  ), false
from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::text[], $10::integer[])
  v (type, key, name, category, is_ranked, members, member_count)";

/// In order of the key, so that rows are appended instead of scattered.
const MEMBERSHIPS_ADD: &str = "\
insert into universe.membership (universe_id, symbol, valid_from, opened_run, opened_reason)
select u.universe_id, m.symbol, $2, $3, $4
from universe.universe u
cross join lateral unnest(string_to_array(u.members, ' ')) m (symbol)
where u.environment = $1
order by u.universe_id, m.symbol collate \"C\"";

/// A list that somebody loaded before is newer than the entry.
const IMPORTS_ADD: &str = "\
insert into universe.import_list (environment, type, key, name, symbols, source, loaded_at)
select $1, v.type, v.key, v.name, v.symbols, v.source, $2
from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) v (type, key, name, symbols, source)
on conflict (environment, type, key) do nothing";

const HEAD_MOVE: &str = "\
update universe.head
set version = $2, run_number = $2, session = $3, run_id = $4, audit_number = $5
where environment = $1";

impl PostgresStore {
    /// Looks at the database as one environment sees it, set up or not; reads only.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn adoption_survey(&self, environment: &str) -> Result<OlderDatabase, StoreError> {
        Ok(survey::survey(&self.client().await?, environment).await?)
    }

    /// Returns how an environment was adopted; `None` when it was not.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn adoption_find(&self, environment: &str) -> Result<Option<AdoptionRecord>, StoreError> {
        Ok(record::read(&self.client().await?, environment).await?)
    }

    /// Sets the database up and takes the universes over, in one transaction.
    ///
    /// Survives a crash as soon as it returns; before that, nothing has happened.
    ///
    /// # Errors
    /// When the environment was adopted or synchronized before, the rows changed since they were looked at, a
    /// right is missing, or somebody holds a lock for long. Nothing is then changed.
    pub async fn adoption_apply(&self, adoption: &Adoption) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let applied = retrying!(async {
            let tx = client.transaction().await?;
            adopt(&tx, adoption).await?;
            tx.commit().await?;
            Ok(())
        });
        *self.sql.write().unwrap_or_else(PoisonError::into_inner) = None;
        applied.map_err(told)
    }

    /// Tells what undoing the adoption of an environment would put back and lose; `None` when there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn adoption_undo_plan(
        &self,
        environment: &str,
        now: Timestamp,
    ) -> Result<Option<AdoptionUndo>, StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await.map_err(Failure::from)?;
        Ok(undo::look(&tx, environment, now).await?)
    }

    /// Puts the database back as it was before it was adopted, in one transaction.
    ///
    /// Survives a crash as soon as it returns; before that, nothing has happened.
    ///
    /// # Errors
    /// When something else would be put back or lost than `expected` says, a run is at work, or something that
    /// was made since uses what would go. Nothing is then changed.
    pub async fn adoption_undo(
        &self,
        environment: &str,
        expected: &AdoptionUndo,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let undone = retrying!(async {
            let tx = client.transaction().await?;
            tx.batch_execute(LOCK_TIMEOUT).await?;
            undo::apply(&tx, environment, expected, now).await?;
            tx.commit().await?;
            Ok(())
        });
        *self.sql.write().unwrap_or_else(PoisonError::into_inner) = None;
        undone.map_err(told)
    }
}

/// Says in this program's words what the server says about locks and dependencies.
fn told(error: StoreError) -> StoreError {
    match error {
        StoreError::Driver(what) if what.contains("[55P03]") => StoreError::Unavailable(format!(
            "another session holds a lock that this waits for ({what}); nothing was changed, try again when it is \
             done (pg_stat_activity shows who it is)"
        )),
        StoreError::Driver(what) if what.contains("[2BP01]") => StoreError::Unsupported(format!(
            "something that was made since uses what would go: {what}; nothing was changed, drop that first"
        )),
        other => other,
    }
}

async fn adopt(tx: &Transaction<'_>, adoption: &Adoption) -> Result<(), Failure> {
    let run = &adoption.run;
    let (environment, now) = (run.environment.as_str(), run.recorded_at());
    tx.batch_execute(LOCK_TIMEOUT).await?;
    tx.batch_execute(migrate::LOCK).await?;
    tx.batch_execute(ENTRIES_LOCK).await?;
    let before = catalogue::read(tx).await?;
    if let Some(done) = record::read(tx, environment).await? {
        let at = done.adopted_at;
        return Err(refused(format!("the environment {environment} was adopted already, at {at}")).into());
    }
    if before.is_set_up && jobs::has_runs(tx, environment).await? {
        return Err(refused(format!("the environment {environment} has been synchronized already")).into());
    }
    let (_, fingerprint) = survey::entries_read(tx, environment).await?;
    if fingerprint != adoption.fingerprint {
        return Err(refused("cache_entries changed since it was looked at; look again".to_owned()).into());
    }
    migrate::migrate_in(tx, now).await?;
    let added = catalogue::added(&before, &catalogue::read(tx).await?);
    let columns = originals::keep(tx, environment, &before).await?;
    universes_add(tx, adoption, now).await?;
    history_add(tx, adoption, now).await?;
    record::write(tx, adoption, now, before.is_set_up, &added, &columns).await
}

fn refused(why: String) -> StoreError {
    StoreError::Unsupported(why)
}

async fn universes_add(tx: &Transaction<'_>, adoption: &Adoption, now: Timestamp) -> Result<(), Failure> {
    let run = &adoption.run;
    let (environment, all) = (&run.environment, &adoption.universes);
    let new: Vec<&AdoptedUniverse> = all.iter().filter(|universe| universe.is_new_entry).collect();
    let values: Vec<String> = new.iter().map(|universe| json!(universe.members).to_string()).collect();
    let metadata: Vec<String> = new.iter().map(|universe| metadata(universe, run, now).to_string()).collect();
    let (types, keys, names, categories) = addresses(new.iter().copied());
    tx.execute(ENTRIES_ADD, &[environment, &now, &types, &keys, &names, &values, &categories, &metadata]).await?;

    let (types, keys, names, categories) = addresses(all.iter());
    let ranked: Vec<bool> = all.iter().map(|universe| universe.is_ranked).collect();
    let members: Vec<String> = all.iter().map(joined).collect();
    let counts: Vec<i32> = all.iter().map(|u| i32::try_from(u.members.len()).unwrap_or(i32::MAX)).collect();
    let given: [&(dyn ToSql + Sync); 10] =
        [environment, &ADOPTED_RULE, &adoption.session, &types, &keys, &names, &categories, &ranked, &members, &counts];
    tx.execute(UNIVERSES_ADD, &given).await?;

    let listed: Vec<&AdoptedUniverse> = all.iter().filter(|universe| universe.is_listed).collect();
    let (types, keys, names, _) = addresses(listed.iter().copied());
    let members: Vec<String> = listed.iter().map(|universe| joined(universe)).collect();
    let sources: Vec<String> = listed.iter().map(|universe| format!("adopted from {}", universe.source)).collect();
    tx.execute(IMPORTS_ADD, &[environment, &now, &types, &keys, &names, &members, &sources]).await?;
    Ok(())
}

/// Types, keys, names and categories, as columns.
fn addresses<'u>(
    universes: impl Iterator<Item = &'u AdoptedUniverse>,
) -> (Vec<&'u str>, Vec<&'u str>, Vec<&'u str>, Vec<&'u str>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for universe in universes {
        columns.0.push(universe.id.universe_type.as_str());
        columns.1.push(universe.id.key());
        columns.2.push(universe.name.as_str());
        columns.3.push(universe.category.as_str());
    }
    columns
}

fn joined(universe: &AdoptedUniverse) -> String {
    universe.members.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(" ")
}

fn metadata(universe: &AdoptedUniverse, run: &RunRecord, now: Timestamp) -> Value {
    let now = now.to_string();
    json!({
        "last_updated": now,
        "last_cleanup": now,
        "last_rebalance": now,
        "rule": ADOPTED_RULE,
        "run_id": run.run_id,
        "count": universe.members.len(),
    })
}

/// Records the run, opens the memberships, and says in the audit what each universe came from.
async fn history_add(tx: &Transaction<'_>, adoption: &Adoption, now: Timestamp) -> Result<(), Failure> {
    let run = &adoption.run;
    let head = apply::head_lock(tx, &run.environment).await?;
    let number = head.run_number + 1;
    tx.execute(MEMBERSHIPS_ADD, &[&run.environment, &adoption.session, &number, &ADOPTED]).await?;
    jobs::run_end(tx, run, number).await?;
    let audit: Vec<AuditRow> = adoption.universes.iter().map(|universe| audit_row(adoption, universe)).collect();
    apply::append_audit(tx, run, head.audit_number, now, &audit).await?;
    let audit_number = head.audit_number + i64::try_from(audit.len()).expect("fewer universes than i64 holds");
    tx.execute(HEAD_MOVE, &[&run.environment, &number, &adoption.session, &run.run_id, &audit_number]).await?;
    Ok(())
}

fn audit_row(adoption: &Adoption, universe: &AdoptedUniverse) -> AuditRow {
    AuditRow {
        action: ADOPTED,
        universe: Some(universe.id.clone()),
        symbol: None,
        reason: format!("adopted: {} members from {}", universe.members.len(), universe.source),
        detail: json!({
            "session": adoption.session,
            "source": universe.source,
            "count": universe.members.len(),
            "value": universe.value,
        }),
    }
}
