//! What a story must come to, however often it was killed: what an undisturbed execution came to.

use std::collections::BTreeSet;

use flow_engine::{RequestStatus, RunStatus, StepStatus};
use serde_json::Value;

use crate::disk::Disk;
use crate::server::Counts;
use crate::story::{Life, Mishap, Story};

/// An undisturbed execution.
#[derive(Debug)]
pub(crate) struct Reference {
    output: Value,
    disk: Disk,
    /// What is asked if nothing is recorded.
    asked: Counts,
    pub(crate) writes: u64,
    /// What a resumed run takes from the journal.
    recorded: &'static [StepStatus],
}

/// What a story cost.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) requests: usize,
    pub(crate) distinct: usize,
    /// Answers that were asked for and not recorded when a life ended, the most of them in one.
    pub(crate) most_lost: usize,
}

impl Reference {
    pub(crate) fn new(story: &Story, recorded: &'static [StepStatus]) -> Self {
        let disk = story.lives.last().unwrap().left.clone();
        let mut asked = disk.answered(recorded);
        asked.extend(disk.given_up());
        let reference = Self {
            output: story.end["output"].clone(),
            asked,
            writes: story.writes,
            recorded,
            disk,
        };
        assert!(reference.output.is_string(), "{:?}", story.end);
        reference.check(story);
        reference
    }

    /// Holds a story to everything that is promised.
    pub(crate) fn check(&self, story: &Story) -> Cost {
        let Story { lives, end, .. } = story;
        let name = &format!("{:?}", story.plot);
        let last = &lives.last().unwrap().left;
        let found = &lives.last().unwrap().found;
        if found
            .root()
            .is_some_and(|root| root.status == RunStatus::Completed)
        {
            // Killed after its last write: there is nothing to take up.
            let refused = end["error"]
                .as_str()
                .is_some_and(|error| error.contains("has completed"));
            assert!(end.is_null() || refused, "{name}: {end}");
        } else {
            assert_eq!(end["output"], self.output, "{name}: the output");
            let total = last.root().unwrap().total_tokens;
            assert_eq!(end["tokens"], total, "{name}: what the caller hears");
        }
        assert_eq!(last.flows(), self.disk.flows(), "{name}: the runs");
        for status in self.recorded {
            let work = last.work(&[*status]);
            assert_eq!(work, self.disk.work(&[*status]), "{name}: {status} steps");
        }
        assert_eq!(last.given_up(), self.disk.given_up(), "{name}");
        nothing_is_open(name, last);
        // What was paid when a disk was full is in the ledger, and in no sum, if the start of its step is not on disk.
        if !matches!(story.plot.disk, Some(Mishap::Full(_))) {
            sums_are_right(name, last);
        }
        times_are_one(name, last);
        answers_are_taken_once(name, last);
        rows_are_in_order(name, last);
        for life in lives {
            self.check_life(name, life);
            cleared_up(name, life);
            kept(name, &life.left, last);
        }
        self.cost(lives)
    }

    /// How many steps of the root run were finished.
    pub(crate) fn progress(&self) -> i32 {
        self.disk.root().unwrap().step_progress
    }

    /// What a life could not find in its journal.
    fn missing(&self, found: &Disk, question: &str) -> usize {
        let of = |counts: &Counts| counts.get(question).copied().unwrap_or_default();
        let recorded = if question.starts_with("never") {
            of(&found.given_up())
        } else {
            of(&found.answered(self.recorded))
        };
        of(&self.asked)
            .checked_sub(recorded)
            .unwrap_or_else(|| panic!("`{question}` is recorded {recorded} times"))
    }

    /// A life asks for what is not recorded, and for nothing else; what it asked is in the ledger.
    fn check_life(&self, name: &str, life: &Life) {
        let of =
            |counts: &Counts, question: &str| counts.get(question).copied().unwrap_or_default();
        let questions: BTreeSet<&String> = self.asked.keys().chain(life.asked.keys()).collect();
        let (before, after) = (life.found.sent(), life.left.sent());
        for question in questions {
            let asked = of(&life.asked, question);
            let missing = self.missing(&life.found, question);
            let context = format!("{name}: `{question}` in the life of {:?}", life.doom);
            if life.was_killed || question.starts_with("never") {
                assert!(
                    asked <= missing,
                    "{context}: {asked}, not recorded {missing}"
                );
            } else {
                assert_eq!(asked, missing, "{context}");
            }
            // Only what was not yet on disk may be lost.
            if !matches!(life.doom, Some(("during", _))) || !life.was_killed {
                let rows = of(&after, question) - of(&before, question);
                assert!(asked <= rows, "{context}: {asked}, rows {rows}");
            }
        }
    }

