//! The scenarios that every backend passes. `store_conformance!` makes one test of each.

use std::sync::Arc;

use flow_engine_db::Store;

pub(crate) mod closing;
pub(crate) mod deleting;
pub(crate) mod lifetime;
pub(crate) mod listing;
pub(crate) mod load;
pub(crate) mod requests;
pub(crate) mod rows;
pub(crate) mod runs;
pub(crate) mod steps;
pub(crate) mod units;

/// An empty database of its own, which is gone when `keep` is dropped.
pub(crate) struct Fresh {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) url: String,
    pub(crate) keep: Box<dyn Send + Sync>,
}

/// One `#[test]` for each scenario: `store_conformance!(sqlite, fresh)` with an `async fn fresh()
/// -> Fresh`.
macro_rules! store_conformance {
    ($fresh:path) => {
        store_conformance! { @each $fresh;
            closing::the_end_of_a_run_closes_its_open_steps_and_requests,
            closing::the_end_of_a_root_closes_the_runs_below_it,
            closing::an_interrupted_root_interrupts_the_runs_below_it,
            closing::the_end_of_a_sub_run_closes_the_runs_below_it,
            closing::the_end_of_a_run_closes_what_is_open_below_an_ended_sub_run,
            closing::the_end_of_a_sub_run_leaves_the_others_open,
            closing::a_run_that_is_its_own_parent_ends,
            closing::a_step_closed_by_the_end_of_its_run_is_not_finished_later,
            closing::a_finish_right_behind_the_end_of_the_run_comes_too_late,
            closing::a_finish_right_behind_the_end_of_the_root_comes_too_late,
            closing::a_finish_right_behind_the_end_of_a_sub_run_above_comes_too_late,
            closing::a_run_is_finished_once,
            closing::progress_after_the_end_is_refused,
            deleting::a_deleted_run_takes_everything_below_it_along,
            deleting::a_deleted_sub_run_takes_only_what_is_below_it_along,
            deleting::deleting_takes_its_turn_behind_queued_writes,
            deleting::a_write_for_a_deleted_run_is_refused,
            lifetime::a_store_is_dropped_outside_a_runtime,
            lifetime::a_closed_store_refuses_writes_and_goes_on_reading,
            lifetime::what_was_queued_before_closing_is_written,
            lifetime::what_was_queued_before_dropping_is_written,
            lifetime::what_was_written_is_there_after_reopening,
            listing::runs_are_listed_newest_first,
            listing::each_filter_keeps_only_what_matches,
            listing::pages_by_offset_and_by_id_are_the_same,
            load::no_step_of_many_concurrent_tasks_is_lost,
            requests::every_column_of_a_request_is_read_back,
            requests::a_request_sent_and_answered_at_once_is_the_same_row,
            requests::requests_are_read_in_the_order_they_were_sent,
            requests::a_cancelled_request_takes_an_answer_that_comes_late,
            requests::an_answered_request_takes_no_second_answer,
            runs::every_column_of_a_run_is_read_back,
            runs::a_run_without_options_has_empty_columns,
            runs::progress_is_absolute,
            runs::a_run_that_is_not_there_is_none,
            runs::starting_a_run_twice_leaves_it_as_it_is,
            steps::every_column_of_a_step_is_read_back,
            steps::a_step_started_and_finished_at_once_is_the_same_row,
            steps::steps_are_read_in_the_order_they_started,
            steps::an_unknown_cost_is_none_and_not_zero,
            steps::a_step_is_finished_once,
            steps::a_step_may_name_a_request_sent_later_in_its_unit,
            units::a_failing_unit_leaves_no_trace_and_its_neighbours_are_committed,
            units::a_unit_that_fails_at_the_commit_leaves_its_neighbours_committed,
            units::units_are_written_in_the_order_of_submission,
            units::a_unit_nobody_waits_for_is_written,
            units::a_unit_is_submitted_from_outside_a_runtime,
            units::an_empty_unit_resolves_when_everything_before_it_is_on_disk,
            units::an_empty_unit_does_not_fail_with_its_neighbours,
            units::an_empty_unit_is_refused_once_the_store_is_closed,
        }
    };
    (@each $fresh:path; $($module:ident::$scenario:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                $crate::conformance::$module::$scenario($fresh().await).await;
            }
        )+
    };
}
