//! What requests cost: in their rows, and in the sums of steps and runs.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use flow_engine::llm::{
    Cassette, LlmBackend, LlmError, LlmErrorKind, LlmRequest, LlmResponse, MockBackend,
};
use flow_engine::prelude::*;
use flow_engine::{LlmRequest as Row, Prices, RequestStatus, RunFilter};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::count_words;

const PRICES: &str = r#"{ "version": "test-1", "prices": [
    { "provider": "acme", "model": "large", "input": 2.5, "cached_input": 0.25, "output": 10 },
    { "provider": "acme", "model": "small", "input": 0.1, "output": 0.0004 }
] }"#;

async fn engine(backend: impl LlmBackend, folder: &TempDir) -> Engine {
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    Engine::builder()
        .backend(backend)
        .prices(Prices::from_json("PRICES", PRICES).unwrap())
        .model("gpt-4o-2024-08-06")
        .state(crate::support::Greeting("hello"))
        .database_url(url)
        .build()
        .await
        .unwrap()
}

#[step(prompt = "./prompts/any.md", model = "large-2026-01-31")]
async fn think(text: String) -> String;

#[step(prompt = "./prompts/any.md", model = "small")]
async fn skim(text: String) -> String;

#[step(prompt = "./prompts/any.md", model = "nobody-knows", retries = 1)]
async fn wonder(text: String) -> String;

/// Of the engine's model.
#[step(prompt = "./prompts/any.md")]
async fn inquire(text: String) -> String;

#[flow]
async fn priced(text: String) -> Result<usize> {
    let words = count_words(think(text).await?).await?;
    skim("a").await?;
    Ok(words)
}

#[flow]
async fn partly_priced(text: String) -> Result<usize> {
    let words = priced(text).await?;
    wonder("b").await?;
    Ok(words)
}

/// 1,000 tokens, 400 of them cached, and 200 of an answer; 3 and 1; 7 and 7.
fn mock() -> MockBackend {
    let cached = |_: &LlmRequest| {
        let mut response = LlmResponse::text("one two").with_usage(1_000, 200);
        response.usage.cached_tokens = Some(400);
        Ok(response)
    };
    MockBackend::new()
        .on("think", cached)
        .on("inquire", cached)
        .on("skim", |_| Ok(LlmResponse::text("x").with_usage(3, 1)))
        .on("wonder", |_| Ok(LlmResponse::text("y").with_usage(7, 7)))
}

/// 600 × 2.5 + 400 × 0.25 + 200 × 10 millionths of a USD
const THINK: i64 = 3_600_000;
/// 3 × 0.1 + 1 × 0.0004 millionths of a USD: 300.4 nano-USD
const SKIM: i64 = 300;

fn cost(row: &Row) -> (Option<i64>, Option<&str>) {
    (row.cost_nano_usd, row.price_version.as_deref())
}

async fn run(engine: &Engine, id: Uuid) -> flow_engine::FlowRun {
    engine.find_run(id).await.unwrap().unwrap()
}

fn is(cost: f64, nano: i64) -> bool {
    (cost * 1e9 - f64::from(i32::try_from(nano).unwrap())).abs() < 0.5
}

#[tokio::test]
async fn each_request_keeps_its_cost_and_steps_and_runs_sum_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(mock().as_provider("acme"), &folder).await;
    let done = engine.execute(partly_priced("x")).await.unwrap();
    assert_eq!(
        done.metadata.cost_estimate, None,
        "a part of it is not known"
    );

    let [below] = &engine
        .runs(RunFilter {
            parent_run_id: Some(done.run_id),
            ..RunFilter::default()
        })
        .await
        .unwrap()[..]
    else {
        panic!("one run below")
    };
    let rows = engine.requests_of(below.id).await.unwrap();
    let costs: Vec<_> = rows.iter().map(cost).collect();
    assert_eq!(
        costs,
        [(Some(THINK), Some("test-1")), (Some(SKIM), Some("test-1"))]
    );
    let rows = engine.requests_of(done.run_id).await.unwrap();
    assert_eq!(rows.iter().map(cost).collect::<Vec<_>>(), [(None, None)]);

    let steps = engine.steps_of(below.id).await.unwrap();
    let costs: Vec<_> = steps
        .iter()
        .map(|step| step.cost_estimate.unwrap())
        .collect();
    assert!(
        is(costs[0], THINK) && is(costs[1], 0) && is(costs[2], SKIM),
        "{costs:?}"
    );
    let steps = engine.steps_of(done.run_id).await.unwrap();
    assert_eq!(steps.last().unwrap().cost_estimate, None);

    assert_eq!(below.unpriced_requests, 0);
    assert!(is(below.total_cost, THINK + SKIM), "{}", below.total_cost);
    let whole = run(&engine, done.run_id).await;
    assert_eq!(whole.unpriced_requests, 1);
    assert!(is(whole.total_cost, THINK + SKIM), "{}", whole.total_cost);
}

#[tokio::test]
async fn the_cost_of_a_run_is_known_if_all_of_its_prices_are() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(mock().as_provider("acme"), &folder).await;
    let done = engine.execute(priced("x")).await.unwrap();
    assert!(is(done.metadata.cost_estimate.unwrap(), THINK + SKIM));
    let one = engine.execute(think("x")).await.unwrap();
    assert!(is(one.metadata.cost_estimate.unwrap(), THINK));
}

