//! Edits of what a flow calls.

use crate::case::case;

#[tokio::test]
async fn an_inserted_step_runs_and_those_around_it_do_not() {
    case("inserted")
        .hits(&["opening"])
        .runs(&["middle: first time"])
        .unasked(&["closing"])
        .gives("[rain] [[rain]] [snow]")
        .await;
}

#[tokio::test]
async fn a_step_inserted_beside_others_is_all_that_a_plan_has_to_run() {
    case("inserted_beside")
        .hits(&["opening", "closing"])
        .runs(&["middle: first time"])
        .gives("[rain] [hail] [snow]")
        .await;
}

#[tokio::test]
async fn a_drawn_value_stays_what_it_was_when_others_are_drawn_before_it() {
    case("values_inserted")
        .hits(&["opening"])
        .gives("done")
        .await;
}

#[tokio::test]
async fn a_removed_step_is_not_asked_for_and_the_rest_is_recorded() {
    case("removed")
        .hits(&["opening", "closing"])
        .unasked(&["middle"])
        .gives("[rain] [snow]")
        .await;
}

#[tokio::test]
async fn steps_in_another_order_are_recorded() {
    case("reordered")
        .hits(&["closing", "middle", "opening"])
        .gives("[rain] [hail] [snow]")
        .await;
}

#[tokio::test]
async fn equal_steps_made_parallel_in_another_order_take_each_its_own_result() {
    case("made_parallel")
        .hits(&["opening", "opening"])
        .gives("[rain] [snow]")
        .await;
}

#[tokio::test]
async fn of_two_equal_calls_one_was_recorded_and_the_other_runs() {
    case("asked_more_often")
        .hits(&["opening"])
        .runs(&["opening: first time"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn of_two_equal_calls_one_is_gone_and_nothing_runs() {
    case("asked_less_often")
        .hits(&["opening"])
        .unasked(&["opening"])
        .gives("[rain]")
        .await;
}

#[tokio::test]
async fn steps_beside_each_other_that_read_something_else_are_all_in_the_plan() {
    case("other_inputs")
        .runs(&[
            "opening: input content changed (inputs.text, request.messages[0].content)",
            "closing: input content changed (inputs.text, request.messages[0].content)",
        ])
        .at_once(2)
        .unasked(&["opening", "closing"])
        .gives("[hail] [sleet]")
        .await;
}

#[tokio::test]
async fn an_item_inserted_into_a_map_runs_alone() {
    case("item_inserted")
        .hits(&["opening", "opening"])
        .runs(&["opening: first time"])
        .gives("[hail] [rain] [snow]")
        .await;
}

#[tokio::test]
async fn a_changed_item_of_a_map_runs_alone_and_is_compared_with_what_it_was() {
    case("item_changed")
        .hits(&["opening"])
        .runs(&["opening: input content changed (inputs.text, request.messages[0].content)"])
        .unasked(&["opening"])
        .gives("[rain] [hail]")
        .await;
}

#[tokio::test]
async fn the_steps_of_a_sub_flow_that_is_gone_are_recorded() {
    case("sub_flow_inlined")
        .hits(&["opening", "middle"])
        .gives("[[rain]]")
        .await;
}

#[tokio::test]
async fn steps_moved_into_a_new_sub_flow_are_recorded() {
    case("sub_flow_extracted")
        .hits(&["opening", "middle"])
        .gives("[[rain]]")
        .await;
}

#[tokio::test]
async fn the_steps_of_a_sub_flow_with_other_inputs_are_recorded() {
    case("sub_flow_given_an_input")
        .hits(&["opening", "middle"])
        .gives("[[rain]]")
        .await;
}
