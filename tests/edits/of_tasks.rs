//! Edits of code, versions and attributes.

use crate::case::case;

#[tokio::test]
async fn a_task_of_other_code_keeps_its_result_and_the_plan_and_the_row_say_so() {
    case("body_changed")
        .hits(&["loud (code changed)"])
        .gives("RAIN")
        .await;
}

#[tokio::test]
async fn the_layout_and_comments_of_code_change_nothing() {
    case("body_laid_out_anew")
        .hits(&["neat"])
        .gives("rain")
        .await;
}

#[tokio::test]
async fn a_task_of_another_version_runs_and_what_reads_its_other_result_too() {
    case("body_and_version_changed")
        .runs(&[
            "backwards: version changed",
            "opening: input content changed (inputs.text, request.messages[0].content)",
        ])
        .unasked(&["backwards", "opening"])
        .gives("[niar]")
        .await;
}

#[tokio::test]
async fn a_model_step_of_another_version_is_asked_the_same_again() {
    case("model_step_of_another_version")
        .runs(&["ask_again: version changed"])
        .unasked(&["ask_again"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn a_step_that_is_shared_from_now_on_is_recorded() {
    case("cache_added")
        .hits(&["keep", "keep_code"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn a_task_that_is_given_state_is_recorded() {
    case("state_added")
        .hits(&["with_state"])
        .gives("rain")
        .await;
}

#[tokio::test]
async fn a_task_that_uses_new_state_has_other_code_and_keeps_its_result() {
    case("state_used")
        .hits(&["punctuate (code changed)"])
        .gives("rain")
        .await;
}

#[tokio::test]
async fn a_task_that_may_fail_from_now_on_keeps_its_result() {
    case("made_fallible")
        .hits(&["may_fail (code changed)"])
        .gives("rain")
        .await;
}

#[tokio::test]
async fn a_task_that_becomes_a_model_step_is_asked() {
    case("task_made_model")
        .runs(&["made_model: kind changed"])
        .unasked(&["made_model"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn a_model_step_that_becomes_a_task_runs() {
    case("model_made_task")
        .runs(&["made_task: kind changed (request)"])
        .unasked(&["made_task"])
        .gives("rain!")
        .await;
}

#[tokio::test]
async fn a_task_of_another_version_that_gives_the_same_keeps_what_follows() {
    case("answer_of_a_task_read_by_a_changed_one")
        .runs(&["count: version changed"])
        .unasked(&["count", "show"])
        .later_notes(&["show (code changed)"])
        .gives("4")
        .await;
}
