//! Leases: which of several processes has a run.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flow_engine_db::{Lease, LeaseTerm, NewRun, RunStatus, Store, StoreError};
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
pub(super) async fn abandoned(store: &dyn Store) -> Uuid {
    let run = NewRun {
        lease: Some(over(rows::term())),
        ..rows::run()
    };
    start(store, run).await
}

pub(super) async fn held(
    store: &dyn Store,
    run: Uuid,
) -> (Option<String>, i64, Option<DateTime<Utc>>) {
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

pub(super) fn lost(refused: Result<(), StoreError>, run: Uuid) {
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

/// Who waited for its lease is too late.
pub(crate) async fn a_run_that_has_ended_for_good_is_given_to_nobody(db: Fresh) {
    let store = &*db.store;
    for (status, is_over) in [
        (RunStatus::Completed, true),
        (RunStatus::Cancelled, true),
        (RunStatus::Failed, false),
        (RunStatus::Interrupted, false),
    ] {
        let run = rows::started_run(store).await;
        let end = rows::ended(run, status);
        store.tell(vec![end.into()]).await.unwrap();
        let before = store.run(run).await.unwrap();

        let taken = store.acquire(run, other()).await.unwrap();

        if is_over {
            assert_eq!(taken, None, "{status}");
            assert_eq!(store.run(run).await.unwrap(), before);
        } else {
            assert_eq!(taken, Some(second(run)), "{status}");
        }
    }
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
