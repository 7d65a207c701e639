//! A fork has the effects of its origin, and never has one again.

use flow_engine::prelude::*;
use flow_engine::{Resolution, RunStatus};
use serde_json::json;

use super::world::*;
use crate::support::engine;

/// Packs, pays, and packs again.
#[flow]
async fn store(order: String, packs: String) -> Result<Receipt> {
    pack(&*packs).await?;
    let receipt = counter(order).await?;
    pack(packs).await?;
    Ok(receipt)
}

#[flow]
async fn counter(order: String) -> Result<Receipt> {
    Ok(charge(order, 500).await?)
}

#[tokio::test]
async fn a_fork_takes_what_an_effect_gave_wherever_it_is_cut() {
    let engine = engine().await;
    let (order, packs) = (order(&[]), order(&[]));
    let origin = engine.execute(store(&*order, &*packs)).await.unwrap();
    for from in ["pack", "charge"] {
        let before = amounts(&packs).len();
        let fork = engine.fork(origin.run_id).from(from);
        let done = fork.execute().await.unwrap();
        assert_eq!(done.output_content, json!(receipt(1)));
        assert!(amounts(&packs).len() > before, "what may repeat does");
        let [row] = &rows(&engine, done.run_id).await[..] else {
            panic!("an effect has one row");
        };
        assert!(row.origin_run_id.is_some());
        // A fork of the fork has it from there.
        let second = engine.fork(done.run_id).from("pack").execute();
        assert_eq!(second.await.unwrap().output_content, json!(receipt(1)));
    }
    assert_eq!(amounts(&order), [500]);
}

#[tokio::test]
async fn a_fork_keeps_what_an_effect_gave_when_its_origin_is_deleted() {
    let engine = engine().await;
    let refused_later = [Act::Pays, Act::Pays, Act::Refuses];
    let (order, packs) = (order(&[]), order(&refused_later));
    let origin = engine.execute(store(&*order, &*packs)).await.unwrap();
    // It fails before it comes to the effect.
    let fork = engine.fork(origin.run_id).from("pack");
    let run = fork.id();
    fork.execute().await.unwrap_err();
    assert!(engine.delete_run(origin.run_id).await.unwrap());
    let done = engine.resume(run).await.unwrap();
    assert_eq!(done.output_content, json!(receipt(1)));
    assert_eq!(amounts(&order), [500]);
}

#[tokio::test]
async fn a_run_in_doubt_is_not_forked() {
    let engine = engine().await;
    let (order, packs) = (order(&[Act::Refuses]), order(&[]));
    let error = engine.execute(store(&*order, packs)).await.unwrap_err();
    let run = engine.in_doubt(error.run_id().unwrap()).await.unwrap();
    let run = run[0].step_run_id;
    let root = error.run_id().unwrap();
    let refused = engine.fork(root).from("charge").execute().await;
    is_doubt(&refused.unwrap_err(), root, &order);
    // What counts as failed fails in the fork, too.
    engine.resolve(root, run, Resolution::Fail).await.unwrap();
    let fork = engine.fork(root);
    let fork_id = fork.id();
    let failed = fork.execute().await.unwrap_err();
    assert!(format!("{failed:#}").contains("no answer from the bank"));
    assert_eq!(amounts(&order), [500]);
    assert_eq!(status(&engine, fork_id).await, RunStatus::Failed);
    let part = engine.find_run(failed.run_id().unwrap()).await.unwrap();
    assert_eq!(part.unwrap().root_run_id, fork_id, "it failed there");
    let again = Resolution::Retry;
    engine.resolve(fork_id, key(&order), again).await.unwrap();
    engine.resume(fork_id).await.unwrap();
    assert_eq!(amounts(&order), [500, 500]);
}
