//! Runs with an idempotency key: who brings it again gets the run that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, ExecutionMode, RunFilter, RunStatus, json};
use flow_engine_db::{Lease, LeaseTerm, NewRun, Progress, RunFinish, RunReopen, connect};
use futures::future::join_all;
use uuid::Uuid;

use crate::support::{TestEngine, engine, start};

/// How often each order was charged for, and for which the warehouse is closed or has nothing.
static CHARGED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());
static CLOSED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static SOLD_OUT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

#[step]
async fn charge_card(order: String, amount: u32) -> Uuid {
    let _ = amount;
    *CHARGED.lock().unwrap().entry(order).or_default() += 1;
    Uuid::now_v7()
}

#[step]
async fn ship_order(order: String) -> Result<()> {
    while CLOSED.lock().unwrap().contains(&order) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    if SOLD_OUT.lock().unwrap().contains(&order) {
        return Err("nothing is left".into());
    }
    Ok(())
}

/// Gives what is another one in each execution.
#[flow]
async fn sells(order: String, #[input(default = 5)] amount: u32) -> Result<Uuid> {
    let payment = charge_card(order.clone(), amount).await?;
    ship_order(order).await?;
    Ok(payment)
}

fn charged(order: &str) -> usize {
    let charged = CHARGED.lock().unwrap();
    charged.get(order).copied().unwrap_or(0)
}

