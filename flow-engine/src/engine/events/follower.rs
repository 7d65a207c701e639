//! Who follows one run.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use flow_engine_db::{Outline, OutlineRun, OutlineStep, RunStatus, StepStatus, StoreError};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::Listener;
use crate::error::chain;
use crate::event::Event;

/// How often the database is asked about the run: another process may execute it.
const INTERVAL: Duration = Duration::from_millis(500);
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
    /// When the rows are read in any case, and when they may be.
    next_look: Instant,
    may_look: Instant,
    has_looked: bool,
    has_ended: bool,
}

impl Follower {
    pub(super) fn new(root: Uuid, listener: Listener) -> Self {
        let now = Instant::now();
        Self {
            root,
            listener,
            runs: HashMap::new(),
            steps: HashMap::new(),
            queue: VecDeque::new(),
            next_look: now,
            may_look: now,
            has_looked: false,
            has_ended: false,
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
                () = sleep_until(self.next_look) => self.look().await?,
                event = self.listener.next(), if self.has_looked => self.hears(event?),
            }
        }
    }

    /// What was told of the run is newer than its rows were when they were read, or it is what they showed.
    fn hears(&mut self, event: Event) {
        match &event {
            Event::Step {
                step_run_id,
                status,
                ..
            } => {
                let told = self.steps.get(step_run_id);
                if told.is_none_or(|told| told.is_open() && told != status) {
                    self.steps.insert(*step_run_id, *status);
                    self.queue.push_back(event);
                }
            }
            Event::Run {
                run_id,
                status,
                progress_percentage,
                ..
            } => {
                let now = (*status, *progress_percentage);
                let has_stopped = *run_id == self.root && *status != RunStatus::Running;
                let told = self.runs.get(run_id);
                if has_stopped || told.is_some_and(|(told, _)| has_ended(*told)) {
                    // Where it stands is in its row, and with it what ends there without a word.
                    self.next_look = self.may_look;
                } else if self.is_news(*run_id, now) {
                    self.runs.insert(*run_id, now);
                    self.queue.push_back(event);
                }
            }
            Event::Delta { step_run_id, .. } => {
                let told = self.steps.get(step_run_id);
                if told.is_none_or(|told| told.is_open()) {
                    self.queue.push_back(event);
                }
            }
            Event::Deleted { .. } => {
                self.has_ended = true;
                self.queue.push_back(event);
            }
            Event::Missed { .. } => {
                self.next_look = self.may_look;
                self.queue.push_back(event);
            }
        }
    }

    /// A run that goes on does not fall back.
    fn is_news(&self, run: Uuid, (status, percentage): (RunStatus, f64)) -> bool {
        match self.runs.get(&run) {
            Some((RunStatus::Running, told)) if status == RunStatus::Running => percentage > *told,
            told => told != Some(&(status, percentage)),
        }
    }

    /// Tells what has changed in the rows. `None` if there is nothing more to follow.
    async fn look(&mut self) -> Option<()> {
        let begun = Instant::now();
        // The engine is not kept by who does not poll.
        let store = Arc::clone(&self.listener.services.upgrade()?.store);
        let read = store.outline(self.root).await;
        let mut heard = self.listener.so_far().await?;
        if self.has_looked {
            // The pieces of an answer are told before the end of their step.
            for event in heard.drain(..) {
                self.hears(event);
            }
        }
        match read {
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
        let (now, took) = (Instant::now(), begun.elapsed());
        self.may_look = now + took * RARELY;
        self.next_look = self.may_look.max(now + INTERVAL);
        // What there is so far begins with the run.
        for event in heard {
            self.hears(event);
        }
        Some(())
    }

    /// What begins is told before what is in it, and what ends after it.
    fn saw(&mut self, outline: Outline) {
        let (root, parts): (Vec<_>, Vec<_>) = outline
            .runs
            .into_iter()
            .partition(|run| run.id == self.root);
        let (ended, open): (Vec<_>, Vec<_>) = root
            .into_iter()
            .chain(parts)
            .partition(|run| has_ended(run.status));
        self.has_ended |= ended.iter().any(|run| run.id == self.root);
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
        if self.is_news(run.id, now) {
            self.runs.insert(run.id, now);
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
        let told = self.steps.get(&step.id);
        // Its end may have been heard since the rows were read.
        if told.is_none_or(|told| *told != step.status && !step.status.is_open()) {
            self.steps.insert(step.id, step.status);
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
