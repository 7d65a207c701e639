//! What a person may decide, and what they are told if they may not.

use flow_engine::prelude::*;
use flow_engine::{Error, ErrorKind, MissReason, Resolution, RunStatus};
use serde_json::json;
use uuid::Uuid;

use super::world::*;
use crate::support::{TestEngine, engine};

/// Has two effects with one key.
#[flow]
async fn till(order: String) -> Result<Receipt> {
    let receipt = charge(&*order, 500).await?;
    book(order).await?;
    Ok(receipt)
}

async fn doubtful() -> (TestEngine, Uuid, String) {
    let engine = engine().await;
    let order = order(&[Act::Refuses]);
    let error = engine.execute(till(&*order)).await.unwrap_err();
    let run = error.run_id().unwrap();
    is_doubt(&error, run, &order);
    (engine, run, order)
}

fn says(error: &Error, kind: ErrorKind, words: &str) {
    assert_eq!(error.kind(), kind, "{error:#}");
    assert!(format!("{error:#}").contains(words), "{error:#}");
}

#[tokio::test]
async fn an_output_that_does_not_fit_is_refused_with_the_path() {
    let (engine, run, order) = doubtful().await;
    let wrong = Resolution::Done(json!({ "number": "one", "cents": 500 }));
    let error = engine.resolve(run, key(&order), wrong).await.unwrap_err();
    says(&error, ErrorKind::InvalidOutput, "at `number`");
    in_doubt(&engine, run, &order).await;
}

#[tokio::test]
async fn an_output_is_given_as_the_step_gives_it() {
    let (engine, run, order) = doubtful().await;
    let error = engine
        .resolve_done::<Book>(run, key(&order), receipt(4))
        .await
        .unwrap_err();
    says(
        &error,
        ErrorKind::NotResumable,
        "is one of the step `charge`, not of `book`",
    );
    engine
        .resolve_done::<Charge>(run, key(&order), receipt(4))
        .await
        .unwrap();
    let done = engine.resume(run).await.unwrap();
    assert_eq!(done.output_content, json!(receipt(4)));
    assert_eq!(amounts(&order), [500, 1], "the other effect was had");
}

