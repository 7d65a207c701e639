//! One request to a model, and its row in the ledger.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use flow_engine_db::{NewRequest, RequestFinish, RequestStatus};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Services;
use super::progress::Spent;
use super::step::StepRecord;
use crate::definition::WorkKind;
use crate::error::{Error, ErrorKind};
use crate::llm::{LlmError, LlmRequest, LlmResponse};
use crate::prompt::Prompt;
use crate::step::StepCall;

/// Asks a model as the step's definition says, and reads its answer.
pub(super) async fn ask(step: &StepRecord, inputs: &Map<String, Value>) -> Result<Value, Error> {
    let WorkKind::Model {
        kind,
        prompt,
        model,
    } = step.definition.work
    else {
        unreachable!("only a model step asks");
    };
    let services = &*step.run.services;
    let call = StepCall {
        definition: step.definition,
        prompt,
        inputs,
        model: resolve(services, model, prompt)?,
    };
    let request = kind.request(&call)?;
    let body = services.backend.body(&request)?;
    let attempt = Attempt::send(step, &request, prompt, &body);
    let answer = services.backend.send(&request, &body).await;
    let outcome = match &answer {
        Ok(response) => kind.read(&call, response).await,
        Err(error) => Err(error.clone()),
    };
    attempt.end(answer.as_ref().ok(), outcome.as_ref().err());
    Ok(outcome?)
}

/// The attribute's model, else the prompt's, else the engine's, else the backend's.
fn resolve(services: &Services, attribute: Option<&str>, prompt: &Prompt) -> Result<String, Error> {
    attribute
        .or(prompt.parameters()?.model.as_deref())
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

/// The row of a request on its way. Dropped before its answer, it is recorded as cancelled.
struct Attempt<'a> {
    step: &'a StepRecord,
    id: Uuid,
    started: Instant,
    ended: AtomicBool,
}

impl<'a> Attempt<'a> {
    /// Queues the row before the request leaves: what may be billed is never without one.
    fn send(step: &'a StepRecord, request: &LlmRequest, prompt: &Prompt, body: &Value) -> Self {
        let services = &*step.run.services;
        let provider = services.backend.provider();
        let id = Uuid::now_v7();
        let row = NewRequest {
            prompt_id: Some(prompt.id().to_owned()),
            request: Some(body.to_string()),
            ..NewRequest::new(
                id,
                step.run.id,
                step.id,
                provider,
                &request.model,
                services.backend.operation(),
            )
        };
        let _commit = services.store.submit(vec![row.into()]);
        step.asked(|asked| {
            asked.last_request = Some(id);
            asked.provider = Some(provider.to_owned());
            asked.model = Some(request.model.clone());
        });
        Self {
            step,
            id,
            started: Instant::now(),
            ended: AtomicBool::new(false),
        }
    }

    /// Queues what came of it. The step's own end, which is awaited, comes after it.
    fn end(&self, response: Option<&LlmResponse>, error: Option<&LlmError>) {
        let status = if error.is_some() {
            RequestStatus::Failed
        } else {
            RequestStatus::Succeeded
        };
        self.finish(status, response, error);
    }

    fn finish(
        &self,
        status: RequestStatus,
        response: Option<&LlmResponse>,
        error: Option<&LlmError>,
    ) {
        self.ended.store(true, Ordering::Release);
        let mut row = RequestFinish {
            latency_ms: i64::try_from(self.started.elapsed().as_millis()).ok(),
            http_status: error.and_then(LlmError::http_status).map(i32::from),
            provider_request_id: error
                .and_then(LlmError::provider_request_id)
                .map(str::to_owned),
            response: error.and_then(LlmError::body).map(str::to_owned),
            error_kind: error.map(|error| error.kind().as_str().to_owned()),
            error_message: error.map(ToString::to_string),
            ..RequestFinish::new(self.id, status)
        };
        if let Some(response) = response {
            let count = |tokens: Option<u64>| tokens.and_then(|tokens| i64::try_from(tokens).ok());
            row.model_served.clone_from(&response.model);
            row.response = Some(response.raw.clone());
            row.finish_reason.clone_from(&response.finish_reason);
            row.input_tokens = count(response.usage.input_tokens);
            row.cached_tokens = count(response.usage.cached_tokens);
            row.output_tokens = count(response.usage.output_tokens);
            row.reasoning_tokens = count(response.usage.reasoning_tokens);
            row.http_status = response.http_status.map(i32::from);
            row.provider_request_id
                .clone_from(&response.provider_request_id);
        }
        self.step.asked(|asked| {
            let tokens = response.map_or(0, |response| response.usage.total());
            // The price of no model is known to this version, so an answer is an unpriced one.
            let unpriced_requests = u32::from(response.is_some());
            asked.spent.add(Spent {
                tokens,
                unpriced_requests,
                ..Spent::default()
            });
            if let Some(served) = response.and_then(|response| response.model.clone()) {
                asked.model = Some(served);
            }
        });
        let _commit = self.step.run.services.store.submit(vec![row.into()]);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.ended.load(Ordering::Acquire) {
            self.finish(RequestStatus::Cancelled, None, None);
        }
    }
}
