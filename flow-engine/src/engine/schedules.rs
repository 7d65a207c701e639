//! Flows that are started by the clock: each worker looks when a tick has come, and one of them queues the run for it.

use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, Utc};
use flow_engine_db::{ExecutionMode, FlowSchedule, NewRun, RunStatus, ScheduleAdvance};
use serde_json::Map;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::Engine;
use crate::definition::{Definition, Registration, find, registered};
use crate::error::{Error, chain};
use crate::inputs;
use crate::schedule::{Schedule, Ticks};

/// How long a worker sleeps at most: the clock may have been set, and the machine asleep.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// After the database could not be asked.
const PAUSE: Duration = Duration::from_secs(1);

/// A flow with a schedule, and how far that has come: [`Engine::schedules`] gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduledFlow {
    /// The flow.
    pub flow_name: &'static str,
    /// When it is started.
    pub schedule: Schedule,
    /// The last tick for which a run was queued, or which was left out. `None` before the first.
    pub last_tick: Option<DateTime<Utc>>,
    /// The first tick from now on, if there is one.
    pub next_tick: Option<DateTime<Utc>>,
}

impl Engine {
    /// The flows of this program that have a schedule, by name, with their last and their next tick.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn schedules(&self) -> Result<Vec<ScheduledFlow>, Error> {
        let flows: Vec<_> = registered()
            .into_iter()
            .filter_map(|flow| Some((flow.name(), *flow.schedule()?)))
            .collect();
        let names = flows.iter().map(|(name, _)| (*name).to_owned()).collect();
        let read = self.services.store.schedules(names).await?;
        let with_ticks = flows.into_iter().map(|(flow_name, schedule)| {
            let begun = of(&read.schedules, flow_name);
            ScheduledFlow {
                flow_name,
                schedule,
                last_tick: begun.and_then(|begun| begun.last_tick),
                next_tick: schedule.next_after(read.now),
            }
        });
        Ok(with_ticks.collect())
    }
}

/// Queues runs of the program's scheduled flows as their ticks come, for ever.
pub(super) async fn keep_schedules(engine: &Engine) -> Infallible {
    let flows = scheduled();
    if flows.is_empty() {
        return std::future::pending().await;
    }
    loop {
        match look(engine, &flows).await {
            Ok(until) => sleep_until(until).await,
            Err(error) => {
                tracing::warn!(
                    error = chain(&error),
                    "a worker could not look after the schedules"
                );
                sleep(PAUSE).await;
            }
        }
    }
}

struct Scheduled {
    registered: &'static Registration,
    definition: &'static Definition,
    schedule: Schedule,
    ticks: Ticks,
}

fn scheduled() -> Vec<Scheduled> {
    let mut all = Vec::new();
    for definition in registered() {
        // The engine was not built if it cannot be read.
        if let Some(schedule) = definition.schedule().copied()
            && let Ok(ticks) = Ticks::of(&schedule)
            && let Some(registered) = find(definition.name())
        {
            all.push(Scheduled {
                registered,
                definition,
                schedule,
                ticks,
            });
        }
    }
    all
}

fn of<'a>(schedules: &'a [FlowSchedule], flow_name: &str) -> Option<&'a FlowSchedule> {
    schedules
        .iter()
        .find(|schedule| schedule.flow_name == flow_name)
}

/// Queues what is due, and says when to look again.
async fn look(engine: &Engine, flows: &[Scheduled]) -> Result<Instant, Error> {
    let store = &engine.services.store;
    let name = |flow: &Scheduled| flow.definition.name().to_owned();
    let read = store.schedules(flows.iter().map(name).collect()).await?;
    let read_at = Instant::now();
    let mut pause = LONGEST_SLEEP;
    for flow in flows {
        match of(&read.schedules, flow.definition.name()) {
            None => {
                let name = flow.definition.name();
                store.begin_schedule(name, read.now).await?;
            }
            Some(schedule) => {
                if !start_due(engine, flow, schedule, read.now).await? {
                    // Another worker was faster: how far it has come is read.
                    return Ok(read_at);
                }
            }
        }
        let next = flow.ticks.next_after(read.now);
        let until = next.and_then(|next| (next - read.now).to_std().ok());
        pause = pause.min(until.unwrap_or(LONGEST_SLEEP));
    }
    Ok(read_at + pause)
}

/// False if another worker did it.
async fn start_due(
    engine: &Engine,
    flow: &Scheduled,
    schedule: &FlowSchedule,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let (mut expected, mut position) = (schedule.last_tick, schedule.position());
    while let Some(due) = flow.ticks.due(flow.schedule.missed(), position, now) {
        let runs = due.starts.iter().map(|tick| run_at(flow, *tick));
        let advance = ScheduleAdvance {
            flow_name: flow.definition.name().to_owned(),
            expected,
            last_tick: due.last_tick,
            runs: runs.collect::<Result<_, _>>()?,
        };
        if !engine.services.store.advance_schedule(advance).await? {
            return Ok(false);
        }
        if let Some(since) = due.missed_since {
            let (name, starts) = (flow.definition.name(), due.starts.len());
            tracing::warn!(
                "no worker was there for the ticks of `{name}` since {since}: of those until {}, {starts} are started",
                due.last_tick
            );
        }
        engine.services.queued.notify_one();
        (expected, position) = (Some(due.last_tick), due.last_tick);
    }
    Ok(true)
}

fn run_at(flow: &Scheduled, tick: DateTime<Utc>) -> Result<NewRun, Error> {
    let definition = flow.definition;
    let call = flow.registered.recorded_call(Map::new())?;
    Ok(NewRun {
        status: RunStatus::Pending,
        execution_mode: ExecutionMode::Background,
        total_steps: definition.total_steps(),
        flow_version: definition.version(),
        started_at: None,
        start_at: Some(tick),
        ..NewRun::new(
            Uuid::now_v7(),
            definition.name(),
            inputs::text(&call.to_inputs()?)?,
        )
    })
}
