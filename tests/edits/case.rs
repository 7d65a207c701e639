//! One edit as a row of a table: what of a run is taken again, what runs and why, and what comes out.

use flow_engine::{
    Change, Engine, ErrorKind, FlowStepRun, PlannedHit, PlannedMiss, ResumePlan, RunStatus,
};
use futures::future::join_all;

use crate::edited::{Edited, End, Left, Rows};
use crate::model::TOKENS;
use crate::steps::Fate;

/// What a resume comes to after an edit. The last step of each flow, `finish`, runs in any case and is not said.
pub(crate) struct Case {
    flow: &'static str,
    hits: &'static [&'static str],
    runs: &'static [&'static str],
    at_once: usize,
    unasked: &'static [&'static str],
    later_notes: &'static [&'static str],
    default_model: &'static str,
}

pub(crate) fn case(flow: &'static str) -> Case {
    Case {
        flow,
        hits: &[],
        runs: &[],
        at_once: 1,
        unasked: &[],
        later_notes: &[],
        default_model: "test-model",
    }
}

impl Case {
    /// The recorded steps that the plan takes again: `step` or `step (note)`.
    pub(crate) fn hits(mut self, hits: &'static [&'static str]) -> Self {
        self.hits = hits;
        self
    }

    /// All steps that run: `step: reason (paths of changes)`. The first of them, after which nothing is known, is the
    /// plan's.
    pub(crate) fn runs(mut self, runs: &'static [&'static str]) -> Self {
        self.runs = runs;
        self
    }

    /// So many of the steps that run do not depend on each other: all of them are in the plan.
    pub(crate) fn at_once(mut self, count: usize) -> Self {
        self.at_once = count;
        self
    }

    /// The recorded steps that the plan does not ask for.
    pub(crate) fn unasked(mut self, unasked: &'static [&'static str]) -> Self {
        self.unasked = unasked;
        self
    }

    /// The steps that are taken again after those of the plan, if there is a note to it: `step (note)`.
    pub(crate) fn later_notes(mut self, notes: &'static [&'static str]) -> Self {
        self.later_notes = notes;
        self
    }

    /// The engine after the edit has another model.
    pub(crate) fn default_model(mut self, model: &'static str) -> Self {
        self.default_model = model;
        self
    }

    /// Checks all of it and the flow's output, for each way in which the run may have ended before.
    pub(crate) async fn gives(self, output: &str) {
        let left = End::ALL.map(|end| Left::by(self.flow, end));
        let checks = left.into_iter().map(|left| self.check(left, output));
        join_all(checks).await;
    }

    async fn check(&self, left: Left, output: &str) {
        let end = left.end;
        let edited = left.edited(self.default_model).await;
        let before = edited.rows().await;
        let mut expected: Vec<String> = self.runs.iter().map(ToString::to_string).collect();
        expected.push(finish(&before, end, output));
        let context = format!("{} {end:?}", self.flow);
        self.check_plan(&edited, &before, &expected, &context).await;
        let (edited, steps) = match end {
            End::Failed => fail_again(edited, &mut expected, &context).await,
            End::Interrupted | End::Killed => (edited, None),
        };
        let done = edited.resume(edited.run).await.expect(&context);
        assert_eq!(done.output_content, output, "{context}");
        assert_eq!(edited.sent(), sent(&expected), "{context}");
        self.check_rows(&edited, &before, &expected, &context).await;
        if let (Some(steps), [run]) = (steps, &*edited.rows().await.runs) {
            assert_eq!(run.step_progress, steps, "{context}: hits count as well");
        }
    }

    /// Checks the plan, that `why` says the same, and that neither did anything.
    async fn check_plan(&self, edited: &Edited, before: &Rows, expected: &[String], context: &str) {
        let plan = edited.resume_plan(edited.run).await.expect(context);
        let names = |names: &[&'static str]| names.iter().map(ToString::to_string).collect();
        let hits: Vec<_> = plan.hits.iter().map(shown_hit).collect();
        let misses: Vec<_> = plan.misses.iter().map(shown_miss).collect();
        let unasked = plan.unasked.iter().map(|step| step.step_name.clone());
        let unasked: Vec<_> = unasked.collect();
        let expected: (Vec<String>, _, Vec<String>) = (
            names(self.hits),
            expected[..self.at_once].to_vec(),
            names(self.unasked),
        );
        assert_eq!((hits, misses, unasked), expected, "{context}\n{plan}");
        check_predictions(&plan, before, context);
        for miss in &plan.misses {
            let why = edited.why(edited.run, &miss.step_name).await.unwrap();
            let reasons: Vec<_> = why
                .iter()
                .map(|why| shown(&why.step_name, &why.reason, &why.changes))
                .collect();
            assert!(
                reasons.contains(&shown_miss(miss)),
                "{context}: {reasons:?}"
            );
        }
        assert_eq!(edited.sent(), [""; 0], "{context}: a plan asks nobody");
        assert_eq!(
            &edited.rows().await,
            before,
            "{context}: a plan writes nothing"
        );
    }

    /// Checks the run, that recorded rows are as they were, and the reasons in the new ones.
    async fn check_rows(&self, edited: &Edited, before: &Rows, expected: &[String], context: &str) {
        let run = edited.row().await;
        assert_eq!(run.status, RunStatus::Completed, "{context}");
        assert_eq!(run.current_step, None, "{context}");
        let after = edited.rows().await;
        for row in &after.runs {
            let ended = row.completed_at.is_some();
            assert!(ended, "{context}: {} is {}", row.flow_name, row.status);
        }
        for step in &after.steps {
            assert!(!step.status.is_open(), "{context}: {}", step.step_name);
        }
        let tokens = i64::try_from(TOKENS.0 + TOKENS.1).unwrap();
        let paid = tokens * i64::try_from(after.requests.len()).unwrap();
        assert_eq!(
            run.total_tokens, paid,
            "{context}: each request is counted once"
        );

        let mut noted = Vec::new();
        for recorded in before.completed() {
            let mut now = after.step(recorded.id).clone();
            if let Some(note) = now.hit_note.take() {
                noted.push(format!("{} ({note})", now.step_name));
            }
            // Where it is called is edited.
            now.scope.clone_from(&recorded.scope);
            now.previous_key.clone_from(&recorded.previous_key);
            assert_eq!(&now, recorded, "{context}: what is recorded stays");
        }
        let hits = self.hits.iter().chain(self.later_notes);
        let with_note: Vec<_> = hits.filter(|hit| hit.contains('(')).collect();
        assert_eq!(with_note, noted.iter().collect::<Vec<_>>(), "{context}");

        let mut reasons = Vec::new();
        // A time or a number that the engine drew is no step of the flow.
        let is_new = |step: &&FlowStepRun| {
            step.kind != "engine" && before.steps.iter().all(|known| known.id != step.id)
        };
        for step in after.steps.iter().filter(is_new) {
            let reason = step.miss_reason.as_deref().unwrap_or("no reason");
            let all = edited.why(edited.run, &step.step_name).await.unwrap();
            let why = all.iter().find(|why| why.step_run_id == Some(step.id));
            if let Some(why) = why {
                assert_eq!(why.reason, reason, "{context}");
            }
            let changes = why.map_or(&[][..], |why| &why.changes);
            reasons.push(shown(&step.step_name, reason, changes));
        }
        let mut wanted = expected.to_vec();
        // What runs beside each other begins in any order.
        reasons.sort();
        wanted.sort();
        assert_eq!(reasons, wanted, "{context}");
        for hit in self.hits.iter().filter_map(|hit| hit.split(' ').next()) {
            if !expected.iter().any(|ran| ran.starts_with(hit)) {
                let why = edited.why(edited.run, hit).await.unwrap();
                assert_eq!(why, [], "{context}: {hit} was executed once");
            }
        }
    }
}

