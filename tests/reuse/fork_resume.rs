//! A fork that did not come to its end goes on with its model and its share, and pays nothing twice.

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RunStatus, uuid};
use serde_json::json;
use uuid::Uuid;

use crate::support::{TestEngine, ask, conclude, interrupted, interrupted_fork, note, report};

#[tokio::test]
async fn an_interrupted_fork_keeps_its_model_and_pays_nothing_twice() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    engine.world.forget();
    engine.world.hold(&["end of rain"]);
    let fork = engine.fork(source).with_model("m2");
    let id = interrupted_fork(&engine, fork, |seen| seen.asked.len() == 2).await;
    assert_eq!(engine.record(id).await.status, RunStatus::Interrupted);
    engine.world.hold(&[]);

    let engine = engine.restarted().await;
    engine.world.forget();
    let done = engine.resume(id).await.unwrap();
    assert_eq!(engine.world.asked(), ["end of rain @ m2"]);
    assert!(engine.world.done().is_empty());
    assert_eq!(
        done.output_content,
        "facts of rain by m2 #1; noted rain; end of rain by m2 #1"
    );
    assert_eq!(engine.record(id).await.total_tokens, 30);
    assert_eq!(engine.rows(id, "note").await.len(), 1, "taken over once");
    assert_eq!(engine.record(source).await.status, RunStatus::Completed);
}

#[tokio::test]
async fn an_interrupted_fork_still_shares_what_it_had_not_come_to() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    engine.world.forget();
    engine.world.hold(&["facts of rain"]);
    let fork = engine.fork(source).with_model("m2");
    let id = interrupted_fork(&engine, fork, |seen| seen.asked.len() == 1).await;
    assert!(engine.rows(id, "note").await.is_empty());
    engine.world.hold(&[]);

    let engine = engine.restarted().await;
    engine.resume(id).await.unwrap();
    assert!(engine.world.done().is_empty(), "the task is shared");
    let row = engine.rows(id, "note").await.remove(0);
    assert_eq!(row.origin_run_id, Some(source));
}

#[tokio::test]
async fn an_interrupted_fork_from_a_step_with_a_model_keeps_both() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    engine.world.forget();
    engine.world.hold(&["end of rain"]);
    let fork = engine.fork(source).from("note").with_model("m2");
    let id = interrupted_fork(&engine, fork, |seen| seen.asked.len() == 1).await;
    engine.world.hold(&[]);

    let engine = engine.restarted().await;
    engine.world.forget();
    let done = engine.resume(id).await.unwrap();
    assert_eq!(engine.world.asked(), ["end of rain @ m2"]);
    assert!(engine.world.done().is_empty(), "the fork itself has run it");
    assert!(
        done.output_content
            .to_string()
            .contains("facts of rain by m1 #1")
    );
    let rows: Vec<_> = engine.steps_of(id).await.unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.step_name.as_str()).collect();
    assert_eq!(
        names,
        ["ask", "note", "conclude", "conclude"],
        "the first was cut off"
    );
}

#[tokio::test]
async fn a_failed_fork_is_resumed_with_its_model() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    engine.world.fail(&["end of rain"]);
    let fork = engine.fork(source).with_model("m2");
    let id = fork.id();
    fork.execute().await.unwrap_err();
    engine.world.fail(&[]);
    let engine = engine.restarted().await;
    engine.world.forget();
    engine.resume(id).await.unwrap();
    assert_eq!(engine.world.asked(), ["end of rain @ m2"]);
    assert_eq!(engine.record(id).await.total_tokens, 30);
}

#[tokio::test]
async fn a_fork_whose_source_was_deleted_goes_on_with_what_it_has() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    engine.world.forget();
    engine.world.hold(&["end of rain"]);
    let fork = engine.fork(source).from("conclude").with_model("m2");
    let id = interrupted_fork(&engine, fork, |seen| seen.asked.len() == 1).await;
    engine.world.hold(&[]);
    assert!(engine.delete_run(source).await.unwrap());

    let engine = engine.restarted().await;
    engine.world.forget();
    let done = engine.resume(id).await.unwrap();
    assert_eq!(engine.world.asked(), ["end of rain @ m2"]);
    assert!(engine.world.done().is_empty());
    assert_eq!(
        done.output_content,
        "facts of rain by m1 #1; noted rain; end of rain by m2 #1"
    );
    let error = engine.compare(source, id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
}

