//! Runs that stop before their end.

use chrono::{TimeDelta, Utc};
use flow_engine_db::{
    ExecutionMode, NewRun, NewStep, Progress, RunPark, RunReopen, RunStatus, StepStatus, Store,
    StoreError,
};
use uuid::Uuid;

use super::{
    Fresh,
    background::{taken, wanted},
    rows,
    tell::Tell as _,
};

pub(crate) fn parked(run: Uuid, status: RunStatus) -> RunPark {
    RunPark::new(run, status, Progress::default())
}

/// A background run that is executed.
pub(crate) async fn executed(store: &dyn Store) -> Uuid {
    let run = NewRun {
        execution_mode: ExecutionMode::Background,
        ..rows::run()
    };
    let id = run.id;
    store.tell(vec![run.into()]).await.unwrap();
    id
}

fn waits(run: Uuid) -> NewStep {
    NewStep {
        kind: NewStep::ENGINE.to_owned(),
        ..rows::step(run, 0)
    }
}

pub(crate) async fn a_parked_run_is_given_back_with_all_below_it(db: Fresh) {
    let store = &*db.store;
    for status in [RunStatus::Waiting, RunStatus::Paused, RunStatus::InDoubt] {
        let root = rows::started_run(store).await;
        let below = rows::started_sub_run(store, root, root).await;
        let ended = rows::started_sub_run(store, root, root).await;
        let end = rows::ended(ended, RunStatus::Failed);
        store.tell(vec![end.into()]).await.unwrap();
        let park = RunPark {
            wake_at: Some(rows::time(5)),
            error_message: Some("why".to_owned()),
            execution_time_ms: Some(12),
            progress: Progress {
                current_step: Some("it waits".to_owned()),
                step_progress: 3,
                total_tokens: 7,
                ..Progress::default()
            },
            ..parked(root, status)
        };
        store.tell(vec![park.into()]).await.unwrap();

        let row = store.run(root).await.unwrap().unwrap();
        assert_eq!((row.status, row.completed_at), (status, None));
        assert_eq!(
            (row.lease_owner, row.lease_until, row.lease_epoch),
            (None, None, 1)
        );
        assert_eq!(row.wake_at, Some(rows::time(5)));
        assert_eq!(row.error_message.as_deref(), Some("why"));
        assert_eq!((row.execution_time_ms, row.step_progress), (Some(12), 3));
        assert_eq!(
            (row.current_step.as_deref(), row.total_tokens),
            (Some("it waits"), 7)
        );
        assert_eq!(rows::status_of(store, below).await, status);
        assert_eq!(rows::status_of(store, ended).await, RunStatus::Failed);
    }
}

pub(crate) async fn what_a_parked_run_waits_for_stays_and_what_it_did_is_cancelled(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let below = rows::started_sub_run(store, root, root).await;
    let steps = [
        waits(root),
        waits(below),
        rows::step(root, 1),
        rows::step(below, 1),
    ];
    let requests = [rows::request(root, steps[2].id)];
    let mut writes: Vec<_> = steps.iter().cloned().map(Into::into).collect();
    writes.extend(requests.iter().cloned().map(Into::into));
    // In one batch with what starts them, too.
    let queued = store.tell(writes);
    store
        .tell(vec![parked(root, RunStatus::Waiting).into()])
        .await
        .unwrap();
    queued.await.unwrap();

    let mut found = store.steps(root).await.unwrap();
    found.extend(store.steps(below).await.unwrap());
    for (place, step) in steps.iter().enumerate() {
        let row = found.iter().find(|row| row.id == step.id).unwrap();
        let expected = match place {
            0 | 1 => (StepStatus::Running, false),
            _ => (StepStatus::Cancelled, true),
        };
        assert_eq!((row.status, row.completed_at.is_some()), expected);
    }
    let request = store.request(requests[0].id).await.unwrap().unwrap();
    assert_eq!(request.status, flow_engine_db::RequestStatus::Cancelled);
}

pub(crate) async fn a_waiting_run_is_taken_when_its_time_has_come(db: Fresh) {
    let store = &*db.store;
    let hour = TimeDelta::hours(1);
    let mut ids = Vec::new();
    for wake_at in [None, Some(Utc::now() + hour), Some(Utc::now() - hour)] {
        let run = executed(store).await;
        let park = RunPark {
            wake_at,
            ..parked(run, RunStatus::Waiting)
        };
        store.tell(vec![park.into()]).await.unwrap();
        ids.push(run);
    }
    // Whatever the time, those do not wait for it.
    for status in [RunStatus::Paused, RunStatus::InDoubt] {
        let run = executed(store).await;
        let park = RunPark {
            wake_at: Some(Utc::now() - hour),
            ..parked(run, status)
        };
        store.tell(vec![park.into()]).await.unwrap();
    }
    assert_eq!(taken(store, wanted(10)).await, [ids[2]]);
    // Whoever has it is about to open it.
    assert_eq!(taken(store, wanted(10)).await, Vec::<Uuid>::new());
}

pub(crate) async fn a_parked_run_is_opened_again_as_others_are(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let below = rows::started_sub_run(store, root, root).await;
    let step = waits(below);
    store.tell(vec![step.clone().into()]).await.unwrap();
    let park = RunPark {
        wake_at: Some(Utc::now()),
        error_message: Some("why".to_owned()),
        ..parked(root, RunStatus::Waiting)
    };
    store.tell(vec![park.into()]).await.unwrap();
    let lease = store.acquire(root, rows::term()).await.unwrap().unwrap();
    let reopen = RunReopen {
        expected: Some(RunStatus::Waiting),
        ..RunReopen::new(root)
    };
    store.submit(lease, vec![reopen.into()]).await.unwrap();

    let row = store.run(root).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Running);
    assert_eq!((row.wake_at, row.error_message), (None, None));
    assert_eq!(rows::status_of(store, below).await, RunStatus::Interrupted);
    let steps = store.steps(below).await.unwrap();
    assert_eq!(steps[0].status, StepStatus::Cancelled);
}

pub(crate) async fn parking_twice_is_harmless_and_an_ended_run_is_not_parked(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let park = parked(run, RunStatus::Waiting);
    store.tell(vec![park.clone().into()]).await.unwrap();
    store.tell(vec![park.clone().into()]).await.unwrap();
    let end = rows::ended(run, RunStatus::Cancelled);
    store.tell(vec![end.into()]).await.unwrap();
    let late = store.tell(vec![park.into()]).await.unwrap_err();
    assert!(matches!(late, StoreError::NotOpen { .. }), "{late:?}");
    assert_eq!(rows::status_of(store, run).await, RunStatus::Cancelled);
}
