//! Leases: which of several processes has a run, and what the others can still write.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flow_engine_db::{
    HitNote, Lease, LeaseTerm, NewFork, NewRun, Progress, RequestStatus, RunProgress, RunReopen,
    RunStatus, StepMove, StepRetire, Store, StoreError, Write,
};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

/// Another process than the one whose runs [`rows::run`] makes.
pub(crate) fn other() -> LeaseTerm {
    LeaseTerm {
        owner: Uuid::from_u128(2),
        ..rows::term()
    }
}

/// A term that is over as soon as it begins.
pub(crate) fn over(term: LeaseTerm) -> LeaseTerm {
    LeaseTerm {
        duration: Duration::ZERO,
        ..term
    }
}

pub(crate) async fn start(store: &dyn Store, run: NewRun) -> Uuid {
    let id = run.id;
    store.tell(vec![run.into()]).await.unwrap();
    id
}

/// A run whose process was silent for too long.
async fn abandoned(store: &dyn Store) -> Uuid {
    let run = NewRun {
        lease: Some(over(rows::term())),
        ..rows::run()
    };
    start(store, run).await
}

async fn held(store: &dyn Store, run: Uuid) -> (Option<String>, i64, Option<DateTime<Utc>>) {
    let run = store.run(run).await.unwrap().unwrap();
    (run.lease_owner, run.lease_epoch, run.lease_until)
}

/// Whether a lease that was given just now lasts for the hour of [`rows::term`].
fn lasts_an_hour(until: Option<DateTime<Utc>>) -> bool {
    let left = until.unwrap() - Utc::now();
    (TimeDelta::minutes(59)..TimeDelta::minutes(61)).contains(&left)
}

fn second(run: Uuid) -> Lease {
    Lease {
        root_run_id: run,
        epoch: 2,
    }
}

fn lost(refused: Result<(), StoreError>, run: Uuid) {
    let error = refused.unwrap_err();
    assert!(error.is_lease_lost(), "{error:?}");
    assert!(matches!(error, StoreError::LeaseLost { root_run_id } if root_run_id == run));
}

pub(crate) async fn a_started_run_is_held_and_a_queued_one_is_not(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let (owner, epoch, until) = held(store, run).await;
    assert_eq!((owner, epoch), (Some(rows::term().owner.to_string()), 1));
    assert!(lasts_an_hour(until), "{until:?}");

    let queued = NewRun {
        status: RunStatus::Pending,
        lease: None,
        ..rows::run()
    };
    let queued = start(store, queued).await;
    let child = rows::started_sub_run(store, run, run).await;
    for run in [queued, child] {
        assert_eq!(held(store, run).await, (None, 0, None));
    }
}

pub(crate) async fn the_end_of_a_run_ends_its_lease_and_keeps_its_epoch(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let end = |run, status| vec![rows::ended(run, status).into()];
    store.tell(end(child, RunStatus::Completed)).await.unwrap();
    assert_eq!(held(store, root).await.1, 1);
    assert!(lasts_an_hour(held(store, root).await.2));

    store.tell(end(root, RunStatus::Failed)).await.unwrap();

    assert_eq!(held(store, root).await, (None, 1, None));
    let again = store.tell(end(root, RunStatus::Failed)).await;
    again.expect("the same finish twice is harmless");
    let taken = store.acquire(root, other()).await.unwrap();
    assert_eq!(taken, Some(second(root)));
}

pub(crate) async fn a_lease_that_is_held_is_given_to_nobody_else(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let before = held(store, run).await;
    assert_eq!(store.acquire(run, other()).await.unwrap(), None);
    assert_eq!(held(store, run).await, before);

    let again = store.acquire(run, rows::term()).await.unwrap();

    assert_eq!(again, Some(second(run)), "its holder may take it again");
    lost(store.tell(vec![rows::step(run, 0).into()]).await, run);
}

pub(crate) async fn an_expired_lease_is_given_to_another(db: Fresh) {
    let store = &*db.store;
    let run = abandoned(store).await;

    let taken = store.acquire(run, other()).await.unwrap();

    assert_eq!(taken, Some(second(run)));
    let (owner, epoch, until) = held(store, run).await;
    assert_eq!((owner, epoch), (Some(other().owner.to_string()), 2));
    assert!(lasts_an_hour(until), "{until:?}");
    assert_eq!(rows::status_of(store, run).await, RunStatus::Running);
    let late = store.acquire(run, rows::term()).await.unwrap();
    assert_eq!(late, None, "whoever had it before");
}

pub(crate) async fn a_lease_ends_when_its_time_is_over(db: Fresh) {
    let store = &*db.store;
    let short = LeaseTerm {
        duration: Duration::from_millis(1500),
        ..rows::term()
    };
    let run = NewRun {
        lease: Some(short),
        ..rows::run()
    };
    let run = start(store, run).await;
    assert_eq!(store.acquire(run, other()).await.unwrap(), None);
    let begun = std::time::Instant::now();
    while store.acquire(run, other()).await.unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never ends");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn a_lease_that_is_taken_for_no_time_is_given_back(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    store
        .acquire(run, over(rows::term()))
        .await
        .unwrap()
        .unwrap();
    let taken = store.acquire(run, other()).await.unwrap().unwrap();
    assert_eq!(taken.epoch, 3);
}

