//! A model step before anything is sent.

use std::sync::Arc;

use flow_engine_db::{JournalStep, StepStatus};
use serde_json::{Map, Value, json};

use super::context::Place;
use super::kept::{note_repairs, who_answered};
use super::progress::usd;
use super::question::Question;
use super::{Budget, Run};
use crate::definition::{Definition, WorkKind};
use crate::error::{Error, ErrorKind};
use crate::identity::{Hash, Identity};
use crate::llm::{LlmError, LlmResponse, Models, Parameters};
use crate::policy::Policy;
use crate::prompt::Prompt;
use crate::step::{Answer, StepCall, StepKind};

/// A model step before anything is sent: its request is all that it reads.
pub(super) struct Prepared<'a> {
    kind: &'static dyn StepKind,
    call: StepCall<'a>,
    question: Question,
    policy: Policy,
    budget: Option<Arc<Budget>>,
    content: Hash,
    schema: Hash,
}

impl<'a> Prepared<'a> {
    /// `asked` is the model to ask in place of all others, if the run says so.
    pub(super) fn new(
        place: &Place,
        definition: &'static Definition,
        inputs: &'a Map<String, Value>,
        asked: Option<&str>,
    ) -> Result<Self, Error> {
        let run = &place.run;
        let WorkKind::Model { kind, prompt } = definition.work else {
            unreachable!("only a model step asks a model");
        };
        let current = prompt.current()?;
        let parameters = current.parameters(inputs)?;
        let models = &run.services.models;
        let model = models.find(named(models, asked, &parameters, prompt)?);
        let call = StepCall {
            definition,
            prompt: current,
            parameters,
            inputs,
            model: model.name.clone(),
        };
        let mut request = kind.request(&call)?;
        request.secrets = run.tree.secrets();
        request.streams = place.deltas.is_some();
        let question = Question::new(model, request)?;
        // All that the model reads, and apart from it how its answer is read.
        let mut json = question.request.to_json()?;
        json["model"] = json!(question.model.address);
        let format = json
            .as_object_mut()
            .and_then(|fields| fields.remove("format"));
        Ok(Self {
            content: Hash::of("request", &json),
            schema: Hash::of("schema", &json!({ "kind": kind.name(), "format": format })),
            kind,
            call,
            question,
            policy: run.services.policy.of(&definition.policy),
            budget: definition
                .budget
                .map(|limit| Budget::new(format!("the step `{}`", definition.name()), limit, 0)),
        })
    }

    pub(super) fn identity(&self, name: &str, version: i32) -> Identity {
        Identity::new(name, version, self.content, Some(self.schema))
    }

    pub(super) fn prompt_id(&self) -> &str {
        &self.call.prompt.id
    }

    pub(super) fn schema(&self) -> Hash {
        self.schema
    }

    /// The model that the step asks, whichever stands in for it.
    pub(super) fn model(&self) -> &str {
        &self.question.model.address
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn budget(&self) -> Option<&Arc<Budget>> {
        self.budget.as_ref()
    }

    pub(super) fn question(&self) -> &Question {
        &self.question
    }

    /// What is sent, as it is recorded.
    pub(super) fn shown(&self) -> &Value {
        &self.question.shown
    }

    /// Reads an answer as the output of the step.
    pub(super) async fn read(&self, response: &LlmResponse) -> Result<Answer, LlmError> {
        self.kind.read(&self.call, response).await
    }

    /// Reads an answer that was recorded for this request, as the output that the step has now. With it comes the recorded
    /// step; if that was cut off before its end, with what its request took.
    pub(super) async fn read_again(
        &self,
        run: &Run,
        recorded: &JournalStep,
    ) -> Result<Option<(JournalStep, String)>, Error> {
        let Some(id) = recorded.llm_request_id else {
            return Ok(None);
        };
        let Some(request) = run.services.store.request(id).await? else {
            return Ok(None);
        };
        // Another provider writes its answers in another form.
        let Some(backend) = run.services.models.provider(&request.provider) else {
            return Ok(None);
        };
        let response = request
            .response
            .as_deref()
            .and_then(|raw| backend.parse(raw).ok());
        let Some(mut response) = response else {
            return Ok(None);
        };
        // A backend whose raw answers are mere text does not find it there; a cut answer stays cut.
        response.finish_reason.clone_from(&request.finish_reason);
        run.services.artifacts.keep(&mut response).await?;
        let Ok(answer) = self.read(&response).await else {
            return Ok(None);
        };
        let mut step = recorded.clone();
        if step.status != StepStatus::Failed && step.status != StepStatus::Completed {
            step.tokens_used = request
                .input_tokens
                .unwrap_or(0)
                .saturating_add(request.output_tokens.unwrap_or(0));
            step.cost_estimate = request.cost_nano_usd.map(usd);
            step.execution_time_ms = request.latency_ms;
            let served = request.model_served.as_ref().unwrap_or(&request.model);
            let who = who_answered(Some(&request.provider), Some(served), Some(self.model()));
            step.step_metadata = Some(Value::from(who).to_string());
        }
        note_repairs(&mut step, &answer.repairs);
        Ok(Some((step, answer.value.to_string())))
    }
}

/// The run's model, else the step's, else the engine's, else the backend's.
fn named<'a>(
    models: &'a Models,
    asked: Option<&'a str>,
    parameters: &'a Parameters,
    prompt: &Prompt,
) -> Result<&'a str, Error> {
    asked
        .or(parameters.model.as_deref())
        .or(models.default())
        .ok_or_else(|| {
            let write = if prompt.is_input() {
                "`model = \"…\"` into the step's attribute".to_owned()
            } else {
                format!("`model: …` into the front matter of {}", prompt.name())
            };
            let message = format!(
                "no model is named: set FLOW_ENGINE_MODEL, write {write}, or give the engine one with \
                 `Engine::builder().model(…)`"
            );
            Error::new(ErrorKind::Configuration, message)
        })
}
