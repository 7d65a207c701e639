//! One request to a model, and its row in the ledger.

use std::time::{Duration, Instant};

use flow_engine_db::{NewRequest, RequestFinish, RequestStatus};
use uuid::Uuid;

use super::budget::Reservation;
use super::prepared::Prepared;
use super::progress::Spent;
use super::question::Question;
use super::record::StepRecord;
use crate::error::Error;
use crate::llm::{LlmError, LlmErrorKind, LlmResponse, REPLAY};
use crate::prices::Cost;

/// The row of a request that was sent. Dropped before its end, it writes one: with the answer, if there is one, since
/// that was paid for.
pub(super) struct Attempt<'a> {
    step: &'a StepRecord,
    question: &'a Question,
    reserved: Reservation,
    id: Uuid,
    sent: Instant,
    latency: Option<Duration>,
    answer: Option<Result<LlmResponse, LlmError>>,
    ended: bool,
}

impl<'a> Attempt<'a> {
    /// Queues the row before the request leaves: what may be billed is never without one.
    pub(super) fn send(
        step: &'a StepRecord,
        prepared: &Prepared<'_>,
        question: &'a Question,
        mut reserved: Reservation,
    ) -> Result<Self, Error> {
        let (backend, request) = (&question.model.backend, &question.request);
        let id = Uuid::now_v7();
        let attempt = step.asked(|asked| {
            asked.attempts += 1;
            asked.attempts
        });
        let row = NewRequest {
            attempt,
            root_run_id: step.run.root_id,
            prompt_id: Some(prepared.prompt_id().to_owned()),
            schema_hash: Some(prepared.schema().to_string()),
            request: Some(question.shown.to_string()),
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
        reserved.sent();
        step.asked(|asked| {
            asked.last_request = Some(id);
            asked.provider = Some(backend.provider().to_owned());
            asked.model = Some(request.model.clone());
            asked.requested = Some(prepared.model().to_owned());
        });
        Ok(Self {
            step,
            question,
            reserved,
            id,
            sent: Instant::now(),
            latency: None,
            answer: None,
            ended: false,
        })
    }

    pub(super) fn received(
        &mut self,
        answer: Result<LlmResponse, LlmError>,
    ) -> &mut Result<LlmResponse, LlmError> {
        self.latency = Some(self.sent.elapsed());
        self.answer.insert(answer)
    }

    /// Queues what came of it: `error` if the request failed, or its answer cannot be used.
    pub(super) fn end(mut self, error: Option<&LlmError>) {
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
            row.response = Some(response.kept(&self.question.request.secrets));
        }
        let served = match &self.answer {
            Some(Ok(response)) => response.model.clone(),
            _ => None,
        };
        let cost = self.cost();
        let spent = self.spent(cost.as_ref());
        if spent.unpriced_requests == 0 {
            self.reserved.settle(spent.cost_nano_usd);
        }
        if let Some(cost) = cost {
            row.cost_nano_usd = Some(cost.nano_usd);
            row.price_version = Some(cost.version);
        }
        self.step.asked(|asked| {
            asked.spent.add(spent);
            asked.model = served.or(asked.model.take());
        });
        let _commit = self.step.run.submit(vec![row.into()]);
    }

    /// What an answer has cost; `None` if there is none, or its price is not known. The price is that of the model that
    /// answered: a gateway may have asked another one.
    fn cost(&self) -> Option<Cost> {
        let Some(Ok(response)) = &self.answer else {
            return None;
        };
        let services = &self.step.run.services;
        // A recording names the provider whose answers it has, and pays nobody.
        let Question { model, request, .. } = self.question;
        if model.backend.operation(request) == REPLAY {
            return None;
        }
        // Searches are paid for one by one: uncounted, they would make the cost too low.
        if request.web_search.is_some() && response.usage.web_searches.is_none() {
            return None;
        }
        let (provider, model) = (
            model.backend.provider(),
            response.model.as_ref().unwrap_or(&model.name),
        );
        services.prices.cost(provider, model, &response.usage)
    }

    /// What certainly cost nothing is what a server refused, and what was never sent.
    fn spent(&self, cost: Option<&Cost>) -> Spent {
        let unpriced = match &self.answer {
            None | Some(Ok(_)) => cost.is_none(),
            Some(Err(error)) => {
                let broken = !error.is_unsent()
                    && matches!(
                        error.kind(),
                        LlmErrorKind::Transient | LlmErrorKind::Timeout
                    );
                // A server that says 200 has answered, in whatever form.
                let answered = error
                    .http_status()
                    .is_none_or(|status| (200..300).contains(&status));
                // Of an answer that was refused in the middle, a part came.
                let came = error.partial().is_some_and(|part| !part.is_empty());
                came || broken && answered
            }
        };
        let tokens = match &self.answer {
            Some(Ok(response)) => response.usage.total(),
            _ => 0,
        };
        Spent {
            tokens,
            cost_nano_usd: cost.map_or(0, |cost| cost.nano_usd),
            unpriced_requests: u32::from(unpriced),
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
