//! Signals, whoever tells them, and whenever.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RunStatus, Uuid, wait_for};
use serde_json::json;

use crate::flows::{
    Verdict, approval, both_texts, noted, outer_approval, patient, sleeper, two_texts,
};
use crate::{Kind, Lab, PATIENCE, on_both, output, parked, until};

on_both!(
    what_is_told_while_a_flow_waits_is_taken,
    what_was_told_before_the_wait_is_taken,
    signals_of_one_name_are_taken_in_their_order_and_once,
    two_waits_take_one_signal_each,
    a_flow_inside_of_a_flow_hears_what_its_root_is_told,
    another_process_tells,
    what_does_not_fit_is_an_error_and_the_next_one_is_taken,
    a_run_that_has_ended_is_told_nothing,
    what_a_run_waits_for_is_listed,
    a_signal_without_a_name_is_not_waited_for,
);

fn approved(comment: &str) -> Verdict {
    Verdict {
        approved: true,
        comment: comment.to_owned(),
    }
}

async fn what_is_told_while_a_flow_waits_is_taken(lab: &Lab) {
    let engine = lab.engine().await;
    let request = engine.run(approval("told".to_owned()));
    let run = request.id();
    let waiting = tokio::spawn(request.execute());
    while engine.waits_of(run).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    engine
        .signal(run, "approval", approved("fine"))
        .await
        .unwrap();
    let done = waiting.await.unwrap().unwrap();

    assert_eq!(done.output_content, "true: fine");
    let [signal] = &engine.signals_of(run).await.unwrap()[..] else {
        panic!("one was told");
    };
    let steps = engine.steps_of(run).await.unwrap();
    let took = steps.iter().find(|step| Some(step.id) == signal.taken_by);
    assert_eq!(took.unwrap().outputs, Some(signal.payload.clone()));
}

/// Who looked for what others tell was a task of the first runtime, as connections were.
#[test]
fn a_flow_on_another_runtime_than_the_last_one_hears_another_process() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        hears_on_another_runtime(&Lab::new(kind));
    }
}

fn hears_on_another_runtime(lab: &Lab) {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let waits = async |engine: &Engine| {
        let request = engine.run(approval("runtimes".to_owned()));
        let run = request.id();
        let waiting = tokio::spawn(request.execute());
        while engine.waits_of(run).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (run, waiting)
    };
    let first = runtime();
    let engine = first.block_on(async {
        let engine = lab.engine().await;
        let _waiting = waits(&engine).await;
        engine
    });
    drop(first);

    runtime().block_on(async {
        let (run, waiting) = waits(&engine).await;
        let other = lab.engine().await;
        let told = other.signal(run, "approval", approved("heard"));
        told.await.unwrap();
        let done = tokio::time::timeout(PATIENCE, waiting).await;
        let done = done.expect("it is not heard").unwrap().unwrap();
        assert_eq!(done.output_content, "true: heard");
    });
}

async fn what_was_told_before_the_wait_is_taken(lab: &Lab) {
    let program = lab.program().await;
    let engine = &program.engine;
    let run = engine
        .run(approval("early".to_owned()))
        .enqueue()
        .await
        .unwrap();
    engine
        .signal(run, "approval", approved("early"))
        .await
        .unwrap();
    assert_eq!(output(engine, run).await, "true: early");
}

async fn signals_of_one_name_are_taken_in_their_order_and_once(lab: &Lab) {
    let program = lab.program().await;
    let engine = &program.engine;
    let run = engine.run(two_texts()).enqueue().await.unwrap();
    parked(engine, run).await;
    engine.signal(run, "text", "first").await.unwrap();
    // By now it waits again.
    until(engine, run, |row| {
        row.wake_at.is_none() && row.status == RunStatus::Waiting
    })
    .await;
    engine.signal(run, "text", "second").await.unwrap();
    assert_eq!(output(engine, run).await, json!(["first", "second"]));

    let run = engine.run(two_texts()).enqueue().await.unwrap();
    for text in ["1", "2", "3"] {
        engine.signal(run, "text", text).await.unwrap();
    }
    assert_eq!(output(engine, run).await, json!(["1", "2"]));
    let taken = engine.signals_of(run).await.unwrap();
    let taken: Vec<_> = taken.iter().map(|told| told.taken_by.is_some()).collect();
    assert_eq!(taken, [true, true, false]);
}

async fn two_waits_take_one_signal_each(lab: &Lab) {
    let program = lab.program().await;
    let engine = &program.engine;
    let run = engine.run(both_texts()).enqueue().await.unwrap();
    parked(engine, run).await;
    engine.signal(run, "other text", "b").await.unwrap();
    until(engine, run, |row| {
        row.wake_at.is_none() && row.status == RunStatus::Waiting
    })
    .await;
    engine.signal(run, "text", "a").await.unwrap();
    assert_eq!(output(engine, run).await, json!(["a", "b"]));
}

