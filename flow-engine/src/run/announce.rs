//! What a run that is executed here tells who listens to its engine.

use flow_engine_db::{FlowRun, NewStep, Progress, RunStatus, StepStatus, Write};
use uuid::Uuid;

use super::stream::Delta;
use super::{Run, Services};
use crate::error::chain;
use crate::event::Event;

/// The step or the sub-flow that ends with some writes: its id and its name.
pub(super) type Ended = Option<(Uuid, &'static str)>;

impl Run {
    /// Tells that the root run is executed from now on.
    pub(super) fn announce_start(&self) {
        if self.services.events.has_listeners() {
            let earlier = self.earlier.as_ref();
            let percentage = earlier.map_or(0.0, |row| row.progress_percentage);
            let name = self.definition.name();
            let event = self.run_event(self.id, name, RunStatus::Running, percentage);
            self.services.events.tell([event]);
        }
    }

    /// Tells that the root run was cancelled or deleted from outside while it was executed here: its row says how, if it is there.
    pub(super) fn announce_end(&self, row: Option<FlowRun>) {
        if self.parent.is_none() {
            self.services.announce(self.id, row);
        }
    }

    /// Tells a piece of a step's answer.
    pub(super) fn announce_delta(&self, step_run_id: Uuid, delta: impl FnOnce() -> Delta) {
        if self.services.events.has_listeners() {
            self.services.events.tell([Event::Delta {
                root_run_id: self.root_id,
                run_id: self.id,
                step_run_id,
                delta: delta(),
            }]);
        }
    }

    /// What is to be told once these writes are queued. What the engine records for itself is not told.
    pub(super) fn events_of<'w>(&self, writes: &'w [Write], ended: Ended) -> Vec<Event> {
        if !self.services.events.has_listeners() {
            return Vec::new();
        }
        let named = |id: Uuid| match ended {
            Some((ended, name)) if ended == id => Some(name),
            _ => (id == self.id).then(|| self.definition.name()),
        };
        let run = |id, status, progress: &Progress| {
            named(id).map(|name| self.run_event(id, name, status, progress.progress_percentage))
        };
        let mut begun = Vec::new();
        let event = |write: &'w Write| match write {
            Write::StartRun(sub) if sub.id != self.root_id => {
                Some(self.run_event(sub.id, &sub.flow_name, sub.status, 0.0))
            }
            // It stands at zero as long as the flow's steps are not counted.
            Write::UpdateRun(row) if ended.is_some() && row.progress.progress_percentage > 0.0 => {
                run(row.id, RunStatus::Running, &row.progress)
            }
            Write::ReopenRun(row) => {
                let mut reopened = self.and_ancestors().filter(|run| run.id != run.root_id);
                let name = reopened.find(|run| run.id == row.id)?.definition.name();
                Some(self.run_event(row.id, name, RunStatus::Running, 0.0))
            }
            Write::ParkRun(row) if row.status == RunStatus::InDoubt => {
                run(row.id, row.status, &row.progress)
            }
            Write::FinishRun(row) => run(row.id, row.status, &row.progress),
            Write::StartStep(row) if row.kind != NewStep::ENGINE => {
                begun.push((row.id, row.step_name.as_str()));
                Some(self.step_event(row.id, &row.step_name, row.status))
            }
            Write::FinishStep(row) => {
                let mut known = begun.iter().copied().chain(ended);
                let (_, name) = known.find(|(id, _)| *id == row.id)?;
                Some(self.step_event(row.id, name, row.status))
            }
            _ => None,
        };
        writes.iter().filter_map(event).collect()
    }

    fn run_event(&self, id: Uuid, name: &str, status: RunStatus, percentage: f64) -> Event {
        Event::Run {
            root_run_id: self.root_id,
            run_id: id,
            flow_name: name.to_owned(),
            status,
            progress_percentage: percentage,
        }
    }

    fn step_event(&self, id: Uuid, name: &str, status: StepStatus) -> Event {
        Event::Step {
            root_run_id: self.root_id,
            run_id: self.id,
            step_run_id: id,
            step_name: name.to_owned(),
            status,
        }
    }
}

impl Services {
    /// Tells where a root run stands, as its row says; without one, it was deleted.
    fn announce(&self, run_id: Uuid, row: Option<FlowRun>) {
        self.events.tell([match row {
            None => Event::Deleted {
                root_run_id: run_id,
            },
            Some(row) => Event::Run {
                root_run_id: row.root_run_id,
                run_id,
                flow_name: row.flow_name,
                status: row.status,
                progress_percentage: row.progress_percentage,
            },
        }]);
    }

    /// Tells that a run was queued, before somebody takes it.
    pub(crate) fn announce_queued(&self, run_id: Uuid, flow_name: &str, percentage: f64) {
        if self.events.has_listeners() {
            self.events.tell([Event::Run {
                root_run_id: run_id,
                run_id,
                flow_name: flow_name.to_owned(),
                status: RunStatus::Pending,
                progress_percentage: percentage,
            }]);
        }
    }

    /// Tells where a run stands that was changed from outside, as its row says.
    pub(crate) async fn announce_row(&self, run_id: Uuid) {
        if !self.events.has_listeners() {
            return;
        }
        match self.store.run(run_id).await {
            Ok(row) => self.announce(run_id, row),
            Err(error) => {
                tracing::warn!(run = %run_id, error = chain(&error), "what a run is by now cannot be read, and is not told");
            }
        }
    }
}
