//! The call form: required inputs by position, optional ones by setters, `.await` and `.execute()`.

use flow_engine::llm::Role;
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, current};
use futures::future::try_join_all;
use serde_json::json;

use crate::support::{
    Draft, Rate, Rating, count_words, draft, engine, engine_with, greet, mock, rate,
};

#[flow]
async fn both_forms(topic: String) -> Result<String> {
    let text: String = draft(topic.as_str()).await?;
    let executed = draft(topic).tone("dry").execute().await?;
    assert_eq!(executed.output_content, text);
    assert_eq!(executed.step_name, "draft");
    assert_eq!(executed.metadata.model.as_deref(), Some("test-model"));
    assert_eq!(executed.metadata.provider.as_deref(), Some("mock"));
    assert!(executed.metadata.tokens_used > 0);
    assert_eq!(
        executed.metadata.cost_estimate, None,
        "the price of a mock is not known"
    );
    Ok(text)
}

#[tokio::test]
async fn a_call_gives_its_output_or_its_output_with_metadata() {
    let engine = engine().await;
    let done = engine.execute(both_forms("rain")).await.unwrap();
    assert_eq!(done.output_content, "one two three");
    assert_eq!(done.flow_name, "both_forms");
}

#[tokio::test]
async fn what_is_sent_is_the_rendered_prompt_with_its_parameters() {
    let mock = mock();
    let engine = engine_with(mock.clone()).await;
    engine
        .execute(draft("rain").maybe_tone(None))
        .await
        .unwrap();
    engine
        .execute(draft("rain").maybe_tone(Some("dry".into())))
        .await
        .unwrap();
    let requests = mock.requests();
    let systems: Vec<_> = requests
        .iter()
        .map(|request| request.messages[0].content.as_str())
        .collect();
    assert_eq!(
        systems,
        ["You write in a neutral tone.", "You write in a dry tone."]
    );
    assert_eq!(requests[0].messages[0].role, Role::System);
    assert_eq!(requests[0].messages[1].role, Role::User);
    assert_eq!(requests[0].messages[1].content, "Write about rain.");
    assert_eq!(requests[0].model, "test-model");
    assert_eq!(requests[0].parameters.temperature, Some(0.5));
}

#[tokio::test]
async fn a_typed_answer_is_parsed_into_its_type() {
    let engine = engine().await;
    let done = engine.execute(rate("x")).await.unwrap();
    assert_eq!(
        done.output_content,
        Rating {
            stars: 4,
            reason: "it is short".into()
        }
    );
}

#[tokio::test]
async fn state_is_given_to_a_task_and_is_in_no_row() {
    let engine = engine().await;
    let done = engine.execute(greet("Ada")).await.unwrap();
    assert_eq!(done.output_content, "hello Ada");
    assert_eq!(
        engine.steps(done.run_id).await[0].inputs,
        json!({ "name": "Ada" })
    );
}

#[tokio::test]
async fn a_step_used_alone_is_a_run_of_one_step() {
    let engine = engine().await;
    let done = engine.execute(count_words("a b c")).await.unwrap();
    assert_eq!(done.output_content, 3);
    assert_eq!(
        done.metadata.cost_estimate,
        Some(0.0),
        "what asks no model costs nothing"
    );
    let row = engine.row(done.run_id).await;
    assert_eq!(
        (row.flow_name.as_str(), row.outputs),
        ("count_words", Some(json!(3)))
    );
    assert_eq!(engine.steps(done.run_id).await.len(), 1);
}

#[flow]
async fn fan_out(texts: Vec<String>) -> Result<Vec<usize>> {
    let (first, second) = tokio::join!(count_words("a"), count_words("a b"));
    assert_eq!((first?, second?), (1, 2));
    let spawned = tokio::spawn(count_words("a b c").into_future());
    assert_eq!(spawned.await??, 3);
    Ok(try_join_all(
        texts
            .into_iter()
            .map(|text| count_words(text).into_future()),
    )
    .await?)
}

#[tokio::test]
async fn parallel_steps_find_their_run() {
    let engine = engine().await;
    let texts = (0..20).map(|n| "word ".repeat(n)).collect();
    let done = engine.execute(fan_out(texts)).await.unwrap();
    assert_eq!(done.output_content, (0..20).collect::<Vec<_>>());
    let steps = engine.steps(done.run_id).await;
    assert_eq!(steps.len(), 23);
    assert!(
        steps.iter().map(|step| step.step_order).eq(1..=23),
        "each has a number of its own"
    );
}

