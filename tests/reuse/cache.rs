//! Results that runs of one user share: who shares, what is shared, and what is not.

use flow_engine::prelude::*;
use flow_engine::{Error, RunStatus, StepResult};
use uuid::Uuid;

use crate::support::{TestEngine, World, ask, conclude, interrupted, interrupted_fork, note};

/// A task whose results are shared.
#[step(cache = "7d")]
pub(crate) async fn fetch(text: String, #[state] world: World) -> Result<String> {
    world.act(&text).await?;
    Ok(format!("page {text} #{}", world.done().len()))
}

/// A model step whose results are shared.
#[step(cache = "7d", prompt = "./prompts/ask.md")]
pub(crate) async fn lookup(question: String) -> String;

pub(crate) async fn fetched(
    engine: &TestEngine,
    user: Option<Uuid>,
    text: &str,
) -> Result<StepResult<String>, Error> {
    let request = engine.run(fetch(text));
    match user {
        Some(user) => request.user(user).execute().await,
        None => request.execute().await,
    }
}

#[tokio::test]
async fn a_second_run_of_the_same_user_gets_the_result_as_it_was_recorded_and_pays_nothing() {
    let engine = TestEngine::new().await;
    let user = Uuid::now_v7();
    let first = engine.run(lookup("q")).user(user).execute().await.unwrap();
    let engine = engine.restarted().await;
    let second = engine.run(lookup("q")).user(user).execute().await.unwrap();
    assert_eq!(engine.world.asked(), ["q @ m1"]);
    assert_eq!(second.output_content, first.output_content);
    let [one, other] = [first.run_id, second.run_id].map(|id| engine.rows(id, "lookup"));
    let (one, other) = (one.await.remove(0), other.await.remove(0));
    assert_eq!(
        (one.origin_run_id, other.origin_run_id),
        (None, Some(first.run_id))
    );
    assert_eq!(
        (
            other.tokens_used,
            other.cost_estimate,
            other.execution_time_ms,
            &other.step_metadata
        ),
        (15, None, one.execution_time_ms, &one.step_metadata)
    );
    assert_eq!(
        (&other.outputs, &other.call_key),
        (&one.outputs, &one.call_key)
    );
    let run = engine.record(second.run_id).await;
    assert_eq!(
        (run.total_tokens, run.unpriced_requests, run.step_progress),
        (0, 0, 1)
    );
    assert_eq!(run.status, RunStatus::Completed);
    assert!(engine.requests_of(second.run_id).await.unwrap().is_empty());
}

#[flow]
async fn looks_up() -> Result<(String, u64, Option<String>)> {
    let found = lookup("q").execute().await?;
    Ok((
        found.output_content,
        found.metadata.tokens_used,
        found.metadata.model,
    ))
}

#[tokio::test]
async fn a_flow_sees_the_metadata_as_recorded_and_its_totals_count_what_was_paid() {
    let engine = TestEngine::new().await;
    let first = engine.execute(looks_up()).await.unwrap();
    let second = engine.execute(looks_up()).await.unwrap();
    assert_eq!(second.output_content, first.output_content);
    assert_eq!(first.output_content.1, 15);
    assert_eq!(
        (first.metadata.tokens_used, second.metadata.tokens_used),
        (15, 0)
    );
    assert_eq!(
        (first.metadata.cost_estimate, second.metadata.cost_estimate),
        (None, Some(0.0))
    );
}

#[tokio::test]
async fn another_user_or_none_does_not_share() {
    let engine = TestEngine::new().await;
    let (one, other) = (Some(Uuid::now_v7()), Some(Uuid::now_v7()));
    for user in [one, other, None] {
        fetched(&engine, user, "x").await.unwrap();
    }
    assert_eq!(engine.world.done().len(), 3);
    for user in [one, other, None] {
        fetched(&engine, user, "x").await.unwrap();
    }
    assert_eq!(engine.world.done().len(), 3, "each has one of its own");
}

#[flow]
async fn inner() -> Result<String> {
    Ok(fetch("x").await?)
}

#[flow]
async fn outer() -> Result<String> {
    Ok(inner().await?)
}

#[tokio::test]
async fn a_sub_flow_shares_as_the_user_of_its_root() {
    let engine = TestEngine::new().await;
    let user = Uuid::now_v7();
    fetched(&engine, Some(user), "x").await.unwrap();
    let done = engine.run(outer()).user(user).execute().await.unwrap();
    assert_eq!(done.output_content, "page x #1");
    engine.execute(outer()).await.unwrap();
    assert_eq!(engine.world.done().len(), 2, "no user, no share");
}

#[tokio::test]
async fn other_inputs_or_another_model_do_not_share() {
    let engine = TestEngine::new().await;
    for text in ["x", "X", "x ", "x"] {
        fetched(&engine, None, text).await.unwrap();
    }
    assert_eq!(engine.world.done(), ["x", "X", "x "]);
    engine.execute(lookup("q")).await.unwrap();
    let engine = engine.restarted_with("m2").await;
    let done = engine.execute(lookup("q")).await.unwrap();
    assert_eq!(done.output_content, "q by m2 #2");
}

#[tokio::test]
async fn failures_are_not_shared_nor_what_was_cut_off() {
    let engine = TestEngine::new().await;
    engine.world.fail(&["x"]);
    fetched(&engine, None, "x").await.unwrap_err();
    engine.world.fail(&[]);
    engine.world.hold(&["x"]);
    interrupted(&engine, fetch("x"), |seen| seen.done.len() == 2).await;
    engine.world.hold(&[]);
    fetched(&engine, None, "x").await.unwrap();
    assert_eq!(engine.world.done().len(), 3);
}

