//! The queue, while another connection keeps the file locked, and after a bug.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    Commit, Lease, NewRun, StoreError,
    plan::Lineage,
    sqlite::{
        Session, Waited, connection, migration,
        sql::{
            Fault, Gaps,
            group::{commit, each_alone},
            writer::{Alone, Job, Writer, process},
        },
    },
    unit::Unit,
};

fn new_run() -> Unit {
    let id = Uuid::now_v7();
    Unit {
        lease: Lease::first(id),
        writes: vec![NewRun::new(id, "flow", "{}").into()],
    }
}

#[tokio::test]
async fn a_panic_costs_its_batch_and_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let mut connection = connection::create(&path).unwrap();
    connection::configure(&mut connection, &path).unwrap();
    migration::run(&mut connection, &path).unwrap();
    let writer = Writer::spawn(Session::new(path, connection)).unwrap();

    let panic: Alone = Box::new(|_, _| panic!("a bug in the writer"));
    assert!(writer.send(Job::Alone(panic)).is_ok());
    let last = loop {
        let (acknowledge, commit) = Commit::pending();
        let unit = new_run();
        assert!(writer.send(Job::Unit { unit, acknowledge }).is_ok());
        match commit.await {
            // It was in the batch of the panic.
            Err(StoreError::WriterFailed) => {}
            outcome => break outcome,
        }
    };
    last.unwrap();
    writer.stop();
    writer.join();
}

#[tokio::test]
async fn a_locked_database_is_waited_for_once_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, mut other) = Session::contended(&folder);
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let (mut jobs, mut commits, mut others) = (Vec::new(), Vec::new(), Vec::new());
    // Something else stands between the units: each is a transaction of its own.
    for _ in 0..10 {
        let unit = new_run();
        let (acknowledge, commit) = Commit::pending();
        jobs.push(Job::Unit { unit, acknowledge });
        commits.push(commit);
        let (answer, answered) = oneshot::channel();
        jobs.push(Job::Alone(Box::new(move |session, waited| {
            let outcome = session.transaction(waited, |_| Ok::<_, Fault>(()));
            answer.send(outcome.map_err(StoreError::from)).unwrap();
        })));
        others.push(answered);
    }

    let begun = Instant::now();
    process(
        &mut session,
        jobs,
        &mut Lineage::default(),
        &mut Gaps::default(),
    );

    assert!(begun.elapsed() < Duration::from_secs(5));
    for commit in commits {
        assert!(matches!(commit.await, Err(StoreError::Busy { .. })));
    }
    for answered in others {
        assert!(matches!(answered.await, Ok(Err(StoreError::Busy { .. }))));
    }
}

/// Whichever pass finds the database locked.
#[test]
fn a_locked_database_is_waited_for_once_and_not_once_a_unit() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, mut other) = Session::contended(&folder);
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let run = Uuid::now_v7();
    let unit = Unit {
        lease: Lease::first(run),
        writes: vec![NewRun::new(run, "flow", "{}").into()],
    };
    let units = vec![unit; 50];

    for pass in [
        |session: &mut Session, units: &[Unit]| {
            commit(
                session,
                &mut Waited::default(),
                units,
                &mut Lineage::default(),
                &mut Gaps::default(),
            )
        },
        |session: &mut Session, units: &[Unit]| {
            each_alone(session, &mut Waited::default(), units, &mut Gaps::default())
        },
    ] {
        let begun = Instant::now();
        let outcomes = pass(&mut session, &units);

        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(outcomes.len(), 50);
        for outcome in outcomes {
            assert!(
                matches!(outcome, Err(StoreError::Busy { .. })),
                "{outcome:?}"
            );
        }
    }
}
