//! What becomes of failures: retries, waits, re-asks, more room, other models, other providers, limits.

use std::sync::Mutex;
use std::time::Duration;

use flow_engine::llm::{LlmError, LlmErrorKind, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use flow_engine::{EngineBuilder, OnRefusal, Policy, RequestStatus};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{self, Greeting, Rating};

#[step(prompt = "./prompts/any.md")]
pub(crate) async fn ask_plainly(text: String) -> String;

#[step(prompt = "./prompts/any.md", on_invalid = 2)]
async fn appraise(text: String) -> Rating;

#[step(
    prompt = "./prompts/any.md",
    on_truncate = "grow",
    max_output_tokens = 100
)]
async fn write_long(text: String) -> String;

#[step(
    prompt = "./prompts/any.md",
    retries = 1,
    fallback = ["small", "other/tiny"],
    on_refusal = "fallback"
)]
async fn ask_someone(text: String) -> String;

#[step(prompt = "./prompts/any.md", attempt_timeout = "20ms", retries = 1)]
async fn ask_quickly(text: String) -> String;

#[step(
    prompt = "./prompts/any.md",
    timeout = "20s",
    fallback = ["small", "other/tiny"]
)]
async fn ask_in_time(text: String) -> String;

fn error(kind: LlmErrorKind) -> LlmError {
    LlmError::new(kind, "not now").with_retry_after(Some(Duration::from_millis(1)))
}

/// Without long waits.
pub(crate) fn policy() -> Policy {
    Policy::default().waits(Duration::from_millis(1), Duration::from_millis(5))
}

pub(crate) async fn start(builder: EngineBuilder) -> (Engine, TempDir) {
    support::start(builder.model("big").state(Greeting("hello"))).await
}

async fn asking(mock: &MockBackend) -> (Engine, TempDir) {
    start(Engine::builder().policy(policy()).backend(mock.clone())).await
}

/// A mock whose n-th answer to a step is the n-th of these.
fn in_turn(
    step: &str,
    answers: impl IntoIterator<Item = Result<LlmResponse, LlmError>>,
) -> MockBackend {
    let answers = Mutex::new(answers.into_iter().collect::<Vec<_>>().into_iter());
    MockBackend::new().on(step, move |_| answers.lock().unwrap().next().unwrap())
}

fn cut(text: &str) -> LlmResponse {
    let mut response = LlmResponse::text(text);
    response.finish_reason = Some("length".to_owned());
    response
}

fn refused() -> LlmResponse {
    let mut response = LlmResponse::text("");
    response.refusal = Some("I would rather not".to_owned());
    response
}

#[tokio::test]
async fn what_fails_for_now_is_sent_again_twice_if_nobody_says_otherwise() {
    let mock = MockBackend::new().fail("ask_plainly", error(LlmErrorKind::Transient));
    let (engine, _folder) = asking(&mock).await;
    let failed = engine.execute(ask_plainly("x")).await.unwrap_err();
    assert_eq!(failed.llm().unwrap().kind(), LlmErrorKind::Transient);
    let rows = engine.requests_of(failed.run_id().unwrap()).await.unwrap();
    let attempts: Vec<_> = rows.iter().map(|row| (row.attempt, row.status)).collect();
    let failed = RequestStatus::Failed;
    assert_eq!(attempts, [(1, failed), (2, failed), (3, failed)]);
}

#[tokio::test]
async fn a_server_that_asks_to_slow_down_is_waited_for_beyond_all_retries() {
    let limited = (0..20).map(|_| Err(error(LlmErrorKind::RateLimited)));
    let mock = in_turn(
        "ask_plainly",
        limited.chain([Ok(LlmResponse::text("done"))]),
    );
    let builder = Engine::builder().policy(policy().retries(0));
    let (engine, _folder) = start(builder.backend(mock.clone())).await;
    let done = engine.execute(ask_plainly("x")).await.unwrap();
    assert_eq!(done.output_content, "done");
    assert_eq!(engine.requests_of(done.run_id).await.unwrap().len(), 21);
}

