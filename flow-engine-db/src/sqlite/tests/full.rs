//! A disk that is full: no page more than the file has.

use diesel::{RunQueryDsl as _, connection::SimpleConnection as _, sql_query};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    Lease, LeaseTerm, NewRun, NewStep, StoreError,
    plan::Lineage,
    sqlite::{
        Session, Waited, connection, lease, migration,
        sql::{Fault, Gaps, group::commit},
    },
    unit::Unit,
};

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::Text)]
    integrity_check: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    steps: i64,
}

fn open(folder: &TempDir) -> Session {
    let path = folder.path().join("runs.db");
    let mut connection = connection::create(&path).unwrap();
    connection::configure(&mut connection, &path).unwrap();
    migration::run(&mut connection, &path).unwrap();
    Session::new(path, connection)
}

fn execute(session: &mut Session, sql: &str) {
    let run = |connection: &mut diesel::SqliteConnection| connection.batch_execute(sql);
    let done = session.transaction(&mut Waited::default(), |connection| {
        Ok::<_, Fault>(run(connection)?)
    });
    done.unwrap();
}

fn step(lease: Lease, length: usize) -> Unit {
    let step = NewStep {
        inputs: format!("\"{}\"", "x".repeat(length)),
        ..NewStep::new(Uuid::now_v7(), lease.root_run_id, "step", 0)
    };
    Unit {
        lease,
        writes: vec![step.into()],
    }
}

/// What the database says, and why.
fn told(outcome: &Result<(), StoreError>) -> String {
    let error = outcome.as_ref().unwrap_err();
    format!("{error}: {}", std::error::Error::source(error).unwrap())
}

#[test]
fn a_run_is_whole_up_to_the_moment_at_which_the_disk_was_full() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = open(&folder);
    let (mut lineage, mut gaps) = (Lineage::default(), Gaps::default());
    let mut pages = 10_000;
    let mut write = |session: &mut Session, pages: u32, units: &[Unit]| {
        // For each connection: after a full disk there is a new one.
        execute(session, &format!("PRAGMA max_page_count = {pages}"));
        commit(
            session,
            &mut Waited::default(),
            units,
            &mut lineage,
            &mut gaps,
        )
    };
    let [lease, other] = [(); 2].map(|()| Lease::first(Uuid::now_v7()));
    let term = LeaseTerm {
        owner: Uuid::now_v7(),
        duration: std::time::Duration::from_secs(9),
    };
    let start = |lease: Lease| {
        let run = NewRun {
            lease: Some(term),
            ..NewRun::new(lease.root_run_id, "flow", "{}")
        };
        Unit {
            lease,
            writes: vec![run.into()],
        }
    };
    for outcome in write(&mut session, pages, &[start(lease), start(other)]) {
        outcome.unwrap();
    }

    // A few pages are left.
    pages = 60;
    let long = 4096 * 100;
    let full = "the database failed to start a step run: database or disk is full";
    // Where it is one of many, and alone.
    let outcomes = write(
        &mut session,
        pages,
        &[
            step(lease, 1),
            step(lease, long),
            step(lease, 1),
            step(other, 1),
        ],
    );
    outcomes[0].as_ref().unwrap();
    outcomes[3].as_ref().unwrap();
    assert_eq!(told(&outcomes[1]), full);
    assert_eq!(told(&outcomes[2]), full, "it came behind what was lost");
    assert_eq!(
        told(&write(&mut session, pages, &[step(other, long)])[0]),
        full
    );
    assert_eq!(
        told(&write(&mut session, pages, &[step(other, 1)])[0]),
        full
    );

    pages = 10_000;

    assert_eq!(
        told(&write(&mut session, pages, &[step(lease, 1)])[0]),
        full
    );
    let take = |connection: &mut diesel::SqliteConnection| {
        lease::acquire(connection, lease.root_run_id, term)
    };
    let taken = session.transaction(&mut Waited::default(), |connection| {
        Ok::<_, Fault>(take(connection)?)
    });
    write(&mut session, pages, &[step(taken.unwrap().unwrap(), long)])
        .remove(0)
        .unwrap();
    let mut reader = connection::reader(&folder.path().join("runs.db")).unwrap();
    let check = "SELECT integrity_check, (SELECT count(*) FROM flow_step_runs) AS steps FROM pragma_integrity_check";
    let found: Found = sql_query(check).get_result(&mut reader).unwrap();
    assert_eq!((found.integrity_check.as_str(), found.steps), ("ok", 3));
}
