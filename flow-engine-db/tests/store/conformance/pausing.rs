//! Runs that are paused.

use chrono::Utc;
use flow_engine_db::{FoundRun, Lease, NewRun, Progress, RunPark, RunStatus, StepStatus, Store};
use uuid::Uuid;

use super::{
    Fresh,
    cancelling::newest,
    leases::{abandoned, held, lost, other, start},
    rows,
    tell::Tell as _,
};

async fn pause(store: &dyn Store, run: Uuid) -> Option<FoundRun> {
    store.pause(run, "by hand".to_owned()).await.unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "as a store gives it")]
fn found(status: RunStatus, is_held: bool) -> Option<FoundRun> {
    Some(FoundRun { status, is_held })
}

async fn parked(store: &dyn Store, run: Uuid, status: RunStatus) {
    let park = RunPark {
        wake_at: (status == RunStatus::Waiting).then(Utc::now),
        ..RunPark::new(run, status, Progress::default())
    };
    store.tell(vec![park.into()]).await.unwrap();
}

pub(crate) async fn who_executes_a_run_is_asked_to_pause_it(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let another = rows::started_run(store).await;
    let first = Lease::first(run);
    let before = store.run(run).await.unwrap();

    assert_eq!(pause(store, run).await, found(RunStatus::Running, true));

    assert_eq!(store.run(run).await.unwrap(), before, "it goes on");
    assert_eq!(newest(store, run).await, (first, true));
    assert_eq!(newest(store, another).await, (Lease::first(another), false));
    let step = rows::started_step(store, run, 0).await;
    store
        .tell(vec![rows::completed(step).into()])
        .await
        .unwrap();
    parked(store, run, RunStatus::Paused).await;
    assert_eq!(newest(store, run).await, (first, false));
    assert_eq!(rows::status_of(store, run).await, RunStatus::Paused);
    assert_eq!(pause(store, run).await, found(RunStatus::Paused, false));

    // Who was asked and died has not done it: who resumes the run begins anew.
    let dead = rows::started_run(store).await;
    pause(store, dead).await;
    let over = super::leases::over(rows::term());
    store.renew(vec![Lease::first(dead)], over).await.unwrap();
    assert!(newest(store, dead).await.1);
    let lease = store.acquire(dead, other()).await.unwrap().unwrap();
    assert_eq!(newest(store, dead).await, (lease, false));
}

pub(crate) async fn a_run_that_nobody_executes_is_paused_at_once(db: Fresh) {
    let store = &*db.store;
    let queued = rows::queued_run(store).await;
    let waiting = rows::started_run(store).await;
    parked(store, waiting, RunStatus::Waiting).await;
    let interrupted = rows::interrupted_run(store).await;

    for (run, status, epoch) in [
        (queued, RunStatus::Pending, 1),
        (waiting, RunStatus::Waiting, 2),
        (interrupted, RunStatus::Interrupted, 2),
    ] {
        assert_eq!(pause(store, run).await, found(status, false));
        let row = store.run(run).await.unwrap().unwrap();
        assert_eq!(row.status, RunStatus::Paused);
        assert_eq!(row.error_message.as_deref(), Some("by hand"));
        assert_eq!((row.completed_at, row.wake_at), (None, None));
        assert_eq!(held(store, run).await, (None, epoch, None));
        assert_eq!(pause(store, run).await, found(RunStatus::Paused, false));
        assert_eq!(held(store, run).await.1, epoch, "twice is once");
    }

    // It was taken, and not begun: who has it finds that it is gone.
    let queued = NewRun {
        status: RunStatus::Pending,
        lease: None,
        ..rows::run()
    };
    let queued = start(store, queued).await;
    let lease = store.acquire(queued, other()).await.unwrap().unwrap();
    assert_eq!(pause(store, queued).await, found(RunStatus::Pending, true));
    let reopen = flow_engine_db::RunReopen::new(queued);
    lost(store.submit(lease, vec![reopen.into()]).await, queued);
    assert_eq!(rows::status_of(store, queued).await, RunStatus::Paused);
}

pub(crate) async fn a_run_that_would_wait_is_paused_if_that_was_asked_for(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    pause(store, root).await;

    parked(store, root, RunStatus::Waiting).await;
    // Written a second time, since nobody knew whether it was.
    parked(store, root, RunStatus::Waiting).await;

    let row = store.run(root).await.unwrap().unwrap();
    assert_eq!((row.status, row.wake_at), (RunStatus::Paused, None));
    assert_eq!(rows::status_of(store, child).await, RunStatus::Paused);
    assert_eq!(newest(store, root).await, (Lease::first(root), false));
}

pub(crate) async fn a_run_whose_process_died_is_paused_with_all_that_is_open_below_it(db: Fresh) {
    let store = &*db.store;
    let root = abandoned(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let step = rows::started_step(store, child, 0).await;
    let ended = rows::started_sub_run(store, root, root).await;
    let end = rows::ended(ended, RunStatus::Completed);
    store.tell(vec![end.into()]).await.unwrap();

    assert_eq!(pause(store, root).await, found(RunStatus::Running, false));

    assert_eq!(rows::status_of(store, root).await, RunStatus::Paused);
    assert_eq!(rows::status_of(store, child).await, RunStatus::Paused);
    assert_eq!(rows::status_of(store, ended).await, RunStatus::Completed);
    // With what it has cost it is closed by who opens the run.
    let steps = store.steps(child).await.unwrap();
    assert_eq!(steps[0].status, StepStatus::Running);
    lost(store.tell(vec![rows::completed(step).into()]).await, root);
}

pub(crate) async fn what_has_ended_is_in_doubt_or_paused_stays_so(db: Fresh) {
    let store = &*db.store;
    let mut all = Vec::new();
    for status in [
        RunStatus::Completed,
        RunStatus::Failed,
        RunStatus::Cancelled,
    ] {
        let run = rows::started_run(store).await;
        let end = rows::ended(run, status);
        store.tell(vec![end.into()]).await.unwrap();
        all.push((run, status));
    }
    for status in [RunStatus::InDoubt, RunStatus::Paused] {
        let run = rows::started_run(store).await;
        parked(store, run, status).await;
        all.push((run, status));
    }
    for (run, status) in all {
        let before = store.run(run).await.unwrap();
        assert_eq!(pause(store, run).await, found(status, false));
        assert_eq!(store.run(run).await.unwrap(), before);
    }
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    for run in [child, Uuid::now_v7()] {
        assert_eq!(pause(store, run).await, None);
    }
}