/// The edit is there and the last step still fails: what ran after the edit is recorded then, and not paid again. Also gives how
/// many steps the flow has now.
async fn fail_again(
    edited: Edited,
    expected: &mut Vec<String>,
    context: &str,
) -> (Edited, Option<i32>) {
    let edited = edited.restarted(Fate::Fails).await;
    let error = edited.resume(edited.run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed, "{context}: {error:#}");
    let sent_so_far = edited.sent();
    assert_eq!(sent_so_far, sent(expected), "{context}");
    let edited = edited.restarted(Fate::Works).await;
    let plan = edited.resume_plan(edited.run).await.expect(context);
    let misses: Vec<_> = plan.misses.iter().map(shown_miss).collect();
    assert_eq!(misses, ["finish: failed before"], "{context}: paid once");
    assert_eq!(edited.sent(), sent_so_far, "{context}");
    expected.push("finish: failed before".to_owned());
    (edited, i32::try_from(plan.hits.len() + 1).ok())
}

/// What is said of the last step, which did not end well before.
fn finish(before: &Rows, end: End, output: &str) -> String {
    let mut steps = before.steps.iter();
    let recorded = steps.find(|step| step.step_name == "finish").unwrap();
    let is_same = recorded.inputs["text"] == output;
    let reason = match (end, is_same) {
        (End::Failed, true) => "failed before",
        (End::Failed, false) => "input content changed (inputs.text)",
        (_, true) => "not finished before",
        (_, false) => "first time",
    };
    format!("finish: {reason}")
}

