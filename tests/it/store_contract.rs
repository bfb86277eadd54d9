//! The store's contract: one suite, run on a SQLite file and on a real PostgreSQL, each case on a database of its own.

mod audit;
mod audited_rows;
mod events;
mod findings;
mod history;
mod opening;
mod outbox;
mod pictures;
mod readings;
mod runs;
mod snapshots;

use duban::domain::database_url::DatabaseUrl;
use duban::store::handle::Store;
use sqlx::{AnyPool, AssertSqlSafe, PgPool};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A database of one test.
pub struct Db {
    folder: tempfile::TempDir,
    url: String,
    /// The server and the database's name; `None` on SQLite.
    server: Option<(PgPool, String)>,
}

impl Db {
    fn sqlite() -> Db {
        Db { folder: tempfile::tempdir().expect("a folder"), url: "sqlite:var/duban.db".into(), server: None }
    }

    async fn postgres(server: &str) -> Db {
        let folder = tempfile::tempdir().expect("a folder");
        let random: String = folder.path().to_string_lossy().chars().rev().take_while(char::is_ascii_alphanumeric).collect();
        let name = format!("duban_test_{random}");
        let pool = PgPool::connect(server).await.unwrap_or_else(|error| panic!("DUBAN_TEST_POSTGRES {server}: {error}"));
        // a Chinese office's server sorts by pinyin: nothing may rest on the order of bytes
        let create = format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'");
        let pinyin = format!("{create} LOCALE_PROVIDER icu ICU_LOCALE 'zh'");
        if sqlx::query(AssertSqlSafe(pinyin)).execute(&pool).await.is_err() {
            sqlx::query(AssertSqlSafe(create)).execute(&pool).await.expect("a new database");
        }
        let (base, _) = server.rsplit_once('/').expect("a url that ends in a database");
        Db { folder, url: format!("{base}/{name}"), server: Some((pool, name)) }
    }

    /// The url a configuration would name.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    /// A handle of its own, as another process would have.
    pub async fn open(&self) -> Store {
        Store::open(self.folder.path(), &address(&self.url)).await.expect("the store opens")
    }

    /// Why the database is refused, by a command that works on it and by one that only looks.
    async fn refusals(&self) -> [String; 2] {
        let opened = Store::open(self.folder.path(), &address(&self.url)).await.map(|_| ());
        let looked = Store::open_existing(self.folder.path(), &address(&self.url)).await.map(|_| ());
        [opened, looked].map(|done| done.expect_err("refused").to_string())
    }

    /// The tables as they are, past the store.
    pub async fn raw(&self) -> AnyPool {
        sqlx::any::install_default_drivers();
        let url = match self.server {
            Some(_) => self.url.clone(),
            None => format!("sqlite://{}", self.folder.path().join("var/duban.db").display()),
        };
        AnyPool::connect(&url).await.expect("the tables")
    }

    async fn drop(self) {
        if let Some((pool, name)) = self.server {
            sqlx::query(AssertSqlSafe(format!("DROP DATABASE \"{name}\" WITH (FORCE)"))).execute(&pool).await.expect("dropped");
        }
    }
}

/// A url as the store takes it.
pub fn address(url: &str) -> DatabaseUrl {
    DatabaseUrl::parse(url).expect("an address")
}

