//! Each way into doubt, and the three ways out of it.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{FlowResult, Resolution, RunStatus, StepStatus};
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::*;
use crate::support::{TestEngine, engine};

/// Pays for an order between two other steps.
#[flow]
async fn shop(order: String, packs: String) -> Result<Receipt> {
    pack(packs.clone()).await?;
    let receipt = charge(order, 500).await?;
    pack(packs).await?;
    Ok(receipt)
}

/// The same with a step that gives up.
#[flow]
async fn shop_soon(order: String) -> Result<Receipt> {
    Ok(charge_soon(order, 500).await?)
}

/// Does not wait for long, and would go on.
#[flow]
async fn impatient_shop(order: String, packs: String) -> Result<Receipt> {
    let charged = charge(order, 500).into_future();
    match tokio::time::timeout(Duration::from_millis(30), charged).await {
        Ok(receipt) => Ok(receipt?),
        Err(_elapsed) => {
            pack(packs).await?;
            Err("given up".into())
        }
    }
}

/// Pays in a sub-flow.
#[flow]
async fn mall(order: String, packs: String) -> Result<Receipt> {
    Ok(shop(order, packs).await?)
}

/// How a run came into doubt.
struct Case {
    engine: TestEngine,
    run: Uuid,
    order: String,
    error: Option<&'static str>,
}

async fn failed<C: Call>(
    engine: TestEngine,
    call: C,
    order: String,
    error: Option<&'static str>,
) -> Case {
    let request = engine.run(call);
    let run = request.id();
    let end = tokio::time::timeout(Duration::from_secs(20), request.execute()).await;
    let doubt = end.expect("it goes on for ever").map(drop).unwrap_err();
    is_doubt(&doubt, run, &order);
    Case {
        engine,
        run,
        order,
        error,
    }
}

async fn by_an_error() -> Case {
    let (order, packs) = (order(&[Act::Refuses]), order(&[]));
    let call = shop(&*order, packs);
    failed(engine().await, call, order, Some("no answer from the bank")).await
}

async fn by_a_panic() -> Case {
    let (order, packs) = (order(&[Act::Panics]), order(&[]));
    let call = shop(&*order, packs);
    failed(
        engine().await,
        call,
        order,
        Some("panicked: the bank is on fire"),
    )
    .await
}

async fn by_its_timeout() -> Case {
    let order = order(&[Act::Hangs]);
    let call = shop_soon(&*order);
    failed(
        engine().await,
        call,
        order,
        Some("the step took longer than its timeout of 30ms"),
    )
    .await
}

async fn by_a_drop_in_the_flow() -> Case {
    let (order, packs) = (order(&[Act::Hangs]), order(&[Act::Hangs]));
    let call = impatient_shop(&*order, &*packs);
    failed(engine().await, call, order, None).await
}

async fn in_a_sub_flow() -> Case {
    let (order, packs) = (order(&[Act::Refuses]), order(&[]));
    let call = mall(&*order, packs);
    failed(engine().await, call, order, Some("no answer from the bank")).await
}

async fn used_alone() -> Case {
    let order = order(&[Act::Refuses]);
    let call = charge(&*order, 500);
    failed(engine().await, call, order, Some("no answer from the bank")).await
}

async fn by_a_drop_of_the_run() -> Case {
    let (order, packs) = (order(&[Act::Hangs]), order(&[]));
    let engine = engine().await;
    let request = engine.run(mall(&*order, packs));
    let run = request.id();
    tokio::select! {
        end = request.execute() => panic!("it ended: {end:?}"),
        () = asked(&order, 1) => {}
    }
    Case {
        engine,
        run,
        order,
        error: None,
    }
}

/// The run stands in doubt, and nothing was asked twice.
async fn stands_in_doubt(case: &Case) {
    let Case {
        engine, run, order, ..
    } = case;
    let doubt = in_doubt(engine, *run, order).await;
    assert_eq!(doubt.error.as_deref(), case.error);
    assert_eq!(doubt.inputs, json!({ "order": order, "cents": 500 }));
    let [row] = &rows(engine, *run).await[..] else {
        panic!("an effect has one row");
    };
    assert_eq!(row.status, StepStatus::InDoubt);
    assert_eq!(row.id, doubt.step_run_id);
    assert_eq!(row.once_key, Some(key(order)));
    assert_eq!(row.error_message.as_deref(), case.error);
    assert_eq!(amounts(order), [500]);
}

