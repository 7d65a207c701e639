//! What is read of runs that are known.

use chrono::Utc;
use uuid::Uuid;

use super::plans;
use crate::sqlite::sql::{control, query, standing};

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