pub(crate) async fn only_a_root_run_that_is_there_has_a_lease(db: Fresh) {
    let store = &*db.store;
    let root = abandoned(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    for run in [child, Uuid::now_v7()] {
        assert_eq!(store.acquire(run, other()).await.unwrap(), None);
        let lease = Lease::first(run);
        let unit = vec![rows::step(root, 0).into()];
        lost(store.submit(lease, unit).await, run);
        // The epoch of a sub-run's row is no lease either.
        let unit = vec![rows::step(root, 0).into()];
        lost(store.submit(Lease { epoch: 0, ..lease }, unit).await, run);
    }
    assert_eq!(store.steps(root).await.unwrap(), []);
}

pub(crate) async fn a_lease_takes_its_turn_behind_queued_writes(db: Fresh) {
    let store = &*db.store;
    let run = abandoned(store).await;
    let step = rows::step(run, 0);
    let id = step.id;
    let (before, taken, after) = (
        store.tell(vec![step.into()]),
        store.acquire(run, other()),
        store.tell(vec![rows::completed(id).into()]),
    );
    before.await.unwrap();
    assert_eq!(taken.await.unwrap(), Some(second(run)));
    lost(after.await, run);
}

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

pub(crate) async fn the_leases_that_are_still_held_are_renewed(db: Fresh) {
    let store = &*db.store;
    let short = LeaseTerm {
        duration: Duration::from_secs(1),
        ..rows::term()
    };
    let of = |lease| NewRun {
        lease: Some(lease),
        ..rows::run()
    };
    let running = start(store, of(short)).await;
    let silent = abandoned(store).await;
    let taken = abandoned(store).await;
    store.acquire(taken, other()).await.unwrap().unwrap();
    let again = rows::started_run(store).await;
    let newest = store.acquire(again, rows::term()).await.unwrap().unwrap();
    let ended = rows::started_run(store).await;
    let end = rows::ended(ended, RunStatus::Completed);
    store.tell(vec![end.into()]).await.unwrap();
    let deleted = rows::started_run(store).await;
    store.delete_run(deleted).await.unwrap();
    let foreign = start(store, of(other())).await;
    let child = rows::started_sub_run(store, running, running).await;
    // Its holder has taken it again, and speaks of the older lease.
    let stale = rows::started_run(store).await;
    store.acquire(stale, rows::term()).await.unwrap().unwrap();
    let untouched = [taken, ended, foreign, child, stale];
    let mut before = Vec::new();
    for run in untouched {
        before.push(store.run(run).await.unwrap());
    }

    let first = [
        running, silent, taken, again, ended, deleted, foreign, child, stale,
    ];
    let mut leases: Vec<Lease> = first.map(Lease::first).into();
    leases.push(newest);
    let mut gone = store.renew(leases, rows::term()).await.unwrap();

    let mut expected = [taken, again, ended, deleted, foreign, child, stale].map(Lease::first);
    gone.sort_by_key(|lease| lease.root_run_id);
    expected.sort_by_key(|lease| lease.root_run_id);
    assert_eq!(gone, expected);
    for (run, epoch) in [(running, 1), (silent, 1), (again, 2)] {
        let run = store.run(run).await.unwrap().unwrap();
        assert_eq!(run.lease_epoch, epoch);
        assert!(lasts_an_hour(run.lease_until), "{:?}", run.lease_until);
        let heartbeat = Utc::now() - run.last_heartbeat.unwrap();
        assert!(heartbeat.abs() < TimeDelta::minutes(1), "{heartbeat}");
    }
    let mut after = Vec::new();
    for run in untouched {
        after.push(store.run(run).await.unwrap());
    }
    assert_eq!(after, before);
    assert_eq!(store.renew(Vec::new(), rows::term()).await.unwrap(), []);
}

/// A run that was renewed late is its holder's, as long as nobody has taken it.
pub(crate) async fn a_lease_that_nobody_took_is_written_under_although_it_expired(db: Fresh) {
    let store = &*db.store;
    let run = abandoned(store).await;
    rows::started_step(store, run, 0).await;
    let lost = store
        .renew(vec![Lease::first(run)], rows::term())
        .await
        .unwrap();
    assert_eq!(lost, []);
    assert_eq!(store.acquire(run, other()).await.unwrap(), None);
}

pub(crate) async fn a_deleted_run_has_no_lease(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let child = rows::started_sub_run(store, run, run).await;
    assert!(store.delete_run(child).await.unwrap());
    let of_child = store.tell(vec![rows::step(child, 0).into()]).await;
    assert!(!of_child.unwrap_err().is_lease_lost(), "its root is there");
    assert!(store.delete_run(run).await.unwrap());
    lost(store.tell(vec![rows::step(run, 0).into()]).await, run);
    assert_eq!(store.acquire(run, rows::term()).await.unwrap(), None);
}
