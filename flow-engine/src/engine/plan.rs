//! What a resume would do, without doing it.

use std::fmt;
use std::sync::Arc;

use flow_engine_db::JournalStep;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Engine;
use super::read_only::ReadOnly;
use super::recovery::{Unfinished, recorded_call, refused};
use crate::difference::{Change, changes};
use crate::error::Error;
use crate::event::Announcer;
use crate::run::{
    ASIDE, Claim, Journal, Met, MissReason, Missed, Plan, Row, Run, RunOptions, Services, as_run,
};

/// What [`Engine::resume`] would do: see [`Engine::resume_plan`]. `{}` prints it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ResumePlan {
    /// The run.
    pub run_id: Uuid,
    /// Recorded steps that are taken again, in the order in which the flow asks for them.
    pub hits: Vec<PlannedHit>,
    /// Steps that have to run. What comes after them and depends on them is not known, and not here.
    pub misses: Vec<PlannedMiss>,
    /// The signals that it waits for, and that nobody has told. What comes after them is not known, and not here.
    pub waits: Vec<String>,
    /// Recorded steps that nobody asked for: no part of the flow any more, or of what comes after a miss.
    pub unasked: Vec<UnaskedStep>,
    /// Tokens that the misses will take, as their like took; `None` if nothing like one of them is recorded. What comes
    /// after them may take more.
    pub predicted_tokens: Option<u64>,
    /// US dollars for the same; `None` if a price is not known.
    pub predicted_cost: Option<f64>,
}

/// A recorded step that a resume takes again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedHit {
    /// Its row.
    pub step_run_id: Uuid,
    /// The step's name.
    pub step_name: String,
    /// What is no more as it was recorded: `code changed`, `output schema changed`. The recorded output is kept.
    pub note: Option<&'static str>,
}

/// A step that a resume has to run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlannedMiss {
    /// The step's name.
    pub step_name: String,
    /// Its inputs.
    pub inputs: Value,
    /// Why it has to run.
    pub reason: MissReason,
    /// The recorded step that it is most like.
    pub compared_with: Option<Uuid>,
    /// In what it differs from that one: `inputs.style`, `request.messages[0].content`.
    pub changes: Vec<Change>,
    /// Tokens that it will take, as its like took, or steps of its name on average.
    pub predicted_tokens: Option<u64>,
    /// US dollars for the same.
    pub predicted_cost: Option<f64>,
}

/// A recorded step that a resume does not ask for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UnaskedStep {
    /// Its row.
    pub step_run_id: Uuid,
    /// The step's name.
    pub step_name: String,
    /// Tokens that it took.
    pub tokens: u64,
    /// US dollars that it cost; `None` if a price is not known.
    pub cost: Option<f64>,
}

impl Engine {
    /// What [`resume`](Self::resume) would do with a run: which recorded steps it takes, which steps it has to run and why,
    /// and what that will cost. Nothing is sent and nothing is written.
    ///
    /// The flow itself is executed on what is recorded, up to what would have to run: so it must not do by itself what is
    /// the business of steps.
    ///
    /// # Errors
    /// As for [`resume`](Self::resume), but for what the run would fail with, and for effects in doubt, which the plan shows.
    pub async fn resume_plan(&self, run_id: Uuid) -> Result<ResumePlan, Error> {
        let run_id = self.root_of(run_id).await?;
        if Claim::is_taken(run_id) {
            return Err(refused(run_id, "resumed", "it is being executed"));
        }
        let unfinished = self.to_be_planned(run_id).await?;
        let call = recorded_call(&unfinished)?;
        let Unfinished {
            run, registered, ..
        } = unfinished;
        let mut tree = self.recorded(&run).await?;
        let plan = Arc::new(Plan::new());
        tree.plan = Some(Arc::clone(&plan));
        let journal = tree.journal().cloned();
        let services = Services {
            watched: Arc::default(),
            store: Arc::new(ReadOnly(Arc::clone(&self.services.store))),
            leases: Arc::clone(&self.services.leases),
            queued: Arc::default(),
            events: Announcer::default(),
            signals: Arc::clone(&self.services.signals),
            background: Arc::default(),
            models: Arc::clone(&self.services.models),
            policy: self.services.policy.clone(),
            budget: self.services.budget.clone(),
            prices: self.services.prices.clone(),
            artifacts: Arc::clone(&self.services.artifacts),
            states: Arc::clone(&self.services.states),
            flights: Arc::default(),
        };
        let options = RunOptions {
            id: run.id,
            user_id: run.user_id,
            metadata: run.flow_metadata,
            start_at: run.start_at,
            tree,
        };
        let run = Arc::new(Run::root(
            Arc::new(services),
            registered.definition(),
            options,
        ));
        tokio::select! {
            // What the flow gives, or fails with, is not asked here.
            _end = as_run(run, call) => {}
            () = plan.is_stuck() => {}
        }
        let Met {
            hits,
            misses,
            waits,
        } = plan.end();
        let left = journal
            .as_ref()
            .map(|journal| journal.left())
            .unwrap_or_default();
        let mut planned = Vec::with_capacity(misses.len());
        for miss in misses {
            planned.push(self.planned(miss, journal.as_deref()).await?);
        }
        Ok(ResumePlan {
            run_id,
            hits: hits
                .into_iter()
                .map(|hit| PlannedHit {
                    step_run_id: hit.step_run_id,
                    step_name: hit.step_name,
                    note: hit.note,
                })
                .collect(),
            predicted_tokens: planned
                .iter()
                .try_fold(0, |sum, miss| Some(sum + miss.predicted_tokens?)),
            predicted_cost: planned
                .iter()
                .try_fold(0.0, |sum, miss| Some(sum + miss.predicted_cost?)),
            misses: planned,
            waits,
            unasked: left
                .iter()
                .filter(|row| row.step.kind != ASIDE)
                .map(|row| UnaskedStep::of(&row.step))
                .collect(),
        })
    }
}

