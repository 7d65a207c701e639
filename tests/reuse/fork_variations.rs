//! In what a fork is to differ: from a step on, with another model, or both.

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, StepStatus, race};
use serde_json::json;
use uuid::Uuid;

use crate::support::{TestEngine, ask, conclude, note, report};

#[tokio::test]
async fn a_fork_from_a_step_runs_it_and_what_started_after_its_end_again() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    let before = engine.dump().await;
    engine.world.forget();
    let done = engine.fork(source).from("note").execute().await.unwrap();
    assert_eq!(
        engine.world.asked(),
        ["end of rain @ m1"],
        "what was before is shared"
    );
    assert_eq!(engine.world.done(), ["rain"]);
    assert_eq!(engine.record(done.run_id).await.total_tokens, 15);
    assert!(before.is_subset(&engine.dump().await));
    let steps = engine.steps_of(done.run_id).await.unwrap();
    let reasons: Vec<_> = steps
        .iter()
        .map(|step| step.miss_reason.as_deref())
        .collect();
    let left_out = Some("left out of the fork");
    assert_eq!(reasons, [None, left_out, left_out]);
    let old = engine.steps_of(source).await.unwrap();
    assert_eq!(steps[1].compared_with, Some(old[1].id));
}

/// The left branch ends while the second step of the right one runs.
#[flow]
async fn branches() -> Result<String> {
    let right = async {
        note("right one").await?;
        note("right two").await
    };
    let (left, right) = tokio::try_join!(ask("left"), right)?;
    let end = conclude("end").await?;
    Ok(format!("{left}, {right}, {end}"))
}

async fn branched(engine: &TestEngine) -> Uuid {
    engine.world.hold(&["left", "right two"]);
    let request = engine.run(branches());
    let id = request.id();
    let release = async {
        engine.world.until(|seen| seen.done.len() == 2).await;
        engine.world.hold(&["right two"]);
        while engine.rows(id, "ask").await[0].status != StepStatus::Completed {
            tokio::task::yield_now().await;
        }
        engine.world.hold(&[]);
    };
    let (end, ()) = tokio::join!(request.execute(), release);
    end.unwrap();
    engine.world.forget();
    id
}

#[tokio::test]
async fn a_fork_from_a_step_does_not_run_its_parallel_siblings_again() {
    let engine = TestEngine::new().await;
    let source = branched(&engine).await;
    engine.fork(source).from("ask").execute().await.unwrap();
    assert_eq!(engine.world.asked(), ["left @ m1", "end @ m1"]);
    assert!(engine.world.done().is_empty(), "the sibling was parallel");
}

#[tokio::test]
async fn a_fork_of_a_fork_from_a_step_does_not_run_its_parallel_siblings_again() {
    let engine = TestEngine::new().await;
    let source = branched(&engine).await;
    let first = engine.fork(source).execute().await.unwrap().run_id;
    assert!(engine.world.asked().is_empty());
    engine.fork(first).from("ask").execute().await.unwrap();
    assert_eq!(engine.world.asked(), ["left @ m1", "end @ m1"]);
    assert!(engine.world.done().is_empty(), "the sibling was parallel");
}

#[flow]
async fn chapter(topic: String) -> Result<String> {
    note(format!("{topic} begins")).await?;
    Ok(conclude(format!("end of {topic}")).await?)
}

#[flow]
async fn book() -> Result<String> {
    ask("title").await?;
    let first = chapter("one").await?;
    note("bound").await?;
    Ok(first)
}

#[tokio::test]
async fn a_step_in_a_sub_flow_may_be_where_a_fork_differs() {
    let engine = TestEngine::new().await;
    let source = engine.execute(book()).await.unwrap().run_id;
    engine.world.forget();
    let done = engine
        .fork(source)
        .from("conclude")
        .execute()
        .await
        .unwrap();
    assert_eq!(engine.world.asked(), ["end of one @ m1"]);
    assert_eq!(
        engine.world.done(),
        ["bound"],
        "the step before it is shared, in the sub-flow too"
    );
    assert_eq!(done.output_content, "end of one by m1 #1");
}

#[tokio::test]
async fn a_fork_from_a_step_that_the_run_has_not_says_so_and_leaves_nothing() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    let before = engine.dump().await;
    let error = engine
        .fork(source)
        .from("nothing")
        .execute()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
    assert!(
        format!("{error:#}").contains("it has no step `nothing`"),
        "{error:#}"
    );
    assert_eq!(engine.dump().await, before);
}

#[tokio::test]
async fn a_fork_with_a_model_asks_it_for_all_model_steps_and_shares_the_tasks() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    engine.world.forget();
    let done = engine
        .fork(source)
        .with_model("m2")
        .execute()
        .await
        .unwrap();
    assert_eq!(
        engine.world.asked(),
        ["facts of rain @ m2", "end of rain @ m2"]
    );
    assert!(engine.world.done().is_empty());
    assert_eq!(engine.record(done.run_id).await.total_tokens, 30);
    let row = engine.rows(done.run_id, "ask").await.remove(0);
    assert_eq!(row.miss_reason.as_deref(), Some("model changed"));
    assert_eq!(row.origin_run_id, None);
    assert_eq!(row.step_metadata.unwrap()["model"], "m2");
}

#[tokio::test]
async fn from_a_step_with_a_model_shares_what_was_before_and_asks_the_model_from_there_on() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap();
    engine.world.forget();
    let fork = engine.fork(source.run_id).from("conclude").with_model("m2");
    let done = fork.execute().await.unwrap();
    assert_eq!(engine.world.asked(), ["end of rain @ m2"]);
    assert!(engine.world.done().is_empty());
    assert_eq!(
        done.output_content,
        "facts of rain by m1 #1; noted rain; end of rain by m2 #1"
    );
    let row = engine.rows(done.run_id, "ask").await.remove(0);
    assert_eq!(row.origin_run_id, Some(source.run_id));
    assert_eq!(row.step_metadata.unwrap()["model"], "m1");
}

#[flow]
async fn equal_calls() -> Result<Vec<String>> {
    let first = ask("same").await?;
    let middle = conclude("middle").await?;
    Ok(vec![first, middle, ask("same").await?])
}

#[tokio::test]
async fn of_equal_calls_the_one_before_the_step_is_shared_and_the_one_after_it_is_not() {
    let engine = TestEngine::new().await;
    let source = engine.execute(equal_calls()).await.unwrap().run_id;
    engine.world.forget();
    let fork = engine.fork(source).from("conclude").with_model("m2");
    let done = fork.execute().await.unwrap();
    assert_eq!(
        done.output_content,
        json!(["same by m1 #1", "middle by m2 #1", "same by m2 #2"])
    );
}

#[flow]
async fn quickest() -> Result<String> {
    let (_, first) = race([ask("slow").into_future(), note("fast").into_future()]).await?;
    let first = first?;
    Ok(format!("{first}; {}", conclude("end").await?))
}

#[tokio::test]
async fn a_race_before_the_step_is_shared_by_a_fork_with_a_model() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["slow"]);
    let source = engine.execute(quickest()).await.unwrap();
    assert!(source.output_content.starts_with("noted fast"));
    engine.world.hold(&[]);
    engine.world.forget();
    let fork = engine.fork(source.run_id).from("conclude").with_model("m2");
    let done = fork.execute().await.unwrap();
    assert_eq!(done.output_content, "noted fast; end by m2 #1");
    assert_eq!(
        engine.world.asked(),
        ["end @ m2"],
        "the loser of a race that is shared is not asked"
    );
}
