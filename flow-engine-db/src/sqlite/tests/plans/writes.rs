//! What changes rows has to find them first.

use std::collections::BTreeMap;

use chrono::Utc;
use diesel::connection::SimpleConnection as _;
use uuid::Uuid;

use super::{plans, reads_a_whole_table};
use crate::{
    BackgroundFilter, Lease, LeaseTerm, NewRun, PruneFilter, RunStatus, ScheduleAdvance,
    StepResolve, StepStatus,
    plan::Action,
    sqlite::{
        lease, prune,
        sql::{apply::apply, artifacts, control, schedules},
    },
};

#[test]
fn a_doubt_is_resolved_without_reading_a_whole_table() {
    let plans = plans(|connection| {
        let id = Uuid::now_v7();
        let hex = id.simple();
        let doubtful = format!(
            "INSERT INTO flow_runs (id, root_run_id, flow_name, status, inputs)
                 VALUES (x'{hex}', x'{hex}', 'f', 'in_doubt', '{{}}');
             INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, status, inputs, once_key)
                 VALUES (x'{hex}', x'{hex}', 's', 0, 'in_doubt', '{{}}', 'k');"
        );
        connection.batch_execute(&doubtful).unwrap();
        let resolve = StepResolve {
            id,
            root_run_id: id,
            status: StepStatus::Cancelled,
            completed_at: Utc::now(),
            outputs: None,
            step_metadata: None,
            error_message: None,
        };
        apply(connection, &Action::Single(&resolve.into())).unwrap();
        let gone = format!("DELETE FROM flow_runs WHERE id = x'{hex}'");
        connection.batch_execute(&gone).unwrap();
    });
    assert_eq!(plans.len(), 14);
    for (_, plan) in plans {
        assert!(
            !plan.iter().any(|line| line.starts_with("SCAN flow_")),
            "{plan:#?}"
        );
    }
}

#[test]
fn leases_are_taken_and_renewed_without_reading_a_whole_table() {
    let term = LeaseTerm {
        owner: Uuid::nil(),
        duration: std::time::Duration::ZERO,
    };
    let wanted = BackgroundFilter {
        flow_names: vec!["flow1".to_owned()],
        concurrency: BTreeMap::from([("flow1".to_owned(), 2)]),
        except: vec![Uuid::nil()],
        limit: 5,
    };
    // Else nothing would be taken.
    let queued = "INSERT OR IGNORE INTO flow_runs
        (id, root_run_id, flow_name, status, execution_mode, inputs)
        VALUES (unhex(printf('%032x', -1)), unhex(printf('%032x', -1)), 'flow1', 'pending', 'background', '{}');";
    let plans = plans(|connection| {
        connection.batch_execute(queued).unwrap();
        lease::acquire(connection, Uuid::nil(), term).unwrap();
        lease::acquire_background(connection, &wanted, term).unwrap();
        lease::renew(connection, &[Lease::first(Uuid::nil())], term).unwrap();
        lease::check(connection, Lease::first(Uuid::nil())).unwrap_err();
    });
    assert_eq!(plans.len(), 12);
    for (query, plan) in plans {
        if query.contains("UNION ALL") {
            for index in ["flow_runs_pending", "flow_runs_running"] {
                let whole = format!("SCAN flow_runs USING INDEX {index}");
                assert!(plan.contains(&whole), "{plan:#?}");
            }
            let due = "USING INDEX flow_runs_waiting (wake_at>? AND wake_at<?)";
            assert!(plan.iter().any(|line| line.contains(due)), "{plan:#?}");
            let sorted = plan.iter().filter(|line| line.contains("ORDER BY")).count();
            assert_eq!(
                sorted, 4,
                "only what is due is sorted, and three times what was found: {plan:#?}"
            );
            continue;
        }
        let index = if query.contains("GROUP BY") {
            "INDEX flow_runs_taken (flow_name=?)"
        } else {
            " (id=?)"
        };
        assert!(plan.iter().any(|line| line.contains(index)), "{plan:#?}");
        assert!(
            !plan.iter().any(|line| reads_a_whole_table(line)),
            "{plan:#?}"
        );
    }
}

