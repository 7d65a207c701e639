//! The end of a run closes what is below it, for good.

use flow_engine_db::{
    Progress, RequestStatus, RunFinish, RunProgress, RunStatus, StepStatus, Store, StoreError,
    Write,
};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

/// An open run below `parent` with an open step and a sent request, and a step and a request that
/// have ended.
pub(super) async fn busy_run(store: &dyn Store, tree: Option<(Uuid, Uuid)>) -> Uuid {
    let run = match tree {
        Some((parent, root)) => rows::started_sub_run(store, parent, root).await,
        None => rows::started_run(store).await,
    };
    let done = rows::started_step(store, run, 0).await;
    let answered = rows::sent_request(store, run, done).await;
    let ended: Vec<Write> = vec![
        rows::succeeded(answered).into(),
        rows::completed(done).into(),
    ];
    store.tell(ended).await.unwrap();
    let open = rows::started_step(store, run, 1).await;
    rows::sent_request(store, run, open).await;
    run
}

pub(super) async fn statuses(
    store: &dyn Store,
    run: Uuid,
) -> (RunStatus, Vec<StepStatus>, Vec<RequestStatus>) {
    let steps = store
        .steps(run)
        .await
        .unwrap()
        .iter()
        .map(|step| step.status)
        .collect();
    let requests = store
        .requests(run)
        .await
        .unwrap()
        .iter()
        .map(|request| request.status)
        .collect();
    (rows::status_of(store, run).await, steps, requests)
}

pub(super) fn closed(status: RunStatus) -> (RunStatus, Vec<StepStatus>, Vec<RequestStatus>) {
    let steps = vec![StepStatus::Completed, StepStatus::Cancelled];
    (
        status,
        steps,
        vec![RequestStatus::Succeeded, RequestStatus::Cancelled],
    )
}

pub(super) fn open() -> (RunStatus, Vec<StepStatus>, Vec<RequestStatus>) {
    let steps = vec![StepStatus::Completed, StepStatus::Running];
    (
        RunStatus::Running,
        steps,
        vec![RequestStatus::Succeeded, RequestStatus::Sent],
    )
}

pub(crate) async fn the_end_of_a_run_closes_its_open_steps_and_requests(db: Fresh) {
    let store = &*db.store;
    let run = busy_run(store, None).await;
    let other = busy_run(store, None).await;

    let finish = RunFinish {
        completed_at: rows::time(50),
        ..rows::ended(run, RunStatus::Failed)
    };
    store.tell(vec![finish.into()]).await.unwrap();

    assert_eq!(statuses(store, run).await, closed(RunStatus::Failed));
    assert_eq!(
        store.steps(run).await.unwrap()[1].completed_at,
        Some(rows::time(50))
    );
    assert_eq!(
        store.requests(run).await.unwrap()[1].completed_at,
        Some(rows::time(50))
    );
    assert_eq!(statuses(store, other).await, open());
}

pub(crate) async fn the_end_of_a_root_closes_the_runs_below_it(db: Fresh) {
    let store = &*db.store;
    let root = busy_run(store, None).await;
    let child = busy_run(store, Some((root, root))).await;
    let grandchild = busy_run(store, Some((child, root))).await;
    let done = rows::started_sub_run(store, root, root).await;
    store
        .tell(vec![rows::ended(done, RunStatus::Completed).into()])
        .await
        .unwrap();
    let waiting = rows::sub_run(root, root);
    let waiting_id = waiting.id;
    let waiting = flow_engine_db::NewRun {
        status: RunStatus::Waiting,
        ..waiting
    };
    store.tell(vec![waiting.into()]).await.unwrap();

    let finish = RunFinish {
        completed_at: rows::time(50),
        ..rows::ended(root, RunStatus::Completed)
    };
    store.tell(vec![finish.into()]).await.unwrap();

    assert_eq!(statuses(store, root).await, closed(RunStatus::Completed));
    assert_eq!(statuses(store, child).await, closed(RunStatus::Cancelled));
    assert_eq!(
        statuses(store, grandchild).await,
        closed(RunStatus::Cancelled)
    );
    assert_eq!(
        rows::status_of(store, waiting_id).await,
        RunStatus::Cancelled
    );
    assert_eq!(rows::status_of(store, done).await, RunStatus::Completed);
    assert_eq!(
        store.run(child).await.unwrap().unwrap().completed_at,
        Some(rows::time(50))
    );
}

