//! How long lists, single runs and leases take in a database of a million runs. Each database fills its tables by itself, with
//! the same rows; here is what is asked of them. It shows numbers and asserts none.
//!
//! 900 000 runs: 180 000 roots, each with four sub-runs, of a thousand users and twenty flows; one user has every second
//! root. 6 % have failed, and each flow name below 5 is only that of roots. Behind them, the newest of all, one root with
//! 100 000 sub-runs, and 2000 runs that are queued, half of them for another day. Each of the 900 000 has two steps, and the
//! run [`LONG`] a thousand.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flow_engine_db::{BackgroundFilter, LeaseTerm, NewRun, RunFilter, RunStatus, Store};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::conformance::{rows, tell::Tell as _};

/// A root with a thousand steps.
const LONG: Uuid = Uuid::from_u128(500_000);

/// Two filters, and roots only: without these indexes a page may be looked for row by row.
pub(crate) const DROP_INDEXES_OF_LISTS: &str = "
    DROP INDEX flow_runs_user_status; DROP INDEX flow_runs_user_flow;
    DROP INDEX flow_runs_flow_status; DROP INDEX flow_runs_roots; DROP INDEX flow_runs_roots_user;
    DROP INDEX flow_runs_roots_flow; DROP INDEX flow_runs_roots_status; DROP INDEX flow_runs_ended;";

/// What is listed, under the name that is printed.
struct Lists(Vec<(String, RunFilter)>);

impl Lists {
    /// Lists these, and the same pages in the middle and at the end.
    fn pages(&mut self, name: &str, filter: &RunFilter) {
        self.one(name, filter.clone());
        for (page, before) in [("middle", 450_000), ("deep", 5_000)] {
            let before = Some(Uuid::from_u128(before));
            let filter = filter.clone();
            self.one(
                &format!("{name}, {page} page"),
                RunFilter { before, ..filter },
            );
        }
    }

    fn one(&mut self, name: &str, filter: RunFilter) {
        self.0.push((name.to_owned(), filter));
    }
}

/// The filters, the pairs and the triple, of all runs and of roots.
fn lists() -> Vec<(String, RunFilter)> {
    let (busy, user) = (Uuid::from_u128(0), Uuid::from_u128(500));
    let mut lists = Lists(Vec::new());
    for (name, user_id, flow_name, status) in [
        ("all", None, None, None),
        ("user", Some(user), None, None),
        ("user of every second run", Some(busy), None, None),
        ("flow", None, Some("flow1"), None),
        ("flow of sub-runs only", None, Some("flow6"), None),
        ("status", None, None, Some(RunStatus::Failed)),
        ("status of most", None, None, Some(RunStatus::Completed)),
        ("status of none", None, None, Some(RunStatus::InDoubt)),
        ("user, flow", Some(busy), Some("flow6"), None),
        ("user, status", Some(busy), None, Some(RunStatus::Failed)),
        (
            "user, status of none",
            Some(busy),
            None,
            Some(RunStatus::InDoubt),
        ),
        ("flow, status", None, Some("flow6"), Some(RunStatus::Failed)),
        (
            "flow, status of none",
            None,
            Some("flow5"),
            Some(RunStatus::InDoubt),
        ),
        (
            "user, flow, status",
            Some(busy),
            Some("flow6"),
            Some(RunStatus::Failed),
        ),
    ] {
        for roots_only in [false, true] {
            let filter = RunFilter {
                user_id,
                flow_name: flow_name.map(str::to_owned),
                status,
                roots_only,
                ..RunFilter::default()
            };
            let roots = if roots_only { ", roots" } else { "" };
            lists.pages(&format!("{name}{roots}"), &filter);
        }
    }
    let below = |run| RunFilter {
        parent_run_id: Some(Uuid::from_u128(run)),
        ..RunFilter::default()
    };
    lists.one("sub-runs of a run", below(500_000));
    lists.one("sub-runs of a run with 100 000", below(1_000_000));
    let deep = RunFilter {
        offset: 100_000,
        ..RunFilter::default()
    };
    lists.one("all, page at offset 100 000", deep);
    lists.0
}

/// Asks 21 times, and prints the median and the first time.
async fn measure<T>(name: &str, what: &str, ask: impl AsyncFn() -> Vec<T>) {
    let (mut times, mut found) = (Vec::new(), 0);
    for _ in 0..21 {
        let begun = Instant::now();
        found = ask().await.len();
        times.push(begun.elapsed());
    }
    let first = times[0];
    times.sort();
    let median = times[times.len() / 2];
    println!("{name:<46} {found:>4} {what:<5}  {median:>9.2?}  first {first:>9.2?}");
}

/// Reads by list, and runs one by one.
pub(crate) async fn reads(store: &dyn Store) {
    for (name, filter) in lists() {
        measure(&name, "runs", async || {
            store.runs(filter.clone()).await.unwrap()
        })
        .await;
    }
    for (name, run) in [("short", Uuid::from_u128(450_005)), ("long", LONG)] {
        let whole = async || {
            assert!(store.run(run).await.unwrap().is_some());
            store.steps(run).await.unwrap()
        };
        measure(&format!("a {name} run with its steps"), "steps", whole).await;
        let journal = async || store.journal(run).await.unwrap().steps;
        measure(&format!("the journal of a {name} run"), "steps", journal).await;
    }
}

/// Printed beside the time since `begun`.
fn timed(name: &str, begun: Instant) {
    println!("{name:<46} {:>9.2?}", begun.elapsed());
}

/// Takes and renews leases.
pub(crate) async fn leases(store: &dyn Store) {
    let term = LeaseTerm {
        owner: Uuid::now_v7(),
        duration: Duration::from_hours(1),
    };
    let acquire = async |limit| {
        let wanted = BackgroundFilter {
            flow_names: vec!["flow1".to_owned()],
            concurrency: std::collections::BTreeMap::new(),
            except: Vec::new(),
            limit,
        };
        store.acquire_background(wanted, term).await.unwrap()
    };
    let begun = Instant::now();
    let mut leases = acquire(16).await;
    timed("take 16 of 2000 background runs", begun);
    leases.extend(acquire(984).await);
    let begun = Instant::now();
    let nothing = acquire(16).await;
    assert_eq!((leases.len(), nothing.len()), (1000, 0));
    timed("find that none of 2000 can be executed", begun);
    let begun = Instant::now();
    assert_eq!(store.renew(leases, term).await.unwrap(), []);
    timed("renew 1000 leases", begun);
}

/// Starts and ends runs, with all indexes and without those that `drop_indexes` takes away.
pub(crate) async fn writes(store: &Arc<dyn Store>, drop_indexes: impl FnOnce()) {
    start_and_end(store).await;
    let begun = Instant::now();
    start_and_end(store).await;
    timed("start and end 6400 runs, 64 at a time", begun);
    drop_indexes();
    let begun = Instant::now();
    start_and_end(store).await;
    timed("the same with eight indexes less", begun);
}

async fn start_and_end(store: &Arc<dyn Store>) {
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            for _ in 0..100 {
                let run = NewRun {
                    user_id: Some(Uuid::from_u128(500 + task)),
                    flow_name: "flow1".to_owned(),
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
