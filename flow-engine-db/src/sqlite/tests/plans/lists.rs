//! Lists of runs.

use uuid::Uuid;

use super::plans;
use crate::{RunFilter, RunStatus, sqlite::sql::query};

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