#[test]
fn runs_are_pruned_and_artifacts_found_without_reading_a_whole_table() {
    let filter = PruneFilter {
        ended_before: Utc::now(),
        statuses: vec![RunStatus::Failed, RunStatus::Completed],
        limit: 1,
    };
    let plans = plans(|connection| {
        prune::prune(connection, &filter).unwrap();
        artifacts::free(connection, "", 5).unwrap();
        prune::forget_artifacts(connection, &["a".to_owned()]).unwrap();
    });
    assert_eq!(plans.len(), 6);
    for ((_, plan), expected) in plans.iter().zip(
        [
            "SEARCH flow_runs USING INDEX flow_runs_ended (status=? AND completed_at<?)",
            "SEARCH free USING COVERING INDEX run_artifacts_run_id (run_id=? AND artifact>?)",
            "SEARCH run_artifacts USING COVERING INDEX run_artifacts_run_id (run_id=? AND artifact=?)",
        ]
        .iter()
        .cycle(),
    ) {
        assert!(plan.iter().any(|line| line == expected), "{plan:#?}");
        let scans = |line: &&String| line.starts_with("SCAN") && !line.contains("json_each");
        assert_eq!(plan.iter().find(scans), None, "{plan:#?}");
        assert!(
            !plan.iter().any(|line| line.contains("ORDER BY")),
            "{plan:#?}"
        );
    }
}

#[test]
fn what_is_tried_again_or_paused_is_found_by_its_root() {
    let root = Uuid::from_u128(1);
    let plans = plans(|connection| {
        connection
            .batch_execute(
                "INSERT OR REPLACE INTO flow_runs (id, root_run_id, flow_name, status, inputs)
                VALUES (unhex(printf('%032x', 1)), unhex(printf('%032x', 1)), 'flow', 'failed', '{}')",
            )
            .unwrap();
        let found = control::retry(connection, root).unwrap();
        assert_eq!(found, Some(("failed".to_owned(), false)));
        let found = control::pause(connection, root, "").unwrap();
        assert_eq!(found, Some(("pending".to_owned(), false)));
    });
    // Each asks four, without statistics and with them.
    assert_eq!(plans.len(), 16, "{plans:#?}");
    let reads_a_table = |line: &&String| {
        ["flow_", "sub"]
            .iter()
            .any(|table| line.starts_with(&format!("SCAN {table}")))
    };
    for (query, plan) in plans {
        assert_eq!(plan.iter().find(reads_a_table), None, "{query}: {plan:#?}");
    }
}

#[test]
fn schedules_are_found_by_the_name_of_their_flow() {
    let advance = |expected| ScheduleAdvance {
        flow_name: "flow1".to_owned(),
        expected,
        last_tick: Utc::now(),
        runs: Vec::new(),
    };
    let plans = plans(|connection| {
        schedules::of_flows(connection, &["flow1".to_owned(), "flow2".to_owned()]).unwrap();
        schedules::advance(connection, &advance(None)).unwrap();
        schedules::advance(connection, &advance(Some(Utc::now()))).unwrap();
    });
    assert_eq!(plans.len(), 6);
    for (_, plan) in plans {
        let by_key =
            "SEARCH flow_schedules USING INDEX sqlite_autoindex_flow_schedules_1 (flow_name=?)";
        assert_eq!(plan, [by_key]);
    }
}

#[test]
fn a_key_is_found_by_its_index() {
    let plans = plans(|connection| {
        for id in [1, 2] {
            let run = NewRun {
                idempotency_key: Some("key".to_owned()),
                ..NewRun::new(Uuid::from_u128(1 << 100 | id), "flow1", "{}")
            };
            let inserted = apply(connection, &Action::Single(&run.into()));
            assert_eq!(inserted.is_err(), id == 2);
        }
    });
    assert!(!plans.is_empty());
    for (_, plan) in plans {
        let index = "SEARCH flow_runs USING INDEX flow_runs_idempotency_key \
                     (flow_name=? AND idempotency_key=?)";
        let covering = index.replace("USING INDEX", "USING COVERING INDEX");
        assert!(plan[0] == index || plan[0] == covering, "{plan:#?}");
    }
}
