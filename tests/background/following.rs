//! One run, followed from its beginning to its end by who executes it and by others.

use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, Event, RunFilter, RunStatus, Uuid};

use crate::events::{aloud, counted, in_short, next, up_to_end};
use crate::flows::{held, open, told};
use crate::{Lab, name, on_both, until};

on_both!(
    a_run_of_another_process_is_followed,
    who_comes_late_is_told_what_has_come_before,
    a_run_that_waits_is_followed_to_its_end,
    what_this_engine_executes_is_followed_at_once_and_in_order,
    what_cannot_be_followed_is_said,
    a_run_begins_before_its_steps,
);

#[flow]
async fn two_held(one: String, two: String) -> Result<Vec<String>> {
    let (one, two) = tokio::join!(held(one), held(two));
    Ok(vec![one?, two?])
}

#[flow]
async fn aloud_twice(topic: String) -> Result<String> {
    aloud(topic.clone()).await?;
    Ok(aloud(topic).await?)
}

async fn a_run_of_another_process_is_followed(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let (one, two) = (name("one"), name("two"));
    let call = two_held(one.clone(), two.clone());
    let handle = engine.run(call).spawn().await.unwrap();
    let mut events = other.watch(handle.id()).await.unwrap();
    let mut told = Vec::new();
    while told.iter().filter(|told| *told == "hold: running").count() < 2 {
        told.push(in_short(&next(&mut events).await.unwrap()));
    }
    assert!(told.contains(&"two_held: running 0".to_owned()), "{told:?}");
    open(&one);
    open(&two);
    while let Some(event) = next(&mut events).await {
        told.push(in_short(&event));
    }
    assert_eq!(told.last().unwrap(), "two_held: completed 100", "{told:?}");
    for (what, count) in [
        ("hold: completed", 2),
        ("note: completed", 4),
        ("held: completed 100", 2),
        ("two_held: completed 100", 1),
    ] {
        let found = told.iter().filter(|told| *told == what).count();
        assert_eq!(found, count, "{what}: {told:?}");
    }
}

async fn who_comes_late_is_told_what_has_come_before(lab: &Lab) {
    let engine = lab.engine().await;
    let run = engine.run(counted(2)).spawn().await.unwrap();
    until(&engine, run.id(), |row| row.status == RunStatus::Completed).await;
    let sub = engine
        .runs(RunFilter {
            parent_run_id: Some(run.id()),
            ..RunFilter::default()
        })
        .await
        .unwrap();
    for id in [run.id(), sub[0].id] {
        let mut events = engine.watch(id).await.unwrap();
        let mut told = Vec::new();
        while let Some(event) = next(&mut events).await {
            assert_eq!(event.root_run_id(), Some(run.id()));
            told.push(in_short(&event));
        }
        assert_eq!(
            told,
            [
                "squared: completed",
                "squared: completed",
                "squaring: completed 100",
                "counted: completed 100"
            ]
        );
    }
}

async fn a_run_that_waits_is_followed_to_its_end(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let handle = engine.run(told(name("told"))).spawn().await.unwrap();
    for (watching, telling) in [(&engine, false), (&other, true)] {
        let mut events = watching.watch(handle.id()).await.unwrap();
        let mut told = Vec::new();
        for wanted in ["note: completed", "told: waiting 0"] {
            while !told.contains(&wanted.to_owned()) {
                told.push(in_short(&next(&mut events).await.unwrap()));
            }
        }
        if telling {
            other.signal(handle.id(), "answer", "yes").await.unwrap();
            let told = up_to_end(&mut events, handle.id()).await;
            assert_eq!(told.last().unwrap(), "told: completed 100");
            assert_eq!(next(&mut events).await, None);
        }
    }
}

/// Its follower is there before it begins.
async fn what_this_engine_executes_is_followed_at_once_and_in_order(lab: &Lab) {
    let mock = MockBackend::new().answer("tell_of", "one two three");
    let engine = lab.builder().backend(mock).model("test-model");
    let engine = engine.build().await.unwrap();
    let run = engine.run(aloud_twice("numbers")).enqueue().await.unwrap();
    let mut followed = engine.watch(run).await.unwrap();
    let first = next(&mut followed).await.unwrap();
    assert_eq!(in_short(&first), "aloud_twice: pending 0");
    let worker = tokio::spawn(engine.worker().run());
    let told = up_to_end(&mut followed, run).await;
    worker.abort();
    let of_a_sub_flow = [
        "aloud: running 0",
        "tell_of: running",
        r#"Text("one ")"#,
        r#"Text("two ")"#,
        r#"Text("three")"#,
        "tell_of: completed",
        "aloud: completed 100",
    ];
    let mut all = vec!["aloud_twice: running 0"];
    all.extend(of_a_sub_flow);
    all.extend(of_a_sub_flow);
    all.push("aloud_twice: completed 100");
    assert_eq!(told, all);
}

async fn what_cannot_be_followed_is_said(lab: &Lab) {
    let engine = lab.engine().await;
    let error = engine.watch(Uuid::now_v7()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
    assert!(
        error.to_string().contains("there is no such run"),
        "{error}"
    );

    let queued = engine.run(held(name("deleted"))).enqueue().await.unwrap();
    let mut events = engine.watch(queued).await.unwrap();
    let first = next(&mut events).await.unwrap();
    assert_eq!(in_short(&first), "held: pending 0");
    let mut all = engine.events();
    engine.delete_run(queued).await.unwrap();
    for events in [&mut events, &mut all] {
        let last = next(events).await.unwrap();
        assert!(matches!(last, Event::Deleted { root_run_id, .. } if root_run_id == queued));
    }
    assert_eq!(next(&mut events).await, None);
}

async fn a_run_begins_before_its_steps(lab: &Lab) {
    let engine = lab.engine().await;
    for number in 0..30 {
        let handle = engine.run(counted(number)).spawn().await.unwrap();
        let mut events = handle.watch().await.unwrap();
        let told = up_to_end(&mut events, handle.id()).await;
        let first_step = told.iter().position(|told| told.starts_with("squared"));
        let running = told.iter().rposition(|told| told == "counted: running 0");
        assert!(running <= first_step, "{told:?}");
    }
}
