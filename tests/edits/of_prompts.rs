//! Edits of prompts, parameters and models.

use crate::case::case;

#[tokio::test]
async fn a_reworded_prompt_runs_and_what_reads_its_other_answer_too() {
    case("reworded")
        .hits(&["opening"])
        .runs(&[
            "reword: prompt changed (request.messages[0].content)",
            "closing: input content changed (inputs.text, request.messages[0].content)",
        ])
        .unasked(&["reword", "closing"])
        .gives("[[Say it much better: [rain]]]")
        .await;
}

#[tokio::test]
async fn what_reads_the_same_answer_to_a_reworded_prompt_is_recorded() {
    case("reworded_in_vain")
        .hits(&["opening"])
        .runs(&["reword_in_vain: prompt changed (request.messages[0].content)"])
        .unasked(&["reword_in_vain", "closing"])
        .gives("[as good as it gets]")
        .await;
}

#[tokio::test]
async fn a_comment_in_a_prompt_changes_nothing() {
    case("commented")
        .hits(&["comment"])
        .gives("[Say it better: rain]")
        .await;
}

#[tokio::test]
async fn a_variable_of_a_prompt_with_another_name_changes_nothing() {
    case("variable_renamed")
        .hits(&["rename_variable"])
        .gives("[Say it better: rain]")
        .await;
}

#[tokio::test]
async fn a_prompt_in_another_file_is_the_same_prompt() {
    case("file_moved")
        .hits(&["move_file"])
        .gives("[Say it better: rain]")
        .await;
}

#[tokio::test]
async fn the_layout_of_a_prompt_file_changes_nothing() {
    case("front_matter_reordered")
        .hits(&["reorder_front_matter"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn another_temperature_is_another_prompt() {
    case("warmed")
        .runs(&["warm: prompt changed (request.parameters.temperature)"])
        .unasked(&["warm"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn a_message_before_the_others_is_one_change() {
    case("message_added")
        .runs(&["add_message: prompt changed (request.messages[0])"])
        .unasked(&["add_message"])
        .gives("[Say it better: rain]")
        .await;
}

#[tokio::test]
async fn another_model_in_the_front_matter_is_another_prompt() {
    case("front_matter_of_another_model")
        .runs(&["change_front_matter: prompt changed (request.model)"])
        .unasked(&["change_front_matter"])
        .gives("[Say it better: rain]")
        .await;
}

#[tokio::test]
async fn another_model_in_the_attribute_is_asked() {
    case("attribute_of_another_model")
        .runs(&["change_attribute: model changed (request.model)"])
        .unasked(&["change_attribute"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn a_model_that_moves_from_the_attribute_to_the_front_matter_is_the_same() {
    case("model_said_in_front_matter_too")
        .hits(&["move_model"])
        .gives("[Say it better: rain]")
        .await;
}

#[tokio::test]
async fn another_model_of_the_engine_is_asked_by_steps_without_their_own() {
    case("engine_of_another_model")
        .default_model("new-model")
        .hits(&["ask_its_own_model"])
        .runs(&["opening: model changed (request.model)"])
        .unasked(&["opening"])
        .gives("[[rain]]")
        .await;
}

#[tokio::test]
async fn of_a_prompt_and_an_input_that_both_changed_the_changes_say_both() {
    case("reworded_for_another_input")
        .runs(&["reword_other: input content changed (inputs.text, request.messages[0].content)"])
        .unasked(&["reword_other"])
        .gives("[Say it much better: snow]")
        .await;
}

#[tokio::test]
async fn the_documentation_of_a_step_and_its_inputs_is_not_read_by_the_model() {
    case("documented_anew")
        .hits(&["document"])
        .gives("[rain]")
        .await;
}
