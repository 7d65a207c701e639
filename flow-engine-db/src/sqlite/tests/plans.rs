//! How SQLite finds the rows of each query: no table is searched from end to end, and no list of runs is sorted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::Utc;
use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection,
    connection::{Instrumentation, InstrumentationEvent, SimpleConnection as _},
    sql_types::Text,
};
use uuid::Uuid;

use crate::{
    BackgroundFilter, Lease, LeaseTerm, NewRun, PruneFilter, RunFilter, RunStatus, ScheduleAdvance,
    StepResolve, StepStatus,
    plan::Action,
    sqlite::{
        connection, lease, migration, prune,
        sql::{apply::apply, artifacts, control, query, schedules, standing},
    },
};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(Clone, Default)]
struct Queries(Arc<Mutex<Vec<String>>>);

impl Instrumentation for Queries {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            self.0.lock().unwrap().push(query.to_string());
        }
    }
}

/// Five thousand roots with four sub-runs each, of two users, three flows and two statuses.
const ROWS: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
    INSERT INTO flow_runs (id, root_run_id, parent_run_id, user_id, flow_name, status, inputs, completed_at)
    SELECT unhex(printf('%032x', i)), unhex(printf('%032x', i - i % 5)),
        CASE WHEN i % 5 > 0 THEN unhex(printf('%032x', i - i % 5)) END,
        unhex(printf('%032x', i % 2)), 'flow' || (i % 3),
        CASE WHEN i % 7 > 0 THEN 'completed' ELSE 'failed' END, '{}', i
    FROM n WHERE i >= 5;
    INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, inputs)
        SELECT id, id, 's', 0, '{}' FROM flow_runs;
    INSERT INTO llm_requests (id, flow_run_id, step_run_id, attempt, provider, model, operation)
        SELECT id, id, id, 1, 'p', 'm', 'chat' FROM flow_runs;";