async fn resolved(
    case: &Case,
    resolution: Resolution,
) -> Result<FlowResult<Value>, flow_engine::Error> {
    let Case {
        engine, run, order, ..
    } = case;
    stands_in_doubt(case).await;
    engine.resolve(*run, key(order), resolution).await.unwrap();
    assert_eq!(status(engine, *run).await, RunStatus::Interrupted);
    let listed = engine.interrupted().await.unwrap();
    assert!(listed.iter().any(|row| row.id == *run));
    assert!(engine.in_doubt(*run).await.unwrap().is_empty());
    engine.resume(*run).await
}

async fn is_had_if_a_person_says_so(case: Case) {
    let done = resolved(
        &case,
        Resolution::Done(json!({ "number": 77, "cents": 500 })),
    )
    .await;
    let done = done.unwrap();
    assert_eq!(done.output_content, json!({ "number": 77, "cents": 500 }));
    assert_eq!(amounts(&case.order), [500], "nothing was asked again");
    let [row] = &rows(&case.engine, case.run).await[..] else {
        panic!("an effect has one row");
    };
    assert_eq!(row.status, StepStatus::Completed);
    assert_eq!(row.step_metadata.as_ref().unwrap()["resolved"], "done");
}

async fn is_run_again_if_a_person_says_so(case: Case) {
    let done = resolved(&case, Resolution::Retry).await.unwrap();
    assert_eq!(done.output_content, json!({ "number": 2, "cents": 500 }));
    let requests = requests(&case.order);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1], "with the same token");
    let [first, second] = &rows(&case.engine, case.run).await[..] else {
        panic!("each try has a row");
    };
    assert_eq!(
        [first.status, second.status],
        [StepStatus::Cancelled, StepStatus::Completed]
    );
    assert_eq!(first.step_metadata.as_ref().unwrap()["resolved"], "retry");
    assert_eq!(second.miss_reason.as_deref(), Some("not finished before"));
    assert_eq!(second.compared_with, Some(first.id));
}

async fn fails_if_a_person_says_so(case: Case) {
    let error = resolved(&case, Resolution::Fail).await.unwrap_err();
    let said = case.error.unwrap_or("counts as failed");
    assert!(format!("{error:#}").contains(said), "{error:#}");
    assert_eq!(status(&case.engine, case.run).await, RunStatus::Failed);
    let [row] = &rows(&case.engine, case.run).await[..] else {
        panic!("an effect has one row");
    };
    assert_eq!(row.status, StepStatus::Failed);
    assert_eq!(row.step_metadata.as_ref().unwrap()["resolved"], "fail");
    // A failed run runs its failures again, but not this one.
    let again = case.engine.resume(case.run).await.unwrap_err();
    assert!(format!("{again:#}").contains(said), "{again:#}");
    assert_eq!(amounts(&case.order), [500], "nothing was asked again");
    let (engine, run) = (&case.engine, case.run);
    engine
        .resolve(run, key(&case.order), Resolution::Retry)
        .await
        .unwrap();
    assert_eq!(status(engine, run).await, RunStatus::Failed);
    let done = engine.resume(run).await.unwrap();
    assert_eq!(done.output_content, json!({ "number": 2, "cents": 500 }));
    assert_eq!(amounts(&case.order), [500, 500]);
}

macro_rules! ways {
    ($($way:ident,)+) => {
        $(mod $way {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn an_effect_in_doubt_is_had_if_a_person_says_so() {
                super::is_had_if_a_person_says_so(super::$way().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn an_effect_in_doubt_is_run_again_if_a_person_says_so() {
                super::is_run_again_if_a_person_says_so(super::$way().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn an_effect_in_doubt_fails_if_a_person_says_so() {
                super::fails_if_a_person_says_so(super::$way().await).await;
            }
        })+
    };
}

ways! {
    by_an_error,
    by_a_panic,
    by_its_timeout,
    by_a_drop_in_the_flow,
    by_a_drop_of_the_run,
    in_a_sub_flow,
    used_alone,
}

/// Leaves a step behind that it has spawned.
#[flow]
async fn careless_shop(order: String) -> Result<String> {
    let left = flow_engine::spawn(charge(&*order, 500).into_future());
    asked(&order, 1).await;
    drop(left);
    Ok("sold".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_does_not_end_before_an_effect_that_it_left_behind_is_decided() {
    let order = order(&[Act::Hangs]);
    let case = failed(engine().await, careless_shop(&*order), order.clone(), None).await;
    let done = resolved(&case, Resolution::Done(json!(receipt(3)))).await;
    assert_eq!(done.unwrap().output_content, json!("sold"));
    assert_eq!(amounts(&order), [500]);
}
