//! Flows that are started by the clock. A binary of its own: a worker starts all scheduled flows of its program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod flows;
#[path = "../databases/kinds.rs"]
mod kinds;
mod missed;
#[path = "../databases/process.rs"]
mod process;
mod processes;
mod runs;

use std::sync::Arc;
use std::time::Duration;

use flow_engine::{DateTime, Engine, FlowRun, RunFilter, RunStatus, Utc};
use flow_engine_db::{Store, connect};
use kinds::{Database, Kind, on_both};
use tokio::time::{sleep, timeout};

/// Until when what is waited for must have come.
const PATIENCE: Duration = Duration::from_mins(2);

struct Lab {
    engine: Engine,
    /// To say how far a schedule has come.
    store: Arc<dyn Store>,
    database: Database,
}

impl Lab {
    async fn new(kind: Kind) -> Self {
        let database = Database::new(kind);
        Self {
            engine: flows::engine(&database.url).build().await.unwrap(),
            store: connect(&database.url).await.unwrap(),
            database,
        }
    }

    /// The runs of a flow, the oldest first.
    async fn runs_of(&self, flow: &str) -> Vec<FlowRun> {
        let filter = RunFilter {
            flow_name: Some(flow.to_owned()),
            limit: u32::MAX,
            ..RunFilter::default()
        };
        let mut runs = self.engine.runs(filter).await.unwrap();
        runs.reverse();
        runs
    }

    /// The completed runs of a flow, once there are so many.
    async fn completed(&self, flow: &str, count: usize) -> Vec<FlowRun> {
        let all = async {
            loop {
                let mut runs = self.runs_of(flow).await;
                runs.retain(|run| run.status == RunStatus::Completed);
                if runs.len() >= count {
                    return runs;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, all).await.expect("it takes too long")
    }

    /// As long as a worker works.
    async fn while_working<T>(&self, wanted: impl Future<Output = T>) -> T {
        tokio::select! {
            () = flows::work(&self.engine) => unreachable!("a worker works for ever"),
            wanted = wanted => wanted,
        }
    }
}

fn utc(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

fn ticks(runs: &[FlowRun]) -> Vec<DateTime<Utc>> {
    runs.iter().map(|run| run.start_at.unwrap()).collect()
}

/// Each second has one run, which knows its second.
fn assert_one_run_for_each_second(runs: &[FlowRun]) {
    let mut ticks = ticks(runs);
    ticks.sort();
    for pair in ticks.windows(2) {
        let apart = pair[1] - pair[0];
        assert_eq!(apart.num_milliseconds(), 1000, "{ticks:#?}");
    }
    assert_eq!(ticks[0].timestamp_subsec_nanos(), 0);
    for run in runs.iter().filter(|run| run.status == RunStatus::Completed) {
        let told: Option<DateTime<Utc>> =
            serde_json::from_value(run.outputs.clone().unwrap()).unwrap();
        assert_eq!(told, run.start_at);
    }
}

on_both! {
    missed::a_schedule_that_was_never_seen_begins_now,
    missed::of_missed_ticks_the_flow_says_which_are_started,
    missed::more_missed_ticks_than_fit_at_a_time_are_all_started,
    missed::a_tick_that_was_dealt_with_is_not_missed,
    processes::each_tick_has_one_run_though_a_worker_is_stopped,
    runs::two_workers_of_one_engine_start_each_tick_once,
    runs::workers_of_two_engines_start_each_tick_once,
    runs::the_tick_is_the_same_when_the_run_goes_on_and_in_all_of_it,
    runs::schedules_are_listed_with_their_last_and_next_tick,
}