#[tokio::test]
async fn an_answer_that_is_asked_for_again_was_paid_for_too() {
    let folder = tempfile::tempdir().unwrap();
    let asked = AtomicU32::new(0);
    let mock = MockBackend::new().on("wonder", move |_| {
        let mut response = LlmResponse::text("y").with_usage(10, 10);
        response.model = Some("small".into());
        // The first is broken off at the model's side: it was answered, counted, and cannot be used.
        if asked.fetch_add(1, Ordering::Relaxed) == 0 {
            response.finish_reason = Some("abort".into());
        }
        Ok(response)
    });
    let engine = engine(mock.as_provider("acme"), &folder).await;
    let done = engine.execute(wonder("x")).await.unwrap();
    let rows = engine.requests_of(done.run_id).await.unwrap();
    let statuses: Vec<_> = rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [RequestStatus::Failed, RequestStatus::Succeeded]);
    // 10 × 0.1 + 10 × 0.0004 millionths of a USD: the price of the model that answered.
    let costs: Vec<_> = rows.iter().map(cost).collect();
    assert_eq!(costs, [(Some(1_004), Some("test-1")); 2]);
    assert!(is(done.metadata.cost_estimate.unwrap(), 2_008));
    assert!(is(run(&engine, done.run_id).await.total_cost, 2_008));
}

#[tokio::test]
async fn what_was_refused_costs_nothing_and_what_was_not_counted_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let mock = MockBackend::new()
        .on("skim", |_| Ok(LlmResponse::text("x")))
        .fail(
            "think",
            LlmError::new(LlmErrorKind::InvalidRequest, "no").with_answer(400, "{}"),
        );
    let engine = engine(mock.as_provider("acme"), &folder).await;
    let done = engine.execute(skim("x")).await.unwrap();
    assert_eq!(done.metadata.cost_estimate, None);
    assert_eq!(run(&engine, done.run_id).await.unpriced_requests, 1);
    let error = engine.execute(think("x")).await.unwrap_err();
    let refused = run(&engine, error.run_id().unwrap()).await;
    assert_eq!((refused.unpriced_requests, refused.total_tokens), (0, 0));
    assert!(is(refused.total_cost, 0));
}

#[tokio::test]
async fn a_mock_a_loopback_server_and_a_recording_have_no_price() {
    let folder = tempfile::tempdir().unwrap();
    for provider in ["mock", "127.0.0.1:8112"] {
        let engine = engine(mock().as_provider(provider), &folder).await;
        let done = engine.execute(inquire("x")).await.unwrap();
        assert_eq!(done.metadata.cost_estimate, None, "{provider}");
    }
    let tape = folder.path().join("tape.json");
    let recorder = Cassette::record(&tape, mock().as_provider("acme")).unwrap();
    let done = engine(recorder, &folder)
        .await
        .execute(think("x"))
        .await
        .unwrap();
    assert!(
        is(done.metadata.cost_estimate.unwrap(), THINK),
        "recording is paid for"
    );
    let player = Cassette::replay(&tape).unwrap();
    let done = engine(player, &folder)
        .await
        .execute(think("x"))
        .await
        .unwrap();
    assert_eq!(done.metadata.cost_estimate, None, "nobody was paid");
}

#[tokio::test]
async fn the_builtin_table_is_there_without_being_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let builder = Engine::builder()
        .backend(mock().as_provider("openai"))
        .state(crate::support::Greeting("hello"))
        .model("gpt-4o-2024-08-06");
    let engine = builder.database_url(url).build().await.unwrap();
    let done = engine.execute(inquire("x")).await.unwrap();
    // 600 × 2.5 + 400 × 1.25 + 200 × 10 millionths of a USD
    let rows = engine.requests_of(done.run_id).await.unwrap();
    assert_eq!(rows[0].cost_nano_usd, Some(4_000_000));
    let cost = done.metadata.cost_estimate.unwrap();
    assert!(is(cost, 4_000_000), "{cost}");
}

static BROKEN: AtomicBool = AtomicBool::new(true);

#[step]
async fn print_priced(text: String) -> Result<usize> {
    if BROKEN.load(Ordering::Relaxed) {
        return Err("out of paper".into());
    }
    Ok(text.len())
}

#[flow]
async fn think_and_print(text: String) -> Result<usize> {
    let text = think(text).await?;
    skim(text.clone()).await?;
    Ok(print_priced(text).await?)
}

#[tokio::test]
async fn a_run_that_goes_on_has_paid_once() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(mock().as_provider("acme"), &folder).await;
    let failed = engine.execute(think_and_print("x")).await.unwrap_err();
    let id = failed.run_id().unwrap();
    assert!(is(run(&engine, id).await.total_cost, THINK + SKIM));
    BROKEN.store(false, Ordering::Relaxed);
    let done = engine.resume(id).await.unwrap();
    let row = run(&engine, id).await;
    assert!(is(row.total_cost, THINK + SKIM), "{}", row.total_cost);
    assert_eq!(row.unpriced_requests, 0);
    assert!(is(done.metadata.cost_estimate.unwrap(), THINK + SKIM));
}