    fn cost(&self, lives: &[Life]) -> Cost {
        let lost = |life: &Life| {
            let new: usize = life.asked.values().sum();
            let ended = |disk: &Disk| {
                let mut answered = disk.answered(self.recorded);
                answered.extend(disk.given_up());
                answered.values().sum::<usize>()
            };
            (new + ended(&life.found)).saturating_sub(ended(&life.left))
        };
        Cost {
            requests: lives.iter().flat_map(|life| life.asked.values()).sum(),
            distinct: self.asked.values().sum(),
            most_lost: lives.iter().map(lost).max().unwrap_or_default(),
        }
    }
}

fn nothing_is_open(name: &str, disk: &Disk) {
    for run in &disk.runs {
        assert_eq!(run.status, RunStatus::Completed, "{name}: {run:?}");
        assert!(run.completed_at.is_some(), "{name}: {run:?}");
        assert_eq!(run.current_step, None, "{name}: {run:?}");
        assert_eq!(run.error_message, None, "{name}: {run:?}");
        assert!(run.progress_percentage >= 100.0, "{name}: {run:?}");
    }
    for step in &disk.steps {
        let open = matches!(step.status, StepStatus::Running | StepStatus::Pending);
        assert!(!open && step.completed_at.is_some(), "{name}: {step:?}");
    }
    for request in &disk.requests {
        let open = request.status == RequestStatus::Sent;
        assert!(
            !open && request.completed_at.is_some(),
            "{name}: {request:?}"
        );
    }
}

fn sums_are_right(name: &str, disk: &Disk) {
    let spent = disk.spent();
    for run in &disk.runs {
        let (flow, sums) = (&run.flow_name, (run.total_tokens, run.unpriced_requests));
        assert_eq!(
            sums, spent[&run.id],
            "{name}: tokens and requests of `{flow}`"
        );
    }
}

/// What read the time read the one that is recorded.
fn times_are_one(name: &str, disk: &Disk) {
    let completed = || disk.ended(&[StepStatus::Completed]);
    for stamp in completed().filter(|step| step.step_name == "stamp") {
        let known = completed()
            .filter(|step| step.flow_run_id == stamp.flow_run_id)
            .filter(|step| step.step_name == "flow_engine::now")
            .any(|now| now.outputs.as_ref() == Some(&stamp.inputs["at"]));
        assert!(known, "{name}: {stamp:?}");
    }
}

/// Equal calls are equal draws, and each has one of its own.
fn answers_are_taken_once(name: &str, disk: &Disk) {
    let completed = disk.ended(&[StepStatus::Completed]);
    let mut answers: Vec<_> = completed.filter_map(|step| step.llm_request_id).collect();
    let count = answers.len();
    answers.sort_unstable();
    answers.dedup();
    assert_eq!(count, answers.len(), "{name}: an answer was taken twice");
}

/// Rows are numbered on, and no code has changed.
fn rows_are_in_order(name: &str, disk: &Disk) {
    let mut numbers = BTreeSet::new();
    for step in &disk.steps {
        let is_new = numbers.insert((step.flow_run_id, step.step_order));
        assert!(is_new && step.hit_note.is_none(), "{name}: {step:?}");
    }
}

/// The first write of a resumed run closes what its last process has left open.
fn cleared_up(name: &str, life: &Life) {
    match life.doom {
        Some(("before", 1) | ("during", _)) if life.was_killed => return,
        _ => {}
    }
    for step in life.found.ended(&[StepStatus::Running]) {
        let now = life.left.steps.iter().find(|now| now.id == step.id);
        let open = now.is_none_or(|now| now.status == StepStatus::Running);
        assert!(!open, "{name}: it is still open: {now:?}");
    }
}

/// A row that has completed stays as it is.
fn kept(name: &str, then: &Disk, now: &Disk) {
    for step in then.ended(&[StepStatus::Completed]) {
        assert!(now.steps.contains(step), "{name}: it was changed: {step:?}");
    }
}
