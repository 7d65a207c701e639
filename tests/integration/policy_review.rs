//! What policies, limits and budgets come to together, and at their edges.

use std::time::Duration;

use flow_engine::llm::{Limit, LlmError, LlmErrorKind, LlmRequest, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use flow_engine::{EngineBuilder, ErrorKind, Policy, Prices};

use crate::support::{Greeting, Rating, start};

const PRICES: &str = r#"{ "version": "test-1", "prices": [
    { "provider": "acme", "model": "even", "input": 0.000001, "output": 10, "max_output_tokens": 8000 },
    { "provider": "acme", "model": "odd", "input": 0.000001, "output": 10 }
] }"#;

/// At most a cent.
#[step(prompt = "./prompts/any.md", max_output_tokens = 1000)]
async fn utter(text: String) -> String;

#[step(prompt = "./prompts/any.md", timeout = "2s")]
async fn say_within_time(text: String) -> String;

#[step(
    prompt = "./prompts/any.md",
    on_truncate = "grow",
    max_output_tokens = 5000
)]
async fn say_more(text: String) -> String;

#[step(
    prompt = "./prompts/any.md",
    model = "odd",
    on_truncate = "grow",
    max_output_tokens = 4294967295
)]
async fn say_everything(text: String) -> String;

#[step(prompt = "./prompts/any.md")]
async fn weigh_up(text: String) -> Rating;

#[flow]
async fn says_twice(text: String) -> Result<String> {
    let first = utter(&text).await?;
    Ok(utter(format!("more of {first}")).await?)
}

fn builder(mock: &MockBackend) -> EngineBuilder {
    Engine::builder()
        .backend(mock.clone().as_provider("acme"))
        .prices(Prices::from_json("PRICES", PRICES).unwrap())
        .model("even")
        .state(Greeting("hello"))
}

fn limited(wait: Duration) -> LlmError {
    LlmError::new(LlmErrorKind::RateLimited, "not now").with_retry_after(Some(wait))
}

#[expect(clippy::unnecessary_wraps, reason = "a mock may fail")]
fn cut(_: &LlmRequest) -> std::result::Result<LlmResponse, LlmError> {
    let mut response = LlmResponse::text("half").with_usage(5, 10);
    response.finish_reason = Some("length".to_owned());
    Ok(response)
}

fn room(mock: &MockBackend) -> Vec<u32> {
    let requests = mock.requests().into_iter();
    requests
        .map(|request| request.parameters.max_output_tokens.unwrap())
        .collect()
}

#[tokio::test]
async fn one_request_is_one_request_also_for_a_step_with_a_timeout() {
    let mock = MockBackend::new().fail("say_within_time", limited(Duration::from_millis(1)));
    let (engine, _folder) = start(builder(&mock).policy(Policy::once())).await;
    let error = engine.execute(say_within_time("x")).await.unwrap_err();
    assert_eq!(
        error.llm().map(LlmError::kind),
        Some(LlmErrorKind::RateLimited)
    );
    assert_eq!(mock.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_asks_to_wait_for_days_is_not_waited_for_longer_than_the_policy_says() {
    let days = Duration::from_hours(72);
    let mock = MockBackend::new().fail("utter", limited(days));
    let policy = Policy::default()
        .waits(Duration::from_millis(1), days)
        .rate_limit_wait(Duration::from_millis(200));
    let (engine, _folder) = start(builder(&mock).policy(policy)).await;
    let failed = tokio::time::timeout(Duration::from_secs(10), engine.execute(utter("x"))).await;
    let error = failed.expect("it waits for days").unwrap_err();
    assert_eq!(error.llm().unwrap().kind(), LlmErrorKind::RateLimited);
    assert_eq!(mock.requests().len(), 1, "nor is it asked before its time");
}

#[tokio::test]
async fn a_server_that_asks_to_wait_for_no_time_is_not_stormed() {
    let mock = MockBackend::new().fail("utter", limited(Duration::ZERO));
    let policy = Policy::default()
        .waits(Duration::from_millis(50), Duration::from_millis(100))
        .rate_limit_wait(Duration::from_millis(300));
    let (engine, _folder) = start(builder(&mock).policy(policy)).await;
    engine.execute(utter("x")).await.unwrap_err();
    let requests = mock.requests().len();
    assert!(requests < 15, "{requests} requests in 300 ms");
}

#[tokio::test]
async fn an_answer_grows_to_what_its_model_can_give_and_no_further() {
    let mock = MockBackend::new()
        .on("say_more", cut)
        .on("say_everything", cut);
    let (engine, _folder) = start(builder(&mock)).await;
    let error = engine.execute(say_more("x")).await.unwrap_err();
    assert_eq!(error.llm().unwrap().kind(), LlmErrorKind::Truncated);
    assert_eq!(room(&mock), [5000, 8000]);

    let failed = engine.execute(say_everything("x"));
    let failed = tokio::time::timeout(Duration::from_secs(5), failed).await;
    let error = failed.expect("it is asked for ever").unwrap_err();
    assert_eq!(error.llm().unwrap().kind(), LlmErrorKind::Truncated);
    assert_eq!(room(&mock)[2..], [u32::MAX]);
}

#[tokio::test]
async fn an_empty_answer_is_not_said_back_to_the_model() {
    let mock = MockBackend::new().on("weigh_up", |request| {
        assert!(
            request.messages.iter().all(|said| !said.content.is_empty()),
            "many servers refuse an empty message"
        );
        Ok(LlmResponse::text(""))
    });
    let (engine, _folder) = start(builder(&mock)).await;
    let error = engine.execute(weigh_up("x")).await.unwrap_err();
    assert_eq!(error.llm().unwrap().kind(), LlmErrorKind::InvalidOutput);
    assert_eq!(mock.requests().len(), 2);
}

#[tokio::test]
async fn a_fork_to_the_model_of_another_provider_that_was_asked_before_asks_nothing() {
    let fine = |_: &LlmRequest| Ok(LlmResponse::text("fine"));
    let (first, other) = (
        MockBackend::new().on("utter", fine),
        MockBackend::new().on("utter", fine),
    );
    let (engine, _folder) = start(builder(&first).provider("other", other.clone())).await;
    let origin = engine.execute(says_twice("x")).await.unwrap().run_id;
    let fork = engine.fork(origin).with_model("other/tiny").execute();
    let fork = fork.await.unwrap().run_id;
    assert_eq!(other.requests().len(), 2);
    let again = engine.fork(fork).with_model("other/tiny").execute();
    again.await.unwrap();
    assert_eq!((first.requests().len(), other.requests().len()), (2, 2));
}

#[tokio::test]
async fn what_another_model_answered_in_its_place_is_shared_by_forks() {
    let first = MockBackend::new().on("utter", |request| match &*request.model {
        "even" => Err(LlmError::new(LlmErrorKind::Truncated, "cut")),
        _ => Ok(LlmResponse::text("fine")),
    });
    let policy = Policy::default().fallback(["odd"]);
    let (engine, _folder) = start(builder(&first).policy(policy)).await;
    let origin = engine.execute(says_twice("x")).await.unwrap().run_id;
    assert_eq!(first.requests().len(), 4);
    let again = engine.fork(origin).with_model("even").execute();
    again.await.unwrap();
    assert_eq!(first.requests().len(), 4, "it was asked for `even` then");
}

#[tokio::test]
async fn a_limit_of_an_alias_is_refused() {
    let builder = builder(&MockBackend::new())
        .alias("fast", "even")
        .limit("fast", Limit::default().concurrency(1));
    let error = builder.build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("`fast`"), "{error}");
}
