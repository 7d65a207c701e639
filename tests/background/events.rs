//! What is told of runs while they go on, to who listens to an engine and to who follows one run.

use std::sync::Mutex;
use std::time::Duration;

use diesel::prelude::*;
use diesel::{SqliteConnection, connection::SimpleConnection as _};
use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use flow_engine::{Delta, ErrorKind, Event, Events, RunStatus, Uuid, map};

use crate::flows::{failing, held, open};
use crate::{Kind, Lab, PATIENCE, end, name, on_both, until};

on_both!(
    a_run_is_told_from_its_beginning_to_its_end,
    what_is_told_is_recorded,
    what_is_done_from_outside_is_told,
    a_failure_is_told,
    an_event_is_an_object_with_its_kind,
    a_streamed_answer_is_told_in_its_pieces,
    a_resumed_run_is_told_with_its_parts,
    who_is_slow_is_told_what_was_left_out,
    nothing_comes_after_the_engine,
    a_closed_engine_tells_nothing_that_is_not_recorded,
);

#[step]
async fn squared(number: u64) -> u64 {
    number * number
}

#[flow(total_steps = 1)]
async fn squaring(number: u64) -> Result<u64> {
    Ok(squared(number).await?)
}

#[flow(total_steps = 2)]
pub(crate) async fn counted(number: u64) -> Result<u64> {
    let squared = squaring(number).await?;
    // What the engine records for itself is not told.
    let _now = flow_engine::now();
    Ok(self::squared(squared).await?)
}

#[flow]
async fn many_squared(numbers: u64) -> Result<u64> {
    let squares = map(0..numbers, 100, squared).await?;
    Ok(squares.into_iter().sum())
}

#[step(prompt = "./prompts/tell_of.md")]
async fn tell_of(topic: String) -> String;

#[flow]
pub(crate) async fn aloud(topic: String) -> Result<String> {
    let mut answer = tell_of(topic).stream();
    while answer.next().await.is_some() {}
    Ok(answer.finish().await?.output_content)
}

/// Fails the first time that it is executed.
#[step]
async fn stumble(name: String) -> Result<()> {
    static STUMBLED: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut stumbled = STUMBLED.lock().unwrap();
    if stumbled.contains(&name) {
        return Ok(());
    }
    stumbled.push(name);
    Err("it is a stone".into())
}

#[flow]
async fn failing_once(name: String) -> Result<()> {
    Ok(stumble(name).await?)
}

#[flow]
async fn fails_once(name: String) -> Result<()> {
    Ok(failing_once(name).await?)
}

pub(crate) async fn next(events: &mut Events) -> Option<Event> {
    let event = tokio::time::timeout(PATIENCE, events.next()).await;
    event.expect("no event comes")
}

/// In a word: `name: status`, with how far a run is.
pub(crate) fn in_short(event: &Event) -> String {
    match event {
        Event::Run {
            flow_name,
            status,
            progress_percentage,
            ..
        } => format!("{flow_name}: {status} {progress_percentage:.0}"),
        Event::Step {
            step_name, status, ..
        } => format!("{step_name}: {status}"),
        Event::Delta { delta, .. } => format!("{delta:?}"),
        other => format!("{other:?}"),
    }
}

pub(crate) fn is_end_of(event: &Event, run: Uuid) -> bool {
    matches!(event, Event::Run { run_id, status, .. } if *run_id == run && !status.is_open())
}

/// All events up to the end of a run.
pub(crate) async fn up_to_end(events: &mut Events, run: Uuid) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let event = next(events).await.expect("the run has not ended");
        told.push(in_short(&event));
        if is_end_of(&event, run) {
            return told;
        }
    }
}