#[tokio::test]
async fn a_server_that_asks_to_slow_down_for_too_long_fails_the_step() {
    let mock = MockBackend::new().fail("ask_plainly", error(LlmErrorKind::RateLimited));
    let patience = policy().rate_limit_wait(Duration::from_millis(30));
    let (engine, _folder) = start(Engine::builder().policy(patience).backend(mock)).await;
    let failed = engine.execute(ask_plainly("x")).await.unwrap_err();
    assert_eq!(failed.llm().unwrap().kind(), LlmErrorKind::RateLimited);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_dropped_and_sent_again() {
    let mock = MockBackend::new()
        .answer("ask_quickly", "late")
        .delay(Duration::from_mins(1));
    let (engine, _folder) = asking(&mock).await;
    let failed = engine.execute(ask_quickly("x")).await.unwrap_err();
    assert_eq!(failed.llm().unwrap().kind(), LlmErrorKind::Timeout);
    assert_eq!(mock.requests().len(), 2);
    let rows = engine.requests_of(failed.run_id().unwrap()).await.unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| row.error_kind.as_deref()).collect();
    assert_eq!(kinds, [Some("timeout"), Some("timeout")]);
}

#[tokio::test]
async fn a_model_is_told_of_its_last_wrong_answer_and_of_no_other() {
    let right = json!({ "stars": 3, "reason": "fair" }).to_string();
    let answers = [r#"{ "stars": "many" }"#, r#"{ "stars": 3 }"#, &*right];
    let mock = in_turn("appraise", answers.map(|text| Ok(LlmResponse::text(text))));
    let (engine, _folder) = asking(&mock).await;
    let done = engine.execute(appraise("x")).await.unwrap();
    assert_eq!(done.output_content.stars, 3);
    let requests = mock.requests();
    let said: Vec<usize> = requests
        .iter()
        .map(|request| request.messages.len())
        .collect();
    assert_eq!(said[1..], [said[0] + 2, said[0] + 2]);
    let [.., answer, correction] = &*requests[2].messages else {
        panic!("there is no correction");
    };
    assert_eq!(answer.content, r#"{ "stars": 3 }"#);
    assert!(
        correction.content.contains("missing field `reason`"),
        "{}",
        correction.content
    );
    let rows = engine.requests_of(done.run_id).await.unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| row.error_kind.as_deref()).collect();
    assert_eq!(
        kinds,
        [Some("invalid_output"), Some("invalid_output"), None]
    );
    let last = rows[2].request.as_ref().unwrap().to_string();
    assert!(
        last.contains("cannot be used"),
        "the row has the body as sent: {last}"
    );
}

#[tokio::test]
async fn a_step_whose_model_never_answers_right_fails_with_the_last_answer() {
    let mock = MockBackend::new().answer("appraise", "no JSON");
    let (engine, _folder) = asking(&mock).await;
    let failed = engine.execute(appraise("x")).await.unwrap_err();
    let llm = failed.llm().unwrap();
    assert_eq!(
        (llm.kind(), llm.partial()),
        (LlmErrorKind::InvalidOutput, Some("no JSON"))
    );
    assert_eq!(mock.requests().len(), 3);
}

#[tokio::test]
async fn a_cut_answer_is_given_twice_the_room_once() {
    let whole = Ok(LlmResponse::text("all of it"));
    let mock = in_turn("write_long", [Ok(cut("half of")), whole]);
    let (engine, _folder) = asking(&mock).await;
    let done = engine.execute(write_long("x")).await.unwrap();
    assert_eq!(done.output_content, "all of it");
    let limits = |mock: &MockBackend| -> Vec<_> {
        let requests = mock.requests().into_iter();
        requests
            .map(|request| request.parameters.max_output_tokens.unwrap())
            .collect()
    };
    assert_eq!(limits(&mock), [100, 200]);

    let mock = in_turn("write_long", [Ok(cut("half of")), Ok(cut("half of it"))]);
    let (engine, _folder) = asking(&mock).await;
    let failed = engine.execute(write_long("x")).await.unwrap_err();
    let llm = failed.llm().unwrap();
    assert_eq!(
        (llm.kind(), llm.partial()),
        (LlmErrorKind::Truncated, Some("half of it"))
    );
    assert_eq!(limits(&mock), [100, 200]);
}

#[tokio::test]
async fn other_models_and_providers_stand_in_for_one_that_fails() {
    let first = MockBackend::new().on("ask_someone", |request| match &*request.model {
        "big" => Err(error(LlmErrorKind::Transient)),
        _ => Ok(refused()),
    });
    let other = MockBackend::new().answer("ask_someone", "here");
    let builder = Engine::builder().policy(policy()).backend(first.clone());
    let (engine, _folder) = start(builder.provider("other", other.clone())).await;
    let done = engine.execute(ask_someone("x")).await.unwrap();
    assert_eq!(done.output_content, "here");
    let asked = |mock: &MockBackend| -> Vec<_> {
        mock.requests()
            .into_iter()
            .map(|request| request.model)
            .collect()
    };
    assert_eq!(asked(&first), ["big", "big", "small"]);
    assert_eq!(asked(&other), ["tiny"]);
    let rows = engine.requests_of(done.run_id).await.unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| row.error_kind.as_deref()).collect();
    assert_eq!(
        kinds,
        [Some("transient"), Some("transient"), Some("refused"), None]
    );
    assert_eq!(done.metadata.model.as_deref(), Some("tiny"));
}

