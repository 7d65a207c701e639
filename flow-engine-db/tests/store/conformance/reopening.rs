//! A run that ended, or was left behind, runs again.

use chrono::Utc;
use flow_engine_db::{
    FlowStepRun, Lease, NewStep, Progress, RunFinish, RunProgress, RunReopen, RunStatus,
    StepFinish, StepRetire, StepStatus, Store, StoreError, Takeovers, Write,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Fresh,
    closing::{busy_run, closed, open, statuses},
    rows,
    tell::Tell as _,
};

async fn reopen(store: &dyn Store, run: Uuid) {
    store.tell(vec![RunReopen::new(run).into()]).await.unwrap();
}

fn used() -> Progress {
    Progress {
        current_step: Some("summarize".to_owned()),
        step_progress: 4,
        total_tokens: 70,
        ..Progress::default()
    }
}

fn progress(run: Uuid, steps: i32) -> RunProgress {
    RunProgress {
        id: run,
        progress: Progress {
            step_progress: steps,
            ..Progress::default()
        },
        last_heartbeat: rows::time(0),
    }
}

pub(crate) async fn a_run_that_ended_runs_again_whatever_its_status(db: Fresh) {
    let store = &*db.store;
    for status in [
        RunStatus::Interrupted,
        RunStatus::Failed,
        RunStatus::Completed,
        RunStatus::Cancelled,
    ] {
        let run = busy_run(store, None).await;
        let finish = RunFinish {
            outputs: Some("1".to_owned()),
            error_message: Some("no".to_owned()),
            ..RunFinish::new(run, status, used())
        };
        store.tell(vec![finish.into()]).await.unwrap();
        let steps = store.steps(run).await.unwrap();

        reopen(store, run).await;

        let read = store.run(run).await.unwrap().unwrap();
        assert_eq!(read.status, RunStatus::Running, "after {status}");
        assert_eq!(
            (read.completed_at, read.outputs, read.error_message),
            (None, None, None)
        );
        assert_eq!(read.inputs, json!({"topic": "rust"}));
        assert_eq!((read.step_progress, read.total_tokens), (4, 70));
        assert_eq!(read.current_step, None, "none is executed yet");
        assert_eq!(store.steps(run).await.unwrap(), steps);
        let progress = progress(run, 5);
        store.tell(vec![progress.into()]).await.unwrap();
    }
}

pub(crate) async fn a_run_left_behind_is_closed_below_and_runs_again(db: Fresh) {
    let store = &*db.store;
    let root = busy_run(store, None).await;
    let child = busy_run(store, Some((root, root))).await;
    let grandchild = busy_run(store, Some((child, root))).await;
    let done = rows::started_sub_run(store, root, root).await;
    store
        .tell(vec![rows::ended(done, RunStatus::Completed).into()])
        .await
        .unwrap();
    let other = busy_run(store, None).await;
    let begun = Utc::now() - chrono::TimeDelta::milliseconds(1);

    reopen(store, root).await;

    assert_eq!(statuses(store, root).await, closed(RunStatus::Running));
    assert_eq!(store.run(root).await.unwrap().unwrap().completed_at, None);
    for run in [child, grandchild] {
        assert_eq!(statuses(store, run).await, closed(RunStatus::Interrupted));
        let ended = [
            store.run(run).await.unwrap().unwrap().completed_at,
            store.steps(run).await.unwrap()[1].completed_at,
            store.requests(run).await.unwrap()[1].completed_at,
        ];
        for time in ended {
            assert!((begun..=Utc::now()).contains(&time.unwrap()), "{time:?}");
        }
    }
    assert_eq!(rows::status_of(store, done).await, RunStatus::Completed);
    assert_eq!(statuses(store, other).await, open());
}

pub(crate) async fn a_reopened_sub_run_leaves_the_others_open(db: Fresh) {
    let store = &*db.store;
    let root = busy_run(store, None).await;
    let child = busy_run(store, Some((root, root))).await;
    let grandchild = busy_run(store, Some((child, root))).await;
    let sibling = busy_run(store, Some((root, root))).await;

    reopen(store, child).await;

    assert_eq!(statuses(store, child).await, closed(RunStatus::Running));
    assert_eq!(
        statuses(store, grandchild).await,
        closed(RunStatus::Interrupted)
    );
    for run in [root, sibling] {
        assert_eq!(statuses(store, run).await, open());
    }
}