#[flow]
async fn twice(questions: Vec<String>) -> Result<Vec<String>> {
    let [one, other] = [0, 1].map(|at| lookup(questions[at].clone()));
    let (one, other) = tokio::try_join!(one, other)?;
    let third = lookup(questions[0].clone()).await?;
    conclude("end").await?;
    Ok(vec![one, other, third])
}

#[tokio::test]
async fn equal_calls_within_a_run_compute_once_and_a_resume_finds_them_all() {
    let engine = TestEngine::new().await;
    engine.world.fail(&["end"]);
    let error = engine
        .execute(twice(vec!["q".to_owned(); 2]))
        .await
        .unwrap_err();
    let id = error.run_id().unwrap();
    assert_eq!(engine.world.asked(), ["q @ m1", "end @ m1"]);
    assert_eq!(engine.record(id).await.total_tokens, 15);
    assert_eq!(engine.rows(id, "lookup").await.len(), 3);
    engine.world.fail(&[]);
    let engine = engine.restarted().await;
    let done = engine.resume(id).await.unwrap();
    assert_eq!(
        done.output_content,
        serde_json::json!(vec!["q by m1 #1"; 3])
    );
    assert_eq!(engine.world.asked().len(), 3);
    assert_eq!(engine.rows(id, "lookup").await.len(), 3);
    assert_eq!(engine.record(id).await.total_tokens, 30);
}

#[tokio::test]
async fn deleting_the_run_that_computed_removes_the_result() {
    let engine = TestEngine::new().await;
    let first = fetched(&engine, None, "x").await.unwrap();
    let second = fetched(&engine, None, "x").await.unwrap();
    assert_eq!(engine.world.done().len(), 1);
    engine.delete_run(first.run_id).await.unwrap();
    fetched(&engine, None, "x").await.unwrap();
    assert_eq!(
        engine.world.done().len(),
        2,
        "what the second run took over is no source"
    );
    let row = engine.rows(second.run_id, "fetch").await.remove(0);
    assert_eq!(row.outputs, Some("page x #1".into()), "but it keeps it");
}

#[flow]
async fn reads() -> Result<String> {
    let page = fetch("x").await?;
    let found = lookup("q").await?;
    conclude("end").await?;
    Ok(format!("{page}, {found}"))
}

#[tokio::test]
async fn a_hit_is_kept_when_its_run_is_resumed_after_the_origin_is_gone() {
    let engine = TestEngine::new().await;
    let first = fetched(&engine, None, "x").await.unwrap();
    let other = engine.execute(lookup("q")).await.unwrap();
    engine.world.fail(&["end"]);
    let id = engine.execute(reads()).await.unwrap_err().run_id().unwrap();
    engine.world.fail(&[]);
    engine.delete_run(first.run_id).await.unwrap();
    engine.delete_run(other.run_id).await.unwrap();
    let engine = engine.restarted().await;
    engine.world.forget();
    let done = engine.resume(id).await.unwrap();
    assert_eq!(done.output_content, "page x #1, q by m1 #1");
    assert!(engine.world.done().is_empty());
    assert_eq!(engine.world.asked(), ["end @ m1"]);
    assert_eq!(engine.record(id).await.total_tokens, 15);
}

#[tokio::test]
async fn a_resumed_run_takes_what_another_run_has_computed_meanwhile_and_its_plan_says_so() {
    let engine = TestEngine::new().await;
    engine.world.fail(&["x"]);
    let id = engine.execute(reads()).await.unwrap_err().run_id().unwrap();
    engine.world.fail(&[]);
    fetched(&engine, None, "x").await.unwrap();
    engine.world.forget();
    let before = engine.dump().await;
    let plan = engine.resume_plan(id).await.unwrap();
    assert_eq!(engine.dump().await, before);
    assert_eq!(plan.hits.len(), 1, "{plan}");
    assert_eq!(plan.misses[0].step_name, "lookup");
    engine.resume(id).await.unwrap();
    assert!(engine.world.done().is_empty());
}

#[tokio::test]
async fn a_fork_from_a_step_runs_it_again_although_its_result_is_shared() {
    let engine = TestEngine::new().await;
    let source = engine.execute(reads()).await.unwrap().run_id;
    engine.world.forget();
    engine.fork(source).from("fetch").execute().await.unwrap();
    assert_eq!(
        engine.world.done(),
        ["x"],
        "`from` says: whatever is recorded of it"
    );
    assert_eq!(engine.world.asked(), ["q @ m1", "end @ m1"]);
}

#[tokio::test]
async fn a_fork_from_a_step_runs_it_again_also_when_it_is_resumed() {
    let engine = TestEngine::new().await;
    let source = engine.execute(reads()).await.unwrap().run_id;
    engine.world.forget();
    engine.world.hold(&["x"]);
    let fork = engine.fork(source).from("fetch");
    let id = interrupted_fork(&engine, fork, |seen| seen.done.len() == 1).await;
    engine.world.hold(&[]);
    engine.world.forget();
    engine.resume(id).await.unwrap();
    assert_eq!(engine.world.done(), ["x"]);
    assert_eq!(engine.world.asked(), ["q @ m1", "end @ m1"]);
}

#[tokio::test]
async fn steps_without_a_lifetime_share_nothing() {
    let engine = TestEngine::new().await;
    for _ in 0..2 {
        engine.execute(note("x")).await.unwrap();
        engine.execute(ask("x")).await.unwrap();
    }
    assert_eq!(
        (engine.world.done().len(), engine.world.asked().len()),
        (2, 2)
    );
}
