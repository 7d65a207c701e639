//! A fork of a fork: what the first one did, took over or asked another model for is what the second one begins with.

use flow_engine::prelude::*;
use uuid::Uuid;

use crate::support::{TestEngine, World, ask, conclude, note, report};

/// A run by m1, and its fork by m2.
async fn forked(engine: &TestEngine) -> (Uuid, Uuid) {
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    let fork = engine.fork(source).with_model("m2").execute().await;
    engine.world.forget();
    (source, fork.unwrap().run_id)
}

#[tokio::test]
async fn a_fork_of_a_fork_with_a_model_shares_what_the_model_gave() {
    let engine = TestEngine::new().await;
    let (_, first) = forked(&engine).await;
    let second = engine.fork(first).execute().await.unwrap();
    assert!(
        engine.world.asked().is_empty(),
        "paid again: {:?}",
        engine.world.asked()
    );
    let output = engine.record(first).await.outputs;
    assert_eq!(Some(second.output_content), output);
}

#[tokio::test]
async fn it_goes_on_with_the_model_of_the_first() {
    let engine = TestEngine::new().await;
    let (_, first) = forked(&engine).await;
    engine.fork(first).from("conclude").execute().await.unwrap();
    assert_eq!(engine.world.asked(), ["end of rain @ m2"]);
    assert!(engine.world.done().is_empty());
}

#[tokio::test]
async fn from_a_step_with_a_third_model_it_shares_what_the_second_gave_before() {
    let engine = TestEngine::new().await;
    let (_, first) = forked(&engine).await;
    let fork = engine.fork(first).from("conclude").with_model("m3");
    let done = fork.execute().await.unwrap();
    assert_eq!(engine.world.asked(), ["end of rain @ m3"]);
    assert_eq!(
        done.output_content,
        "facts of rain by m2 #3; noted rain; end of rain by m3 #1"
    );
}

#[tokio::test]
async fn with_the_model_that_a_part_of_the_first_has_the_other_part_is_asked_of_it() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    let mixed = engine.fork(source).from("conclude").with_model("m2");
    let mixed = mixed.execute().await.unwrap().run_id;
    engine.world.forget();
    let done = engine.fork(mixed).with_model("m2").execute().await.unwrap();
    assert_eq!(engine.world.asked(), ["facts of rain @ m2"]);
    assert!(!done.output_content.to_string().contains("m1"));
    engine.world.forget();
    engine.fork(mixed).execute().await.unwrap();
    assert!(engine.world.asked().is_empty(), "plain, it shares both");
}

#[tokio::test]
async fn with_the_first_model_again_it_asks_that() {
    let engine = TestEngine::new().await;
    let (_, first) = forked(&engine).await;
    let done = engine.fork(first).with_model("m1").execute().await.unwrap();
    assert_eq!(
        engine.world.asked(),
        ["facts of rain @ m1", "end of rain @ m1"]
    );
    assert!(!done.output_content.to_string().contains("m2"));
}

#[tokio::test]
async fn with_a_model_it_asks_that_although_the_first_run_was_deleted() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    let first = engine.fork(source).execute().await.unwrap().run_id;
    engine.delete_run(source).await.unwrap();
    engine.world.forget();
    let done = engine.fork(first).with_model("m2").execute().await.unwrap();
    assert_eq!(
        engine.world.asked(),
        ["facts of rain @ m2", "end of rain @ m2"]
    );
    assert!(engine.world.done().is_empty());
    assert!(!done.output_content.to_string().contains("m1"));
}

#[tokio::test]
async fn why_names_the_model_although_the_first_run_was_deleted() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    let first = engine.fork(source).execute().await.unwrap().run_id;
    engine.delete_run(source).await.unwrap();
    let second = engine.fork(first).with_model("m2").execute().await.unwrap();
    let why = engine.why(second.run_id, "ask").await.unwrap();
    assert_eq!(why[0].reason, "model changed", "{why:#?}");
}

#[tokio::test]
async fn from_a_step_that_the_first_ran_again_it_runs_what_the_first_took_over_after_it() {
    let engine = TestEngine::new().await;
    let (_, first) = forked(&engine).await;
    engine.fork(first).from("ask").execute().await.unwrap();
    assert_eq!(
        engine.world.asked(),
        ["facts of rain @ m2", "end of rain @ m2"]
    );
    assert_eq!(
        engine.world.done(),
        ["rain"],
        "it started after the end of `ask`"
    );
}

#[flow]
async fn redrawn(#[state] world: World) -> Result<String> {
    let first = ask(world.text("redrawn", "old", "new")).await?;
    note("after").await?;
    Ok(format!("{first}; {}", conclude("end").await?))
}

#[tokio::test]
async fn from_a_step_that_was_edited_it_runs_what_the_first_took_over_after_it() {
    let engine = TestEngine::new().await;
    let source = engine.execute(redrawn()).await.unwrap().run_id;
    engine.world.edit("redrawn");
    engine.world.forget();
    let first = engine.fork(source).execute().await.unwrap().run_id;
    assert_eq!(engine.world.asked(), ["new @ m1"]);
    assert!(engine.world.done().is_empty());
    engine.world.forget();
    engine.fork(first).from("ask").execute().await.unwrap();
    assert_eq!(engine.world.asked(), ["new @ m1", "end @ m1"]);
    assert_eq!(engine.world.done(), ["after"]);
}