pub(crate) async fn an_interrupted_root_interrupts_the_runs_below_it(db: Fresh) {
    let store = &*db.store;
    let root = busy_run(store, None).await;
    let child = busy_run(store, Some((root, root))).await;

    store
        .tell(vec![rows::ended(root, RunStatus::Interrupted).into()])
        .await
        .unwrap();

    assert_eq!(statuses(store, root).await, closed(RunStatus::Interrupted));
    assert_eq!(statuses(store, child).await, closed(RunStatus::Interrupted));
}

pub(crate) async fn the_end_of_a_sub_run_leaves_the_others_open(db: Fresh) {
    let store = &*db.store;
    let root = busy_run(store, None).await;
    let child = busy_run(store, Some((root, root))).await;
    let sibling = busy_run(store, Some((root, root))).await;

    store
        .tell(vec![rows::ended(child, RunStatus::Completed).into()])
        .await
        .unwrap();

    assert_eq!(statuses(store, child).await, closed(RunStatus::Completed));
    assert_eq!(statuses(store, root).await, open());
    assert_eq!(statuses(store, sibling).await, open());
}

pub(crate) async fn the_end_of_a_sub_run_closes_the_runs_below_it(db: Fresh) {
    let store = &*db.store;
    let root = busy_run(store, None).await;
    let child = busy_run(store, Some((root, root))).await;
    let grandchild = busy_run(store, Some((child, root))).await;
    let below_it = busy_run(store, Some((grandchild, root))).await;
    let sibling = busy_run(store, Some((root, root))).await;
    let below_sibling = busy_run(store, Some((sibling, root))).await;

    let finish = RunFinish {
        completed_at: rows::time(50),
        ..rows::ended(child, RunStatus::Failed)
    };
    store.tell(vec![finish.into()]).await.unwrap();

    assert_eq!(statuses(store, child).await, closed(RunStatus::Failed));
    for run in [grandchild, below_it] {
        assert_eq!(statuses(store, run).await, closed(RunStatus::Cancelled));
        assert_eq!(
            store.run(run).await.unwrap().unwrap().completed_at,
            Some(rows::time(50))
        );
    }
    for run in [root, sibling, below_sibling] {
        assert_eq!(statuses(store, run).await, open());
    }

    store
        .tell(vec![rows::ended(sibling, RunStatus::Interrupted).into()])
        .await
        .unwrap();

    assert_eq!(
        statuses(store, below_sibling).await,
        closed(RunStatus::Interrupted)
    );
}

/// What has ended between an open run and its end stands in nobody's way.
pub(crate) async fn the_end_of_a_run_closes_what_is_open_below_an_ended_sub_run(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let ended = rows::started_sub_run(store, child, root).await;
    store
        .tell(vec![rows::ended(ended, RunStatus::Completed).into()])
        .await
        .unwrap();
    let late = busy_run(store, Some((ended, root))).await;

    store
        .tell(vec![rows::ended(child, RunStatus::Completed).into()])
        .await
        .unwrap();

    assert_eq!(statuses(store, late).await, closed(RunStatus::Cancelled));
    assert_eq!(rows::status_of(store, ended).await, RunStatus::Completed);
    assert_eq!(rows::status_of(store, root).await, RunStatus::Running);
}