#[allow(clippy::disallowed_methods, reason = "the test command says where its PostgreSQL is")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs a case on a database of its own.
pub fn on(postgres: bool, case: impl AsyncFnOnce(&Db)) {
    let server = variable("DUBAN_TEST_POSTGRES");
    if postgres && server.is_none() {
        assert!(
            variable("DUBAN_TEST_SQLITE_ONLY").as_deref() == Some("1"),
            "DUBAN_TEST_POSTGRES is not set: run .ci/test, or set DUBAN_TEST_SQLITE_ONLY=1 to go without PostgreSQL"
        );
        eprintln!("SKIPPED on PostgreSQL: DUBAN_TEST_SQLITE_ONLY=1");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let db = match server.filter(|_| postgres) {
        Some(server) => runtime.block_on(Db::postgres(&server)),
        None => Db::sqlite(),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(case(&db))));
    runtime.block_on(db.drop());
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// Makes each case a test per database.
macro_rules! contract {
    ($($area:ident: $($case:ident)*;)*) => {
        mod sqlite { $($(#[test] fn $case() { super::on(false, super::$area::$case); })*)* }
        mod postgres { $($(#[test] fn $case() { super::on(true, super::$area::$case); })*)* }
    };
}

contract! {
    opening: a_second_open_migrates_nothing another_versions_database_is_refused concurrent_opens_of_a_fresh_database;
    audit: a_whole_chain_is_whole changed_and_missing_lines_are_found a_tail_cut_off_is_found_by_the_head_elsewhere
        several_instances_seal_one_chain old_lines_leave_a_link what_persons_did_to_messages_is_compared a_draft_may_need_two_persons
        a_change_is_recorded_once an_emptied_audit_is_broken_at_its_first_line a_line_dated_back_is_found a_state_changed_by_hand_is_found;
    audited_rows: rows_changed_by_hand_are_found an_act_without_its_line_does_not_happen two_processes_number_without_a_gap;
    snapshots: first_pull_writes_all identical_pull_makes_no_snapshot changed_new_and_gone_rows_get_versions
        a_quarantined_code_has_its_last_version a_code_quarantined_after_a_discarded_snapshot_has_the_version_in_force
        conflicting_codes_are_withdrawn a_conflict_leaves_no_trace_in_the_figures a_repeated_row_counts_once rollback_leaves_nothing
        a_pull_that_ends_in_its_midst_leaves_nothing others_write_while_a_pull_writes
        a_held_snapshot_is_decided_once a_discarded_file_pulled_twice_is_compared_with_the_one_in_force
        a_field_added_later_reads_as_empty bodies_survive notes_and_accounts_read_back
        many_rows_are_read_once_over_batch_borders differences_are_counted_and_paged gone_codes_are_confirmed_once a_code_is_found_in_every_snapshot open_versions_are_packed
        notes_come_in_pages concurrent_pulls_of_one_source_follow_each_other;
    events: an_event_comes_back_as_it_was_written a_repeated_key_gives_the_first_event of_two_acts_at_once_one_is_written
        numbers_have_no_gap_whoever_takes_them what_an_event_opened_and_copied_goes_with_it
        what_made_a_record_is_not_retracted_once_others_have_acted;
    readings: a_reading_that_ended_well_leaves_nothing;
    runs: opening_twice_gives_one_row claim_goes_to_one_of_two every_claim_has_its_own_fence an_expired_lease_is_taken_over
        a_failed_run_reopens orphaned_runs_are_listed handled_until_never_goes_back freeze_and_thaw reports_read_back files_are_stored_in_pieces
        a_result_of_another_version_is_not_guessed a_fault_is_one_sentence;
    findings: detect_is_all_or_nothing detect_is_repeatable_and_reads_back the_timeline_follows_each_finding a_life_is_known_as_it_was_before_the_day an_older_day_leaves_the_timeline
        what_is_written_for_the_next_version_remains a_clean_up_that_fails_changes_no_outcome
        sample_and_own_timelines_are_separate run_before_is_the_last_ended_of_its_kind;
    pictures: a_picture_is_written_beside_the_one_in_force codes_with_a_mark_are_found;
    history: every_notification_is_listed a_quarter_is_closed_by_its_last_ended_run;
    outbox: committing_twice_adds_nothing a_lost_run_notifies_nobody each_unit_of_a_run_has_one_reason a_superseded_mail_was_not_sent_after_all last_notified_is_replaced_per_unit last_digest_is_the_latest_slot
        only_what_is_due_is_claimed two_claimers_never_share an_expired_claim_is_resent_with_the_same_bytes
        every_outcome_is_recorded a_fault_of_the_channel_is_no_attempt what_is_too_late_is_given_up
        an_unknown_end_is_repeated_a_few_times_only only_a_message_whose_sending_was_begun_counts a_reply_with_a_nul_byte_is_recorded messages_changed_by_hand_start_anew
        a_newer_digest_replaces_an_unsent_one an_undelivered_message_notifies_nobody a_finding_finds_its_messages all_sending_can_be_held
        the_daily_limit_counts_what_was_sent
        earlier_digests_are_those_of_the_last_revision_with_one;
}
