//! A disk that is full: what is long finds no room.

use flow_engine_db::{Commit, Lease, NewStep, Store, StoreError, connect};

use super::Database;
use crate::conformance::rows;

/// What the server says then, by its message and SQLSTATE.
const FULL: &str = "
    SET search_path TO flow_engine;
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE 'could not extend file \"base/16384/16403\": No space left on device'
            USING ERRCODE = 'disk_full', HINT = 'Check free disk space.';
    END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON flow_step_runs
        FOR EACH ROW WHEN (length(NEW.inputs::text) > 1000) EXECUTE FUNCTION full_disk();";

fn write(store: &dyn Store, lease: Lease, length: usize) -> Commit {
    let step = NewStep {
        inputs: format!("\"{}\"", "x".repeat(length)),
        ..rows::step(lease.root_run_id, 0)
    };
    store.submit(lease, vec![step.into()])
}

/// What the database says, and why.
fn told(outcome: Result<(), StoreError>) -> String {
    let error = outcome.unwrap_err();
    format!("{error}: {}", std::error::Error::source(&error).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_whole_up_to_the_moment_at_which_the_disk_was_full() {
    let database = Database::new();
    let store = connect(&database.url()).await.unwrap();
    let store = &*store;
    let lease = Lease::first(rows::started_run(store).await);
    let other = Lease::first(rows::started_run(store).await);
    database.run(FULL);

    // Queued before any is waited for, so that they may share a batch.
    let units = [
        write(store, lease, 1),
        write(store, lease, 9999),
        write(store, lease, 1),
        write(store, other, 1),
    ];
    let [first, long, behind, neighbour] = units;
    first.await.unwrap();
    neighbour.await.unwrap();
    let full = "the database failed to start a step run: \
        could not extend file \"base/16384/16403\": No space left on device";
    assert_eq!(told(long.await), full);
    assert_eq!(told(behind.await), full, "it came behind what was lost");

    // There is room again, but not behind the gap.
    database.run("DROP TRIGGER full_disk ON flow_engine.flow_step_runs");
    assert_eq!(told(write(store, lease, 1).await), full);
    // Its own process takes it again.
    let taken = store
        .acquire(lease.root_run_id, rows::term())
        .await
        .unwrap();
    write(store, taken.unwrap(), 9999).await.unwrap();
    assert_eq!(store.steps(lease.root_run_id).await.unwrap().len(), 2);
    assert_eq!(store.steps(other.root_run_id).await.unwrap().len(), 1);
}
