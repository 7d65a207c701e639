//! How PostgreSQL finds the rows of what is asked often: no table is read from end to end, and no list of runs is sorted, or
//! looked for row by row.

use std::{collections::BTreeMap, time::Duration};

use flow_engine_db::{
    BackgroundFilter, Lease, LeaseTerm, NewRun, PruneFilter, RunFilter, RunStatus, ScheduleAdvance,
    StepResolve, StepStatus, Store, connect,
};
use uuid::Uuid;

use super::{OwnServer, administer};
use crate::conformance::rows;

/// Twenty thousand roots with four sub-runs each, of two users, four flows and two statuses, and a step and a request of
/// each. What is listed is not spread alike over them, as the planner thinks: the newest half has none of it, and flow 3 is
/// only called by others.
const ROWS: &str = "
    SET search_path TO flow_engine;
    INSERT INTO flow_runs (id, root_run_id, parent_run_id, user_id, flow_name, status, inputs, completed_at)
    SELECT lpad(to_hex(i), 32, '0')::uuid, lpad(to_hex(i - i % 5), 32, '0')::uuid,
        CASE WHEN i % 5 > 0 THEN lpad(to_hex(i - i % 5), 32, '0')::uuid END,
        lpad(to_hex(CASE WHEN i < 50000 THEN i % 2 ELSE 1 END), 32, '0')::uuid,
        'flow' || (CASE WHEN i >= 50000 THEN 0 WHEN i % 5 > 2 THEN 3 ELSE i % 3 END),
        CASE WHEN i % 7 > 0 OR i >= 50000 THEN 'completed' ELSE 'failed' END, '{}', now()
    FROM generate_series(5, 99999) AS i;
    INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, inputs, cache_key, completed_at)
        SELECT id, id, 's', 0, '{}', id::text, now() FROM flow_runs;
    UPDATE flow_step_runs SET status = 'in_doubt', once_key = 'a' WHERE id = lpad('5', 32, '0')::uuid;
    UPDATE flow_runs SET status = 'in_doubt' WHERE id = lpad('5', 32, '0')::uuid;
    INSERT INTO llm_requests (id, flow_run_id, step_run_id, attempt, provider, model, operation)
        SELECT id, id, id, 1, 'p', 'm', 'chat' FROM flow_runs;
    INSERT INTO run_artifacts (run_id, artifact) SELECT id, id::text FROM flow_runs;
    INSERT INTO flow_schedules (flow_name, begun_at) SELECT 'flow' || i, now() FROM generate_series(0, 9999) AS i;
    ANALYZE;";

fn filters() -> Vec<RunFilter> {
    let (user, flow, before) = (
        Some(Uuid::nil()),
        Some("flow1".to_owned()),
        Some(Uuid::from_u128(45_000)),
    );
    let called = Some("flow3".to_owned());
    let status = Some(RunStatus::Failed);
    let none = Some(RunStatus::Paused);
    let mut filters = Vec::new();
    for (user_id, flow_name, status) in [
        (None, None, None),
        (user, None, None),
        (None, flow.clone(), None),
        (None, called.clone(), None),
        (None, None, status),
        (user, flow.clone(), None),
        (user, called.clone(), None),
        (user, None, status),
        (user, None, none),
        (None, flow.clone(), status),
        (None, called, status),
        (None, flow, none),
    ] {
        for roots_only in [false, true] {
            for before in [None, before] {
                filters.push(RunFilter {
                    user_id,
                    flow_name: flow_name.clone(),
                    status,
                    roots_only,
                    before,
                    ..RunFilter::default()
                });
            }
        }
    }
    filters.push(RunFilter {
        parent_run_id: Some(Uuid::from_u128(5)),
        ..RunFilter::default()
    });
    filters
}

