//! One request to a model, and its row in the ledger.

use std::time::{Duration, Instant};

use flow_engine_db::{JournalStep, NewRequest, RequestFinish, RequestStatus, StepStatus};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::progress::{Spent, usd};
use super::recall::{note_repairs, who_answered};
use super::record::StepRecord;
use super::{Run, Services, retry};
use crate::definition::{Definition, WorkKind};
use crate::error::{Error, ErrorKind};
use crate::identity::{Hash, Identity};
use crate::llm::{LlmError, LlmErrorKind, LlmRequest, LlmResponse, Parameters};
use crate::prompt::Prompt;
use crate::secret::Secrets;
use crate::step::{Answer, StepCall, StepKind};

/// A model step before anything is sent: its request is all that it reads.
pub(super) struct Prepared<'a> {
    kind: &'static dyn StepKind,
    call: StepCall<'a>,
    request: LlmRequest,
    body: Value,
    /// The body as it is recorded.
    shown: Value,
    content: Hash,
    schema: Hash,
}

impl<'a> Prepared<'a> {
    /// `asked` is the model to ask in place of all others, if the run says so.
    pub(super) fn new(
        run: &Run,
        definition: &'static Definition,
        inputs: &'a Map<String, Value>,
        asked: Option<&str>,
    ) -> Result<Self, Error> {
        let WorkKind::Model { kind, prompt } = definition.work else {
            unreachable!("only a model step asks a model");
        };
        let current = prompt.current()?;
        let parameters = current.parameters(inputs)?;
        let model = resolve(&run.services, asked, &parameters, prompt)?;
        let call = StepCall {
            definition,
            prompt: current,
            parameters,
            inputs,
            model,
        };
        let mut request = kind.request(&call)?;
        request.secrets = run.tree.secrets();
        let body = run.services.backend.body(&request)?;
        let mut shown = body.clone();
        request.secrets.hide_in(&mut shown);
        // All that the model reads, and apart from it how its answer is read.
        let mut json = request.to_json()?;
        let format = json
            .as_object_mut()
            .and_then(|fields| fields.remove("format"));
        Ok(Self {
            content: Hash::of("request", &json),
            schema: Hash::of("schema", &json!({ "kind": kind.name(), "format": format })),
            kind,
            call,
            request,
            body,
            shown,
        })
    }

    pub(super) fn identity(&self, name: &str, version: i32) -> Identity {
        Identity::new(name, version, self.content, Some(self.schema))
    }

    pub(super) fn prompt_id(&self) -> &str {
        &self.call.prompt.id
    }

    pub(super) fn model(&self) -> &str {
        &self.request.model
    }

    /// What is sent, as it is recorded.
    pub(super) fn shown(&self) -> &Value {
        &self.shown
    }

    /// Reads an answer that was recorded for this request, as the output that the step has now. With it comes the recorded
    /// step; if that was cut off before its end, with what its request took.
    pub(super) async fn read_again(
        &self,
        run: &Run,
        recorded: &JournalStep,
    ) -> Result<Option<(JournalStep, String)>, Error> {
        let backend = &run.services.backend;
        let Some(id) = recorded.llm_request_id else {
            return Ok(None);
        };
        let Some(request) = run.services.store.request(id).await? else {
            return Ok(None);
        };
        // Another provider writes its answers in another form.
        if request.provider != backend.provider() {
            return Ok(None);
        }
        let response = request
            .response
            .as_deref()
            .and_then(|raw| backend.parse(raw).ok());
        let Some(mut response) = response else {
            return Ok(None);
        };
        // A backend whose raw answers are mere text does not find it there; a cut answer stays cut.
        response.finish_reason.clone_from(&request.finish_reason);
        let Ok(answer) = self.kind.read(&self.call, &response).await else {
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
            let who = who_answered(Some(&request.provider), Some(served), Some(&request.model));
            step.step_metadata = Some(Value::from(who).to_string());
        }
        note_repairs(&mut step, &answer.repairs);
        Ok(Some((step, answer.value.to_string())))
    }

    /// Asks, and asks again where the step says so and it may help.
    pub(super) async fn ask(&self, step: &StepRecord) -> Result<Value, Error> {
        let mut failures = 0;
        loop {
            let error = match self.ask_once(step).await? {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if failures == self.call.definition.retries || !retry::is_worth_it(&error) {
                return Err(error.into());
            }
            failures += 1;
            tracing::warn!(step = %step.id, failures, %error, "a request failed and is sent again");
            retry::wait(failures, error.retry_after()).await;
        }
    }

    /// Sends the request and reads the answer.
    async fn ask_once(&self, step: &StepRecord) -> Result<Result<Value, LlmError>, Error> {
        let mut attempt = Attempt::send(step, self)?;
        let backend = &step.run.services.backend;
        let answer = backend.send(&self.request, &self.body).await;
        let outcome = match attempt.received(answer) {
            Ok(response) => self.kind.read(&self.call, response).await,
            Err(error) => Err(error.clone()),
        };
        let outcome = outcome.map(|Answer { value, repairs }| {
            step.asked(|asked| asked.repairs = repairs);
            value
        });
        let outcome = outcome.map_err(|error| error.hiding(&self.request.secrets));
        attempt.end(outcome.as_ref().err());
        Ok(outcome)
    }
}

/// The run's model, else the step's, else the engine's, else the backend's.
fn resolve(
    services: &Services,
    asked: Option<&str>,
    parameters: &Parameters,
    prompt: &Prompt,
) -> Result<String, Error> {
    asked
        .or(parameters.model.as_deref())
        .or(services.model.as_deref())
        .or(services.backend.default_model())
        .map(str::to_owned)
        .ok_or_else(|| {
            let message = format!(
                "no model is named: set FLOW_ENGINE_MODEL, write `model: …` into the front matter of {}, or give the \
                 engine one with `Engine::builder().model(…)`",
                prompt.name()
            );
            Error::new(ErrorKind::Configuration, message)
        })
}

/// The row of a request that was sent. Dropped before its end, it writes one: with the answer, if there is one, since
/// that was paid for.
struct Attempt<'a> {
    step: &'a StepRecord,
    secrets: &'a Secrets,
    id: Uuid,
    sent: Instant,
    latency: Option<Duration>,
    answer: Option<Result<LlmResponse, LlmError>>,
    ended: bool,
}

