//! How long a shared result lives, and that equal calls wait for each other.

use std::time::Duration;

use flow_engine::prelude::*;
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use uuid::Uuid;

use crate::cache::{fetch, fetched, lookup};
use crate::support::{TestEngine, World, blob, interrupted};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Lets the steps of a run have ended so much earlier, in microseconds.
async fn aged(engine: &TestEngine, run: Uuid, by: i64) {
    let run = blob(run);
    let age = format!(
        "UPDATE flow_step_runs SET completed_at = completed_at - {by} WHERE flow_run_id = {run}"
    );
    engine.sql(&age).await;
}

/// The shortest lifetime.
#[step(cache = "1s")]
async fn glance(text: String, #[state] world: World) -> Result<String> {
    Ok(world.act(&text).await?).map(|()| text)
}

/// Longer than time is.
#[step(cache = "300000000000y")]
async fn carve(text: String, #[state] world: World) -> Result<String> {
    Ok(world.act(&text).await?).map(|()| text)
}

#[tokio::test]
async fn a_result_is_used_until_its_lifetime_is_over() {
    let engine = TestEngine::new().await;
    let first = fetched(&engine, None, "x").await.unwrap();
    aged(&engine, first.run_id, 7 * DAY - DAY / 24).await;
    fetched(&engine, None, "x").await.unwrap();
    assert_eq!(engine.world.done().len(), 1, "an hour is left");
    aged(&engine, first.run_id, DAY / 12).await;
    fetched(&engine, None, "x").await.unwrap();
    assert_eq!(engine.world.done().len(), 2, "it is an hour over");
}

#[tokio::test]
async fn a_second_is_a_lifetime() {
    let engine = TestEngine::new().await;
    let first = engine.execute(glance("x")).await.unwrap();
    aged(&engine, first.run_id, 1_000_000).await;
    engine.execute(glance("x")).await.unwrap();
    assert_eq!(engine.world.done().len(), 2);
}

#[tokio::test]
async fn a_lifetime_without_end_is_no_panic_and_a_result_of_the_past_is_used() {
    let engine = TestEngine::new().await;
    let first = engine.execute(carve("x")).await.unwrap();
    aged(&engine, first.run_id, 300 * 365 * DAY).await;
    engine.execute(carve("x")).await.unwrap();
    assert_eq!(engine.world.done().len(), 1);
}

#[tokio::test]
async fn a_hit_does_not_make_a_result_younger() {
    let engine = TestEngine::new().await;
    let first = fetched(&engine, None, "x").await.unwrap();
    aged(&engine, first.run_id, 6 * DAY).await;
    let second = fetched(&engine, None, "x").await.unwrap();
    aged(&engine, first.run_id, 2 * DAY).await;
    let third = fetched(&engine, None, "x").await.unwrap();
    assert_eq!(engine.world.done().len(), 2);
    let rows = engine.rows(third.run_id, "fetch").await;
    assert_eq!(rows[0].origin_run_id, None);
    let rows = engine.rows(second.run_id, "fetch").await;
    assert_eq!(
        (&rows[0].cache_key, rows[0].origin_run_id),
        (&None, Some(first.run_id))
    );
}

#[tokio::test]
async fn a_fork_that_shares_a_result_does_not_make_it_younger() {
    let engine = TestEngine::new().await;
    let first = fetched(&engine, None, "x").await.unwrap();
    engine.fork(first.run_id).execute().await.unwrap();
    aged(&engine, first.run_id, 8 * DAY).await;
    fetched(&engine, None, "x").await.unwrap();
    assert_eq!(engine.world.done().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_20_equal_calls_at_the_same_time_one_is_sent() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["q"]);
    let calls = (0..20).map(|_| tokio::spawn(engine.execute(lookup("q"))));
    let calls: Vec<_> = calls.collect();
    engine.world.until(|seen| seen.asked.len() == 1).await;
    engine.world.hold(&[]);
    let mut origins = Vec::new();
    for end in join_all(calls).await {
        let end = end.unwrap().unwrap();
        assert_eq!(end.output_content, "q by m1 #1");
        origins.push(engine.rows(end.run_id, "lookup").await[0].origin_run_id);
    }
    assert_eq!(engine.world.asked(), ["q @ m1"]);
    assert_eq!(origins.iter().filter(|origin| origin.is_none()).count(), 1);
}

