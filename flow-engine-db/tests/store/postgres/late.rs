//! A write that was allowed when it began, and is committed when another process already wants the run.

use std::time::Duration;

use flow_engine_db::{
    BackgroundFilter, ExecutionMode, Lease, LeaseTerm, NewRun, StepStatus, connect,
};
use uuid::Uuid;

use super::{Database, administer};
use crate::conformance::{
    leases::{other, over, start},
    rows,
    tell::Tell as _,
};

/// Waits until so many sessions wait for locks of others.
const WAITING: &str = "DO $$ BEGIN
    FOR attempt IN 1..400 LOOP
        PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
        IF (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock') >= $n THEN
            RETURN;
        END IF;
    END LOOP;
    RAISE 'nobody waits'; END $$";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_a_run_waits_for_a_write_that_began_before_and_finds_it() {
    let database = Database::new();
    let url = database.url();
    let [late, taking, asking] = [
        connect(&url).await,
        connect(&url).await,
        connect(&url).await,
    ]
    .map(Result::unwrap);
    let run = NewRun {
        execution_mode: ExecutionMode::Background,
        lease: Some(over(rows::term())),
        ..rows::run()
    };
    let run = start(&*late, run).await;
    let step = rows::step(run, 0);
    let ended = step.id;
    late.tell(vec![step.into()]).await.unwrap();
    // Between the check of the lease and the commit: a row that is to be written is locked.
    let held = std::thread::spawn({
        let url = url.clone();
        let hold = format!(
            "BEGIN; SELECT FROM flow_engine.flow_step_runs WHERE id = '{ended}' FOR UPDATE; SELECT pg_sleep(3); COMMIT;"
        );
        move || administer(&url, &hold)
    });
    tokio::time::sleep(Duration::from_millis(300)).await;

    let writing = tokio::spawn(late.tell(vec![rows::completed(ended).into()]));
    database.run(&WAITING.replace("$n", "1"));
    let acquiring = tokio::spawn(async move {
        let lease = taking.acquire(run, other()).await;
        (lease, taking.journal(run).await)
    });
    database.run(&WAITING.replace("$n", "2"));
    let wanted = || BackgroundFilter {
        flow_names: vec!["article".to_owned()],
        concurrency: std::collections::BTreeMap::new(),
        except: Vec::new(),
        limit: 9,
    };
    let third = LeaseTerm {
        owner: Uuid::from_u128(3),
        ..rows::term()
    };
    // It does not wait: there may be other runs.
    assert_eq!(
        asking.acquire_background(wanted(), third).await.unwrap(),
        []
    );
    assert!(!held.is_finished() && !writing.is_finished() && !acquiring.is_finished());

    held.join().unwrap();
    writing.await.unwrap().unwrap();
    let (lease, journal) = acquiring.await.unwrap();
    let lease = lease.unwrap().expect("its lease is over");
    assert_eq!(
        lease,
        Lease {
            root_run_id: run,
            epoch: 2
        }
    );
    let journal = journal.unwrap();
    let steps: Vec<_> = journal
        .steps
        .iter()
        .map(|row| (row.id, row.status))
        .collect();
    assert_eq!(steps, [(ended, StepStatus::Completed)]);
    // And what comes later is refused.
    let error = late
        .tell(vec![rows::step(run, 1).into()])
        .await
        .unwrap_err();
    assert!(error.is_lease_lost(), "{error:?}");
    assert_eq!(late.journal(run).await.unwrap().steps.len(), 1);
}