impl<'a> Attempt<'a> {
    /// Queues the row before the request leaves: what may be billed is never without one.
    fn send(step: &'a StepRecord, prepared: &'a Prepared<'_>) -> Result<Self, Error> {
        let backend = &step.run.services.backend;
        let request = &prepared.request;
        let id = Uuid::now_v7();
        let row = NewRequest {
            prompt_id: Some(prepared.prompt_id().to_owned()),
            schema_hash: Some(prepared.schema.to_string()),
            request: Some(prepared.shown.to_string()),
            ..NewRequest::new(
                id,
                step.run.id,
                step.id,
                backend.provider(),
                &request.model,
                backend.operation(request),
            )
        };
        // Not awaited: the step's own end, which is, comes after it in the same queue.
        let _commit = step.run.submit_while_open(|_| vec![row.into()])?;
        step.asked(|asked| {
            asked.last_request = Some(id);
            asked.provider = Some(backend.provider().to_owned());
            asked.model = Some(request.model.clone());
            asked.requested = Some(request.model.clone());
        });
        Ok(Self {
            step,
            secrets: &request.secrets,
            id,
            sent: Instant::now(),
            latency: None,
            answer: None,
            ended: false,
        })
    }

    fn received(
        &mut self,
        answer: Result<LlmResponse, LlmError>,
    ) -> &Result<LlmResponse, LlmError> {
        self.latency = Some(self.sent.elapsed());
        self.answer.insert(answer)
    }

    /// Queues what came of it: `error` if the request failed, or its answer cannot be used.
    fn end(mut self, error: Option<&LlmError>) {
        let status = match error {
            Some(_) => RequestStatus::Failed,
            None => RequestStatus::Succeeded,
        };
        self.finish(status, error);
    }

    fn finish(&mut self, status: RequestStatus, error: Option<&LlmError>) {
        self.ended = true;
        let latency = self.latency.unwrap_or_else(|| self.sent.elapsed());
        let mut row = RequestFinish {
            latency_ms: i64::try_from(latency.as_millis()).ok(),
            ..RequestFinish::new(self.id, status)
        };
        if let Some(error) = error {
            row.http_status = error.http_status().map(i32::from);
            row.provider_request_id = error.provider_request_id().map(str::to_owned);
            row.response = error.body().map(str::to_owned);
            row.error_kind = Some(error.kind().as_str().to_owned());
            row.error_message = Some(error.to_string());
        }
        if let Some(Ok(response)) = &self.answer {
            describe(&mut row, response);
            row.response = Some(self.secrets.hidden_in(&response.raw).into_owned());
        }
        let served = match &self.answer {
            Some(Ok(response)) => response.model.clone(),
            _ => None,
        };
        let spent = self.spent();
        self.step.asked(|asked| {
            asked.spent.add(spent);
            asked.model = served.or(asked.model.take());
        });
        let _commit = self.step.run.services.store.submit(vec![row.into()]);
    }

    /// The price of no model is known to this version. What certainly cost nothing is what a server refused, and
    /// what was never sent.
    fn spent(&self) -> Spent {
        let unpriced = match &self.answer {
            None | Some(Ok(_)) => true,
            Some(Err(error)) => {
                let broken = matches!(
                    error.kind(),
                    LlmErrorKind::Transient | LlmErrorKind::Timeout
                );
                broken && error.http_status().is_none()
            }
        };
        let tokens = match &self.answer {
            Some(Ok(response)) => response.usage.total(),
            _ => 0,
        };
        Spent {
            tokens,
            unpriced_requests: u32::from(unpriced),
            ..Spent::default()
        }
    }
}

fn describe(row: &mut RequestFinish, response: &LlmResponse) {
    let count = |tokens: Option<u64>| tokens.and_then(|tokens| i64::try_from(tokens).ok());
    row.model_served.clone_from(&response.model);
    row.finish_reason.clone_from(&response.finish_reason);
    row.input_tokens = count(response.usage.input_tokens);
    row.cached_tokens = count(response.usage.cached_tokens);
    row.output_tokens = count(response.usage.output_tokens);
    row.reasoning_tokens = count(response.usage.reasoning_tokens);
    row.http_status = response.http_status.map(i32::from);
    row.provider_request_id
        .clone_from(&response.provider_request_id);
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // A kind that panics while it reads an answer has failed; a future that is dropped was cancelled.
        let status = if std::thread::panicking() {
            RequestStatus::Failed
        } else {
            RequestStatus::Cancelled
        };
        self.finish(status, None);
    }
}
