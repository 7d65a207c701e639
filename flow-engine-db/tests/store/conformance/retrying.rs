//! Runs that are given to the workers again.

use flow_engine_db::{
    BackgroundFilter, ExecutionMode, FoundRun, NewRun, NewStep, RunFinish, RunPark, RunStatus,
    StepFinish, StepStatus, Store,
};
use uuid::Uuid;

use super::{
    Fresh,
    leases::{abandoned, held, lost, other, start},
    rows,
    tell::Tell as _,
};

async fn retry(store: &dyn Store, run: Uuid) -> Option<FoundRun> {
    store.retry(run).await.unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "as a store gives it")]
fn found(status: RunStatus) -> Option<FoundRun> {
    let is_held = false;
    Some(FoundRun { status, is_held })
}

/// What a worker is given.
async fn taken(store: &dyn Store) -> Vec<Uuid> {
    let wanted = BackgroundFilter {
        flow_names: vec![rows::run().flow_name],
        concurrency: [].into(),
        except: Vec::new(),
        limit: 10,
    };
    let leases = store.acquire_background(wanted, other()).await.unwrap();
    leases.iter().map(|lease| lease.root_run_id).collect()
}

async fn ended_step(store: &dyn Store, new: NewStep, status: StepStatus) -> Uuid {
    let id = new.id;
    let end = StepFinish::new(id, status);
    store.tell(vec![new.into(), end.into()]).await.unwrap();
    id
}

pub(crate) async fn a_failed_run_is_queued_with_its_successes(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let keyed = |run, order| NewStep {
        call_key: Some("key".to_owned()),
        ..rows::step(run, order)
    };
    let success = ended_step(store, keyed(root, 0), StepStatus::Completed).await;
    let failure = ended_step(store, keyed(root, 1), StepStatus::Failed).await;
    let below = ended_step(store, keyed(child, 0), StepStatus::Failed).await;
    let decided = NewStep {
        once_key: Some("effect".to_owned()),
        ..keyed(root, 2)
    };
    let decided = ended_step(store, decided, StepStatus::Failed).await;
    let end = RunFinish {
        outputs: Some("null".to_owned()),
        error_message: Some("no".to_owned()),
        ..rows::ended(root, RunStatus::Failed)
    };
    store.tell(vec![end.into()]).await.unwrap();
    assert!(taken(store).await.is_empty());

    assert_eq!(retry(store, root).await, found(RunStatus::Failed));

    let row = store.run(root).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Pending);
    assert_eq!(row.execution_mode, ExecutionMode::Background);
    assert_eq!(
        (row.completed_at, row.outputs, row.error_message),
        (None, None, None)
    );
    let journal = store.journal(root).await.unwrap();
    let is_kept = |id| {
        let step = journal.steps.iter().find(|step| step.id == id).unwrap();
        step.call_key.is_some()
    };
    assert_eq!(
        [success, failure, below, decided].map(is_kept),
        [true, false, false, true]
    );
    assert_eq!(taken(store).await, [root]);
}

pub(crate) async fn a_run_that_nobody_executes_is_queued(db: Fresh) {
    let store = &*db.store;
    let interrupted = rows::started_run(store).await;
    let end = rows::ended(interrupted, RunStatus::Interrupted);
    store.tell(vec![end.into()]).await.unwrap();
    let paused = rows::started_run(store).await;
    let progress = flow_engine_db::Progress::default();
    let park = RunPark::new(paused, RunStatus::Paused, progress);
    store.tell(vec![park.into()]).await.unwrap();
    let dead = abandoned(store).await;
    let step = rows::started_step(store, dead, 0).await;

    for (run, status) in [
        (interrupted, RunStatus::Interrupted),
        (paused, RunStatus::Paused),
        (dead, RunStatus::Running),
    ] {
        assert_eq!(retry(store, run).await, found(status));
        assert_eq!(rows::status_of(store, run).await, RunStatus::Pending);
        assert_eq!(held(store, run).await, (None, 2, None));
        assert_eq!(retry(store, run).await, found(RunStatus::Pending));
        assert_eq!(held(store, run).await.1, 2, "twice is once");
    }
    // Who was too slow is not heard any more; what it left open is closed when the run is opened.
    lost(store.tell(vec![rows::completed(step).into()]).await, dead);
    let steps = store.steps(dead).await.unwrap();
    assert_eq!(steps[0].status, StepStatus::Running);
    let mut all = taken(store).await;
    all.sort_unstable();
    let mut runs = vec![interrupted, paused, dead];
    runs.sort_unstable();
    assert_eq!(all, runs);
}

pub(crate) async fn a_run_that_somebody_executes_is_not_queued(db: Fresh) {
    let store = &*db.store;
    let running = rows::started_run(store).await;
    let resumed = rows::started_run(store).await;
    let end = rows::ended(resumed, RunStatus::Interrupted);
    store.tell(vec![end.into()]).await.unwrap();
    store.acquire(resumed, other()).await.unwrap().unwrap();
    for (run, status) in [
        (running, RunStatus::Running),
        (resumed, RunStatus::Interrupted),
    ] {
        let before = store.run(run).await.unwrap();
        let is_held = true;
        assert_eq!(retry(store, run).await, Some(FoundRun { status, is_held }));
        assert_eq!(store.run(run).await.unwrap(), before);
    }
}

pub(crate) async fn what_has_nothing_to_be_tried_again_stays_as_it_is(db: Fresh) {
    let store = &*db.store;
    let queued = NewRun {
        status: RunStatus::Pending,
        lease: None,
        ..rows::run()
    };
    let mut all = vec![(start(store, queued).await, RunStatus::Pending)];
    for status in [RunStatus::Completed, RunStatus::Cancelled] {
        let run = rows::started_run(store).await;
        let end = rows::ended(run, status);
        store.tell(vec![end.into()]).await.unwrap();
        all.push((run, status));
    }
    for status in [RunStatus::Waiting, RunStatus::InDoubt] {
        let run = rows::started_run(store).await;
        let park = RunPark::new(run, status, flow_engine_db::Progress::default());
        store.tell(vec![park.into()]).await.unwrap();
        all.push((run, status));
    }
    for (run, status) in all {
        let before = store.run(run).await.unwrap();
        assert_eq!(retry(store, run).await, found(status));
        assert_eq!(store.run(run).await.unwrap(), before);
    }
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    for run in [child, Uuid::now_v7()] {
        assert_eq!(retry(store, run).await, None);
    }
}
