//! What is written of a run that another process has taken.

use flow_engine_db::{
    HitNote, Lease, NewFork, NewRun, Progress, RequestStatus, RunProgress, RunReopen, RunStatus,
    StepMove, StepRetire, Write,
};
use uuid::Uuid;

use super::{
    Fresh,
    leases::{abandoned, held, lost, other, over, start},
    rows,
    tell::Tell as _,
};

/// Many units at once, so that they share a transaction.
pub(crate) async fn units_under_a_lost_lease_are_refused_and_their_neighbours_written(db: Fresh) {
    let store = &*db.store;
    let (kept, taken) = (rows::started_run(store).await, abandoned(store).await);
    let child = rows::started_sub_run(store, taken, taken).await;
    let lease = store.acquire(taken, other()).await.unwrap().unwrap();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let (mut of_kept, mut of_taken) = (Vec::new(), Vec::new());
    for order in 0..60 {
        let unit = |run| {
            let step = rows::step(run, order);
            let id = step.id;
            (id, vec![step.into(), rows::completed(id).into()])
        };
        let (id, writes) = unit(kept);
        good.push(store.submit(Lease::first(kept), writes));
        of_kept.push(id);
        let (_, writes) = unit(if order % 2 == 0 { taken } else { child });
        bad.push(store.submit(Lease::first(taken), writes));
        let (id, writes) = unit(taken);
        good.push(store.submit(lease, writes));
        of_taken.push(id);
    }

    for commit in bad {
        lost(commit.await, taken);
    }
    for commit in good {
        commit.await.unwrap();
    }
    for (run, expected) in [(kept, of_kept), (taken, of_taken), (child, Vec::new())] {
        let steps = store.steps(run).await.unwrap();
        let there: Vec<Uuid> = steps.iter().map(|step| step.id).collect();
        assert_eq!(there, expected);
    }
}