pub(crate) async fn a_run_is_reopened_with_other_inputs(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let reopen = RunReopen {
        inputs: Some(r#"{"topic":"diesel"}"#.to_owned()),
        ..RunReopen::new(run)
    };
    store.tell(vec![reopen.into()]).await.unwrap();
    let read = store.run(run).await.unwrap().unwrap();
    assert_eq!(read.inputs, json!({"topic": "diesel"}));
}

pub(crate) async fn how_often_a_run_was_taken_over_stays_until_it_is_said_again(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let other = rows::started_run(store).await;
    for (said, expected) in [
        (None, (0, 0)),
        (Some((2, 7)), (2, 7)),
        (None, (2, 7)),
        (Some((0, 9)), (0, 9)),
    ] {
        let reopen = RunReopen {
            takeovers: said.map(|(count, steps)| Takeovers { count, steps }),
            ..RunReopen::new(run)
        };
        store.tell(vec![reopen.into()]).await.unwrap();
        let read = store.run(run).await.unwrap().unwrap();
        assert_eq!((read.takeovers, read.takeover_steps), expected);
    }
    let read = store.run(other).await.unwrap().unwrap();
    assert_eq!((read.takeovers, read.takeover_steps), (0, 0));
}

pub(crate) async fn a_run_that_is_no_more_as_it_was_read_is_not_reopened(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let expecting = |expected| {
        let reopen = RunReopen {
            expected: Some(expected),
            ..RunReopen::new(run)
        };
        store.tell(vec![reopen.into()])
    };
    let refused = expecting(RunStatus::Interrupted).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotOpen { .. }), "{refused:?}");
    expecting(RunStatus::Running).await.unwrap();
}

pub(crate) async fn a_retired_step_is_in_no_journal(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    keyed(store, run, 1, StepStatus::Completed).await;
    let id = store.steps(run).await.unwrap()[0].id;
    let retire = || store.tell(vec![StepRetire { id }.into()]);
    retire().await.unwrap();
    retire().await.unwrap();
    let step = store.steps(run).await.unwrap().remove(0);
    assert_eq!((step.call_key, step.status), (None, StepStatus::Completed));
    let gone = StepRetire { id: Uuid::now_v7() };
    let unit = vec![gone.into()];
    let refused = store.submit(Lease::first(run), unit).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotOpen { .. }), "{refused:?}");
}

/// A step with a call key that ended with this status.
async fn keyed(store: &dyn Store, run: Uuid, order: i32, status: StepStatus) {
    let step = NewStep {
        call_key: Some("aa".to_owned()),
        ..rows::step(run, order)
    };
    let finish = StepFinish::new(step.id, status);
    store.tell(vec![step.into(), finish.into()]).await.unwrap();
}

/// A run below `parent` with a failed step, a completed one and a cancelled one.
async fn partly_failed(store: &dyn Store, tree: Option<(Uuid, Uuid)>) -> Uuid {
    let run = match tree {
        Some((parent, root)) => rows::started_sub_run(store, parent, root).await,
        None => rows::started_run(store).await,
    };
    keyed(store, run, 0, StepStatus::Failed).await;
    keyed(store, run, 1, StepStatus::Completed).await;
    keyed(store, run, 2, StepStatus::Cancelled).await;
    run
}

/// Which of the steps are in the journal.
async fn in_journal(store: &dyn Store, run: Uuid) -> Vec<bool> {
    let has_key = |step: &FlowStepRun| step.call_key.is_some();
    store
        .steps(run)
        .await
        .unwrap()
        .iter()
        .map(has_key)
        .collect()
}