#[tokio::test]
async fn who_comes_second_hears_what_was_decided() {
    let (engine, run, order) = doubtful().await;
    let id = in_doubt(&engine, run, &order).await.step_run_id;
    engine.resolve(run, id, Resolution::Fail).await.unwrap();
    for late in [Resolution::Fail, Resolution::Done(json!(receipt(1)))] {
        let error = engine.resolve(run, id, late).await.unwrap_err();
        says(
            &error,
            ErrorKind::NotResumable,
            "it was resolved before, as `fail`",
        );
    }
    engine.resolve(run, id, Resolution::Retry).await.unwrap();
    let error = engine.resolve(run, id, Resolution::Retry).await;
    says(
        &error.unwrap_err(),
        ErrorKind::NotResumable,
        "it was resolved before, as `retry`",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_decide_at_a_time_one_does() {
    let (engine, run, order) = doubtful().await;
    let (done, again) = tokio::join!(
        engine.resolve(run, key(&order), Resolution::Done(json!(receipt(1)))),
        engine.resolve(run, key(&order), Resolution::Retry),
    );
    assert!(done.is_ok() != again.is_ok(), "{done:?} {again:?}");
    engine.resume(run).await.unwrap();
    let times = if done.is_ok() { 1 } else { 2 };
    let charged = amounts(&order)
        .iter()
        .filter(|cents| **cents == 500)
        .count();
    assert_eq!(charged, times);
}

#[tokio::test]
async fn what_is_not_in_doubt_cannot_be_decided() {
    let engine = engine().await;
    let order = order(&[]);
    let done = engine.execute(till(&*order)).await.unwrap();
    let run = done.run_id;
    let retry = || Resolution::Retry;
    let error = engine.resolve(run, key(&order), retry()).await.unwrap_err();
    says(
        &error,
        ErrorKind::NotResumable,
        "is not in doubt: its step is completed",
    );
    let error = engine.resolve(run, "charge", retry()).await.unwrap_err();
    says(
        &error,
        ErrorKind::NotResumable,
        "it has no such effect as the effect `charge`",
    );
    let error = engine.resolve(Uuid::nil(), "charge", retry()).await;
    says(
        &error.unwrap_err(),
        ErrorKind::NotResumable,
        "there is no such run",
    );
    assert_eq!(status(&engine, run).await, RunStatus::Completed);
}

/// Has them at a time.
#[flow]
async fn two_tills(order: String) -> Result<Receipt> {
    let (receipt, booked) = tokio::join!(charge(&*order, 500), book(&*order));
    booked?;
    Ok(receipt?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_two_steps_asks_which() {
    let engine = engine().await;
    let order = order(&[Act::Hangs, Act::Hangs]);
    let request = engine.run(two_tills(&*order));
    let run = request.id();
    tokio::select! {
        end = request.execute() => panic!("it ended: {end:?}"),
        () = asked(&order, 2) => {}
    }
    let doubts = engine.in_doubt(run).await.unwrap();
    assert_eq!(doubts.len(), 2);
    let error = engine.resolve(run, key(&order), Resolution::Retry).await;
    let error = error.unwrap_err();
    says(
        &error,
        ErrorKind::NotResumable,
        "several steps have the effect",
    );
    for doubt in &doubts {
        says(
            &error,
            ErrorKind::NotResumable,
            &doubt.step_run_id.to_string(),
        );
        let done = Resolution::Done(json!(receipt(1)));
        engine.resolve(run, doubt, done).await.unwrap();
    }
    engine.resume(run).await.unwrap();
    assert_eq!(amounts(&order).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_executed_is_left_alone() {
    let engine = engine().await;
    let order = order(&[Act::Hangs]);
    let request = engine.run(till(&*order));
    let run = request.id();
    tokio::select! {
        end = request.execute() => panic!("it ended: {end:?}"),
        () = async {
            asked(&order, 1).await;
            assert!(engine.in_doubt(run).await.unwrap().is_empty());
            let error = engine.resolve(run, key(&order), Resolution::Retry).await;
            says(&error.unwrap_err(), ErrorKind::NotResumable, "it is being executed");
        } => {}
    }
    in_doubt(&engine, run, &order).await;
}

#[tokio::test]
async fn a_plan_shows_what_is_in_doubt() {
    let (engine, run, _order) = doubtful().await;
    let plan = engine.resume_plan(run).await.unwrap();
    assert_eq!(plan.misses.len(), 1);
    assert_eq!(plan.misses[0].reason, MissReason::InDoubt);
    let why = engine.why(run, "charge").await.unwrap();
    assert_eq!(why[0].reason, "in doubt");
    assert_eq!(status(&engine, run).await, RunStatus::InDoubt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_background_run_in_doubt_is_left_alone_until_it_is_decided() {
    let engine = engine().await;
    let order = order(&[Act::Refuses]);
    let run = engine.run(till(&*order)).enqueue().await.unwrap();
    let worker = tokio::spawn(engine.worker().run());
    until(|| async { status(&engine, run).await == RunStatus::InDoubt }).await;
    // A run that is queued later is executed, so the worker has looked since.
    let other = self::order(&[]);
    let later = engine.run(till(&*other)).enqueue().await.unwrap();
    until(|| async { status(&engine, later).await == RunStatus::Completed }).await;
    in_doubt(&engine, run, &order).await;
    assert_eq!(amounts(&order), [500]);
    engine
        .resolve(run, key(&order), Resolution::Retry)
        .await
        .unwrap();
    until(|| async { status(&engine, run).await == RunStatus::Completed }).await;
    worker.abort();
    assert_eq!(amounts(&order), [500, 500, 1]);
}
