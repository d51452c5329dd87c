//! The store conformance suite: what every backend must do, one named case per fact.
//!
//! A test crate says how to make a [`Subject`] and instantiates all cases by [`crate::store_conformance!`].
//! A case gets a migrated, empty database of its own.

pub mod apply;
pub mod damage;
pub mod identity;
pub mod integrity;
pub mod jobs;
pub mod keys;
pub mod leases;
pub mod load;
pub mod loading;
pub mod members;
pub mod observe;
pub mod outbox;
pub mod runs;
pub mod setup;
pub mod state;
pub mod time_machine;
pub mod versions;

use std::sync::Arc;

use async_trait::async_trait;
use universe_store::{Backend, DatabaseUri, Store, open};

/// A store under test, and a way around it.
pub struct Subject {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Where it is, to open it a second time.
    pub uri: DatabaseUri,
    /// Statements as other programs send them.
    pub raw: Box<dyn RawSql>,
    /// What keeps the database there.
    pub keep: Box<dyn std::any::Any + Send + Sync>,
}

/// Statements past the store, to see and to damage what it keeps.
#[async_trait]
pub trait RawSql: Send + Sync {
    /// Executes statements, and panics where they are refused.
    async fn execute(&self, sql: &str);

    /// Returns the rows of a query, every column as text.
    async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>>;
}

/// The project's own tables, without schema or prefix.
pub const OWN_TABLES: &[&str] = &[
    "adoption",
    "adoption_original",
    "api_key",
    "audit_entry",
    "constituent_source",
    "data_load",
    "data_load_task",
    "fired",
    "head",
    "import_list",
    "lease",
    "listing_fact",
    "load",
    "market_session",
    "membership",
    "membership_override",
    "migration",
    "outbox",
    "run",
    "run_figure",
    "snapshot",
    "symbol_change",
    "universe",
];

/// The tables that other programs share.
pub const PUBLIC_TABLES: &[&str] =
    &["cache_entries", "ohlcv_1min", "ohlcv_daily", "ohlcv_hourly", "ohlcv_monthly", "ohlcv_weekly", "symbols"];

impl Subject {
    /// Returns the store, as functions take it.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Returns the name of an own table in this backend.
    #[must_use]
    pub fn own(&self, table: &str) -> String {
        match self.store.backend() {
            Backend::Sqlite => format!("universe_{table}"),
            Backend::Postgres => format!("universe.{table}"),
        }
    }

    /// Replaces `{table}` by the names of own tables, and executes.
    pub async fn execute(&self, sql: &str) {
        self.raw.execute(&self.with_tables(sql)).await;
    }

    /// Replaces `{table}` by the names of own tables, and returns the rows.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.raw.rows(&self.with_tables(sql)).await
    }

    /// Returns the only value of the only row; `NULL` where it is absent.
    ///
    /// # Panics
    /// When there is another number of rows.
    pub async fn value(&self, sql: &str) -> String {
        let rows = self.rows(sql).await;
        assert_eq!(rows.len(), 1, "{sql}");
        rows[0][0].clone().unwrap_or_else(|| "NULL".to_owned())
    }

    /// Returns everything that is stored, to prove that nothing was written.
    pub async fn dump(&self) -> Vec<(String, Vec<Vec<Option<String>>>)> {
        let own = OWN_TABLES.iter().map(|table| self.own(table));
        let mut tables = Vec::new();
        for table in own.chain(PUBLIC_TABLES.iter().map(|table| (*table).to_owned())) {
            let rows = self.rows(&format!("select * from {table} order by 1, 2, 3")).await;
            tables.push((table, rows));
        }
        tables
    }

    fn with_tables(&self, sql: &str) -> String {
        OWN_TABLES.iter().fold(sql.to_owned(), |sql, table| sql.replace(&format!("{{{table}}}"), &self.own(table)))
    }
}

/// Does the same with four stores on the subject's database, each in a task of its own; `work` gets the numbers
/// 1 to 4.
///
/// # Panics
/// When a store cannot be opened, or one of the tasks panics.
pub async fn at_once<T, F>(subject: &Subject, work: impl Fn(Arc<dyn Store>, u32) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = Vec::new();
    for number in 1..=4 {
        let store = open(&subject.uri).await.expect("opens");
        tasks.push(tokio::spawn(work(store, number)));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("no panic"));
    }
    results
}