#[tokio::test]
async fn another_model_is_asked_before_the_time_of_a_step_is_up() {
    let slow_down = error(LlmErrorKind::RateLimited);
    for slow_down in [
        slow_down
            .clone()
            .with_retry_after(Some(Duration::from_secs(30))),
        slow_down.with_retry_after(None),
    ] {
        let mock = in_turn(
            "ask_in_time",
            [Err(slow_down), Ok(LlmResponse::text("done"))],
        );
        let policy = Policy::default().waits(Duration::from_mins(1), Duration::from_mins(2));
        let (engine, _folder) = start(Engine::builder().policy(policy).backend(mock.clone())).await;
        let done = engine.execute(ask_in_time("x")).await.unwrap();
        assert_eq!(done.metadata.model.as_deref(), Some("small"));
        assert!(done.metadata.execution_time_ms < 15_000, "it waited");
    }
}

#[tokio::test]
async fn where_a_key_is_refused_another_provider_stands_in() {
    let locked = MockBackend::new().fail("ask_in_time", error(LlmErrorKind::Authentication));
    let other = MockBackend::new().answer("ask_in_time", "done");
    let builder = Engine::builder().policy(policy()).backend(locked.clone());
    let builder = builder.provider("other", other).model("large");
    let (engine, _folder) = start(builder).await;
    let done = engine.execute(ask_in_time("x")).await.unwrap();
    assert_eq!(done.metadata.model.as_deref(), Some("tiny"));
    assert_eq!(
        locked.requests().len(),
        1,
        "`small` is of the same provider"
    );
}

#[tokio::test]
async fn what_was_to_be_done_about_failures_is_in_the_row_of_a_step() {
    let mock = MockBackend::new().answer("ask_someone", "done");
    let (engine, _folder) = asking(&mock).await;
    let done = engine.execute(ask_someone("x")).await.unwrap();
    let row = engine.steps_of(done.run_id).await.unwrap().remove(0);
    let expected = json!({
        "retries": 1,
        "first_wait_ms": 1,
        "longest_wait_ms": 5,
        "rate_limit_wait_ms": 600_000,
        "attempt_timeout_ms": null,
        "timeout_ms": null,
        "on_truncate": "fail",
        "on_invalid": 1,
        "on_refusal": "fallback",
        "fallback": ["small", "other/tiny"],
    });
    assert_eq!(row.step_metadata.unwrap()["policy"], expected);
}

#[tokio::test]
async fn a_refusal_fails_the_step_if_nobody_says_otherwise() {
    let mock = MockBackend::new().on("ask_plainly", |_| Ok(refused()));
    let policy = policy().fallback(["small"]);
    let builder = Engine::builder()
        .policy(policy.clone())
        .backend(mock.clone());
    let (engine, _folder) = start(builder).await;
    let failed = engine.execute(ask_plainly("x")).await.unwrap_err();
    assert_eq!(failed.llm().unwrap().kind(), LlmErrorKind::Refused);
    assert_eq!(mock.requests().len(), 1);

    let builder = Engine::builder().policy(policy.on_refusal(OnRefusal::Fallback));
    let (engine, _folder) = start(builder.backend(mock.clone())).await;
    engine.execute(ask_plainly("x")).await.unwrap_err();
    assert_eq!(mock.requests().len(), 3);
}

#[tokio::test]
async fn an_alias_is_recorded_as_the_model_that_it_stands_for() {
    let other = MockBackend::new().answer("ask_plainly", "here");
    let builder = Engine::builder()
        .backend(MockBackend::new())
        .alias("fast", "other/tiny");
    let builder = builder.provider("other", other).alias("big", "other/huge");
    let (engine, _folder) = start(builder).await;
    let done = engine.execute(ask_plainly("x")).await.unwrap();
    let rows = engine.requests_of(done.run_id).await.unwrap();
    assert_eq!(rows[0].model, "huge");
}