#[tokio::test]
async fn a_fork_that_lost_its_source_before_it_took_anything_runs_all_of_it() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    engine.world.hold(&["facts of rain"]);
    let fork = engine.fork(source).with_model("m2");
    let id = interrupted_fork(&engine, fork, |seen| seen.asked.len() == 3).await;
    engine.world.hold(&[]);
    engine.delete_run(source).await.unwrap();
    let engine = engine.restarted().await;
    engine.world.forget();
    engine.resume(id).await.unwrap();
    assert_eq!(
        engine.world.asked(),
        ["facts of rain @ m2", "end of rain @ m2"]
    );
    assert_eq!(engine.world.done(), ["rain"]);
}

#[flow]
async fn two_ids() -> Result<(Uuid, Uuid)> {
    let one = uuid().await?;
    ask("between").await?;
    let other = uuid().await?;
    Ok((one, other))
}

#[tokio::test]
async fn a_resumed_fork_takes_each_shared_result_once() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["between"]);
    let source = interrupted(&engine, two_ids(), |seen| seen.asked.len() == 1).await;
    let fork = engine.fork(source);
    let id = interrupted_fork(&engine, fork, |seen| seen.asked.len() == 2).await;
    engine.world.hold(&[]);

    let engine = engine.restarted().await;
    let done = engine.resume(id).await.unwrap();
    let (one, other): (Uuid, Uuid) = serde_json::from_value(done.output_content).unwrap();
    assert_ne!(one, other, "one id was given out twice");
}

#[flow]
async fn around() -> Result<Vec<String>> {
    let first = ask("same").await?;
    let middle = conclude("middle").await?;
    Ok(vec![first, middle, ask("same").await?])
}

#[tokio::test]
async fn what_a_fork_leaves_out_stays_left_out_when_it_is_resumed() {
    let engine = TestEngine::new().await;
    let source = engine.execute(around()).await.unwrap().run_id;
    engine.world.forget();
    engine.world.hold(&["middle"]);
    let fork = engine.fork(source).from("conclude").with_model("m2");
    let id = interrupted_fork(&engine, fork, |seen| seen.asked.len() == 1).await;
    engine.world.hold(&[]);

    let engine = engine.restarted().await;
    engine.world.forget();
    let done = engine.resume(id).await.unwrap();
    assert_eq!(engine.world.asked(), ["middle @ m2", "same @ m2"]);
    assert_eq!(
        done.output_content,
        json!(["same by m1 #1", "middle by m2 #1", "same by m2 #2"])
    );
}

#[tokio::test]
async fn a_plan_of_an_interrupted_fork_tells_its_share_and_nothing_twice() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    engine.world.forget();
    engine.world.hold(&["end of rain"]);
    let fork = engine.fork(source).from("conclude").with_model("m2");
    let id = interrupted_fork(&engine, fork, |seen| seen.asked.len() == 1).await;
    let engine = engine.restarted().await;
    let plan = engine.resume_plan(id).await.unwrap();
    let hits: Vec<_> = plan.hits.iter().map(|hit| hit.step_name.as_str()).collect();
    assert_eq!(hits, ["ask", "note"]);
    let misses: Vec<_> = plan
        .misses
        .iter()
        .map(|miss| miss.step_name.as_str())
        .collect();
    assert_eq!(misses, ["conclude"]);
    assert!(plan.unasked.is_empty(), "{:#?}", plan.unasked);
}

#[flow]
async fn siblings() -> Result<String> {
    let (left, right) = tokio::try_join!(ask("left"), conclude("right"))?;
    note("end").await?;
    Ok(format!("{left}, {right}"))
}

#[tokio::test]
async fn a_sibling_that_is_not_left_out_is_shared_by_a_resumed_fork_too() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["left", "right"]);
    let release = async {
        engine.world.until(|seen| seen.asked.len() == 2).await;
        engine.world.hold(&[]);
    };
    let (source, ()) = tokio::join!(engine.execute(siblings()), release);
    let source = source.unwrap().run_id;
    engine.world.forget();
    engine.world.hold(&["left"]);
    let fork = engine.fork(source).from("ask").with_model("m2");
    let id = interrupted_fork(&engine, fork, |seen| seen.asked.len() == 1).await;
    engine.world.hold(&[]);
    let engine = engine.restarted().await;
    engine.world.forget();
    engine.resume(id).await.unwrap();
    assert_eq!(engine.world.asked(), ["left @ m2"]);
    assert_eq!(engine.world.done(), ["end"]);
}
