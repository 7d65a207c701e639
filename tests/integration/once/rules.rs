//! An effect is known by its step and its key, wherever in a run it is asked for.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, Resolution, RunStatus, current, spawn};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::json;
use tokio::join;

use super::world::*;
use crate::support::engine;

/// Asks for one effect from everywhere.
#[flow]
async fn everywhere(order: String) -> Result<Vec<Receipt>> {
    let elsewhere = spawn(charge(&*order, 500).into_future());
    let (one, other) = join!(charge(&*order, 500), below(&*order));
    let after = charge(&*order, 500).await?;
    Ok(vec![one?, other?, elsewhere.await??, after])
}

#[flow]
async fn below(order: String) -> Result<Receipt> {
    Ok(charge(order, 500).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_calls_of_a_run_are_one_effect() {
    let engine = engine().await;
    let order = order(&[]);
    let done = engine.execute(everywhere(&*order)).await.unwrap();
    assert_eq!(done.output_content, vec![receipt(1); 4]);
    assert_eq!(amounts(&order), [500]);
    assert_eq!(rows(&engine, done.run_id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_calls_of_two_runs_are_two_effects() {
    let engine = engine().await;
    let order = order(&[]);
    for number in 1..=2 {
        let done = engine.execute(below(&*order)).await.unwrap();
        assert_eq!(done.output_content, receipt(number));
    }
    let requests = requests(&order);
    assert_ne!(requests[0].1, requests[1].1, "each with its own token");
}

#[flow]
async fn asks_for_another_amount(order: String) -> Result<String> {
    charge(&*order, 500).await?;
    let refused = charge(order, 600).await.unwrap_err();
    Ok(format!("{:?}: {refused:#}", refused.kind()))
}

#[tokio::test]
async fn a_key_with_other_inputs_is_refused_and_nothing_is_executed() {
    let engine = engine().await;
    let order = order(&[]);
    let done = engine.execute(asks_for_another_amount(&*order)).await;
    let said = done.unwrap().output_content;
    assert!(said.starts_with("InvalidInput"), "{said}");
    assert!(said.contains(&format!("`{}`", key(&order))), "{said}");
    assert_eq!(amounts(&order), [500]);
}

/// Charges what it is told, and then fails.
#[flow]
async fn charges(order: String, cents: u64) -> Result<Receipt> {
    let receipt = charge(&*order, cents).await?;
    pack(order).await?;
    Ok(receipt)
}

#[tokio::test]
async fn a_recorded_key_with_other_inputs_is_refused_on_a_resume() {
    let engine = engine().await;
    let order = order(&[Act::Pays, Act::Refuses]);
    let failed = engine.execute(charges(&*order, 500)).await.unwrap_err();
    let run = failed.run_id().unwrap();
    let refused = engine.resume_with(run, charges(&*order, 600)).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(format!("{refused:#}").contains(&key(&order)), "{refused:#}");
    assert_eq!(amounts(&order), [500, 7], "nothing was asked for 600");
}

#[tokio::test]
async fn an_effect_of_a_failed_run_is_not_had_again() {
    let engine = engine().await;
    let order = order(&[Act::Pays, Act::Refuses]);
    let failed = engine.execute(charges(&*order, 500)).await.unwrap_err();
    let run = failed.run_id().unwrap();
    assert_eq!(status(&engine, run).await, RunStatus::Failed);
    let plan = engine.resume_plan(run).await.unwrap();
    let hits: Vec<_> = plan.hits.iter().map(|hit| &*hit.step_name).collect();
    assert_eq!(hits, ["charge"]);
    let done = engine.resume(run).await.unwrap();
    assert_eq!(done.output_content, json!(receipt(1)));
    assert_eq!(amounts(&order), [500, 7, 7]);
}

#[flow]
async fn charges_and_books(order: String) -> Result<(Receipt, Receipt)> {
    Ok((charge(&*order, 500).await?, book(order).await?))
}

#[tokio::test]
async fn a_key_is_of_its_step() {
    let engine = engine().await;
    let order = order(&[]);
    engine.execute(charges_and_books(&*order)).await.unwrap();
    assert_eq!(amounts(&order), [500, 1]);
    let requests = requests(&order);
    assert_ne!(requests[0].1, requests[1].1);
}

#[tokio::test]
async fn what_asks_a_service_within_an_effect_has_a_token_and_nothing_else_has() {
    let engine = engine().await;
    let order = order(&[Act::Pays, Act::Refuses]);
    engine.execute(charges(&*order, 500)).await.unwrap_err();
    let requests = requests(&order);
    let token = requests[0].1.clone().expect("a once step has one");
    assert_eq!(token.len(), 36);
    assert_eq!(requests[1], (7, None), "another step has none");
    assert!(current().is_none());
}

/// Calls another step while it has its effect.
#[step(once, key = "nested-{order}")]
async fn charge_and_pack(order: String) -> Result<String> {
    let token = || current().and_then(|current| current.idempotency_token());
    let before = token();
    pack(order).await?;
    assert_eq!(before, token());
    Ok(before.unwrap_or_default())
}

#[tokio::test]
async fn a_step_that_an_effect_calls_has_no_token() {
    let engine = engine().await;
    let order = order(&[]);
    let done = engine.execute(charge_and_pack(&*order)).await.unwrap();
    assert_eq!(done.output_content.len(), 36);
    assert_eq!(requests(&order), [(7, None)]);
}

/// Asks for itself.
#[step(once, key = "self")]
async fn ouroboros() -> Result<u32> {
    Ok(Box::pin(ouroboros().into_future()).await?)
}

#[tokio::test]
async fn an_effect_that_asks_for_itself_hears_so() {
    let engine = engine().await;
    let error = engine.execute(ouroboros()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt);
    let said = format!("{error:#}");
    let reason = "the effect with the key `self` asks for itself while it is had";
    assert!(said.contains(reason), "{said}");
}

/// Pays later for what was asked for earlier.
#[step(once, key = "{order}")]
async fn charge_after(order: String, delay_ms: u64) -> Result<u64> {
    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    pay(&order, delay_ms).await?;
    Ok(delay_ms)
}

#[flow]
async fn collects(slow: String, fast: String, packs: String) -> Result<Vec<u64>> {
    let calls = [charge_after(slow, 60), charge_after(fast, 1)];
    let calls: FuturesUnordered<_> = calls.map(IntoFuture::into_future).into_iter().collect();
    let collected: Vec<_> = calls.collect().await;
    pack(packs).await?;
    Ok(collected.into_iter().collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn effects_return_in_the_order_in_which_they_ended_on_a_replay_too() {
    let engine = engine().await;
    let (slow, fast, packs) = (order(&[]), order(&[]), order(&[Act::Refuses]));
    let failed = engine.execute(collects(&*slow, &*fast, packs)).await;
    let run = failed.unwrap_err().run_id().unwrap();
    let done = engine.resume(run).await.unwrap();
    assert_eq!(done.output_content, json!([1, 60]));
    assert_eq!((amounts(&slow), amounts(&fast)), (vec![60], vec![1]));
}

/// A part of a key that is empty makes an empty key.
#[step(once, key = "{key}")]
async fn keyed(key: String) -> Result<()> {
    pay(&key, 1).await?;
    Ok(())
}

#[tokio::test]
async fn an_effect_without_a_key_is_refused() {
    let error = engine().await.execute(keyed("")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(format!("{error:#}").contains("the key of the effect is empty"));
}

/// Waits for another effect, and for the one in doubt.
#[flow]
async fn charges_two(order: String, other: String) -> Result<Vec<Receipt>> {
    let (one, two) = join!(charge(order, 500), charge(other, 500));
    Ok(vec![one?, two?])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_when_nothing_of_it_is_in_doubt_any_more() {
    let engine = engine().await;
    let (one, two) = (order(&[Act::Refuses]), order(&[Act::Hangs]));
    let request = engine.run(charges_two(&*one, &*two));
    let run = request.id();
    let error = request.execute().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt);
    // The first one failed at once; whether the second had begun by then is for the database to say. What has begun may not have
    // come to the service yet; what came there has begun.
    let doubts = engine.in_doubt(run).await.unwrap();
    let arrived = amounts(&one).len() + amounts(&two).len();
    assert!((arrived.max(1)..=2).contains(&doubts.len()), "{doubts:?}");
    for (left, doubt) in (0..doubts.len()).rev().zip(&doubts) {
        assert_eq!(status(&engine, run).await, RunStatus::InDoubt);
        let done = Resolution::Done(json!(receipt(9)));
        engine.resolve(run, doubt, done).await.unwrap();
        assert_eq!(engine.in_doubt(run).await.unwrap().len(), left);
    }
    assert_eq!(status(&engine, run).await, RunStatus::Interrupted);
    engine.resume(run).await.unwrap();
}

/// Reads the database as another process does.
static OTHER: std::sync::OnceLock<Engine> = std::sync::OnceLock::new();

/// Looks for its own row as soon as it begins.
#[step(once, key = "looks")]
async fn looks() -> Result<bool> {
    let run = current().ok_or("it is in a run")?.run_id();
    let other = OTHER.get().ok_or("there is another engine")?;
    let rows = other.steps_of(run).await?;
    Ok(rows.iter().any(|row| row.once_key.is_some()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_is_announced_on_disk_before_it_begins() {
    let engine = engine().await;
    let other = Engine::builder()
        .database_url(format!("sqlite://{}", engine.database()))
        .backend(crate::support::mock())
        .model("test-model")
        .state(crate::support::Greeting("hello"));
    OTHER.set(other.build().await.unwrap()).unwrap();
    for _ in 0..20 {
        let done = engine.execute(looks()).await.unwrap();
        assert!(done.output_content, "nobody else could know of it");
    }
}
