//! The runs that ticks start.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{DateTime, ExecutionMode, Missed, Utc, Uuid, current};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::flows::{self, tick};
use crate::{Kind, Lab, PATIENCE, assert_one_run_for_each_second, utc};

pub(crate) async fn two_workers_of_one_engine_start_each_tick_once(kind: Kind) {
    let lab = Lab::new(kind).await;
    let other = flows::work(&lab.engine);
    let runs = tokio::select! {
        () = other => unreachable!("a worker works for ever"),
        runs = lab.while_working(lab.completed("each_second", 4)) => runs,
    };
    assert_one_run_for_each_second(&lab.runs_of("each_second").await);
    for run in runs {
        assert_eq!(run.execution_mode, ExecutionMode::Background);
        assert!(run.started_at.unwrap() >= run.start_at.unwrap());
    }
}

pub(crate) async fn workers_of_two_engines_start_each_tick_once(kind: Kind) {
    let lab = Lab::new(kind).await;
    let engine = flows::engine(&lab.database.url).build().await.unwrap();
    tokio::select! {
        () = flows::work(&engine) => unreachable!("a worker works for ever"),
        _ = lab.while_working(lab.completed("each_second", 4)) => {}
    }
    assert_one_run_for_each_second(&lab.runs_of("each_second").await);
}

/// The first time in each run.
#[step]
async fn hangs_at_first() -> Result<()> {
    static SEEN: Mutex<BTreeSet<Uuid>> = Mutex::new(BTreeSet::new());
    let is_first = SEEN.lock().unwrap().insert(current().unwrap().run_id());
    if is_first {
        std::future::pending::<()>().await;
    }
    Ok(())
}

#[flow]
async fn tick_below() -> Result<Option<DateTime<Utc>>> {
    Ok(tick())
}

#[step]
async fn tick_in_a_step(place: String) -> Option<DateTime<Utc>> {
    let _ = place;
    current().unwrap().scheduled_at()
}

#[data]
struct Digested {
    topic: String,
    ticks: Vec<Option<DateTime<Utc>>>,
}

#[flow(schedule = "0 0 1 1 *", timezone = "Europe/Zurich", missed = "once")]
async fn digest(
    #[input(default = "everything")] topic: String,
    language: Option<String>,
) -> Result<Digested> {
    let _ = language;
    let first = tick();
    if topic == "everything" {
        hangs_at_first().await?;
    }
    let ticks = vec![first, tick_below().await?, tick_in_a_step("here").await?];
    Ok(Digested { topic, ticks })
}

pub(crate) async fn the_tick_is_the_same_when_the_run_goes_on_and_in_all_of_it(kind: Kind) {
    let lab = Lab::new(kind).await;
    let since = chrono::Utc::now() - chrono::TimeDelta::days(366);
    lab.store.begin_schedule("digest", since).await.unwrap();
    let begun = async {
        loop {
            let runs = lab.runs_of("digest").await;
            if let [run] = &runs[..]
                && !lab.engine.steps_of(run.id).await.unwrap().is_empty()
            {
                return run.clone();
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let begun = timeout(PATIENCE, begun);
    let run = lab.while_working(begun).await.expect("it takes too long");
    let tick = run.start_at.unwrap();
    assert_eq!(run.inputs, json!({"topic": "everything", "language": null}));
    let in_zurich = utc(&format!("{}-12-31T23:00:00Z", tick.format("%Y")));
    assert_eq!(tick, in_zurich);

    // Its worker is gone, in the middle of the run.
    let done = &lab.while_working(lab.completed("digest", 1)).await[0];
    assert_eq!((done.id, done.lease_epoch), (run.id, 2));
    let expected = json!({"topic": "everything", "ticks": [tick, tick, tick]});
    assert_eq!(done.outputs.as_ref(), Some(&expected));

    let fork = lab.engine.fork(run.id).from("tick_in_a_step");
    let forked = fork.execute().await.unwrap();
    assert_eq!(forked.output_content, expected);

    let by_hand = lab.engine.execute(digest().topic("tides")).await.unwrap();
    assert_eq!(by_hand.output_content.ticks, [None, None, None]);
}

pub(crate) async fn schedules_are_listed_with_their_last_and_next_tick(kind: Kind) {
    let lab = Lab::new(kind).await;
    let before = lab.engine.schedules().await.unwrap();
    let names: Vec<_> = before.iter().map(|flow| flow.flow_name).collect();
    assert!(names.is_sorted() && names.contains(&"digest"), "{names:?}");
    assert!(before.iter().all(|flow| flow.last_tick.is_none()));
    assert!(!names.contains(&"tick_below"));

    let runs = lab.while_working(lab.completed("each_second", 2)).await;
    let listed = lab.engine.schedules().await.unwrap();
    let of = |name: &str| listed.iter().find(|flow| flow.flow_name == name).unwrap();
    let each = of("each_second");
    let next = each.next_tick.unwrap();
    assert!(each.last_tick >= runs[1].start_at);
    assert!(each.last_tick < Some(next));
    let digest = of("digest");
    assert_eq!(digest.last_tick, None);
    assert_eq!(
        digest
            .next_tick
            .unwrap()
            .format("%m-%dT%H:%M:%SZ")
            .to_string(),
        "12-31T23:00:00Z"
    );
    assert_eq!(digest.schedule.expression(), "0 0 1 1 *");
    assert_eq!(digest.schedule.timezone(), "Europe/Zurich");
    assert_eq!(digest.schedule.missed(), Missed::Once);

    let flows = Engine::flows();
    let definition = flows.iter().find(|flow| flow.name() == "digest").unwrap();
    assert_eq!(definition.schedule(), Some(&digest.schedule));
    let shown = format!("{definition:?}");
    assert!(shown.contains(r#""0 0 1 1 *" in Europe/Zurich"#), "{shown}");
}