/// What a step read: its inputs, and if it asked a model the body of its request.
pub(super) type Read<'a> = (&'a Value, Option<&'a Value>);

/// In what a step reads something else than a recorded one did. The request of what was cut off before its end is not
/// known.
pub(super) fn differences(before: Read<'_>, after: Read<'_>) -> Vec<Change> {
    let document = |(inputs, request): Read<'_>| match (request, before.1.is_some()) {
        (Some(request), true) => json!({ "inputs": inputs, "request": request }),
        _ => json!({ "inputs": inputs }),
    };
    changes(&document(before), &document(after))
}

impl Engine {
    async fn planned(
        &self,
        missed: Missed,
        journal: Option<&Journal>,
    ) -> Result<PlannedMiss, Error> {
        let like = missed.compared_with.as_deref();
        let now = Value::from(missed.inputs);
        let changes = match like {
            Some(Row { step, .. }) => {
                let inputs: Value = serde_json::from_str(&step.inputs).unwrap_or_default();
                let request = self.request_body(step.llm_request_id).await?;
                differences((&inputs, request.as_ref()), (&now, missed.request.as_ref()))
            }
            None => Vec::new(),
        };
        // A task asks no model, and so takes nothing.
        let (predicted_tokens, predicted_cost) = match (&missed.request, like) {
            (None, _) => (Some(0), Some(0.0)),
            (Some(_), Some(Row { step, .. })) if step.tokens_used > 0 => {
                (u64::try_from(step.tokens_used).ok(), step.cost_estimate)
            }
            (Some(_), _) => journal
                .and_then(|journal| journal.average_of(missed.step_name))
                .map_or((None, None), |(tokens, cost)| (Some(tokens), cost)),
        };
        Ok(PlannedMiss {
            step_name: missed.step_name.to_owned(),
            inputs: now,
            reason: missed.reason,
            compared_with: like.map(|row| row.step.id),
            changes,
            predicted_tokens,
            predicted_cost,
        })
    }

    /// The body of a recorded request.
    pub(super) async fn request_body(&self, id: Option<Uuid>) -> Result<Option<Value>, Error> {
        let Some(id) = id else { return Ok(None) };
        let request = self.services.store.request(id).await?;
        Ok(request.and_then(|request| request.request))
    }
}

impl UnaskedStep {
    fn of(step: &JournalStep) -> Self {
        Self {
            step_run_id: step.id,
            step_name: step.step_name.clone(),
            tokens: u64::try_from(step.tokens_used).unwrap_or(0),
            cost: step.cost_estimate,
        }
    }
}

/// How much of a call's inputs is shown, in characters.
const LONGEST: usize = 60;

fn shortened(json: &str) -> String {
    let mut begin: String = json.chars().take(LONGEST).collect();
    if begin.len() < json.len() {
        begin.push('…');
    }
    begin
}

impl fmt::Display for ResumePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "run {}", self.run_id)?;
        let alike = |one: &PlannedHit, other: &PlannedHit| {
            (&one.step_name, one.note) == (&other.step_name, other.note)
        };
        for hits in self.hits.chunk_by(alike) {
            let PlannedHit {
                step_name, note, ..
            } = &hits[0];
            let note = note.map_or(String::new(), |note| format!(" ({note})"));
            let times = match hits.len() {
                1 => String::new(),
                count => format!(" ×{count}"),
            };
            writeln!(f, "  recorded  {step_name}{times}{note}")?;
        }
        for miss in &self.misses {
            let inputs = shortened(&miss.inputs.to_string());
            writeln!(
                f,
                "  to run    {}({inputs}): {}",
                miss.step_name, miss.reason
            )?;
            for change in &miss.changes {
                writeln!(f, "              {change}")?;
            }
        }
        for signal in &self.waits {
            writeln!(f, "  waits for {signal}")?;
        }
        for step in &self.unasked {
            writeln!(f, "  unasked   {} ({} tokens)", step.step_name, step.tokens)?;
        }
        match self.predicted_tokens {
            Some(tokens) => write!(f, "  will take {tokens} tokens or more"),
            None => write!(f, "  what it will take is not known"),
        }?;
        match self.predicted_cost {
            Some(cost) => writeln!(f, ", ${cost:.4}"),
            None => writeln!(f, ", unknown price"),
        }
    }
}