/// The plans come from the log of a server that explains whatever it executes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_table_is_read_from_end_to_end_and_no_list_is_sorted_or_filtered() {
    let server = OwnServer::new(&[]);
    let url = server.start();
    let store = connect(&url).await.unwrap();
    administer(&url, ROWS);
    store.close().await;
    // Sessions that begin from now on are explained.
    administer(
        &url,
        "ALTER DATABASE postgres SET session_preload_libraries TO 'auto_explain';
         ALTER DATABASE postgres SET auto_explain.log_min_duration TO 0;
         ALTER DATABASE postgres SET auto_explain.log_analyze TO on;",
    );
    let log = server.folder.path().join("log");
    let begins = std::fs::metadata(&log).unwrap().len();

    let store = connect(&url).await.unwrap();
    for filter in filters() {
        store.runs(filter).await.unwrap();
    }
    // It is in doubt, so that it can be taken.
    let run = Uuid::from_u128(5);
    store.run(run).await.unwrap();
    store.steps(run).await.unwrap();
    store.requests(run).await.unwrap();
    store.journal(run).await.unwrap();
    store.outline(run).await.unwrap();
    store.cached_step("key", chrono::Utc::now()).await.unwrap();
    let term = LeaseTerm {
        owner: Uuid::now_v7(),
        duration: Duration::ZERO,
    };
    let lease = store.acquire(run, term).await.unwrap().unwrap();
    store.renew(vec![lease], term).await.unwrap();
    store.newest_leases(vec![run]).await.unwrap();
    store.standings(vec![run]).await.unwrap();
    let another = store.cancel(Uuid::from_u128(10), String::new()).await;
    assert_eq!(another.unwrap(), Some(RunStatus::Completed));
    let failed = Uuid::from_u128(35);
    let found = store.retry(failed).await.unwrap().unwrap();
    assert_eq!(found.status, RunStatus::Failed);
    let found = store.pause(failed, String::new()).await.unwrap().unwrap();
    assert_eq!(found.status, RunStatus::Pending);
    let wanted = BackgroundFilter {
        flow_names: vec!["flow1".to_owned()],
        concurrency: BTreeMap::from([("flow1".to_owned(), 2)]),
        except: vec![Uuid::nil()],
        limit: 5,
    };
    store.acquire_background(wanted, term).await.unwrap();
    let keyed = || NewRun {
        idempotency_key: Some("key".to_owned()),
        ..rows::run()
    };
    let first = keyed();
    let first_lease = Lease::first(first.id);
    store.submit(first_lease, vec![first.into()]).await.unwrap();
    let second = keyed();
    let refused = store.submit(Lease::first(second.id), vec![second.into()]);
    refused.await.unwrap_err();
    write_steps(&*store, lease).await;
    resolve_effect(&*store, lease).await;
    let filter = PruneFilter {
        ended_before: chrono::Utc::now() - chrono::TimeDelta::days(1),
        statuses: vec![RunStatus::Failed, RunStatus::Completed],
        limit: 5,
    };
    store.prune(filter).await.unwrap();
    store.free_artifacts("", 5).await.unwrap();
    store.forget_artifacts(vec!["a".to_owned()]).await.unwrap();
    advance_schedules(&*store).await;
    store.delete_run(run).await.unwrap();
    let gone = store.submit(lease, vec![rows::step(run, 1).into()]).await;
    assert!(gone.unwrap_err().is_lease_lost());
    store.close().await;

    let log = std::fs::read(&log).unwrap();
    let log = String::from_utf8_lossy(&log[usize::try_from(begins).unwrap()..]).into_owned();
    let plans: Vec<&str> = log
        .split("Query Text: ")
        .skip(1)
        .filter(|plan| {
            plan.contains("flow_")
                || plan.contains("llm_requests")
                || plan.contains("run_artifacts")
        })
        .filter(|plan| !plan.contains("flow_engine_migrations") && !plan.contains("WHERE false"))
        .collect();
    assert!(plans.len() > 50, "{log}");
    let lists: Vec<_> = plans.iter().filter(|plan| lists_runs(plan)).collect();
    assert_eq!(lists.len(), filters().len());
    for list in lists {
        assert!(is_short(list), "{list}");
    }
    for plan in &plans {
        assert!(!reads_a_table(plan), "{plan}");
    }
}

fn reads_a_table(plan: &str) -> bool {
    let tables = [
        "flow_runs",
        "flow_step_runs",
        "llm_requests",
        "run_artifacts",
        "flow_schedules",
        "flow_signals",
    ];
    tables.iter().any(|table| {
        plan.contains(&format!("Seq Scan on {table}"))
            || plan.contains(&format!("Seq Scan on flow_engine.{table}"))
    })
}

fn lists_runs(plan: &str) -> bool {
    plan.contains("\"flow_runs\".\"id\" DESC")
}

fn is_short(plan: &str) -> bool {
    // Where there is nothing, any way is short.
    let empty = plan.contains("rows=0 loops=1)\n\t  ->");
    let sorted = plan.contains("Sort Key") && !empty;
    !sorted && !plan.contains("Rows Removed by Filter")
}

async fn write_steps(store: &dyn Store, lease: Lease) {
    let run = lease.root_run_id;
    // Two of each at once, so that they share a statement.
    for _ in 0..3 {
        let steps = [rows::step(run, 1), rows::step(run, 2)];
        let ids = steps.clone().map(|step| step.id);
        let requests = ids.map(|step| rows::request(run, step));
        let sent = requests.clone().map(|request| request.id);
        store
            .submit(lease, steps.map(Into::into).to_vec())
            .await
            .unwrap();
        store
            .submit(lease, requests.map(Into::into).to_vec())
            .await
            .unwrap();
        store
            .submit(lease, sent.map(|id| rows::succeeded(id).into()).to_vec())
            .await
            .unwrap();
        store
            .submit(lease, ids.map(|id| rows::completed(id).into()).to_vec())
            .await
            .unwrap();
    }
}

async fn resolve_effect(store: &dyn Store, lease: Lease) {
    let run = lease.root_run_id;
    let effect = StepResolve {
        id: run,
        root_run_id: run,
        status: StepStatus::Failed,
        completed_at: chrono::Utc::now(),
        outputs: None,
        step_metadata: None,
        error_message: None,
    };
    // Its row is one in doubt, so all statements are made.
    store.submit(lease, vec![effect.into()]).await.unwrap();
}

async fn advance_schedules(store: &dyn Store) {
    let flow = "flow1".to_owned();
    store.schedules(vec![flow.clone()]).await.unwrap();
    store
        .begin_schedule(&flow, chrono::Utc::now())
        .await
        .unwrap();
    for expected in [None, Some(chrono::DateTime::UNIX_EPOCH)] {
        let advance = ScheduleAdvance {
            flow_name: flow.clone(),
            expected,
            last_tick: chrono::DateTime::UNIX_EPOCH,
            runs: Vec::new(),
        };
        assert!(store.advance_schedule(advance).await.unwrap());
    }
}
