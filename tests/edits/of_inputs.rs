//! Edits of inputs: a task reads all of them, a model step what its prompt says of them.

use flow_engine::{ErrorKind, MissReason};

use crate::after::flow_inputs::{flow_input_of_another_type, flow_input_required};
use crate::case::case;
use crate::edited::{Edited, End};
use crate::steps::Fate;

#[tokio::test]
async fn a_field_more_is_another_input_of_a_task_and_none_of_a_prompt_that_leaves_it_out() {
    case("field_added")
        .hits(&["ask_added"])
        .runs(&["describe_added: input content changed (inputs.of.age)"])
        .unasked(&["describe_added"])
        .gives("[Who is Ann?] Ann 4")
        .await;
}

#[tokio::test]
async fn a_field_of_another_name_is_another_input() {
    case("field_renamed")
        .runs(&["describe_renamed: input content changed (inputs.of.name, inputs.of.full_name)"])
        .unasked(&["describe_renamed"])
        .gives("Ann")
        .await;
}

#[tokio::test]
async fn a_field_of_another_name_in_rust_only_is_the_same_input() {
    case("field_renamed_in_rust")
        .hits(&["describe_renamed_in_rust (code changed)"])
        .gives("Ann")
        .await;
}

#[tokio::test]
async fn fields_in_another_order_are_the_same_input() {
    case("fields_reordered")
        .hits(&["ask_reordered", "describe_reordered"])
        .gives("[Who is Ann?]Ann 4")
        .await;
}