async fn until_charged(order: &str) {
    while charged(order) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn set(which: &Mutex<BTreeSet<String>>, order: &str, is: bool) {
    let mut orders = which.lock().unwrap();
    if is {
        orders.insert(order.to_owned());
    } else {
        orders.remove(order);
    }
}

async fn count(engine: &Engine) -> usize {
    let all = RunFilter {
        limit: 1000,
        ..RunFilter::default()
    };
    engine.runs(all).await.unwrap().len()
}

/// A run with the key of its order, left where it ships.
async fn interrupted(engine: &TestEngine, order: &str) -> Uuid {
    set(&CLOSED, order, true);
    let run = engine.run(sells(order)).idempotency_key(order);
    let id = run.id();
    tokio::select! {
        end = run.execute() => panic!("{end:?}"),
        () = until_charged(order) => {}
    }
    // Its payment is on disk once the next step has a row.
    assert_eq!(engine.row(id).await.status, RunStatus::Interrupted);
    set(&CLOSED, order, false);
    id
}

#[tokio::test]
async fn a_web_hook_that_is_delivered_twice_pays_once() {
    let engine = engine().await;
    let deliver = || {
        engine
            .run(sells("twice"))
            .idempotency_key("evt_1")
            .execute()
    };
    let first = deliver().await.unwrap();
    let second = deliver().await.unwrap();

    assert_eq!(first, second);
    assert_eq!(charged("twice"), 1);
    assert_eq!(count(&engine).await, 1);
    let row = engine.row(first.run_id).await;
    assert_eq!(row.idempotency_key.as_deref(), Some("evt_1"));
    // A worker has nothing to do either.
    let queued = engine.run(sells("twice")).idempotency_key("evt_1");
    assert_eq!(queued.enqueue().await.unwrap(), first.run_id);
    assert_eq!(engine.row(first.run_id).await, row);
}

#[tokio::test]
async fn of_those_who_bring_a_key_at_once_one_executes_and_all_get_its_output() {
    let (one, folder) = start(
        Engine::builder()
            .backend(MockBackend::new())
            .state(greeting()),
    )
    .await;
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let other = Engine::builder()
        .backend(MockBackend::new())
        .state(greeting());
    let other = other.database_url(url).build().await.unwrap();
    set(&CLOSED, "at once", true);
    let all = (0..10).map(|number| {
        let engine = if number % 2 == 0 { &one } else { &other };
        engine.run(sells("at once")).idempotency_key("k").execute()
    });
    let opens = async {
        until_charged("at once").await;
        // Time for the others to do what they must not.
        tokio::time::sleep(Duration::from_millis(50)).await;
        set(&CLOSED, "at once", false);
    };
    let (all, ()) = tokio::join!(join_all(all), opens);

    let outputs: BTreeSet<_> = all
        .into_iter()
        .map(|end| end.unwrap().output_content)
        .collect();
    assert_eq!((outputs.len(), charged("at once")), (1, 1));
    assert_eq!(count(&one).await, 1);
}

fn greeting() -> crate::support::Greeting {
    crate::support::Greeting("hello")
}

#[tokio::test]
async fn a_run_that_was_interrupted_goes_on() {
    let engine = engine().await;
    let id = interrupted(&engine, "interrupted").await;
    let run = engine
        .run(sells("interrupted"))
        .idempotency_key("interrupted");
    let done = run.execute().await.unwrap();
    assert_eq!(done.run_id, id);
    assert_eq!(count(&engine).await, 1);
    assert_eq!(engine.row(id).await.lease_epoch, 2);
    assert_eq!(
        engine.row(id).await.outputs,
        Some(json!(done.output_content))
    );
}

#[tokio::test]
async fn a_run_that_has_failed_runs_its_failures_again() {
    let engine = engine().await;
    set(&SOLD_OUT, "failed", true);
    let run = || engine.run(sells("failed")).idempotency_key("k").execute();
    let error = run().await.unwrap_err();
    assert_eq!(error.step(), Some("ship_order"));
    let again = run().await.unwrap_err();
    assert_eq!(
        (again.run_id(), again.step()),
        (error.run_id(), error.step())
    );

    set(&SOLD_OUT, "failed", false);
    let done = run().await.unwrap();
    assert_eq!(Some(done.run_id), error.run_id());
    assert_eq!(charged("failed"), 1);
}

#[tokio::test]
async fn a_run_that_is_queued_is_executed_at_once() {
    let engine = engine().await;
    let run = || engine.run(sells("queued")).idempotency_key("k");
    let id = run().priority(3).enqueue().await.unwrap();
    assert_eq!(run().enqueue().await.unwrap(), id);
    assert_eq!(count(&engine).await, 1);

    let done = run().execute().await.unwrap();
    assert_eq!(done.run_id, id);
    let row = engine.row(id).await;
    assert_eq!(
        (row.status, row.execution_mode, row.priority),
        (RunStatus::Completed, ExecutionMode::Background, 3)
    );
}

#[tokio::test]
async fn a_run_of_a_dead_process_goes_on() {
    let engine = engine().await;
    let id = interrupted(&engine, "dead").await;
    let (store, lease) = taken_by_another(&engine, id, Duration::ZERO).await;
    let reopen = RunReopen::new(id);
    store.submit(lease, vec![reopen.into()]).await.unwrap();

    let run = engine.run(sells("dead")).idempotency_key("dead");
    assert_eq!(run.execute().await.unwrap().run_id, id);
    assert_eq!(engine.row(id).await.lease_epoch, 3);
}

/// Another process has the run.
async fn taken_by_another(
    engine: &TestEngine,
    id: Uuid,
    duration: Duration,
) -> (std::sync::Arc<dyn flow_engine_db::Store>, Lease) {
    let store = connect(&format!("sqlite://{}", engine.database()))
        .await
        .unwrap();
    let term = LeaseTerm {
        owner: Uuid::now_v7(),
        duration,
    };
    let lease = store.acquire(id, term).await.unwrap().unwrap();
    (store, lease)
}

#[tokio::test]
async fn a_run_that_another_process_executes_is_waited_for_and_gives_its_end() {
    let engine = engine().await;
    let output = Uuid::now_v7();
    for status in [RunStatus::Completed, RunStatus::Failed] {
        let order = format!("elsewhere {status}");
        let id = interrupted(&engine, &order).await;
        let (store, lease) = taken_by_another(&engine, id, Duration::from_hours(1)).await;
        store
            .submit(lease, vec![RunReopen::new(id).into()])
            .await
            .unwrap();
        let ends = async {
            // Time to do what it must not.
            tokio::time::sleep(Duration::from_millis(80)).await;
            let end = RunFinish {
                outputs: (status == RunStatus::Completed).then(|| json!(output).to_string()),
                error_message: (status == RunStatus::Failed).then(|| "no more".to_owned()),
                ..RunFinish::new(id, status, Progress::default())
            };
            store.submit(lease, vec![end.into()]).await.unwrap();
        };
        let run = engine.run(sells(order.clone())).idempotency_key(&order);
        let (end, ()) = tokio::join!(run.execute(), ends);
        match end {
            Ok(done) => assert_eq!(
                (done.output_content, status),
                (output, RunStatus::Completed)
            ),
            Err(error) => {
                assert_eq!(
                    (error.kind(), status),
                    (ErrorKind::Failed, RunStatus::Failed)
                );
                assert_eq!(
                    (error.run_id(), error.to_string()),
                    (Some(id), "no more".to_owned())
                );
            }
        }
        assert_eq!(charged(&order), 1);
    }
}

#[tokio::test]
async fn a_key_with_other_inputs_is_refused_and_names_the_run() {
    let engine = engine().await;
    let done = engine
        .run(sells("mine"))
        .idempotency_key("k")
        .execute()
        .await;
    let id = done.unwrap().run_id;
    let other = || engine.run(sells("mine").amount(7_u32)).idempotency_key("k");
    let errors = [
        other().execute().await.unwrap_err(),
        other().enqueue().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains(&id.to_string()), "{text}");
        assert!(text.contains("other inputs (amount: 5 → 7)"), "{text}");
    }
    assert_eq!((charged("mine"), count(&engine).await), (1, 1));
}

