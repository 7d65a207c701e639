//! An answer that is shown while it comes.

use std::sync::Mutex;
use std::time::Duration;

use flow_engine::llm::{LlmBackend, LlmError, LlmErrorKind, LlmRequest, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use flow_engine::{Delta, News, Policy, RequestStatus, RunStatus, StepStatus, StepStream};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{self, Greeting, Rating, engine_with};

#[step(prompt = "./prompts/any.md")]
async fn tell_aloud(text: String) -> String;

#[step(prompt = "./prompts/any.md", attempt_timeout = "50ms")]
async fn tell_in_time(text: String) -> String;

#[step(prompt = "./prompts/any.md")]
async fn assess_aloud(text: String) -> Rating;

#[step(prompt = "./prompts/any.md", cache = "1h")]
async fn list_aloud(text: String) -> Vec<String>;

#[step(kind = "news", prompt = "./prompts/any.md", cache = "1h")]
async fn gather_aloud(text: String) -> News<Vec<String>>;

#[step]
async fn count_letters(text: String) -> usize {
    text.len()
}

#[flow]
async fn tells_and_counts(text: String) -> Result<String> {
    let mut answer = tell_aloud(text).stream();
    let mut pieces = Vec::new();
    while let Some(delta) = answer.next().await {
        let Delta::Text(piece) = delta else { continue };
        pieces.push(piece);
    }
    let whole = answer.finish().await?.output_content;
    count_letters(whole.clone()).await?;
    Ok(format!("{whole} in {}", pieces.len()))
}

async fn all_of<T: 'static>(stream: &mut flow_engine::StepStream<T>) -> Vec<Delta> {
    stream.collect().await
}

fn text(piece: &str) -> Delta {
    Delta::Text(piece.to_owned())
}

async fn start(mock: MockBackend) -> (Engine, TempDir) {
    let wait = Duration::from_millis(1);
    let builder = Engine::builder()
        .policy(Policy::default().waits(wait, wait))
        .backend(mock)
        .state(Greeting("hello"));
    support::start(builder).await
}

fn in_turn(step: &str, answers: Vec<Result<LlmResponse, LlmError>>) -> MockBackend {
    let answers = Mutex::new(answers.into_iter());
    MockBackend::new().on(step, move |_| answers.lock().unwrap().next().unwrap())
}

fn broken(partial: &str) -> LlmError {
    LlmError::new(LlmErrorKind::Transient, "it broke").with_partial(partial)
}

#[tokio::test]
async fn an_answer_comes_in_pieces_and_then_as_execute_gives_it() {
    let engine = engine_with(MockBackend::new().answer("tell_aloud", "one two three")).await;
    let mut stream = engine.run(tell_aloud("x")).stream();
    assert_eq!(
        all_of(&mut stream).await,
        [text("one "), text("two "), text("three")]
    );
    assert_eq!(stream.text(), "one two three");
    let done = stream.finish().await.unwrap();
    assert_eq!(done.output_content, "one two three");
    assert_eq!(
        done.metadata.tokens_used,
        3 + engine.requests_of(done.run_id).await.unwrap()[0]
            .input_tokens
            .unwrap()
            .unsigned_abs()
    );
    assert_eq!(engine.row(done.run_id).await.status, RunStatus::Completed);

    let executed = engine.execute(tell_aloud("x")).await.unwrap();
    assert_eq!(executed.output_content, done.output_content);
    assert_eq!(executed.metadata.tokens_used, done.metadata.tokens_used);
}

#[tokio::test]
async fn a_replay_gives_the_recorded_answer_in_one_piece() {
    let engine = engine_with(MockBackend::new().answer("tell_aloud", "one two three")).await;
    let done = engine.execute(tells_and_counts("x")).await.unwrap();
    assert_eq!(done.output_content, "one two three in 3");
    let fork = engine
        .fork(done.run_id)
        .from("count_letters")
        .execute()
        .await
        .unwrap();
    assert_eq!(fork.output_content, json!("one two three in 1"));
}

#[tokio::test]
async fn a_structured_answer_shows_what_it_has_so_far() {
    let answer = r#"{"stars": 4, "reason": "it is short"}"#;
    let engine = engine_with(MockBackend::new().answer("assess_aloud", answer)).await;
    let mut stream = engine.run(assess_aloud("x")).stream();
    let mut snapshots: Vec<Value> = Vec::new();
    while stream.next().await.is_some() {
        snapshots.extend(stream.snapshot());
    }
    assert_eq!(snapshots.first(), Some(&json!({})));
    assert!(
        snapshots.contains(&json!({ "stars": 4, "reason": "it is " })),
        "{snapshots:?}"
    );
    assert_eq!(
        snapshots.last(),
        Some(&json!({ "stars": 4, "reason": "it is short" }))
    );
    assert_eq!(stream.finish().await.unwrap().output_content.stars, 4);
}

#[tokio::test]
async fn a_stream_that_breaks_off_before_its_first_piece_is_begun_again() {
    let mock = in_turn(
        "tell_aloud",
        vec![Err(broken("")), Ok(LlmResponse::text("here it is"))],
    );
    let (engine, _folder) = start(mock.clone()).await;
    let done = engine.run(tell_aloud("x")).stream().finish().await.unwrap();
    assert_eq!(done.output_content, "here it is");
    assert_eq!(mock.requests().len(), 2);
}

#[tokio::test]
async fn a_stream_that_breaks_off_after_its_first_piece_is_an_error_with_what_came() {
    let mock = in_turn("tell_aloud", vec![Err(broken("half of"))]);
    let (engine, _folder) = start(mock.clone()).await;
    let mut stream = engine.run(tell_aloud("x")).stream();
    assert_eq!(all_of(&mut stream).await, [text("half "), text("of")]);
    let error = stream.finish().await.unwrap_err();
    let llm = error.llm().unwrap();
    assert_eq!(
        (llm.kind(), llm.partial()),
        (LlmErrorKind::Transient, Some("half of"))
    );
    assert_eq!(mock.requests().len(), 1);
}