async fn a_run_is_told_from_its_beginning_to_its_end(lab: &Lab) {
    let engine = lab.engine().await;
    let mut events = engine.events();
    let request = engine.run(counted(3));
    let run = request.id();
    request.execute().await.unwrap();
    assert_eq!(
        up_to_end(&mut events, run).await,
        [
            "counted: running 0",
            "squaring: running 0",
            "squared: running",
            "squared: completed",
            "squaring: running 100",
            "squaring: completed 100",
            "counted: running 50",
            "squared: running",
            "squared: completed",
            "counted: running 100",
            "counted: completed 100",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_recorded_yet_is_not_told() {
    let lab = Lab::new(Kind::Sqlite);
    let engine = lab.engine().await;
    let mut events = engine.events();
    // While another process holds the file, nothing can be written.
    let mut other = SqliteConnection::establish(engine.database()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let running = tokio::spawn(engine.execute(counted(3)));
    let early = tokio::time::timeout(Duration::from_millis(300), events.next()).await;
    assert_eq!(early.ok(), None);
    other.batch_execute("COMMIT").unwrap();
    let run = running.await.unwrap().unwrap().run_id;
    let told = up_to_end(&mut events, run).await;
    assert_eq!(told[0], "counted: running 0");
}

/// Who hears of a step's or a run's end finds it in the rows.
async fn what_is_told_is_recorded(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let mut events = engine.events();
    let mut handles = Vec::new();
    for number in 0..20 {
        handles.push(engine.run(counted(number)).spawn().await.unwrap());
    }
    let mut ended = 0;
    while ended < handles.len() {
        match next(&mut events).await.unwrap() {
            Event::Step {
                run_id,
                step_run_id,
                status,
                ..
            } => {
                let rows = other.steps_of(run_id).await.unwrap();
                let row = rows.iter().find(|row| row.id == step_run_id).unwrap();
                assert!(row.status == status || !row.status.is_open(), "{row:?}");
            }
            Event::Run {
                root_run_id,
                run_id,
                status,
                ..
            } if !status.is_open() => {
                let row = other.find_run(run_id).await.unwrap().unwrap();
                assert_eq!(row.status, status);
                ended += usize::from(root_run_id == run_id);
            }
            _ => {}
        }
    }
}

async fn what_is_done_from_outside_is_told(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let mut events = engine.events();
    let queued = engine.run(held(name("queued"))).enqueue().await.unwrap();
    engine.pause(queued).await.unwrap();
    engine.retry(queued).await.unwrap();
    engine.cancel(queued).await.unwrap();
    assert_eq!(
        up_to_end(&mut events, queued).await,
        [
            "held: pending 0",
            "held: paused 0",
            "held: pending 0",
            "held: cancelled 0"
        ]
    );

    // Another process cancels what this one executes.
    let handle = engine.run(held(name("executed"))).spawn().await.unwrap();
    let mut followed = handle.watch().await.unwrap();
    while in_short(&next(&mut events).await.unwrap()) != "hold: running" {}
    other.cancel(handle.id()).await.unwrap();
    for events in [&mut events, &mut followed] {
        let told = up_to_end(events, handle.id()).await;
        assert_eq!(told.last().unwrap(), "held: cancelled 0", "{told:?}");
    }
    assert_eq!(next(&mut followed).await, None);
}

async fn a_failure_is_told(lab: &Lab) {
    let engine = lab.engine().await;
    let mut events = engine.events();
    let request = engine.run(failing("it"));
    let run = request.id();
    request.execute().await.unwrap_err();
    let told = up_to_end(&mut events, run).await;
    assert_eq!(told, ["failing: running 0", "failing: failed 0"]);
}

async fn a_streamed_answer_is_told_in_its_pieces(lab: &Lab) {
    let engine = lab
        .builder()
        .backend(MockBackend::new().answer("tell_of", "one two three"))
        .model("test-model");
    let engine = engine.build().await.unwrap();
    let mut all = engine.events();
    let handle = engine.run(aloud("numbers")).spawn().await.unwrap();
    let mut followed = handle.watch().await.unwrap();
    let (mut texts, mut step) = (String::new(), None);
    loop {
        let event = next(&mut all).await.unwrap();
        match &event {
            Event::Step { step_run_id, .. } => step = Some(*step_run_id),
            Event::Delta {
                step_run_id,
                delta: Delta::Text(text),
                ..
            } => {
                assert_eq!(step, Some(*step_run_id), "a step begins before its answer");
                texts.push_str(text);
            }
            _ => {}
        }
        if is_end_of(&event, handle.id()) {
            break;
        }
    }
    assert_eq!(texts, "one two three");
    let told = up_to_end(&mut followed, handle.id()).await;
    assert_eq!(told.last().unwrap(), "aloud: completed 100");
}

async fn a_resumed_run_is_told_with_its_parts(lab: &Lab) {
    let engine = lab.engine().await;
    let request = engine.run(fails_once(name("resumed")));
    let run = request.id();
    request.execute().await.unwrap_err();
    let mut events = engine.events();
    engine.resume(run).await.unwrap();
    assert_eq!(
        up_to_end(&mut events, run).await,
        [
            "fails_once: running 0",
            "failing_once: running 0",
            "stumble: running",
            "stumble: completed",
            "failing_once: completed 100",
            "fails_once: completed 100",
        ]
    );
}

async fn an_event_is_an_object_with_its_kind(lab: &Lab) {
    let engine = lab.engine().await;
    let mut events = engine.events();
    let run = engine.execute(counted(3)).await.unwrap().run_id;
    let first = next(&mut events).await.unwrap();
    let expected = serde_json::json!({
        "event": "run", "root_run_id": run, "run_id": run, "flow_name": "counted", "status": "running",
        "progress_percentage": 0.0
    });
    assert_eq!(serde_json::to_value(first).unwrap(), expected);
}

async fn who_is_slow_is_told_what_was_left_out(lab: &Lab) {
    let engine = lab.engine().await;
    let mut events = engine.events();
    let request = engine.run(many_squared(2_500));
    let run = request.id();
    request.execute().await.unwrap();
    let Some(Event::Missed { count, .. }) = next(&mut events).await else {
        panic!("events were left out");
    };
    let told = up_to_end(&mut events, run).await;
    // The run begins, 2,500 steps begin and end, and the run ends.
    assert_eq!(count + told.len() as u64, 5_002);
    assert_eq!(told.last().unwrap(), "many_squared: completed 100");
}

async fn nothing_comes_after_the_engine(lab: &Lab) {
    let engine = lab.engine().await;
    let queued = engine.run(held(name("left"))).enqueue().await.unwrap();
    let (mut all, mut followed) = (engine.events(), engine.watch(queued).await.unwrap());
    next(&mut followed).await.unwrap();
    drop(engine);
    assert_eq!(next(&mut all).await, None);
    assert_eq!(next(&mut followed).await, None);
}

async fn a_closed_engine_tells_nothing_that_is_not_recorded(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let name = name("closed");
    let handle = engine.run(held(name.clone())).spawn().await.unwrap();
    let (mut all, mut followed) = (engine.events(), handle.watch().await.unwrap());
    until(&engine, handle.id(), |row| row.step_progress == 1).await;
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { end(&handle).await }
    });
    engine.close().await;
    // What is executed goes on, and can record nothing.
    open(&name);
    for events in [&mut all, &mut followed] {
        while let Some(event) = next(events).await {
            assert_ne!(in_short(&event), "hold: completed");
            assert!(!is_end_of(&event, handle.id()), "{event:?}");
        }
    }
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store, "{error:#}");
    let row = other.find_run(handle.id()).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Running);
}