/// Those of the steps that ask a model.
fn sent(steps: &[String]) -> Vec<String> {
    let names = steps.iter().filter_map(|step| step.split(':').next());
    let mut sent: Vec<_> = names.filter(|name| asks(name)).map(str::to_owned).collect();
    sent.sort();
    sent
}

fn asks(name: &str) -> bool {
    let steps = Engine::steps();
    let step = steps.iter().find(|step| step.name() == name).unwrap();
    step.prompt().is_some()
}

/// A model step takes what steps of its name took, which is the same for all of them here; a task takes nothing.
fn check_predictions(plan: &ResumePlan, before: &Rows, context: &str) {
    let tokens = |miss: &PlannedMiss| {
        if !asks(&miss.step_name) {
            return Some(0);
        }
        let mut steps = before.steps.iter();
        let paid = steps.any(|step| step.step_name == miss.step_name && step.tokens_used > 0);
        paid.then_some(TOKENS.0 + TOKENS.1)
    };
    let mut sum = Some(0);
    for miss in &plan.misses {
        assert_eq!(miss.predicted_tokens, tokens(miss), "{context}\n{plan}");
        sum = sum.zip(tokens(miss)).map(|(sum, more)| sum + more);
    }
    assert_eq!(plan.predicted_tokens, sum, "{context}\n{plan}");
}

fn shown_hit(hit: &PlannedHit) -> String {
    match hit.note {
        Some(note) => format!("{} ({note})", hit.step_name),
        None => hit.step_name.clone(),
    }
}

fn shown_miss(miss: &PlannedMiss) -> String {
    shown(&miss.step_name, miss.reason.as_str(), &miss.changes)
}

/// A schema differs in many places, which are shown as one.
fn shown(step: &str, reason: &str, changes: &[Change]) -> String {
    let path = |change: &Change| {
        let is_format = change.path.starts_with("request.format");
        let path = if is_format {
            "request.format"
        } else {
            &change.path
        };
        path.to_owned()
    };
    let mut paths: Vec<_> = changes.iter().map(path).collect();
    paths.dedup();
    match paths.as_slice() {
        [] => format!("{step}: {reason}"),
        paths => format!("{step}: {reason} ({})", paths.join(", ")),
    }
}
