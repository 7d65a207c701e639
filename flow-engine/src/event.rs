//! What is told of runs while they go on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use flow_engine_db::{RunStatus, StepStatus};
use serde::Serialize;
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::run::Delta;

/// How many events may wait for who listens, before the oldest are left out.
const CAPACITY: usize = 4096;

/// A change of a run, told by [`Engine::events`](crate::Engine::events) and [`Engine::watch`](crate::Engine::watch).
///
/// As JSON it is an object with its kind in `event`: `{"event": "step", "step_name": "summarize", "status": "running", …}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A run or a sub-run has another status, or is further on.
    #[non_exhaustive]
    Run {
        /// The root run; the run itself if it is one.
        root_run_id: Uuid,
        /// The run.
        run_id: Uuid,
        /// Its flow, or the step used alone.
        flow_name: String,
        /// What it is from now on: `running`, `waiting`, `completed`, …
        status: RunStatus,
        /// How much of its steps is done, from 0 to 100. Zero before its end if the flow's steps are not counted.
        progress_percentage: f64,
    },
    /// A step has begun, or has come to an end.
    #[non_exhaustive]
    Step {
        /// The root run that it is a part of.
        root_run_id: Uuid,
        /// The run or sub-run that called it.
        run_id: Uuid,
        /// The step run.
        step_run_id: Uuid,
        /// The step.
        step_name: String,
        /// What it is from now on: `running`, `completed`, `failed`, …
        status: StepStatus,
    },
    /// A piece of the answer of a step that the flow [streams](crate::StepStream).
    #[non_exhaustive]
    Delta {
        /// The root run that the step is a part of.
        root_run_id: Uuid,
        /// The run or sub-run that called it.
        run_id: Uuid,
        /// The step run.
        step_run_id: Uuid,
        /// The piece.
        delta: Delta,
    },
    /// A root run was deleted, with all that was below it.
    #[non_exhaustive]
    Deleted {
        /// The root run.
        root_run_id: Uuid,
    },
    /// Who listens was so far behind that the oldest events were left out.
    #[non_exhaustive]
    Missed {
        /// How many events, of all runs of this engine.
        count: u64,
    },
}

impl Event {
    /// The root run that it is about; `None` of [`Missed`](Self::Missed).
    pub fn root_run_id(&self) -> Option<Uuid> {
        match self {
            Self::Run { root_run_id, .. }
            | Self::Step { root_run_id, .. }
            | Self::Delta { root_run_id, .. }
            | Self::Deleted { root_run_id } => Some(*root_run_id),
            Self::Missed { .. } => None,
        }
    }

    pub(crate) fn is_delta(&self) -> bool {
        matches!(self, Self::Delta { .. })
    }
}

/// Tells what happens in an engine to all who listen. It costs nothing as long as nobody does.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    sender: OnceLock<broadcast::Sender<Told>>,
    has_ended: AtomicBool,
}

#[derive(Debug, Clone)]
pub(crate) enum Told {
    Event(Event),
    /// The engine is closed.
    End,
}

impl Announcer {
    pub(crate) fn has_listeners(&self) -> bool {
        let sender = self.sender.get();
        sender.is_some_and(|sender| sender.receiver_count() > 0)
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Told> {
        let sender = self.sender.get_or_init(|| broadcast::channel(CAPACITY).0);
        let listener = sender.subscribe();
        if self.has_ended.load(Ordering::Acquire) {
            self.end();
        }
        listener
    }

    pub(crate) fn tell(&self, events: impl IntoIterator<Item = Event>) {
        if let Some(sender) = self.sender.get() {
            for event in events {
                // It fails when nobody listens any more.
                let _ = sender.send(Told::Event(event));
            }
        }
    }

    /// Nothing is told any more.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        if let Some(sender) = self.sender.get() {
            let _ = sender.send(Told::End);
        }
    }
}
