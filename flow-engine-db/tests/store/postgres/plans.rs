//! How PostgreSQL finds the rows of what is asked often: no table is read from end to end, and no list of runs is sorted.

use std::time::Duration;

use flow_engine_db::{BackgroundFilter, LeaseTerm, PruneFilter, RunFilter, RunStatus, connect};
use uuid::Uuid;

use super::{OwnServer, administer};
use crate::conformance::rows;

/// Twenty thousand roots with four sub-runs each, of two users, three flows and two statuses, and a step and a request of
/// each.
const ROWS: &str = "
    SET search_path TO flow_engine;
    INSERT INTO flow_runs (id, root_run_id, parent_run_id, user_id, flow_name, status, inputs, completed_at)
    SELECT lpad(to_hex(i), 32, '0')::uuid, lpad(to_hex(i - i % 5), 32, '0')::uuid,
        CASE WHEN i % 5 > 0 THEN lpad(to_hex(i - i % 5), 32, '0')::uuid END,
        lpad(to_hex(i % 2), 32, '0')::uuid, 'flow' || (i % 3),
        CASE WHEN i % 7 > 0 THEN 'completed' ELSE 'failed' END, '{}', now()
    FROM generate_series(5, 99999) AS i;
    INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, inputs, cache_key, completed_at)
        SELECT id, id, 's', 0, '{}', id::text, now() FROM flow_runs;
    INSERT INTO llm_requests (id, flow_run_id, step_run_id, attempt, provider, model, operation)
        SELECT id, id, id, 1, 'p', 'm', 'chat' FROM flow_runs;
    INSERT INTO run_artifacts (run_id, artifact) SELECT id, id::text FROM flow_runs;
    ANALYZE;";

fn filters() -> Vec<RunFilter> {
    let (user, flow, before) = (
        Some(Uuid::nil()),
        Some("flow1".to_owned()),
        Some(Uuid::from_u128(50_000)),
    );
    let status = Some(RunStatus::Failed);
    let mut filters = Vec::new();
    for (user_id, flow_name, status) in [
        (None, None, None),
        (user, None, None),
        (None, flow.clone(), None),
        (None, None, status),
        (user, flow.clone(), None),
        (user, None, status),
        (None, flow, status),
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
async fn no_table_is_read_from_end_to_end_and_no_list_is_sorted() {
    let server = OwnServer::new(&[]);
    let url = server.start();
    let store = connect(&url).await.unwrap();
    administer(&url, ROWS);
    store.close().await;
    // Sessions that begin from now on are explained.
    administer(
        &url,
        "ALTER DATABASE postgres SET session_preload_libraries TO 'auto_explain';
         ALTER DATABASE postgres SET auto_explain.log_min_duration TO 0;",
    );
    let log = server.folder.path().join("log");
    let begins = std::fs::metadata(&log).unwrap().len();

    let store = connect(&url).await.unwrap();
    for filter in filters() {
        store.runs(filter).await.unwrap();
    }
    let run = Uuid::from_u128(5);
    store.run(run).await.unwrap();
    store.steps(run).await.unwrap();
    store.requests(run).await.unwrap();
    store.journal(run).await.unwrap();
    store.cached_step("key", chrono::Utc::now()).await.unwrap();
    let term = LeaseTerm {
        owner: Uuid::now_v7(),
        duration: Duration::ZERO,
    };
    let lease = store.acquire(run, term).await.unwrap().unwrap();
    store.renew(vec![lease], term).await.unwrap();
    let wanted = BackgroundFilter {
        flow_names: vec!["flow1".to_owned()],
        except: vec![Uuid::nil()],
        limit: 5,
    };
    store.acquire_background(wanted, term).await.unwrap();
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
    let filter = PruneFilter {
        ended_before: chrono::Utc::now() - chrono::TimeDelta::days(1),
        statuses: vec![RunStatus::Failed, RunStatus::Completed],
        limit: 5,
    };
    store.prune(filter).await.unwrap();
    store.free_artifacts("", 5).await.unwrap();
    store.forget_artifacts(vec!["a".to_owned()]).await.unwrap();
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
    for plan in &plans {
        for table in [
            "flow_runs",
            "flow_step_runs",
            "llm_requests",
            "run_artifacts",
        ] {
            assert!(!plan.contains(&format!("Seq Scan on {table}")), "{plan}");
            assert!(
                !plan.contains(&format!("Seq Scan on flow_engine.{table}")),
                "{plan}"
            );
        }
        let list = plan.contains("ORDER BY \"flow_runs\".\"id\" DESC");
        assert!(!list || !plan.contains("Sort Key"), "{plan}");
    }
}