/// Nothing forbids such a row, and it must not keep the writer busy for ever.
pub(crate) async fn a_run_that_is_its_own_parent_ends(db: Fresh) {
    let store = &*db.store;
    let id = Uuid::now_v7();
    let run = flow_engine_db::NewRun {
        id,
        ..rows::sub_run(id, id)
    };
    store.tell(vec![run.into()]).await.unwrap();

    store
        .tell(vec![rows::ended(id, RunStatus::Completed).into()])
        .await
        .unwrap();

    assert_eq!(rows::status_of(store, id).await, RunStatus::Completed);
}

pub(crate) async fn a_step_closed_by_the_end_of_its_run_is_not_finished_later(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    store
        .tell(vec![rows::ended(run, RunStatus::Interrupted).into()])
        .await
        .unwrap();

    let late = store
        .tell(vec![rows::completed(step).into()])
        .await
        .unwrap_err();

    assert!(late.is_not_open(), "{late}");
    let read = store.steps(run).await.unwrap().remove(0);
    assert_eq!((read.status, read.outputs), (StepStatus::Cancelled, None));
}

/// All three may land in one transaction: what belongs together there must not jump over the end
/// between them.
/// A step that ends when `ended`, its own run or one above, has just done so.
async fn finishes_right_behind_the_end(store: &dyn Store, run: Uuid, ended: Uuid) {
    let step = rows::step(run, 0);
    let id = step.id;

    let unit: Vec<Write> = vec![step.into(), rows::ended(ended, RunStatus::Failed).into()];
    let (first, late) = (
        store.tell(unit),
        store.tell(vec![rows::completed(id).into()]),
    );

    first.await.unwrap();
    assert!(late.await.unwrap_err().is_not_open());
    assert_eq!(
        store.steps(run).await.unwrap()[0].status,
        StepStatus::Cancelled
    );
}

pub(crate) async fn a_finish_right_behind_the_end_of_the_run_comes_too_late(db: Fresh) {
    let run = rows::started_run(&*db.store).await;
    finishes_right_behind_the_end(&*db.store, run, run).await;
}

pub(crate) async fn a_finish_right_behind_the_end_of_the_root_comes_too_late(db: Fresh) {
    let root = rows::started_run(&*db.store).await;
    let child = rows::started_sub_run(&*db.store, root, root).await;
    finishes_right_behind_the_end(&*db.store, child, root).await;
}

pub(crate) async fn a_finish_right_behind_the_end_of_a_sub_run_above_comes_too_late(db: Fresh) {
    let root = rows::started_run(&*db.store).await;
    let child = rows::started_sub_run(&*db.store, root, root).await;
    let grandchild = rows::started_sub_run(&*db.store, child, root).await;
    finishes_right_behind_the_end(&*db.store, grandchild, child).await;
}

pub(crate) async fn a_run_is_finished_once(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let finish = RunFinish {
        outputs: Some("1".to_owned()),
        ..rows::ended(run, RunStatus::Completed)
    };
    store.tell(vec![finish.clone().into()]).await.unwrap();

    let again = RunFinish {
        outputs: Some("2".to_owned()),
        ..finish
    };
    store
        .tell(vec![again.into()])
        .await
        .expect("the same finish twice is harmless");
    let error = store
        .tell(vec![rows::ended(run, RunStatus::Interrupted).into()])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NotOpen { what: "flow run", id } if id == run));

    let read = store.run(run).await.unwrap().unwrap();
    assert_eq!(
        (read.status, read.outputs),
        (RunStatus::Completed, Some(1.into()))
    );
}

pub(crate) async fn progress_after_the_end_is_refused(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let end = Progress {
        step_progress: 9,
        ..Progress::default()
    };
    store
        .tell(vec![RunFinish::new(run, RunStatus::Completed, end).into()])
        .await
        .unwrap();

    let late = RunProgress {
        id: run,
        progress: Progress::default(),
        last_heartbeat: rows::time(0),
    };
    assert!(
        store
            .tell(vec![late.into()])
            .await
            .unwrap_err()
            .is_not_open()
    );

    let read = store.run(run).await.unwrap().unwrap();
    assert_eq!((read.status, read.step_progress), (RunStatus::Completed, 9));
}
