//! What is told to runs from outside.

use chrono::{TimeDelta, Utc};
use flow_engine_db::{NewSignal, RunPark, RunStatus, SignalTake, Store, StoreError};
use serde_json::json;
use uuid::Uuid;

use super::{
    Fresh,
    background::{taken, wanted},
    parking::{executed, parked},
    rows,
    tell::Tell as _,
};

fn signal(root_run_id: Uuid, name: &str) -> NewSignal {
    NewSignal {
        id: Uuid::now_v7(),
        root_run_id,
        name: name.to_owned(),
        payload: json!({ "of": name }).to_string(),
        created_at: rows::time(3),
    }
}

async fn told(store: &dyn Store, root: Uuid, name: &str) -> Uuid {
    let signal = signal(root, name);
    let id = signal.id;
    assert!(store.signal(signal).await.unwrap().is_some());
    id
}

async fn step(store: &dyn Store, run: Uuid) -> Uuid {
    let step = rows::step(run, 0);
    let id = step.id;
    store.tell(vec![step.into()]).await.unwrap();
    id
}

pub(crate) async fn a_signal_is_kept_and_read_back(db: Fresh) {
    let store = &*db.store;
    let (run, other) = (
        rows::started_run(store).await,
        rows::started_run(store).await,
    );
    let ids = [told(store, run, "b").await, told(store, run, "a").await];
    told(store, other, "a").await;

    let signals = store.signals(run).await.unwrap();
    let found: Vec<_> = signals.iter().map(|signal| signal.id).collect();
    assert_eq!(found, ids);
    let first = &signals[0];
    assert_eq!((first.root_run_id, first.name.as_str()), (run, "b"));
    assert_eq!(
        (&first.payload, first.taken_by),
        (&json!({ "of": "b" }), None)
    );
    assert_eq!(first.created_at, rows::time(3));

    let silent = rows::started_run(store).await;
    let mut signalled = store.signalled(vec![run, silent, other]).await.unwrap();
    signalled.sort();
    assert_eq!(signalled, [run, other]);
    assert!(store.signalled(Vec::new()).await.unwrap().is_empty());
}

pub(crate) async fn a_signal_is_taken_once(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let id = told(store, run, "a").await;
    let (one, two) = (step(store, run).await, step(store, run).await);
    let take = |step_run_id| SignalTake { id, step_run_id };

    let finish = rows::completed(one);
    store
        .tell(vec![finish.into(), take(one).into()])
        .await
        .unwrap();
    store.tell(vec![take(one).into()]).await.unwrap();
    let finish = rows::completed(two);
    let late = store.tell(vec![finish.into(), take(two).into()]).await;
    assert!(matches!(late, Err(StoreError::NotOpen { .. })), "{late:?}");

    assert_eq!(store.signals(run).await.unwrap()[0].taken_by, Some(one));
    assert!(store.signalled(vec![run]).await.unwrap().is_empty());
    let steps = store.steps(run).await.unwrap();
    let open: Vec<_> = steps.iter().filter(|step| step.status.is_open()).collect();
    assert_eq!(open.iter().map(|step| step.id).collect::<Vec<_>>(), [two]);
}

pub(crate) async fn a_signal_that_was_told_twice_is_kept_once(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let signal = signal(run, "a");
    for _ in 0..2 {
        let status = store.signal(signal.clone()).await.unwrap();
        assert_eq!(status, Some(RunStatus::Running));
    }
    assert_eq!(store.signals(run).await.unwrap().len(), 1);
}

pub(crate) async fn what_has_ended_for_good_is_told_nothing(db: Fresh) {
    let store = &*db.store;
    assert_eq!(
        store.signal(signal(Uuid::now_v7(), "a")).await.unwrap(),
        None
    );
    let root = rows::started_run(store).await;
    let below = rows::started_sub_run(store, root, root).await;
    assert_eq!(store.signal(signal(below, "a")).await.unwrap(), None);

    let ends = [
        (RunStatus::Completed, 0),
        (RunStatus::Cancelled, 0),
        (RunStatus::Failed, 1),
        (RunStatus::Interrupted, 1),
    ];
    for (end, kept) in ends {
        let run = rows::started_run(store).await;
        store
            .tell(vec![rows::ended(run, end).into()])
            .await
            .unwrap();
        assert_eq!(store.signal(signal(run, "a")).await.unwrap(), Some(end));
        assert_eq!(store.signals(run).await.unwrap().len(), kept);
        assert_eq!(rows::status_of(store, run).await, end);
    }
}

pub(crate) async fn a_waiting_run_that_is_told_something_is_taken(db: Fresh) {
    let store = &*db.store;
    let run = executed(store).await;
    let other = executed(store).await;
    for run in [run, other] {
        let park = parked(run, RunStatus::Waiting);
        store.tell(vec![park.into()]).await.unwrap();
    }
    assert_eq!(taken(store, wanted(10)).await, Vec::<Uuid>::new());
    told(store, run, "a").await;
    assert_eq!(taken(store, wanted(10)).await, [run]);
}

pub(crate) async fn a_run_that_is_parked_after_it_was_told_goes_on_at_once(db: Fresh) {
    let store = &*db.store;
    let later = Some(Utc::now() + TimeDelta::hours(1));
    let park = |run, signals: &[&str]| RunPark {
        wake_at: later,
        signals: signals.iter().map(|name| (*name).to_owned()).collect(),
        ..parked(run, RunStatus::Waiting)
    };
    let [waited_for, another, taken_before] = [
        executed(store).await,
        executed(store).await,
        executed(store).await,
    ];
    told(store, waited_for, "a").await;
    told(store, another, "b").await;
    let id = told(store, taken_before, "a").await;
    let step_run_id = step(store, taken_before).await;
    let take = SignalTake { id, step_run_id };
    let finish = rows::completed(step_run_id);
    store.tell(vec![finish.into(), take.into()]).await.unwrap();

    for run in [waited_for, another, taken_before] {
        store
            .tell(vec![park(run, &["a", "c"]).into()])
            .await
            .unwrap();
    }
    assert_eq!(taken(store, wanted(10)).await, [waited_for]);
}

pub(crate) async fn signals_are_deleted_with_their_run(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    told(store, run, "a").await;
    assert!(store.delete_run(run).await.unwrap());
    assert!(store.signals(run).await.unwrap().is_empty());
}
