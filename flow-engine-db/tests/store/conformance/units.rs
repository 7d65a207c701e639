//! A unit is written as one, in its turn, whatever becomes of its neighbours.

use flow_engine_db::{
    Lease, NewRun, Progress, RunProgress, RunStatus, StepFinish, StepStatus, StoreError, Write,
};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

/// Many units at once, so that they share a transaction; one in three fails.
async fn with_failing_neighbours(db: &Fresh, fail: impl Fn(Uuid) -> Vec<Write>) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for order in 0..60 {
        let step = rows::step(run, order);
        let id = step.id;
        if order % 3 == 1 {
            let mut unit = vec![step.into()];
            unit.extend(fail(id));
            bad.push((id, store.tell(unit)));
        } else {
            good.push((
                id,
                store.tell(vec![step.into(), rows::completed(id).into()]),
            ));
        }
    }
    let mut expected = Vec::new();
    for (id, commit) in good {
        commit.await.unwrap();
        expected.push(id);
    }
    for (_, commit) in bad {
        commit.await.unwrap_err();
    }
    let there: Vec<Uuid> = store
        .steps(run)
        .await
        .unwrap()
        .iter()
        .map(|step| step.id)
        .collect();
    assert_eq!(there, expected);
}

pub(crate) async fn a_failing_unit_leaves_no_trace_and_its_neighbours_are_committed(db: Fresh) {
    with_failing_neighbours(&db, |_| vec![rows::completed(Uuid::now_v7()).into()]).await;
    // A run that is not there, as a statement refuses it.
    with_failing_neighbours(&db, |_| vec![rows::step(Uuid::now_v7(), 0).into()]).await;
}

pub(crate) async fn a_unit_that_fails_at_the_commit_leaves_its_neighbours_committed(db: Fresh) {
    let nowhere = |step| StepFinish {
        llm_request_id: Some(Uuid::now_v7()),
        ..rows::completed(step)
    };
    with_failing_neighbours(&db, |step| vec![nowhere(step).into()]).await;
}

pub(crate) async fn units_are_written_in_the_order_of_submission(db: Fresh) {
    let store = &*db.store;
    let run = rows::run();
    let id = run.id;
    let mut commits = vec![store.tell(vec![run.into()])];
    for steps in 1..=500 {
        let progress = Progress {
            step_progress: steps,
            ..Progress::default()
        };
        let update = RunProgress {
            id,
            progress,
            last_heartbeat: rows::time(i64::from(steps)),
        };
        commits.push(store.tell(vec![update.into()]));
    }
    let end = Progress {
        step_progress: 1000,
        ..Progress::default()
    };
    let finish = flow_engine_db::RunFinish::new(id, RunStatus::Completed, end);
    commits.push(store.tell(vec![finish.into()]));
    for commit in commits {
        commit.await.unwrap();
    }
    let run = store.run(id).await.unwrap().unwrap();
    assert_eq!(
        (run.status, run.step_progress, run.last_heartbeat),
        (RunStatus::Completed, 1000, Some(rows::time(500)))
    );
}

/// Also where a database writes rows of one kind together.
pub(crate) async fn writes_of_one_row_keep_their_order(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let lease = Lease::first(run);
    let failed = |step| StepFinish {
        status: StepStatus::Failed,
        ..rows::completed(step)
    };
    let (early, twice, other) = (rows::step(run, 0), rows::step(run, 1), rows::step(run, 2));
    let (early_id, twice_id) = (early.id, twice.id);
    // Its end stands before its start.
    let unit = vec![
        rows::completed(early_id).into(),
        early.into(),
        other.clone().into(),
    ];
    let refused = store.submit(lease, unit).await.unwrap_err();
    assert!(refused.is_not_open(), "{refused}");
    // It ends twice, differently.
    store.tell(vec![twice.into()]).await.unwrap();
    let unit = vec![
        rows::completed(twice_id).into(),
        other.into(),
        failed(twice_id).into(),
    ];
    let refused = store.submit(lease, unit).await.unwrap_err();
    assert!(refused.is_not_open(), "{refused}");

    let steps = store.steps(run).await.unwrap();
    assert_eq!(steps.len(), 1);
    assert_eq!(
        (steps[0].id, steps[0].status),
        (twice_id, StepStatus::Running)
    );
}

pub(crate) async fn a_unit_nobody_waits_for_is_written(db: Fresh) {
    let run = rows::run();
    let id = run.id;
    drop(db.store.tell(vec![run.into()]));

    db.store.barrier().await.unwrap();

    assert_eq!(rows::status_of(&*db.store, id).await, RunStatus::Running);
}

pub(crate) async fn a_unit_is_submitted_from_outside_a_runtime(db: Fresh) {
    let NewRun { id, .. } = rows::run();
    let store = db.store.clone();
    let submit = move || {
        store.tell(vec![
            NewRun {
                id,
                root_run_id: id,
                ..rows::run()
            }
            .into(),
        ])
    };
    let commit = std::thread::spawn(submit).join().unwrap();

    commit.await.unwrap();

    assert_eq!(rows::status_of(&*db.store, id).await, RunStatus::Running);
}

pub(crate) async fn a_barrier_resolves_when_everything_before_it_is_on_disk(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    // More than one transaction holds.
    for order in 0..3000 {
        drop(store.tell(vec![rows::step(run, order).into()]));
    }

    store.barrier().await.unwrap();

    assert_eq!(store.steps(run).await.unwrap().len(), 3000);
}

pub(crate) async fn a_barrier_does_not_fail_with_its_neighbours(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let mut barriers = Vec::new();
    let mut refused = Vec::new();
    for order in 0..20 {
        let step = rows::step(run, order);
        // It fails at once in the one half, and only at the commit in the other.
        let nowhere = StepFinish {
            llm_request_id: Some(Uuid::now_v7()),
            ..rows::completed(step.id)
        };
        let finish = if order % 2 == 0 {
            rows::completed(Uuid::now_v7())
        } else {
            nowhere
        };
        refused.push(store.tell(vec![step.into(), finish.into()]));
        barriers.push(store.barrier());
    }

    for barrier in barriers {
        barrier.await.unwrap();
    }
    for commit in refused {
        commit.await.unwrap_err();
    }
    assert_eq!(store.steps(run).await.unwrap(), []);
}

pub(crate) async fn a_barrier_is_refused_once_the_store_is_closed(db: Fresh) {
    db.store.close().await;
    let refused: Result<(), StoreError> = db.store.barrier().await;
    assert!(refused.unwrap_err().is_closed());
}
