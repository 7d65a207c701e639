//! Edits of output types: an answer that was paid for is read again, if it fits.

use crate::case::case;

#[tokio::test]
async fn an_optional_field_more_is_read_from_the_recorded_answer() {
    case("option_added")
        .hits(&["rate_with_option (output schema changed)", "closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_field_less_is_read_from_the_recorded_answer() {
    case("field_removed")
        .hits(&["rate_with_less (output schema changed)", "closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_required_field_more_that_the_recorded_answer_lacks_is_asked_for() {
    case("required_added")
        .runs(&["rate_with_more: output schema changed (request.format)"])
        .unasked(&["rate_with_more", "closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_field_more_with_a_default_is_read_from_the_recorded_answer() {
    case("default_added")
        .hits(&["rate_with_default (output schema changed)", "closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_field_of_another_type_that_the_recorded_answer_does_not_fit_is_asked_for() {
    case("type_changed")
        .runs(&[
            "rate_by_word: output schema changed (request.format)",
            "closing: input content changed (inputs.text, request.messages[0].content)",
        ])
        .unasked(&["rate_by_word", "closing"])
        .gives("[four]")
        .await;
}

#[tokio::test]
async fn a_field_of_another_type_that_the_recorded_answer_fits_is_read_from_it() {
    case("type_widened")
        .hits(&["rate_by_float (output schema changed)", "closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_documentation_that_the_model_reads_is_another_schema_for_the_recorded_answer() {
    case("described_better")
        .hits(&["rate_documented (output schema changed)", "closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_type_of_another_name_is_read_from_the_recorded_answer() {
    case("struct_renamed")
        .hits(&["rate_renamed (output schema changed)", "closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn two_equal_calls_read_each_its_own_recorded_answer_again() {
    case("asked_twice")
        .hits(&[
            "rate_twice (output schema changed)",
            "rate_twice (output schema changed)",
            "closing",
        ])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn of_two_recorded_answers_the_one_that_fits_is_read_again() {
    case("one_of_two_answers_fits")
        .hits(&["rate_with_luck (output schema changed)", "closing"])
        .unasked(&["rate_with_luck"])
        .gives("[5]")
        .await;
}

#[tokio::test]
async fn an_answer_to_another_prompt_is_not_read_again() {
    case("schema_and_prompt")
        .runs(&["rate_reworded: prompt changed (request.messages[0].content, request.format)"])
        .unasked(&["rate_reworded", "closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_list_of_wider_items_is_read_from_the_recorded_answer() {
    case("items_widened")
        .hits(&["list_items (output schema changed)"])
        .gives("[1, 2]")
        .await;
}

#[tokio::test]
async fn a_struct_that_the_wrapper_of_a_list_happens_to_fit_is_read_from_the_recorded_answer() {
    case("list_made_struct")
        .hits(&["list_or_struct (output schema changed)"])
        .gives("[1, 2]")
        .await;
}

#[tokio::test]
async fn a_text_that_is_json_of_the_new_type_is_read_again() {
    case("text_made_struct")
        .hits(&["write_json (output schema changed)"])
        .runs(&["closing: input content changed (inputs.text, request.messages[0].content)"])
        .unasked(&["closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_text_that_is_no_json_of_the_new_type_is_asked_for() {
    case("words_made_struct")
        .runs(&[
            "write_words: output schema changed (request.format)",
            "closing: input content changed (inputs.text, request.messages[0].content)",
        ])
        .unasked(&["write_words", "closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_struct_made_text_is_the_recorded_json() {
    case("struct_made_text")
        .hits(&["write_struct (output schema changed)"])
        .unasked(&["closing"])
        .gives(r#"{"stars": 4}"#)
        .await;
}

#[tokio::test]
async fn another_output_of_a_sub_flow_is_made_of_its_recorded_steps() {
    case("sub_flow_output_changed")
        .hits(&["rate_in_part", "closing"])
        .gives("[4]")
        .await;
}

#[tokio::test]
async fn a_tasks_result_that_fits_the_new_type_is_kept() {
    case("task_output_compatible")
        .hits(&["measure"])
        .gives("4")
        .await;
}

#[tokio::test]
async fn a_tasks_result_with_a_field_more_than_the_new_type_is_kept() {
    case("task_output_lost_a_field")
        .hits(&["measure_less"])
        .gives("4")
        .await;
}

#[tokio::test]
async fn a_task_whose_result_does_not_fit_the_new_type_runs() {
    case("task_output_incompatible")
        .runs(&["measure_other: output schema changed"])
        .unasked(&["measure_other"])
        .gives(r#"{"length": 4}"#)
        .await;
}