/// A program has got an input with a default since then.
#[tokio::test]
async fn inputs_are_compared_as_they_read_today() {
    let engine = engine().await;
    let store = connect(&format!("sqlite://{}", engine.database()))
        .await
        .unwrap();
    let earlier = NewRun {
        status: RunStatus::Pending,
        execution_mode: ExecutionMode::Background,
        idempotency_key: Some("k".to_owned()),
        ..NewRun::new(Uuid::now_v7(), "sells", r#"{"order":"old","colour":"red"}"#)
    };
    let id = earlier.id;
    store
        .submit(Lease::first(id), vec![earlier.into()])
        .await
        .unwrap();
    let run = |amount: u32| engine.run(sells("old").amount(amount)).idempotency_key("k");
    run(6).enqueue().await.unwrap_err();
    assert_eq!(run(5).enqueue().await.unwrap(), id);
}

#[tokio::test]
async fn the_key_of_a_deleted_run_is_free() {
    let engine = engine().await;
    let run = || engine.run(sells("deleted")).idempotency_key("k").execute();
    let first = run().await.unwrap();
    assert!(engine.delete_run(first.run_id).await.unwrap());
    let second = run().await.unwrap();
    assert_ne!(first.run_id, second.run_id);
    assert_eq!(charged("deleted"), 2);
}

#[tokio::test]
async fn a_step_used_alone_gives_what_its_row_has() {
    let engine = engine().await;
    let run = || {
        engine
            .run(crate::support::draft("rain"))
            .idempotency_key("k")
            .execute()
    };
    let (first, second) = (run().await.unwrap(), run().await.unwrap());
    assert_eq!(first, second);
    assert_eq!(first.metadata.model.as_deref(), Some("test-model"));
    assert_eq!(engine.requests_of(first.run_id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let engine = engine().await;
    for (key, wrong) in [
        ("", "is empty"),
        (" \u{3000}", "is blank"),
        ("a\nb", "holds the control character '\\n'"),
        (&"ä".repeat(256), "has 256 characters"),
    ] {
        let run = || engine.run(sells("refused")).idempotency_key(key);
        for error in [
            run().execute().await.unwrap_err(),
            run().enqueue().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let text = error.to_string();
            let says = format!("this idempotency key {wrong}: a key has 1 to 255 characters");
            assert!(text.starts_with(&says), "{text}");
        }
    }
    let run = engine
        .run(sells("longest"))
        .idempotency_key("ä".repeat(255));
    run.execute().await.unwrap();
    let run = engine.run(crate::support::draft("x")).idempotency_key("k");
    let error = run.stream().finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!((charged("refused"), count(&engine).await), (0, 1));
}