/// The statements that `ask` makes, each with how SQLite finds its rows: in a new database, where it knows nothing of
/// the tables, and in one that was analysed.
fn plans(mut ask: impl FnMut(&mut SqliteConnection)) -> Vec<(String, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let mut connection = connection::create(&path).unwrap();
    migration::run(&mut connection, &path).unwrap();
    let mut plans = Vec::new();
    for statistics in ["", "PRAGMA foreign_keys = OFF; ANALYZE;"] {
        connection.batch_execute(statistics).unwrap();
        let queries = Queries::default();
        connection.set_instrumentation(queries.clone());
        ask(&mut connection);
        connection.set_instrumentation(|_: InstrumentationEvent<'_>| {});
        let queries = std::mem::take(&mut *queries.0.lock().unwrap());
        for query in queries {
            // What was bound is behind it, as a comment.
            let text = query.split("-- binds").next().unwrap().trim();
            if !["SELECT", "UPDATE", "DELETE"]
                .iter()
                .any(|word| text.starts_with(word))
            {
                continue;
            }
            let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {text}"));
            let lines: Vec<Line> = explain.load(&mut connection).unwrap();
            let lines = lines.into_iter().map(|line| line.detail).collect();
            plans.push((text.to_owned(), lines));
        }
        if statistics.is_empty() {
            connection.batch_execute(ROWS).unwrap();
        }
    }
    assert!(!plans.is_empty());
    plans
}

/// `SCAN t` alone reads a table from end to end; with an index it may be the order of a list that ends early.
fn reads_a_whole_table(line: &str) -> bool {
    let tables = ["flow_runs", "flow_step_runs", "llm_requests"];
    tables.iter().any(|table| {
        line.strip_prefix("SCAN ")
            .and_then(|rest| rest.strip_prefix(table))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

fn every_list() -> impl Iterator<Item = RunFilter> {
    let some = |bit: u32| move |set: u32| set & (1 << bit) != 0;
    (0..1 << 6).map(move |set| RunFilter {
        user_id: some(0)(set).then(Uuid::nil),
        status: some(1)(set).then_some(RunStatus::Failed),
        flow_name: some(2)(set).then(|| "flow1".to_owned()),
        parent_run_id: some(3)(set).then(Uuid::nil),
        roots_only: some(4)(set),
        before: some(5)(set).then(Uuid::max),
        ..RunFilter::default()
    })
}

#[test]
fn every_list_of_runs_is_read_from_an_index_in_its_order() {
    let filters: Vec<RunFilter> = every_list().collect();
    let plans = plans(|connection| {
        for filter in &filters {
            query::runs(connection, filter).unwrap();
        }
    });
    assert_eq!(plans.len(), 2 * filters.len());
    for ((_, plan), filter) in plans.iter().zip(filters.iter().cycle()) {
        assert_eq!(plan.len(), 1, "sorted: {plan:#?} for {filter:?}");
        let whole_list = RunFilter {
            roots_only: filter.roots_only,
            ..RunFilter::default()
        };
        let how = if *filter == whole_list {
            "SCAN flow_runs USING INDEX"
        } else {
            "SEARCH flow_runs USING INDEX"
        };
        assert!(plan[0].starts_with(how), "{plan:?} for {filter:?}");
    }
}

/// What an index has to find for the usual lists, so that nothing is looked for row by row.
#[test]
fn the_usual_lists_have_an_index_of_their_own() {
    let list = |roots_only, [user, status, flow]: [bool; 3]| RunFilter {
        user_id: user.then(Uuid::nil),
        status: status.then_some(RunStatus::Failed),
        flow_name: flow.then(|| "flow1".to_owned()),
        roots_only,
        ..RunFilter::default()
    };
    let below = RunFilter {
        parent_run_id: Some(Uuid::nil()),
        ..RunFilter::default()
    };
    let (user, status, flow) = (
        [true, false, false],
        [false, true, false],
        [false, false, true],
    );
    let (user_status, user_flow, flow_status) = (
        [true, true, false],
        [true, false, true],
        [false, true, true],
    );
    let (all, roots, none) = (false, true, [false; 3]);
    let expected = [
        ("sqlite_autoindex_flow_runs_1", list(all, none)),
        ("flow_runs_user_id (user_id=?)", list(all, user)),
        ("flow_runs_status (status=?)", list(all, status)),
        ("flow_runs_flow_name (flow_name=?)", list(all, flow)),
        (
            "flow_runs_user_status (user_id=? AND status=?)",
            list(all, user_status),
        ),
        (
            "flow_runs_user_flow (user_id=? AND flow_name=?)",
            list(all, user_flow),
        ),
        (
            "flow_runs_flow_status (flow_name=? AND status=?)",
            list(all, flow_status),
        ),
        ("flow_runs_parent_run_id (parent_run_id=?)", below),
        ("flow_runs_roots", list(roots, none)),
        ("flow_runs_roots_user (user_id=?)", list(roots, user)),
        ("flow_runs_roots_status (status=?)", list(roots, status)),
        ("flow_runs_roots_flow (flow_name=?)", list(roots, flow)),
        (
            "flow_runs_roots_user_status (user_id=? AND status=?)",
            list(roots, user_status),
        ),
        (
            "flow_runs_roots_user_flow (user_id=? AND flow_name=?)",
            list(roots, user_flow),
        ),
        (
            "flow_runs_roots_flow_status (flow_name=? AND status=?)",
            list(roots, flow_status),
        ),
    ];
    let plans = plans(|connection| {
        for (_, filter) in &expected {
            query::runs(connection, filter).unwrap();
        }
    });
    for ((_, plan), (index, filter)) in plans.iter().zip(expected.iter().cycle()) {
        let found = plan[0].split("USING INDEX ").nth(1).unwrap();
        assert_eq!(found, *index, "for {filter:?}");
    }
}

#[test]
fn a_cached_step_is_found_by_its_index() {
    for (_, plan) in plans(|connection| {
        query::cached_step(connection, "key", Utc::now()).unwrap();
    }) {
        assert_eq!(
            plan[0],
            "SEARCH flow_step_runs USING INDEX flow_step_runs_cache_key \
             (cache_key=? AND completed_at>?)"
        );
    }
}

#[test]
fn no_table_is_searched_from_end_to_end_for_a_journal_or_an_outline() {
    let plans = plans(|connection| {
        query::journal(connection, Uuid::now_v7()).unwrap();
        query::outline(connection, Uuid::now_v7()).unwrap();
    });
    assert_eq!(plans.len(), 12);
    for (_, plan) in plans {
        assert!(plan[0].contains("flow_runs_root_run_id"), "{plan:#?}");
        assert!(
            !plan.iter().any(|line| line.starts_with("SCAN")),
            "{plan:#?}"
        );
    }
}

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
fn the_newest_leases_are_found_by_the_ids_of_their_runs() {
    let plans = plans(|connection| {
        control::newest_leases(connection, &[Uuid::nil(), Uuid::max()]).unwrap();
    });
    for (query, plan) in plans {
        assert!(
            plan[0].starts_with("SEARCH flow_runs USING"),
            "{query}: {plan:?}"
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
fn where_runs_stand_is_found_by_their_ids() {
    let plans = plans(|connection| {
        standing::of_runs(connection, &[Uuid::nil(), Uuid::max()]).unwrap();
    });
    assert!(!plans.is_empty());
    for (query, plan) in plans {
        assert!(
            plan[0].starts_with("SEARCH flow_runs USING"),
            "{query}: {plan:?}"
        );
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