#[flow]
async fn loses_its_run() -> Result<usize> {
    Ok(tokio::spawn(async { count_words("a").await }).await??)
}

#[tokio::test]
async fn a_call_that_lost_its_run_is_an_error_that_says_how_to_keep_it() {
    let engine = engine().await;
    let error = engine.execute(loses_its_run()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutsideRun);
    let shown = format!("{error:?}");
    assert!(
        shown
            .contains("`count_words` was awaited outside of a run (at tests/integration/calls.rs:"),
        "{shown}"
    );
    assert!(
        shown.contains("tokio::spawn(count_words(…).into_future())"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_call_without_an_engine_is_an_error_that_says_what_to_do() {
    let error = count_words("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutsideRun);
    let error = count_words("a").execute().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no engine is installed: use `engine.execute(…)`"),
        "{error}"
    );
}

#[step]
async fn where_am_i() -> Result<(String, String, bool)> {
    let here = current().ok_or("no run")?;
    let step = here.step().ok_or("no step")?;
    Ok((
        here.flow().to_owned(),
        step.to_owned(),
        here.step_run_id().is_some(),
    ))
}

#[flow]
async fn asks_where() -> Result<(String, String, bool)> {
    assert_eq!(
        current().map(|here| (here.flow(), here.step())),
        Some(("asks_where", None))
    );
    Ok(where_am_i().await?)
}

#[tokio::test]
async fn code_can_ask_for_its_run_and_step() {
    assert!(current().is_none());
    let done = engine().await.execute(asks_where()).await.unwrap();
    assert_eq!(
        done.output_content,
        ("asks_where".into(), "where_am_i".into(), true)
    );
}

#[test]
fn schemas_hold_names_types_descriptions_and_defaults() {
    let schema = Draft::input_schema();
    assert_eq!(schema["title"], "draft");
    assert_eq!(schema["description"], "Draft a text.");
    assert_eq!(
        schema["properties"],
        json!({
            "topic": { "type": "string", "description": "What to write about" },
            "tone": { "type": "string", "description": "The tone of it", "default": "neutral" },
        })
    );
    assert_eq!(schema["required"], json!(["topic"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    let output = Rate::output_schema();
    assert_eq!(output["properties"]["stars"]["description"], "One to five");
    assert_eq!(output["required"], json!(["stars", "reason"]));
}

#[test]
fn the_program_s_steps_and_flows_are_listed_with_kind_and_docs() {
    let kind = |name: &str| {
        Engine::steps()
            .into_iter()
            .find(|step| step.name() == name)
            .map(flow_engine::Definition::kind)
    };
    assert_eq!(
        (kind("draft"), kind("rate"), kind("greet"), kind("review")),
        (Some("unstructured"), Some("structured"), Some("task"), None)
    );
    let review = Engine::flows()
        .into_iter()
        .find(|flow| flow.name() == "review")
        .unwrap();
    assert_eq!(
        (review.kind(), review.docs()),
        ("flow", "Draft, rate and count.")
    );
    assert!(
        review
            .location()
            .starts_with("tests/integration/support.rs:"),
        "{}",
        review.location()
    );
    assert_eq!(review.input_schema()["required"], json!(["topic"]));
    let prompt = Draft::definition().prompt().unwrap();
    assert_eq!(
        (prompt.name(), prompt.id().len()),
        ("tests/integration/prompts/draft.md", 64)
    );
}

#[test]
fn a_call_is_built_from_json_and_says_what_does_not_fit() {
    let read = |inputs: serde_json::Value| Draft::from_inputs(inputs.as_object().unwrap().clone());
    let call = read(json!({ "topic": "rain" })).unwrap();
    assert_eq!(
        (call.topic.as_str(), call.tone.as_str()),
        ("rain", "neutral")
    );
    let message = |inputs| read(inputs).unwrap_err().to_string();
    assert_eq!(
        message(json!({ "tone": "dry" })),
        "the input `topic` is missing"
    );
    assert_eq!(
        message(json!({ "topic": 1 })),
        "the input `topic` does not fit: invalid type: integer `1`, expected a string"
    );
    assert_eq!(
        message(json!({ "topic": "rain", "tonne": "dry" })),
        "there is no input `tonne`; the inputs are `topic`, `tone`"
    );
}