async fn a_flow_inside_of_a_flow_hears_what_its_root_is_told(lab: &Lab) {
    let program = lab.program().await;
    let engine = &program.engine;
    let name = format!("inner {}", Uuid::now_v7());
    let call = outer_approval(name.clone());
    let run = engine.run(call).enqueue().await.unwrap();
    parked(engine, run).await;
    let [wait] = &engine.waits_of(run).await.unwrap()[..] else {
        panic!("it waits for one thing");
    };
    assert_ne!(wait.run_id, run);
    let below = engine.find_run(wait.run_id).await.unwrap().unwrap();
    assert_eq!(below.status, RunStatus::Waiting);

    // Told to the flow inside, it reaches the root, and so whoever waits in it.
    engine
        .signal(wait.run_id, "approval", approved("inside"))
        .await
        .unwrap();
    assert_eq!(output(engine, run).await, "true: inside");
    let counts = ["before", "after"].map(|what| noted(&format!("{name}: {what}")));
    assert_eq!(counts, [1, 1]);
    let below = engine.find_run(wait.run_id).await.unwrap().unwrap();
    assert_eq!(below.status, RunStatus::Completed);
}

async fn another_process_tells(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let request = engine.run(approval("other".to_owned()));
    let run = request.id();
    let waiting = tokio::spawn(request.execute());
    while other.waits_of(run).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    other
        .signal(run, "approval", approved("from afar"))
        .await
        .unwrap();
    let done = waiting.await.unwrap().unwrap();
    assert_eq!(done.output_content, "true: from afar");
}

async fn what_does_not_fit_is_an_error_and_the_next_one_is_taken(lab: &Lab) {
    let engine = lab.engine().await;
    let name = Uuid::now_v7().to_string();
    let request = engine.run(patient(name.clone()));
    let run = request.id();
    let waiting = tokio::spawn(request.execute());
    while engine.waits_of(run).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    engine.signal(run, "number", "seven").await.unwrap();
    engine.signal(run, "number", 7).await.unwrap();
    let done = waiting.await.unwrap().unwrap();

    assert_eq!(done.output_content, "at last 7");
    let signals = engine.signals_of(run).await.unwrap();
    assert!(signals.iter().all(|signal| signal.taken_by.is_some()));
    let steps = engine.steps_of(run).await.unwrap();
    let error = steps.iter().find_map(|step| step.error_message.clone());
    let error = error.unwrap();
    assert!(error.contains("the signal `number`"), "{error}");
    assert!(error.contains("expected u8"), "{error}");
}

async fn a_run_that_has_ended_is_told_nothing(lab: &Lab) {
    let engine = lab.engine().await;
    let done = engine
        .execute(sleeper("ended".to_owned(), 1))
        .await
        .unwrap();
    let told = engine.signal(done.run_id, "approval", 1).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::NotResumable);
    assert!(format!("{told:#}").contains("it has completed"), "{told:#}");

    let nobody = engine.signal(Uuid::now_v7(), "approval", 1).await;
    assert!(format!("{:#}", nobody.unwrap_err()).contains("there is no such run"));
    let nameless = engine.signal(done.run_id, "", 1).await.unwrap_err();
    assert_eq!(nameless.kind(), ErrorKind::InvalidInput);
}

async fn what_a_run_waits_for_is_listed(lab: &Lab) {
    let program = lab.program().await;
    let engine = &program.engine;
    let run = engine
        .run(crate::flows::first_of(60_000))
        .enqueue()
        .await
        .unwrap();
    let row = parked(engine, run).await;
    let waits = engine.waits_of(run).await.unwrap();
    let signals: Vec<_> = waits
        .iter()
        .filter_map(|wait| wait.signal.clone())
        .collect();
    let times: Vec<_> = waits.iter().filter_map(|wait| wait.until).collect();
    assert_eq!(
        (signals, times.len(), waits.len()),
        (vec!["answer".to_owned()], 1, 2)
    );
    assert_eq!(
        row.wake_at.map(|at| at.timestamp_millis()),
        Some(times[0].timestamp_millis())
    );
    engine.signal(run, "answer", "yes").await.unwrap();
    assert_eq!(output(engine, run).await, "yes");
    assert!(engine.waits_of(run).await.unwrap().is_empty());
}

#[flow]
async fn nameless() -> Result<String> {
    Ok(wait_for("").await?)
}

async fn a_signal_without_a_name_is_not_waited_for(lab: &Lab) {
    let engine = lab.engine().await;
    let error = engine.execute(nameless()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:#}");
    assert!(format!("{error:#}").contains("a signal needs a name"));
}
