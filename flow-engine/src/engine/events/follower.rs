//! Who follows one run.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use flow_engine_db::{Outline, OutlineRun, OutlineStep, RunStatus, StepStatus, StoreError};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::Listener;
use crate::error::chain;
use crate::event::Event;

/// How often the database is asked about a run that another process may execute.
const INTERVAL: Duration = Duration::from_millis(500);
/// How often if this engine executes it, and tells of it: should it stop without a word.
const LIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Asking takes at most one part in so many of the time.
const RARELY: u32 = 20;

/// Tells what becomes of a root run: from its rows what has changed since they were read the last time, and what this engine does
/// with it at once.
pub(super) struct Follower {
    root: Uuid,
    listener: Listener,
    /// As they were told.
    runs: HashMap<Uuid, (RunStatus, f64)>,
    steps: HashMap<Uuid, StepStatus>,
    queue: VecDeque<Event>,
    next_look: Instant,
    has_looked: bool,
    has_ended: bool,
    /// Whether this engine executes it.
    is_live: bool,
}

impl Follower {
    pub(super) fn new(root: Uuid, listener: Listener) -> Self {
        Self {
            root,
            listener,
            runs: HashMap::new(),
            steps: HashMap::new(),
            queue: VecDeque::new(),
            next_look: Instant::now(),
            has_looked: false,
            has_ended: false,
            is_live: false,
        }
    }

    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            if self.has_ended {
                return None;
            }
            tokio::select! {
                // A look that is due goes first: what is heard next may be of what it finds.
                biased;
                () = sleep_until(self.next_look) => self.look().await?,
                event = self.listener.next(), if self.has_looked => self.hears(event?),
            }
        }
    }

    /// What came before the rows were read, and is heard after it, changes nothing.
    fn hears(&mut self, event: Event) {
        if event.root_run_id().is_some_and(|root| root != self.root) {
            return;
        }
        match &event {
            Event::Step {
                step_run_id,
                status,
                ..
            } => {
                self.is_live = true;
                let told = self.steps.get(step_run_id);
                let is_known = told.is_some_and(|told| !told.is_open() || told == status);
                if !is_known {
                    self.steps.insert(*step_run_id, *status);
                    self.queue.push_back(event);
                }
            }
            Event::Delta { .. } => self.queue.push_back(event),
            Event::Run {
                run_id,
                status: status @ RunStatus::Running,
                progress_percentage,
                ..
            } => {
                self.is_live = true;
                match self.runs.get(run_id) {
                    Some((RunStatus::Running, told)) if progress_percentage <= told => {}
                    Some((RunStatus::Running, _)) => {
                        self.runs.insert(*run_id, (*status, *progress_percentage));
                        self.queue.push_back(event);
                    }
                    _ => self.next_look = Instant::now(),
                }
            }
            // Where it stands now is in its row, whatever came after this.
            Event::Run { .. } => {
                self.is_live = false;
                self.next_look = Instant::now();
            }
            Event::Deleted { .. } => {
                self.has_ended = true;
                self.queue.push_back(event);
            }
            Event::Missed { .. } => {
                self.next_look = Instant::now();
                self.queue.push_back(event);
            }
        }
    }

    /// Tells what has changed in the rows. `None` if there is nothing more to follow.
    async fn look(&mut self) -> Option<()> {
        let services = self.listener.services.upgrade()?;
        let begun = Instant::now();
        match services.store.outline(self.root).await {
            Ok(outline) if outline.runs.is_empty() => {
                self.has_ended = true;
                let root_run_id = self.root;
                self.queue.push_back(Event::Deleted { root_run_id });
            }
            Ok(outline) => self.saw(outline),
            Err(StoreError::Closed) => return None,
            Err(error) => {
                tracing::warn!(run = %self.root, error = chain(&error), "a run that is watched could not be read");
            }
        }
        self.has_looked = true;
        let interval = if self.is_live {
            LIVE_INTERVAL
        } else {
            INTERVAL
        };
        self.next_look = Instant::now() + interval.max(begun.elapsed() * RARELY);
        Some(())
    }

    /// What begins is told before what is in it, and what ends after it.
    fn saw(&mut self, outline: Outline) {
        let (open, ended): (Vec<_>, Vec<_>) = outline
            .runs
            .into_iter()
            .partition(|run| !has_ended(run.status));
        self.has_ended = ended.iter().any(|run| run.id == self.root);
        for run in open {
            self.saw_run(run);
        }
        for step in outline.steps {
            self.saw_step(step);
        }
        for run in ended.into_iter().rev() {
            self.saw_run(run);
        }
    }

    fn saw_run(&mut self, run: OutlineRun) {
        let now = (run.status, run.progress_percentage);
        if self.runs.insert(run.id, now) != Some(now) {
            self.queue.push_back(Event::Run {
                root_run_id: self.root,
                run_id: run.id,
                flow_name: run.flow_name,
                status: run.status,
                progress_percentage: run.progress_percentage,
            });
        }
    }

    fn saw_step(&mut self, step: OutlineStep) {
        if self.steps.insert(step.id, step.status) != Some(step.status) {
            self.queue.push_back(Event::Step {
                root_run_id: self.root,
                run_id: step.flow_run_id,
                step_run_id: step.id,
                step_name: step.step_name,
                status: step.status,
            });
        }
    }
}

/// For good, as far as who follows it is concerned: a failed run goes on only when somebody asks for it.
fn has_ended(status: RunStatus) -> bool {
    matches!(
        status,
        RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled
    )
}