/// Makes a test of every case of the suite, with `$subject` a function that returns `Option<Subject>`.
#[macro_export]
macro_rules! store_conformance {
    ($subject:path) => {
        $crate::store_conformance! { $subject =>
            setup: vital_signs_are_those_of_the_database, migrations_are_listed_and_applied_once, processes_may_start_at_once, refuses_changed_migrations,
                refuses_the_database_of_a_newer_program, tables_are_those_of_the_other_backend,
                entries_have_the_generated_columns;
            observe: listings_come_in_order_with_their_latest_closes, the_past_is_seen_as_it_was,
                facts_of_later_snapshots_are_not_known_yet, a_back_fill_has_the_facts_of_its_time,
                what_snapshots_never_showed_stays,
                absences_count_full_snapshots, facts_are_the_newest_not_later_than_the_session,
                names_come_when_they_are_needed, returns_compare_with_the_session_before,
                the_latest_session_has_closes, names_are_listed_in_the_order_asked, facts_are_listed_by_name,
                market_figures_are_replaced_and_limited;
            load: the_same_snapshot_again_changes_nothing, blank_fields_leave_what_is_stored,
                the_recorded_cap_is_not_overwritten, being_seen_is_being_listed,
                a_changed_name_changes_the_kind, a_back_fill_fills_blanks_only,
                only_a_new_listing_has_a_first_session, first_sessions_need_a_recent_earlier_snapshot,
                a_close_keeps_the_rest_of_the_bar, a_row_without_a_close_has_no_bar,
                last_updated_tells_when_something_changed, snapshots_are_listed_by_session,
                reference_data_overrides_where_it_speaks, bars_are_replaced_where_they_differ,
                imports_reach_the_state;
            state: an_empty_database_has_an_empty_state, a_second_run_has_nothing_to_do,
                entries_of_other_programs_are_read_in_every_shape, mirrors_are_no_universes,
                entries_that_others_changed_are_not_intact, environments_are_apart;
            apply: writes_entries_as_the_contract_says, keeps_rows_of_other_programs, refuses_a_stale_plan, refuses_a_session_before_the_last, loading_ahead_decides_the_same,
                a_conflict_writes_nothing, one_of_two_runs_is_stale, moves_members_between_bands,
                retires_and_makes_anew, counts_on_after_entries_of_other_programs, takes_over_entries_of_other_programs, keeps_values_that_are_retired,
                mirrors_follow_and_go, holds_are_remembered, rewrites_caps_that_moved, records_delistings,
                numbers_have_no_gaps, keeps_the_figures_of_the_market, survives_being_opened_again;
            runs: runs_are_listed_newest_first, a_failed_run_is_recorded_and_changes_no_version,
                audit_entries_are_read_in_pages, events_are_read_in_pages;
            jobs: an_order_waits_with_its_events, one_run_of_an_environment_is_queued,
                of_orders_at_once_one_is_queued, a_conflicting_order_writes_nothing, a_run_is_claimed_once,
                a_claim_tells_its_start, a_conflicting_claim_writes_nothing, progress_is_told_with_its_events,
                progress_renews_the_lease, progress_of_a_lost_run_is_fenced, a_claimed_run_is_applied,
                a_fenced_run_applies_nothing, a_run_beside_a_claimed_one_is_refused, a_claimed_run_is_closed_once,
                a_refused_close_writes_nothing, a_waiting_run_is_cancelled, cancelling_and_claiming_at_once_agree,
                dead_runs_are_reaped_once, runs_are_numbered_when_they_end, statistics_tell_how_runs_went,
                the_version_rises_with_changes;
            versions: versions_are_listed_in_order, what_is_restored_is_a_run, lists_go_with_the_run;
            leases: a_lease_has_one_holder, an_expired_lease_is_taken_over, a_lease_ends_when_it_expires,
                of_takes_at_once_one_succeeds, a_schedule_fires_once_for_a_session;
            outbox: events_are_published_in_order, old_published_events_are_deleted, deleted_events_hide_no_gaps;
            loading: a_job_is_ordered_once, a_refused_job_is_kept_with_its_event, a_job_is_claimed_once,
                bars_are_stored_with_their_tasks, every_timeframe_has_its_table, loaded_closes_are_observed,
                a_refused_batch_writes_nothing, a_dead_job_is_taken_over, a_released_job_is_taken_at_once,
                a_job_that_kills_is_given_up, a_job_is_cancelled, a_job_without_bars_has_no_tasks, jobs_are_listed,
                old_jobs_are_deleted,
                events_are_appended;
            time_machine: a_corrected_past_answers_anew_and_is_remembered, a_past_may_be_corrected_twice,
                superseding_what_is_not_there_is_refused, sources_are_kept_side_by_side,
                a_word_about_a_member_counts_while_it_holds;
            identity: symbol_changes_are_kept_and_superseded, a_renamed_listing_stays_a_member,
                a_symbol_that_is_taken_over_begins_anew;
            keys: keys_are_listed_oldest_first, a_key_is_not_replaced, a_key_is_revoked_once,
                the_last_use_of_a_key_is_remembered;
            members: universes_are_listed_in_order, members_now_are_in_order_of_rank, caps_are_fresh_and_of_their_time, figures_are_those_that_were_decided_by,
                members_as_of_a_session, members_as_they_were_known, corrections_within_a_session,
                since_walks_back_over_meeting_intervals, a_retired_universe_answers_for_the_past,
                an_unknown_universe_is_none, intervals_are_listed_by_universe_and_by_symbol;
            damage: a_sound_database_has_no_inconsistencies, finds_an_entry_that_differs,
                finds_a_missing_entry, finds_a_wrong_count, finds_overlapping_intervals,
                finds_gaps_in_numbers, finds_a_gap_in_a_sequence;
            integrity: universes_are_read_with_their_entries, entries_are_read_whatever_they_hold,
                a_mended_entry_moves_no_membership, symbols_are_listed_in_the_order_of_the_entry,
                spans_are_those_of_the_last_sessions, several_lists_are_stored_at_once;
        }
    };
    ($subject:path => $($module:ident: $($case:ident),+ $(,)?;)+) => {
        $(
            mod $module {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        if let Some(subject) = $subject().await {
                            $crate::conformance::$module::$case(&subject).await;
                        }
                    }
                )+
            }
        )+
    };
}
