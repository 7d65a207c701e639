//! What may be spent: nothing is sent that could cost more than what is left. A binary of its own, in which every step has a
//! model with a known price.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

use std::time::Duration;

use flow_engine::llm::{Limit, LlmError, LlmErrorKind, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use flow_engine::{EngineBuilder, ErrorKind, News, Policy, Prices, RunStatus};
use tempfile::TempDir;

/// A million tokens of an answer cost 10 US dollars, those of a request nothing that counts.
const PRICES: &str = r#"{ "version": "test-1", "prices": [
    { "provider": "acme", "model": "even", "input": 0.000001, "output": 10, "max_output_tokens": 8000 },
    { "provider": "acme", "model": "odd", "input": 0.000001, "output": 10 },
    { "provider": "acme", "model": "endless", "input": 0.000001, "output": 10 }
] }"#;

/// At most 1,000 tokens: a cent.
#[step(prompt = "./any.md", max_output_tokens = 1000)]
async fn pay_a_cent(text: String) -> String;

/// At most 8,000 tokens, as the table says: 8 cents.
#[step(prompt = "./any.md", budget_usd = 0.05)]
async fn pay_at_length(text: String) -> String;

/// Of which model is known when it is called.
#[step(prompt = "./any.md", budget_usd = 100)]
async fn pay_someone(text: String, #[input(param)] model: String) -> String;

#[step(prompt = "./any.md", max_output_tokens = 1000, timeout = "30ms")]
async fn pay_soon(text: String) -> String;

#[step(prompt = "./any.md", model = "odd", max_output_tokens = 1000)]
async fn pay_oddly(text: String) -> String;

#[step(kind = "news", prompt = "./any.md", max_output_tokens = 1000)]
async fn pay_for_news(text: String) -> News;

#[step(prompt = "./any.md", max_output_tokens = 1000, budget_usd = 0.015)]
async fn pay_twice(text: String) -> String;

#[flow(budget_usd = 0.025)]
async fn spends(texts: Vec<String>) -> Result<usize> {
    let answers = flow_engine::map(texts, 8, pay_a_cent).await?;
    Ok(answers.len())
}

#[flow(budget_usd = 0.035)]
async fn spends_below(texts: Vec<String>) -> Result<usize> {
    let first = spends(texts[..2].to_vec()).await?;
    let rest = spends(texts[2..].to_vec()).await?;
    Ok(first + rest)
}

#[flow(budget_usd = 0.025)]
async fn spends_and_fails(fails: bool) -> Result<()> {
    pay_a_cent("1").await?;
    pay_a_cent("2").await?;
    if fails {
        return Err("it was meant to".into());
    }
    pay_a_cent("3").await?;
    Ok(())
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text {number}")).collect()
}

/// A mock whose answers have so many tokens.
fn mock(tokens: u64) -> MockBackend {
    let answer =
        move |_: &flow_engine::llm::LlmRequest| Ok(LlmResponse::text("fine").with_usage(5, tokens));
    [
        "pay_a_cent",
        "pay_at_length",
        "pay_someone",
        "pay_soon",
        "pay_oddly",
        "pay_twice",
    ]
    .into_iter()
    .fold(MockBackend::new(), |mock, step| mock.on(step, answer))
}

fn builder(mock: &MockBackend) -> EngineBuilder {
    Engine::builder()
        .backend(mock.clone().as_provider("acme"))
        .prices(Prices::from_json("PRICES", PRICES).unwrap())
        .model("even")
}

async fn start(builder: EngineBuilder) -> (Engine, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    (builder.database_url(url).build().await.unwrap(), folder)
}

#[tokio::test]
async fn a_request_that_may_cost_more_than_is_left_is_not_sent_and_the_run_says_why() {
    let mock = mock(1000);
    let (engine, _folder) = start(builder(&mock)).await;
    let error = engine.execute(spends(texts(3))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverBudget);
    assert_eq!(mock.requests().len(), 2);
    let id = error.run_id().unwrap();
    let run = engine.find_run(id).await.unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Failed);
    let why = run.error_message.unwrap();
    let expected = "the budget of the flow `spends` is $0.025000, of which $0.020000 is spent, and this request may cost $0.010000";
    assert!(why.contains(expected), "{why}");
    assert_eq!(engine.requests_of(id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_a_request_did_not_cost_is_given_back_to_those_that_wait_for_it() {
    // At a time, two of a cent each have room; each costs a tenth of that.
    let mock = mock(100);
    let (engine, _folder) = start(builder(&mock)).await;
    let done = engine.execute(spends(texts(12))).await.unwrap();
    assert_eq!(done.output_content, 12);
    assert_eq!(
        done.metadata.cost_estimate.map(|cost| (cost * 1e6).round()),
        Some(12_000.0)
    );
}

#[tokio::test]
async fn a_sub_flow_draws_on_the_flow_around_it() {
    let mock = mock(1000);
    let (engine, _folder) = start(builder(&mock)).await;
    let error = engine.execute(spends_below(texts(4))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverBudget);
    assert!(
        format!("{error:#}").contains("the flow `spends_below`"),
        "{error:#}"
    );
    assert_eq!(mock.requests().len(), 3);
}

#[tokio::test]
async fn a_step_s_longest_answer_is_that_of_the_table_if_it_says_none() {
    let mock = mock(10);
    let (engine, _folder) = start(builder(&mock)).await;
    let error = engine.execute(pay_at_length("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverBudget);
    assert!(
        format!("{error:#}").contains("may cost $0.080000"),
        "{error:#}"
    );
    assert!(mock.requests().is_empty());
}

#[tokio::test]
async fn under_a_budget_nothing_is_asked_whose_price_or_longest_answer_is_not_known() {
    let mock = mock(10);
    let (engine, _folder) = start(builder(&mock)).await;
    for (model, why) in [
        ("endless", "set `max_output_tokens`"),
        ("nobody-knows", "price of `acme`'s model is not known"),
    ] {
        let error = engine.execute(pay_someone("x", model)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OverBudget);
        assert!(format!("{error:#}").contains(why), "{error:#}");
    }
    assert!(mock.requests().is_empty());
}

#[tokio::test]
async fn an_engine_does_not_start_with_a_budget_that_it_could_not_keep() {
    let refused = async |builder: EngineBuilder| {
        let error = builder.build().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        error.to_string()
    };
    let mock = mock(10);
    let unpriced = refused(builder(&mock).model("nobody-knows")).await;
    let of_steps: Vec<&str> = unpriced.lines().collect();
    assert_eq!(of_steps.len(), 2, "{unpriced}");
    assert!(of_steps[0].contains("`pay_at_length`: `nobody-knows` cannot be asked under a budget"));
    assert!(of_steps[1].contains("`pay_twice`"));

    let endless = refused(builder(&mock).model("endless")).await;
    assert_eq!(endless.lines().count(), 1, "{endless}");
    assert!(endless.contains("set `max_output_tokens`"), "{endless}");

    let fallback = Policy::default().fallback(["nobody-knows"]);
    let fallen = refused(builder(&mock).policy(fallback)).await;
    assert!(fallen.contains("`pay_someone`"), "{fallen}");

    let of_engine = refused(builder(&mock).model("nobody-knows").budget_usd(1.0)).await;
    assert!(of_engine.contains("`pay_a_cent`"), "{of_engine}");
}

#[tokio::test]
async fn what_nobody_bills_needs_no_price() {
    let mock = mock(1000);
    let builder = Engine::builder().backend(mock.clone()).budget_usd(0.01);
    let (engine, _folder) = start(builder).await;
    engine.execute(spends(texts(12))).await.unwrap();
    assert_eq!(mock.requests().len(), 12);
}

#[tokio::test]
async fn under_a_budget_nothing_is_searched_for() {
    let mock = mock(10);
    let (engine, _folder) = start(builder(&mock).budget_usd(100.0)).await;
    let error = engine.execute(pay_for_news("rivers")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverBudget);
    assert!(
        format!("{error:#}").contains("searches the web"),
        "{error:#}"
    );
    assert!(mock.requests().is_empty());
}

#[tokio::test]
async fn a_step_that_gives_up_before_its_request_is_sent_has_spent_nothing() {
    let mock = mock(10);
    let limit = Limit::default().requests_per_minute(1);
    let builder = builder(&mock).budget_usd(0.025).limit("even", limit);
    let (engine, _folder) = start(builder).await;
    engine.execute(pay_a_cent("1")).await.unwrap();
    for text in ["2", "3"] {
        let error = engine.execute(pay_soon(text)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
    // Of another model, which has no limit.
    engine.execute(pay_oddly("4")).await.unwrap();
    assert_eq!(mock.requests().len(), 2);
}

#[tokio::test]
async fn the_attempts_of_a_step_share_its_budget() {
    let mock = MockBackend::new().on("pay_twice", |_| {
        let mut cut = LlmResponse::text("half").with_usage(5, 1000);
        cut.finish_reason = Some("length".to_owned());
        Ok(cut)
    });
    let policy = Policy::default().fallback(["even"]);
    let (engine, _folder) = start(builder(&mock).policy(policy)).await;
    let error = engine.execute(pay_twice("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverBudget);
    assert_eq!(mock.requests().len(), 1);
}

#[tokio::test]
async fn what_nobody_knows_the_cost_of_has_cost_all_that_it_may() {
    let broken = LlmError::new(LlmErrorKind::Transient, "it broke");
    let mock = mock(1).fail("pay_twice", broken);
    let wait = Duration::from_millis(1);
    let policy = Policy::default().waits(wait, wait);
    let (engine, _folder) = start(builder(&mock).policy(policy)).await;
    let error = engine.execute(pay_twice("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverBudget);
    assert_eq!(mock.requests().len(), 1);

    let slow = self::mock(1).delay(Duration::from_mins(1));
    let (engine, _folder) = start(builder(&slow).budget_usd(0.015)).await;
    let mut dropped = engine.run(pay_a_cent("x")).stream();
    while slow.requests().is_empty() {
        let _ = tokio::time::timeout(wait, dropped.next()).await;
    }
    drop(dropped);
    let error = engine.execute(pay_a_cent("y")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverBudget);
}

#[tokio::test]
async fn an_engine_s_budget_is_for_all_that_it_executes() {
    let mock = mock(1000);
    let (engine, _folder) = start(builder(&mock).budget_usd(0.015)).await;
    engine.execute(pay_a_cent("x")).await.unwrap();
    let error = engine.execute(pay_a_cent("y")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverBudget);
    assert!(
        format!("{error:#}").contains("the budget of this engine"),
        "{error:#}"
    );
}

#[tokio::test]
async fn a_resumed_flow_has_spent_what_it_has_spent() {
    let mock = mock(1000);
    let (engine, _folder) = start(builder(&mock)).await;
    let error = engine.execute(spends_and_fails(true)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    let run = error.run_id().unwrap();
    let resumed = engine.resume_with(run, spends_and_fails(false)).await;
    assert_eq!(resumed.unwrap_err().kind(), ErrorKind::OverBudget);
    assert_eq!(
        mock.requests().len(),
        2,
        "what is recorded is not paid again, nor is there room for more"
    );
}

#[tokio::test]
async fn a_budget_that_is_none_is_refused() {
    for usd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = builder(&mock(1)).budget_usd(usd).build().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}

#[tokio::test]
async fn a_request_that_reached_nobody_has_spent_nothing() {
    let unreached = LlmError::new(LlmErrorKind::Transient, "nobody is there").unsent();
    let asked = std::sync::atomic::AtomicBool::new(false);
    let mock = MockBackend::new().on("pay_twice", move |_| {
        if asked.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return Ok(LlmResponse::text("fine").with_usage(5, 1000));
        }
        Err(unreached.clone())
    });
    let policy = Policy::default().retries(0).fallback(["even"]);
    let (engine, _folder) = start(builder(&mock).policy(policy)).await;
    let done = engine.execute(pay_twice("x")).await.unwrap();
    assert_eq!(mock.requests().len(), 2);
    let run = engine.find_run(done.run_id).await.unwrap().unwrap();
    assert_eq!(run.unpriced_requests, 0);
}
