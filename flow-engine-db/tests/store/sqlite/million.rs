//! How long lists and leases take in a file of a million runs. It shows numbers and asserts none:
//!
//! ```sh
//! cargo test --release -p flow-engine-db --test store million -- --ignored --nocapture
//! ```

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};
use flow_engine_db::{BackgroundFilter, LeaseTerm, NewRun, RunFilter, RunStatus, Store};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::fresh;
use crate::conformance::{rows, tell::Tell as _};

/// 900 000 runs: 180 000 roots, each with four sub-runs, of a thousand users and twenty flows; one user has every second
/// root. 6 % have failed, and each flow name below 5 is only that of roots. Behind them, the newest of all, one root with
/// 100 000 sub-runs, and 2000 runs that are queued, half of them for another day.
const RUNS: &str = "
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -500000;
    BEGIN;
    WITH RECURSIVE n (i) AS (SELECT 5 UNION ALL SELECT i + 1 FROM n WHERE i < 900004)
    INSERT INTO flow_runs (id, root_run_id, parent_run_id, user_id, flow_name, status, inputs, outputs,
        created_at, completed_at)
    SELECT unhex(printf('%032x', i)), unhex(printf('%032x', i - i % 5)),
        CASE WHEN i % 5 > 0 THEN unhex(printf('%032x', i - i % 5)) END,
        unhex(printf('%032x', CASE WHEN i / 5 % 2 > 0 THEN 0 ELSE i / 5 % 1000 END)),
        'flow' || (CASE WHEN i % 5 > 0 THEN 5 + i % 15 ELSE i / 5 % 5 END),
        CASE WHEN i * 7919 % 100 < 6 THEN 'failed' ELSE 'completed' END,
        '{\"topic\":\"a text of the usual length, which says what the run is about\"}', '{\"title\":\"x\"}', i, i
    FROM n;
    WITH RECURSIVE n (i) AS (SELECT 1000000 UNION ALL SELECT i + 1 FROM n WHERE i < 1100000)
    INSERT INTO flow_runs (id, root_run_id, parent_run_id, user_id, flow_name, status, inputs)
    SELECT unhex(printf('%032x', i)), unhex(printf('%032x', 1000000)),
        CASE WHEN i > 1000000 THEN unhex(printf('%032x', 1000000)) END,
        unhex(printf('%032x', 0)), 'flow5', 'completed', '{}' FROM n;
    WITH RECURSIVE n (i) AS (SELECT 2000000 UNION ALL SELECT i + 1 FROM n WHERE i < 2001999)
    INSERT INTO flow_runs (id, root_run_id, flow_name, status, execution_mode, inputs, priority, start_at)
    SELECT unhex(printf('%032x', i)), unhex(printf('%032x', i)), 'flow1', 'pending', 'background', '{}', i % 3,
        CASE WHEN i % 2 > 0 THEN 4102444800000000 END FROM n;
    COMMIT;
    PRAGMA wal_checkpoint(TRUNCATE);";

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

