//! The scenarios that every backend passes. `store_conformance!` makes one test of each.

use std::sync::Arc;

use flow_engine_db::Store;

pub(crate) mod background;
pub(crate) mod caching;
pub(crate) mod cancelling;
pub(crate) mod closing;
pub(crate) mod deleting;
pub(crate) mod effects;
pub(crate) mod fencing;
pub(crate) mod forking;
pub(crate) mod journal;
pub(crate) mod leases;
pub(crate) mod lifetime;
pub(crate) mod listing;
pub(crate) mod load;
pub(crate) mod outlines;
pub(crate) mod parking;
pub(crate) mod pausing;
pub(crate) mod pruning;
pub(crate) mod queue;
pub(crate) mod reopening;
pub(crate) mod requests;
pub(crate) mod retrying;
pub(crate) mod rows;
pub(crate) mod runs;
pub(crate) mod schedules;
pub(crate) mod signals;
pub(crate) mod standings;
pub(crate) mod steps;
pub(crate) mod tell;
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
            background::background_runs_come_by_priority_and_then_by_age,
            background::only_background_runs_that_can_be_executed_are_taken,
            background::a_background_run_that_was_taken_is_begun_under_its_lease,
            background::two_that_ask_for_background_runs_never_share_one,
            caching::a_cached_step_is_one_that_completed_with_this_key,
            caching::of_several_cached_steps_the_newest_is_read,
            caching::a_step_that_completed_before_the_given_time_is_not_cached,
            caching::an_output_taken_from_another_run_is_not_cached_again,
            cancelling::a_cancelled_run_ends_with_all_that_is_open_below_it,
            cancelling::a_cancelled_run_is_taken_away_from_who_executes_it,
            cancelling::a_run_that_nobody_executes_is_cancelled,
            cancelling::a_run_that_has_ended_is_not_cancelled,
            cancelling::only_a_root_run_that_is_there_is_cancelled,
            cancelling::cancelling_takes_its_turn_behind_queued_writes,
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
            effects::whatever_closes_an_effect_leaves_it_in_doubt,
            effects::an_effect_that_ended_in_doubt_is_closed_by_nothing,
            effects::a_run_goes_on_after_its_last_doubt,
            effects::a_doubt_is_decided_once,
            effects::only_an_effect_in_doubt_is_decided,
            effects::a_run_that_has_ended_stays_so_when_its_doubt_ends,
            effects::an_effect_that_failed_stays_in_the_journal_of_a_failed_run,
            effects::a_background_run_in_doubt_is_taken_when_that_is_over,
            fencing::units_under_a_lost_lease_are_refused_and_their_neighbours_written,
            fencing::nothing_of_a_run_is_written_under_a_lost_lease,
            fencing::what_was_sent_and_answered_is_recorded_whoever_has_the_run,
            fencing::a_run_that_is_started_again_stays_with_its_holder,
            fencing::a_run_is_written_right_behind_its_start,
            forking::where_a_run_was_forked_from_is_read_back,
            forking::recording_a_fork_twice_leaves_it_as_it_is,
            forking::a_fork_of_a_run_that_is_not_there_is_refused,
            forking::a_fork_outlives_the_run_it_was_forked_from,
            forking::a_fork_is_deleted_with_its_own_run,
            journal::a_journal_holds_the_whole_tree_and_nothing_else,
            journal::a_journal_is_read_by_its_root_only,
            journal::steps_of_a_journal_are_in_the_order_they_started,
            journal::every_column_of_a_journal_step_is_read_back,
            journal::json_in_a_journal_is_the_text_that_was_stored,
            journal::a_journal_step_names_the_attempt_that_gave_its_output,
            journal::open_requests_are_the_attempts_of_open_steps,
            journal::a_journal_is_of_one_moment,
            leases::a_started_run_is_held_and_a_queued_one_is_not,
            leases::the_end_of_a_run_ends_its_lease_and_keeps_its_epoch,
            leases::a_lease_that_is_held_is_given_to_nobody_else,
            leases::an_expired_lease_is_given_to_another,
            leases::a_lease_ends_when_its_time_is_over,
            leases::a_lease_that_is_taken_for_no_time_is_given_back,
            leases::only_a_root_run_that_is_there_has_a_lease,
            leases::a_run_that_has_ended_for_good_is_given_to_nobody,
            leases::a_lease_takes_its_turn_behind_queued_writes,
            leases::the_leases_that_are_still_held_are_renewed,
            leases::a_lease_that_nobody_took_is_written_under_although_it_expired,
            leases::a_deleted_run_has_no_lease,
            lifetime::a_store_is_dropped_outside_a_runtime,
            lifetime::a_closed_store_refuses_writes_and_goes_on_reading,
            lifetime::what_was_queued_before_closing_is_written,
            lifetime::what_was_queued_before_dropping_is_written,
            lifetime::what_was_written_is_there_after_reopening,
            listing::runs_are_listed_newest_first,
            listing::each_filter_keeps_only_what_matches,
            listing::pages_by_offset_and_by_id_are_the_same,
            load::no_step_of_many_concurrent_tasks_is_lost,
            outlines::an_outline_shows_the_whole_tree_and_nothing_else,
            outlines::an_outline_is_read_by_its_root_only,
            parking::a_parked_run_is_given_back_with_all_below_it,
            parking::what_a_parked_run_waits_for_stays_and_what_it_did_is_cancelled,
            parking::a_waiting_run_is_taken_when_its_time_has_come,
            parking::a_parked_run_is_opened_again_as_others_are,
            parking::parking_twice_is_harmless_and_an_ended_run_is_not_parked,
            pausing::who_executes_a_run_is_asked_to_pause_it,
            pausing::a_run_that_nobody_executes_is_paused_at_once,
            pausing::a_run_that_would_wait_is_paused_if_that_was_asked_for,
            pausing::a_run_whose_process_died_is_paused_with_all_that_is_open_below_it,
            pausing::what_has_ended_is_in_doubt_or_paused_stays_so,
            retrying::a_failed_run_is_queued_with_its_successes,
            retrying::a_run_that_nobody_executes_is_queued,
            retrying::a_run_that_somebody_executes_is_not_queued,
            retrying::what_has_nothing_to_be_tried_again_stays_as_it_is,
            signals::a_signal_is_kept_and_read_back,
            signals::a_signal_is_taken_once,
            signals::a_signal_that_was_told_twice_is_kept_once,
            signals::what_has_ended_for_good_is_told_nothing,
            signals::a_waiting_run_that_is_told_something_is_taken,
            signals::a_run_that_is_parked_after_it_was_told_goes_on_at_once,
            signals::signals_are_deleted_with_their_run,
            standings::where_a_run_stands_is_what_its_row_says,
            standings::many_runs_are_asked_for_at_once,
            standings::a_run_is_due_when_a_worker_would_take_it,
            queue::a_key_names_one_run_of_its_flow,
            queue::of_those_that_bring_a_key_at_once_one_starts,
            queue::no_more_runs_of_a_flow_are_taken_than_its_limit,
            queue::a_limit_counts_what_is_executed,
            queue::priority_goes_before_where_there_is_room,
            queue::a_limit_holds_for_all_that_ask_at_once,
            queue::who_takes_a_run_is_alive,
            pruning::runs_that_ended_before_a_time_are_pruned_with_all_below,
            pruning::runs_are_pruned_a_few_at_a_time,
            pruning::a_sub_run_that_ended_is_not_pruned_without_its_root,
            pruning::open_runs_are_not_pruned,
            pruning::a_run_that_was_taken_is_not_pruned,
            pruning::an_artifact_is_free_when_no_run_is_left_that_names_it,
            pruning::a_name_of_a_run_that_is_there_is_not_forgotten,
            pruning::a_name_is_written_with_its_request_under_a_lost_lease,
            reopening::a_run_that_ended_runs_again_whatever_its_status,
            reopening::a_run_left_behind_is_closed_below_and_runs_again,
            reopening::a_reopened_sub_run_leaves_the_others_open,
            reopening::a_run_is_reopened_with_other_inputs,
            reopening::how_often_a_run_was_taken_over_stays_until_it_is_said_again,
            reopening::a_run_that_is_no_more_as_it_was_read_is_not_reopened,
            reopening::a_retired_step_is_in_no_journal,
            reopening::failed_steps_leave_the_journal_if_they_are_retired,
            reopening::failed_steps_stay_in_the_journal_if_they_are_not_retired,
            reopening::a_run_that_is_gone_is_not_reopened,
            reopening::reopening_a_run_twice_is_harmless,
            reopening::a_run_is_reopened_and_goes_on_in_one_unit,
            reopening::progress_before_a_reopening_is_refused,
            reopening::a_finish_right_behind_a_reopening_comes_too_late,
            requests::every_column_of_a_request_is_read_back,
            requests::a_request_sent_and_answered_at_once_is_the_same_row,
            requests::a_request_that_is_not_there_is_none,
            requests::requests_are_read_in_the_order_they_were_sent,
            requests::a_cancelled_request_takes_an_answer_that_comes_late,
            requests::an_answered_request_takes_no_second_answer,
            runs::every_column_of_a_run_is_read_back,
            runs::a_run_without_options_has_empty_columns,
            runs::progress_is_absolute,
            runs::a_run_that_is_not_there_is_none,
            runs::starting_a_run_twice_leaves_it_as_it_is,
            schedules::a_schedule_begins_once,
            schedules::a_schedule_moves_on_with_the_runs_of_its_tick,
            schedules::a_schedule_that_is_no_more_as_it_was_read_stays,
            schedules::a_schedule_does_not_move_without_its_runs,
            schedules::of_several_that_move_a_schedule_at_once_one_does,
            steps::every_column_of_a_step_is_read_back,
            steps::a_step_started_and_finished_at_once_is_the_same_row,
            steps::steps_are_read_in_the_order_they_started,
            steps::an_unknown_cost_is_none_and_not_zero,
            steps::a_step_is_finished_once,
            steps::a_step_may_name_a_request_sent_later_in_its_unit,
            steps::a_note_is_kept_whatever_the_status_of_the_step,
            steps::a_note_between_a_start_and_its_finish_is_kept,
            steps::a_note_for_a_step_that_is_gone_is_refused,
            steps::a_moved_step_is_where_its_call_is_made_now,
            steps::a_move_of_a_step_that_is_gone_is_refused,
            units::a_failing_unit_leaves_no_trace_and_its_neighbours_are_committed,
            units::a_unit_that_fails_at_the_commit_leaves_its_neighbours_committed,
            units::units_are_written_in_the_order_of_submission,
            units::writes_of_one_row_keep_their_order,
            units::a_unit_nobody_waits_for_is_written,
            units::a_unit_is_submitted_from_outside_a_runtime,
            units::a_barrier_resolves_when_everything_before_it_is_on_disk,
            units::a_barrier_does_not_fail_with_its_neighbours,
            units::a_barrier_is_refused_once_the_store_is_closed,
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