/// Gives two words, and no more.
#[derive(Debug)]
struct Stalling;

impl LlmBackend for Stalling {
    fn provider(&self) -> &'static str {
        "stalling"
    }

    fn send<'a>(
        &'a self,
        _request: &'a LlmRequest,
        _body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        futures::future::pending().boxed()
    }

    fn stream<'a>(
        &'a self,
        _request: &'a LlmRequest,
        _body: &'a Value,
        give: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        give("half ");
        give("of");
        futures::future::pending().boxed()
    }
}

#[tokio::test]
async fn a_stream_whose_attempt_is_out_of_time_is_an_error_with_what_came() {
    let builder = Engine::builder().backend(Stalling).model("slow");
    let (engine, _folder) = support::start(builder.state(Greeting("hello"))).await;
    let mut stream = engine.run(tell_in_time("x")).stream();
    assert_eq!(all_of(&mut stream).await, [text("half "), text("of")]);
    let error = stream.finish().await.unwrap_err();
    let llm = error.llm().unwrap();
    assert_eq!(
        (llm.kind(), llm.partial()),
        (LlmErrorKind::Timeout, Some("half of"))
    );
    let id = error.run_id().unwrap();
    assert_eq!(engine.requests_of(id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_of_which_a_piece_came_may_have_cost() {
    for (partial, may_have_cost) in [("half of", 1), ("", 0)] {
        let filtered = LlmError::new(LlmErrorKind::ContentFiltered, "no more of this");
        let error = filtered.with_partial(partial);
        let (engine, _folder) = start(in_turn("tell_aloud", vec![Err(error)])).await;
        let error = engine.run(tell_aloud("x")).stream().finish().await;
        let id = error.unwrap_err().run_id().unwrap();
        let run = engine.find_run(id).await.unwrap().unwrap();
        assert_eq!(run.unpriced_requests, may_have_cost, "{partial}");
    }
}

#[tokio::test]
async fn an_answer_that_is_asked_for_again_says_that_the_first_is_void() {
    let right = r#"{"stars":2,"reason":"dull"}"#;
    let mock = in_turn(
        "assess_aloud",
        vec![Ok(LlmResponse::text("none")), Ok(LlmResponse::text(right))],
    );
    let (engine, _folder) = start(mock).await;
    let mut stream = engine.run(assess_aloud("x")).stream();
    assert_eq!(
        all_of(&mut stream).await,
        [text("none"), Delta::Again, text(right)]
    );
    assert_eq!(stream.text(), right);
    assert_eq!(stream.finish().await.unwrap().output_content.stars, 2);
}

#[tokio::test]
async fn a_dropped_stream_cancels_its_request_and_the_rows_say_so() {
    let engine = engine_with(MockBackend::new().answer("tell_aloud", "one two three")).await;
    let request = engine.run(tell_aloud("x"));
    let id = request.id();
    let mut stream = request.stream();
    assert_eq!(stream.next().await, Some(text("one ")));
    drop(stream);
    let requests = loop {
        let requests = engine.requests_of(id).await.unwrap();
        if requests
            .iter()
            .any(|request| request.status != RequestStatus::Sent)
        {
            break requests;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(requests[0].status, RequestStatus::Cancelled);
    assert_eq!(engine.steps(id).await[0].status, StepStatus::Cancelled);
    assert_eq!(engine.row(id).await.status, RunStatus::Interrupted);
}

#[tokio::test]
async fn a_stream_outside_of_a_run_and_without_an_engine_says_what_to_do() {
    let error = tell_aloud("x").stream().finish().await.unwrap_err();
    assert!(error.to_string().contains("engine.install()"), "{error}");
}

/// All snapshots of a stream, and its text.
async fn shown<T: 'static>(mut stream: StepStream<T>) -> (Vec<Value>, String) {
    let mut snapshots = Vec::new();
    while stream.next().await.is_some() {
        snapshots.extend(stream.snapshot());
    }
    let text = stream.text().to_owned();
    stream.finish().await.unwrap();
    (snapshots, text)
}

#[tokio::test]
async fn a_list_is_shown_as_one_whether_it_comes_in_pieces_or_from_the_record() {
    let list = json!({ "value": ["a b", "c"] });
    let mock = MockBackend::new()
        .answer("list_aloud", list.clone())
        .answer("gather_aloud", list.clone());
    let engine = engine_with(mock.clone()).await;
    for (live, recorded) in [
        (
            shown(engine.run(list_aloud("x")).stream()).await,
            shown(engine.run(list_aloud("x")).stream()).await,
        ),
        (
            shown(engine.run(gather_aloud("x")).stream()).await,
            shown(engine.run(gather_aloud("x")).stream()).await,
        ),
    ] {
        assert_eq!(live.0.first(), Some(&json!(["a "])));
        assert_eq!(live.0.last(), Some(&json!(["a b", "c"])));
        assert_eq!(recorded.0, [json!(["a b", "c"])]);
        assert_eq!(
            (&live.1, &recorded.1),
            (&list.to_string(), &list.to_string())
        );
    }
    assert_eq!(mock.requests().len(), 2);
}

#[tokio::test]
async fn a_text_has_no_snapshot_whatever_is_in_it() {
    let mock = MockBackend::new().answer("tell_aloud", "It rained. [1] {\"a\": 2}");
    let engine = engine_with(mock).await;
    let (snapshots, _) = shown(engine.run(tell_aloud("x")).stream()).await;
    assert_eq!(snapshots, [] as [Value; 0]);
}
