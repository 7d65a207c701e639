//! Runs that are ended from outside.

use flow_engine_db::{Lease, RequestStatus, RunStatus, StepStatus, Store};
use uuid::Uuid;

use super::{
    Fresh,
    leases::{held, lost, other},
    rows,
    tell::Tell as _,
};

/// The newest lease of a run, and whether who has it is to pause the run.
pub(super) async fn newest(store: &dyn Store, run: Uuid) -> (Lease, bool) {
    let newest = store.newest_leases(vec![run, Uuid::now_v7()]).await;
    let newest = newest.unwrap();
    assert_eq!(newest.len(), 1, "{newest:?}");
    (newest[0].lease, newest[0].pause_requested)
}

async fn cancel(store: &dyn Store, run: Uuid) -> Option<RunStatus> {
    store.cancel(run, "by hand".to_owned()).await.unwrap()
}

pub(crate) async fn a_cancelled_run_ends_with_all_that_is_open_below_it(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let step = rows::started_step(store, child, 0).await;
    let request = rows::sent_request(store, child, step).await;
    let other = rows::started_run(store).await;

    assert_eq!(cancel(store, root).await, Some(RunStatus::Running));

    let row = store.run(root).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Cancelled);
    assert_eq!(row.error_message.as_deref(), Some("by hand"));
    assert!(row.completed_at.is_some());
    assert_eq!(rows::status_of(store, child).await, RunStatus::Cancelled);
    let steps = store.steps(child).await.unwrap();
    assert_eq!(steps[0].status, StepStatus::Cancelled);
    let request = store.request(request).await.unwrap().unwrap();
    assert_eq!(request.status, RequestStatus::Cancelled);
    assert_eq!(rows::status_of(store, other).await, RunStatus::Running);
}

pub(crate) async fn a_cancelled_run_is_taken_away_from_who_executes_it(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    let request = rows::request(run, step);
    let (first, id) = (Lease::first(run), request.id);
    assert_eq!(newest(store, run).await, (first, false));

    cancel(store, run).await;

    assert_eq!(held(store, run).await, (None, 2, None));
    assert_eq!(
        newest(store, run).await,
        (Lease { epoch: 2, ..first }, false)
    );
    lost(store.tell(vec![rows::completed(step).into()]).await, run);
    let end = rows::ended(run, RunStatus::Completed);
    lost(store.tell(vec![end.into()]).await, run);
    let renewed = store.renew(vec![first], rows::term()).await.unwrap();
    assert_eq!(renewed, [first], "it is lost");
    let paid = vec![request.into(), rows::succeeded(id).into()];
    store.tell(paid).await.expect("what was paid is recorded");
    assert_eq!(rows::status_of(store, run).await, RunStatus::Cancelled);
}

pub(crate) async fn a_run_that_nobody_executes_is_cancelled(db: Fresh) {
    let store = &*db.store;
    let queued = rows::queued_run(store).await;
    let interrupted = rows::interrupted_run(store).await;

    for (run, status) in [
        (queued, RunStatus::Pending),
        (interrupted, RunStatus::Interrupted),
    ] {
        assert_eq!(cancel(store, run).await, Some(status));
        assert_eq!(rows::status_of(store, run).await, RunStatus::Cancelled);
        assert_eq!(cancel(store, run).await, Some(RunStatus::Cancelled));
    }
    assert_eq!(held(store, queued).await.1, 1, "twice is once");
}

pub(crate) async fn a_run_that_has_ended_is_not_cancelled(db: Fresh) {
    let store = &*db.store;
    for status in [RunStatus::Completed, RunStatus::Failed] {
        let run = rows::started_run(store).await;
        store
            .tell(vec![rows::ended(run, status).into()])
            .await
            .unwrap();
        let before = store.run(run).await.unwrap();
        assert_eq!(cancel(store, run).await, Some(status));
        assert_eq!(store.run(run).await.unwrap(), before);
    }
}

pub(crate) async fn only_a_root_run_that_is_there_is_cancelled(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    for run in [child, Uuid::now_v7()] {
        assert_eq!(cancel(store, run).await, None);
    }
    assert_eq!(rows::status_of(store, child).await, RunStatus::Running);
}

pub(crate) async fn cancelling_takes_its_turn_behind_queued_writes(db: Fresh) {
    let store = &*db.store;
    let run = rows::run();
    let id = run.id;
    let started = store.tell(vec![run.into()]);
    assert_eq!(cancel(store, id).await, Some(RunStatus::Running));
    started.await.unwrap();
    let row = store.run(id).await.unwrap().unwrap();
    assert_eq!((row.status, row.lease_epoch), (RunStatus::Cancelled, 2));
    assert_eq!(store.acquire(id, other()).await.unwrap(), None);
}