#[tokio::test]
async fn calls_that_are_not_equal_do_not_wait_for_each_other() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["slow"]);
    let slow = engine.run(fetch("slow")).execute();
    let other_user = engine.run(fetch("slow")).user(Uuid::now_v7()).execute();
    let others = async {
        engine.world.until(|seen| seen.done.len() == 2).await;
        fetched(&engine, None, "quick").await.unwrap();
        engine.world.hold(&[]);
    };
    let (slow, other_user, ()) = tokio::join!(slow, other_user, others);
    assert!(slow.is_ok() && other_user.is_ok());
}

#[tokio::test]
async fn when_the_first_fails_the_next_computes() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["x"]);
    engine.world.fail_once("x");
    let driver = async {
        engine.world.until(|seen| seen.done.len() == 1).await;
        engine.world.hold(&[]);
    };
    let calls = join_all((0..3).map(|_| engine.execute(fetch("x"))));
    let (ends, ()) = tokio::join!(calls, driver);
    let shown: Vec<_> = ends.iter().map(Result::is_ok).collect();
    assert_eq!(shown, [false, true, true]);
    assert_eq!(
        engine.world.done().len(),
        2,
        "the third takes what the second computed"
    );
}

#[tokio::test]
async fn when_the_first_is_dropped_the_next_computes() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["x"]);
    let waiting = engine.execute(fetch("x"));
    let first = interrupted(&engine, fetch("x"), |seen| seen.done.len() == 1);
    let first = async {
        first.await;
        engine.world.hold(&[]);
    };
    // The first begins first.
    let ((), end) = tokio::join!(first, waiting);
    end.unwrap();
    assert_eq!(engine.world.done().len(), 2);
}

#[tokio::test]
async fn who_is_dropped_while_it_waits_for_another_leaves_nothing_in_the_way() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["x"]);
    let first = engine.execute(fetch("x"));
    let driver = async {
        engine.world.until(|seen| seen.done.len() == 1).await;
        let waiting = engine.run(fetch("x"));
        let id = waiting.id();
        let waiting = tokio::time::timeout(Duration::from_millis(100), waiting.execute());
        assert!(waiting.await.is_err(), "it waits");
        engine.world.hold(&[]);
        id
    };
    let (end, dropped) = tokio::join!(first, driver);
    let first = end.unwrap().run_id;
    let run = engine.record(dropped).await;
    assert_eq!(run.status, flow_engine::RunStatus::Interrupted);
    assert!(
        engine.rows(dropped, "fetch").await.is_empty(),
        "it did nothing"
    );
    fetched(&engine, None, "x").await.unwrap();
    engine.resume(dropped).await.unwrap();
    let row = engine.rows(dropped, "fetch").await.remove(0);
    assert_eq!(row.origin_run_id, Some(first));
    assert_eq!(engine.world.done().len(), 1);
}

#[flow]
async fn one_by_one() -> Result<Vec<String>> {
    let texts = ["x", "y"].map(str::to_owned);
    let mut pages = stream::iter(texts.map(|text| fetch(text).into_future())).buffered(2);
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        all.push(page?);
        // The stream has begun this one, and is not polled here.
        all.push(fetch("y").await?);
    }
    Ok(all)
}

#[tokio::test]
#[ignore = "it waits for a minute"]
async fn a_call_does_not_wait_for_ever_for_one_that_nobody_polls() {
    let engine = TestEngine::new().await;
    let driver = async {
        engine.world.hold(&["y"]);
        engine.world.until(|seen| seen.done.len() == 2).await;
        engine.world.hold(&[]);
    };
    let run = async { tokio::join!(engine.execute(one_by_one()), driver).0 };
    let end = tokio::time::timeout(Duration::from_mins(3), run).await;
    end.expect("it comes to its end").unwrap();
}