pub(crate) async fn failed_steps_leave_the_journal_if_they_are_retired(db: Fresh) {
    let store = &*db.store;
    let root = partly_failed(store, None).await;
    let child = partly_failed(store, Some((root, root))).await;
    let grandchild = partly_failed(store, Some((child, root))).await;
    let sibling = partly_failed(store, Some((root, root))).await;
    let other = partly_failed(store, None).await;
    let retire = |run| RunReopen {
        retire_failed: true,
        ..RunReopen::new(run)
    };

    store.tell(vec![retire(child).into()]).await.unwrap();

    for run in [child, grandchild] {
        assert_eq!(in_journal(store, run).await, [false, true, true]);
        let failed = store.steps(run).await.unwrap().remove(0);
        assert_eq!(failed.status, StepStatus::Failed);
    }
    for run in [root, sibling, other] {
        assert_eq!(in_journal(store, run).await, [true, true, true]);
    }

    store.tell(vec![retire(root).into()]).await.unwrap();

    for run in [root, sibling] {
        assert_eq!(in_journal(store, run).await, [false, true, true]);
    }
    assert_eq!(in_journal(store, other).await, [true, true, true]);
}

pub(crate) async fn failed_steps_stay_in_the_journal_if_they_are_not_retired(db: Fresh) {
    let store = &*db.store;
    let run = partly_failed(store, None).await;
    reopen(store, run).await;
    assert_eq!(in_journal(store, run).await, [true, true, true]);
}

pub(crate) async fn a_run_that_is_gone_is_not_reopened(db: Fresh) {
    let store = &*db.store;
    let kept = rows::started_run(store).await;
    let gone = rows::started_run(store).await;
    store.delete_run(gone).await.unwrap();
    let step = rows::step(kept, 0);

    let unit: Vec<Write> = vec![step.into(), RunReopen::new(gone).into()];
    let error = store.tell(unit).await.unwrap_err();

    assert!(matches!(error, StoreError::NotOpen { what: "flow run", id } if id == gone));
    assert_eq!(store.steps(kept).await.unwrap(), []);
}

pub(crate) async fn reopening_a_run_twice_is_harmless(db: Fresh) {
    let store = &*db.store;
    let run = busy_run(store, None).await;
    let again = RunReopen {
        inputs: Some("1".to_owned()),
        retire_failed: true,
        ..RunReopen::new(run)
    };
    store.tell(vec![again.clone().into()]).await.unwrap();
    let once = (
        store.run(run).await.unwrap(),
        store.steps(run).await.unwrap(),
    );

    store.tell(vec![again.into()]).await.unwrap();

    let twice = (
        store.run(run).await.unwrap(),
        store.steps(run).await.unwrap(),
    );
    assert_eq!(twice, once);
}

pub(crate) async fn a_run_is_reopened_and_goes_on_in_one_unit(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::step(run, 0);
    let id = step.id;
    let unit: Vec<Write> = vec![
        progress(run, 1).into(),
        rows::ended(run, RunStatus::Failed).into(),
        RunReopen::new(run).into(),
        progress(run, 2).into(),
        step.into(),
        rows::completed(id).into(),
        progress(run, 3).into(),
    ];

    store.tell(unit).await.unwrap();

    let read = store.run(run).await.unwrap().unwrap();
    assert_eq!((read.status, read.step_progress), (RunStatus::Running, 3));
    let step = store.steps(run).await.unwrap().remove(0);
    assert_eq!(step.status, StepStatus::Completed);
}

/// It is for the run as it was: nothing that comes later makes it valid.
pub(crate) async fn progress_before_a_reopening_is_refused(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    store
        .tell(vec![rows::ended(run, RunStatus::Interrupted).into()])
        .await
        .unwrap();
    let unit: Vec<Write> = vec![
        progress(run, 1).into(),
        RunReopen::new(run).into(),
        progress(run, 2).into(),
    ];

    assert!(store.tell(unit).await.unwrap_err().is_not_open());

    assert_eq!(rows::status_of(store, run).await, RunStatus::Interrupted);
}

pub(crate) async fn a_finish_right_behind_a_reopening_comes_too_late(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    for run in [root, child] {
        let step = rows::step(run, 0);
        let id = step.id;
        let unit: Vec<Write> = vec![step.into(), RunReopen::new(root).into()];
        let (first, late) = (
            store.tell(unit),
            store.tell(vec![rows::completed(id).into()]),
        );

        first.await.unwrap();
        assert!(late.await.unwrap_err().is_not_open());
        let steps = store.steps(run).await.unwrap();
        assert_eq!(steps[0].status, StepStatus::Cancelled);
    }
}