/// One at a time: what a unit alone in its transaction is told, and whatever it holds.
pub(crate) async fn nothing_of_a_run_is_written_under_a_lost_lease(db: Fresh) {
    let store = &*db.store;
    let root = abandoned(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let (open, done) = (
        rows::started_step(store, root, 0).await,
        rows::started_step(store, child, 0).await,
    );
    store
        .tell(vec![rows::completed(done).into()])
        .await
        .unwrap();
    store.acquire(root, other()).await.unwrap().unwrap();
    let before = store.journal(root).await.unwrap();

    let progress = RunProgress {
        id: root,
        progress: Progress::default(),
        last_heartbeat: rows::time(0),
    };
    let fork = NewFork {
        run_id: root,
        forked_from: root,
        from_step: None,
        model: None,
        inherited_model: None,
    };
    let note = HitNote {
        id: done,
        note: "code changed".to_owned(),
    };
    let to = StepMove {
        id: done,
        scope: Some("map".to_owned()),
        previous_key: None,
    };
    let mut units: Vec<Vec<Write>> = [
        rows::sub_run(root, root).into(),
        progress.into(),
        rows::ended(child, RunStatus::Completed).into(),
        rows::ended(root, RunStatus::Completed).into(),
        RunReopen::new(root).into(),
        fork.into(),
        rows::step(root, 1).into(),
        rows::completed(open).into(),
        note.into(),
        to.into(),
        StepRetire { id: done }.into(),
        // Of another run by now, so it would be refused for itself, too.
        rows::completed(Uuid::now_v7()).into(),
    ]
    .map(|write| vec![write])
    .into();
    // A request does not bring along what is refused.
    units.push(vec![
        rows::request(root, open).into(),
        rows::completed(open).into(),
    ]);
    for unit in units {
        lost(store.submit(Lease::first(root), unit).await, root);
    }

    assert_eq!(store.journal(root).await.unwrap(), before);
    assert_eq!(store.fork(root).await.unwrap(), None);
    assert_eq!(store.requests(root).await.unwrap(), []);
}

pub(crate) async fn what_was_sent_and_answered_is_recorded_whoever_has_the_run(db: Fresh) {
    let store = &*db.store;
    let run = abandoned(store).await;
    let step = rows::started_step(store, run, 0).await;
    let asked = rows::sent_request(store, run, step).await;
    store.acquire(run, other()).await.unwrap().unwrap();

    // All of this is queued together: a step that is refused, and what it asks all the same.
    let refused = rows::step(run, 1);
    let refused_id = refused.id;
    let (late, at_once) = (rows::request(run, step), rows::request(run, refused.id));
    let paid = |request| flow_engine_db::RequestFinish {
        cost_nano_usd: Some(7),
        ..rows::succeeded(request)
    };
    let lease = Lease::first(run);
    let (late_id, at_once_id) = (late.id, at_once.id);
    let start = store.submit(lease, vec![refused.into()]);
    let of_requests = [
        store.submit(lease, vec![at_once.into()]),
        store.submit(lease, vec![late.into(), paid(late_id).into()]),
        store.submit(lease, vec![paid(asked).into()]),
        store.submit(lease, vec![paid(at_once_id).into()]),
    ];

    lost(start.await, run);
    for commit in of_requests {
        commit.await.unwrap();
    }
    let read = |id| async move { store.request(id).await.unwrap().unwrap() };
    for (id, of_step) in [
        (asked, Some(step)),
        (late_id, Some(step)),
        (at_once_id, None),
    ] {
        let request = read(id).await;
        assert_eq!((request.flow_run_id, request.step_run_id), (run, of_step));
        assert_eq!(
            (request.status, request.cost_nano_usd),
            (RequestStatus::Succeeded, Some(7))
        );
    }
    assert_eq!(store.requests(run).await.unwrap().len(), 3);

    // And where the sub-run of it was refused, one alone and two at once.
    let child = rows::sub_run(run, run);
    let below = |attempt| flow_engine_db::NewRequest {
        root_run_id: run,
        attempt,
        ..rows::request(child.id, refused_id)
    };
    let (alone, two) = (below(1), [below(2), below(3)]);
    let ids = [alone.id, two[0].id, two[1].id];
    let started = store.submit(lease, vec![child.clone().into()]);
    store.submit(lease, vec![alone.into()]).await.unwrap();
    lost(started.await, run);
    let two = store.submit(lease, two.map(Into::into).to_vec());
    two.await.unwrap();
    let ends = ids.map(|id| paid(id).into()).to_vec();
    store.submit(lease, ends).await.unwrap();
    for id in ids {
        let request = read(id).await;
        assert_eq!((request.flow_run_id, request.step_run_id), (run, None));
        assert_eq!(request.cost_nano_usd, Some(7));
    }
    assert_eq!(store.requests(run).await.unwrap().len(), 6);

    // Of a run that is gone nothing is left that could have it.
    store.delete_run(run).await.unwrap();
    let nowhere = vec![rows::request(run, step).into()];
    let error = store.submit(lease, nowhere).await.unwrap_err();
    assert!(!error.is_lease_lost(), "{error:?}");
}

pub(crate) async fn a_run_that_is_started_again_stays_with_its_holder(db: Fresh) {
    let store = &*db.store;
    let run = NewRun {
        lease: Some(over(rows::term())),
        ..rows::run()
    };
    let id = start(store, run.clone()).await;
    store.acquire(id, other()).await.unwrap().unwrap();
    let before = held(store, id).await;

    store.tell(vec![run.into()]).await.unwrap();

    assert_eq!(held(store, id).await, before);
    lost(store.tell(vec![rows::step(id, 0).into()]).await, id);
}

/// All in one batch: the lease comes with the run.
pub(crate) async fn a_run_is_written_right_behind_its_start(db: Fresh) {
    let store = &*db.store;
    let (mut commits, mut runs) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let run = rows::run();
        let (id, step) = (run.id, rows::step(run.id, 0));
        let step_id = step.id;
        commits.push(store.tell(vec![run.into()]));
        commits.push(store.tell(vec![step.into()]));
        commits.push(store.tell(vec![rows::completed(step_id).into()]));
        commits.push(store.tell(vec![rows::ended(id, RunStatus::Completed).into()]));
        runs.push(id);
    }
    for commit in commits {
        commit.await.unwrap();
    }
    for run in runs {
        assert_eq!(rows::status_of(store, run).await, RunStatus::Completed);
    }
}
