//! Edits of names.

use flow_engine::ErrorKind;

use crate::case::case;
use crate::edited::{Edited, End};

#[tokio::test]
async fn a_renamed_step_that_keeps_its_recorded_name_is_recorded() {
    case("step_renamed_by_name")
        .hits(&["sum_up", "closing"])
        .gives("[[rain]]")
        .await;
}

#[tokio::test]
async fn a_renamed_task_that_keeps_its_recorded_name_is_recorded() {
    case("task_renamed_by_name")
        .hits(&["double"])
        .gives("rainrain")
        .await;
}

#[tokio::test]
async fn a_renamed_step_is_another_step() {
    case("step_renamed")
        .runs(&["new_title: first time"])
        .unasked(&["old_title", "closing"])
        .gives("[[rain]]")
        .await;
}

#[tokio::test]
async fn a_renamed_flow_that_keeps_its_recorded_name_is_resumed() {
    case("flow_renamed_by_name")
        .hits(&["opening"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn a_renamed_flow_is_not_found_and_the_error_says_how_to_name_it() {
    for end in End::ALL {
        let edited = Edited::after("flow_renamed", end).await;
        let before = edited.rows().await;
        for error in [
            edited.resume_plan(edited.run).await.unwrap_err(),
            edited.resume(edited.run).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotResumable);
            let told = format!("{error:#}");
            assert!(told.contains("#[flow(name = \"flow_renamed\")]"), "{told}");
        }
        assert_eq!(edited.rows().await, before, "{end:?}");
        assert_eq!(edited.sent(), [""; 0], "{end:?}");
    }
}

#[tokio::test]
async fn a_renamed_sub_flow_that_keeps_its_recorded_name_keeps_its_run() {
    case("sub_flow_renamed_by_name")
        .hits(&["opening"])
        .gives("[rain]")
        .await;
    let edited = Edited::after("sub_flow_renamed_by_name", End::Killed).await;
    edited.resume(edited.run).await.unwrap();
    assert_eq!(edited.rows().await.runs.len(), 2);
}

#[tokio::test]
async fn the_steps_of_a_renamed_sub_flow_are_recorded() {
    case("sub_flow_renamed")
        .hits(&["opening"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn a_sub_flow_that_was_renamed_while_it_ran_is_not_left_open() {
    case("sub_flow_renamed_half_way")
        .hits(&["closing", "opening"])
        .gives("[[snow]]")
        .await;
}

#[tokio::test]
async fn the_version_of_a_flow_is_not_that_of_its_steps() {
    case("flow_of_another_version")
        .hits(&["opening"])
        .gives("[rain]")
        .await;
}