#[tokio::test]
async fn fields_in_another_order_are_another_text_where_a_prompt_prints_all_of_them() {
    case("printed_fields_reordered")
        .runs(&["print_all: input content changed (request.messages[0].content)"])
        .unasked(&["print_all"])
        .gives(r#"[Who is {"age":4,"name":"Ann"}?]"#)
        .await;
}

#[tokio::test]
async fn a_map_is_the_same_input_in_every_process_also_where_a_prompt_prints_it() {
    case("printed_map")
        .hits(&["read_map", "print_map"])
        .gives("10")
        .await;
}

#[tokio::test]
async fn a_sorted_set_is_the_same_input_in_every_process() {
    case("sorted_set").hits(&["read_set"]).gives("10").await;
}

/// That its order is the same by chance is one in ten factorial.
#[tokio::test]
async fn a_hash_set_is_a_list_of_another_order_in_every_process() {
    let edited = Edited::after("unsorted_set", End::Killed).await;
    let plan = edited.resume_plan(edited.run).await.unwrap();
    assert_eq!(plan.misses[0].step_name, "read_hash_set", "{plan}");
    assert_eq!(plan.misses[0].reason, MissReason::InputChanged, "{plan}");
    let done = edited.resume(edited.run).await.unwrap();
    assert_eq!(done.output_content, "10");
}

#[tokio::test]
async fn a_field_that_is_skipped_is_no_input() {
    case("field_skipped")
        .runs(&["describe_skipped: input content changed (inputs.of.cached)"])
        .unasked(&["describe_skipped"])
        .gives("Ann")
        .await;
}

#[tokio::test]
async fn a_new_field_that_is_not_written_changes_nothing() {
    case("option_left_out")
        .hits(&["describe_left_out"])
        .gives("Ann")
        .await;
}

#[tokio::test]
async fn an_integer_of_a_wider_type_is_the_same_input() {
    case("number_widened")
        .hits(&["show_number"])
        .gives("3")
        .await;
}

#[tokio::test]
async fn an_integer_made_a_float_is_another_input() {
    case("number_made_float")
        .runs(&["show_float: input content changed (inputs.number)"])
        .unasked(&["show_float"])
        .gives("3.0")
        .await;
}

#[tokio::test]
async fn a_new_input_with_a_default_counts_where_it_is_read() {
    case("step_input_added")
        .hits(&["ask_unused", "ask_used"])
        .runs(&["greet: input content changed (inputs.word)"])
        .unasked(&["greet"])
        .gives("[rain] [rain] Hi, Ann")
        .await;
}

#[tokio::test]
async fn another_default_is_another_input_where_it_was_taken() {
    case("default_of_a_step_changed")
        .runs(&["tell: input content changed (inputs.tone)"])
        .unasked(&["tell"])
        .gives("rain, wet")
        .await;
}

#[tokio::test]
async fn the_default_that_a_flow_was_started_with_stays_its_input() {
    case("default_of_a_flow_changed")
        .hits(&["opening"])
        .gives("[dry]")
        .await;
}

#[tokio::test]
async fn inputs_in_another_order_are_the_same() {
    case("step_inputs_reordered")
        .hits(&["join"])
        .gives("ab")
        .await;
}

#[tokio::test]
async fn an_input_of_another_name_is_another_input() {
    case("step_input_renamed")
        .runs(&["say: input content changed (inputs.text, inputs.words)"])
        .unasked(&["say"])
        .gives("rain")
        .await;
}

#[tokio::test]
async fn a_flow_without_one_of_its_recorded_inputs_is_resumed() {
    case("flow_input_removed")
        .hits(&["opening"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn a_flow_with_new_optional_inputs_is_resumed_with_their_defaults() {
    case("flow_input_added")
        .hits(&["opening"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn a_flow_whose_input_has_a_wider_type_is_resumed() {
    case("flow_input_that_still_fits")
        .hits(&["opening"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_flow_whose_struct_lost_a_field_and_got_a_default_is_resumed() {
    case("flow_struct_with_another_field")
        .hits(&["opening"])
        .gives("[Oslo]")
        .await;
}

/// Checks that the recorded inputs are refused, in words that help, and that nothing happens.
async fn refused(edited: &Edited, input: &str) {
    let before = edited.rows().await;
    for error in [
        edited.resume_plan(edited.run).await.unwrap_err(),
        edited.resume(edited.run).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let told = format!("{error:#}");
        assert!(told.contains("resume_with"), "{told}");
        assert!(told.contains(&format!("`{input}`")), "{told}");
        assert!(told.contains(&edited.run.to_string()), "{told}");
    }
    assert_eq!(edited.rows().await, before);
    assert_eq!(edited.sent(), [""; 0]);
}

#[tokio::test]
async fn a_new_required_input_of_a_flow_is_given_by_resume_with() {
    for end in End::ALL {
        let edited = Edited::after("flow_input_required", end).await;
        refused(&edited, "tone").await;
        let call = flow_input_required("rain", "!");
        let done = edited.resume_with(edited.run, call).await.unwrap();
        assert_eq!(done.output_content, "[rain]!", "{end:?}");
        assert_eq!(edited.sent(), [""; 0], "{end:?}: `opening` is recorded");
        let inputs = edited.row().await.inputs;
        assert_eq!(inputs, flow_engine::json!({ "text": "rain", "tone": "!" }));
    }
}

#[tokio::test]
async fn an_input_of_a_flow_that_does_not_fit_any_more_is_given_by_resume_with() {
    for end in End::ALL {
        let edited = Edited::after("flow_input_of_another_type", end).await;
        refused(&edited, "count").await;
        let call = flow_input_of_another_type(4);
        let done = edited.resume_with(edited.run, call).await.unwrap();
        assert_eq!(done.output_content, "[4]", "{end:?}");
        assert_eq!(edited.sent(), [""; 0], "{end:?}: `opening` is recorded");
        assert_eq!(edited.row().await.inputs["count"], 4);
    }
}

#[tokio::test]
async fn inputs_given_by_resume_with_are_those_of_the_next_resume() {
    let edited = Edited::after("flow_input_required", End::Interrupted).await;
    let edited = edited.restarted(Fate::Fails).await;
    let call = flow_input_required("snow", "!");
    edited.resume_with(edited.run, call).await.unwrap_err();
    assert_eq!(edited.sent(), ["opening"], "other text, other call");
    let edited = edited.restarted(Fate::Works).await;
    let done = edited.resume(edited.run).await.unwrap();
    assert_eq!(done.output_content, "[snow]!");
    assert_eq!(edited.sent(), ["opening"]);
}