async fn list(store: &dyn Store, name: &str, filter: RunFilter) {
    let mut times = Vec::new();
    let mut found = 0;
    for _ in 0..21 {
        let begun = Instant::now();
        found = store.runs(filter.clone()).await.unwrap().len();
        times.push(begun.elapsed());
    }
    let (first, median) = (times[0], median(times));
    println!("{name:<34} {found:>3} runs  {median:>9.2?}  first {first:>9.2?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "most of it is a table")]
#[ignore = "it fills a file of a million runs, and shows numbers"]
async fn lists_and_leases_of_a_million_runs() {
    let db = fresh().await;
    let store = &*db.store;
    let begun = Instant::now();
    let mut connection = SqliteConnection::establish(store.location()).unwrap();
    connection.batch_execute(RUNS).unwrap();
    println!("filled in {:.0?}", begun.elapsed());

    let none = RunFilter::default;
    let roots = || RunFilter {
        roots_only: true,
        ..none()
    };
    let busy = Some(Uuid::from_u128(0));
    let user = Some(Uuid::from_u128(500));
    let flow = |name: &str| Some(name.to_owned());
    let status = |status| Some(status);
    for (name, filter) in [
        ("all", none()),
        (
            "before",
            RunFilter {
                before: Some(Uuid::from_u128(450_000)),
                ..none()
            },
        ),
        ("roots", roots()),
        (
            "user",
            RunFilter {
                user_id: user,
                ..none()
            },
        ),
        (
            "user of every second run",
            RunFilter {
                user_id: busy,
                ..none()
            },
        ),
        (
            "user, roots",
            RunFilter {
                user_id: busy,
                ..roots()
            },
        ),
        (
            "user, before",
            RunFilter {
                user_id: busy,
                before: Some(Uuid::from_u128(450_000)),
                ..none()
            },
        ),
        (
            "user, status",
            RunFilter {
                user_id: busy,
                status: status(RunStatus::Failed),
                ..none()
            },
        ),
        (
            "user, status of none",
            RunFilter {
                user_id: busy,
                status: status(RunStatus::InDoubt),
                ..none()
            },
        ),
        (
            "user, status, roots",
            RunFilter {
                user_id: busy,
                status: status(RunStatus::Failed),
                ..roots()
            },
        ),
        (
            "user, flow",
            RunFilter {
                user_id: busy,
                flow_name: flow("flow6"),
                ..none()
            },
        ),
        (
            "user, flow, status",
            RunFilter {
                user_id: busy,
                flow_name: flow("flow6"),
                status: status(RunStatus::Failed),
                ..none()
            },
        ),
        (
            "status",
            RunFilter {
                status: status(RunStatus::Failed),
                ..none()
            },
        ),
        (
            "status of none",
            RunFilter {
                status: status(RunStatus::InDoubt),
                ..none()
            },
        ),
        (
            "status, roots",
            RunFilter {
                status: status(RunStatus::Completed),
                ..roots()
            },
        ),
        (
            "status, before",
            RunFilter {
                status: status(RunStatus::Completed),
                before: Some(Uuid::from_u128(450_000)),
                ..none()
            },
        ),
        (
            "flow",
            RunFilter {
                flow_name: flow("flow1"),
                ..none()
            },
        ),
        (
            "flow, status",
            RunFilter {
                flow_name: flow("flow6"),
                status: status(RunStatus::Failed),
                ..none()
            },
        ),
        (
            "flow, status of none",
            RunFilter {
                flow_name: flow("flow5"),
                status: status(RunStatus::InDoubt),
                ..none()
            },
        ),
        (
            "flow, roots",
            RunFilter {
                flow_name: flow("flow1"),
                ..roots()
            },
        ),
        (
            "flow of sub-runs only, roots",
            RunFilter {
                flow_name: flow("flow6"),
                ..roots()
            },
        ),
        (
            "sub-runs of a run",
            RunFilter {
                parent_run_id: Some(Uuid::from_u128(500_000)),
                ..none()
            },
        ),
        (
            "sub-runs of a run with 100 000",
            RunFilter {
                parent_run_id: Some(Uuid::from_u128(1_000_000)),
                ..none()
            },
        ),
        (
            "all, page at offset 100 000",
            RunFilter {
                offset: 100_000,
                ..none()
            },
        ),
    ] {
        list(store, name, filter).await;
    }

    let term = LeaseTerm {
        owner: Uuid::now_v7(),
        duration: Duration::from_hours(1),
    };
    let wanted = |flow: &str, limit| BackgroundFilter {
        flow_names: vec![flow.to_owned()],
        except: Vec::new(),
        limit,
    };
    let timed = |name: &str, begun: Instant| println!("{name:<45} {:>9.2?}", begun.elapsed());
    let begun = Instant::now();
    let mut leases = store
        .acquire_background(wanted("flow1", 16), term)
        .await
        .unwrap();
    timed("take 16 of 2000 background runs", begun);
    leases.extend(
        store
            .acquire_background(wanted("flow1", 984), term)
            .await
            .unwrap(),
    );
    let begun = Instant::now();
    let nothing = store
        .acquire_background(wanted("flow1", 16), term)
        .await
        .unwrap();
    assert_eq!((leases.len(), nothing.len()), (1000, 0));
    timed("find that none of 2000 can be executed", begun);
    let begun = Instant::now();
    assert_eq!(store.renew(leases, term).await.unwrap(), []);
    timed("renew 1000 leases", begun);

    let (user, flow) = (500, "flow1");
    started_and_ended(&db.store, user, flow).await;
    let begun = Instant::now();
    started_and_ended(&db.store, user, flow).await;
    timed("start and end 6400 runs, 64 at a time", begun);
    // Two filters, and roots only: without these a page may be looked for row by row.
    let lists = "DROP INDEX flow_runs_user_status; DROP INDEX flow_runs_user_flow;
        DROP INDEX flow_runs_flow_status; DROP INDEX flow_runs_roots; DROP INDEX flow_runs_roots_user;
        DROP INDEX flow_runs_roots_flow; DROP INDEX flow_runs_roots_status; DROP INDEX flow_runs_ended;";
    connection.batch_execute(lists).unwrap();
    let begun = Instant::now();
    started_and_ended(&db.store, user, flow).await;
    timed("the same with eight indexes less", begun);
}

async fn started_and_ended(store: &Arc<dyn Store>, user: u128, flow: &str) {
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let (store, flow) = (Arc::clone(store), flow.to_owned());
        tasks.spawn(async move {
            for _ in 0..100 {
                let run = NewRun {
                    user_id: Some(Uuid::from_u128(user + task)),
                    flow_name: flow.clone(),
                    ..rows::run()
                };
                let id = run.id;
                drop(store.tell(vec![run.into()]));
                let end = rows::ended(id, RunStatus::Completed);
                store.tell(vec![end.into()]).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
}
