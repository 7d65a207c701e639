//! Asking a model until there is an answer that can be used, as far as the step's policy goes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::attempt::Attempt;
use super::budget::Reservation;
use super::prepared::Prepared;
use super::question::Question;
use super::record::StepRecord;
use super::retry::{pause, wait};
use super::stream::{Delta, Deltas};
use crate::error::{Error, chain};
use crate::llm::{LlmError, LlmErrorKind, LlmResponse, Model, OutputFormat};
use crate::policy::{OnRefusal, OnTruncate, Policy};
use crate::step::Answer;

impl Prepared<'_> {
    /// Asks the step's model, and then those that stand in for it.
    pub(super) async fn ask(&self, step: &StepRecord) -> Result<Value, Error> {
        step.asked(|asked| asked.policy = Some(self.policy().to_json()));
        let models = &step.run.services.models;
        let fallback = self.policy().fallback.iter();
        let fallback: Vec<Model> = fallback.map(|name| models.find(name)).collect();
        let mut fallback = fallback.into_iter();
        let mut question = self.question().clone();
        loop {
            let is_last = fallback.as_slice().is_empty();
            let error = match self.ask_model(step, &question, is_last).await? {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if is_out(step, &error) {
                return Err(error.into());
            }
            let failed = &question.model;
            let stands_in = |next: &Model| may_stand_in(&error, self.policy(), failed, next);
            let Some(next) = fallback.find(stands_in) else {
                return Err(error.into());
            };
            void(step);
            tracing::warn!(step = %step.id, model = next.address, error = chain(&error), "a model failed, and another one is asked");
            question = self.question().to(next)?;
        }
    }

    /// Asks one model until it has answered, or failed for good.
    async fn ask_model(
        &self,
        step: &StepRecord,
        asked: &Question,
        is_last: bool,
    ) -> Result<Result<Value, LlmError>, Error> {
        let policy = self.policy();
        let mut question = asked.clone();
        // What is told of a wrong answer is said to this, so that wrong answers do not pile up.
        let mut uncorrected = asked.clone();
        let (mut failures, mut limited, mut reasks) = (0, 0, 0);
        let mut waited = Duration::ZERO;
        loop {
            let error = match self.ask_once(step, &question).await? {
                Ok(answer) => return Ok(Ok(answer)),
                Err(error) => error,
            };
            match error.kind() {
                _ if is_out(step, &error) => return Ok(Err(error)),
                LlmErrorKind::RateLimited => {
                    let patience = policy.rate_limit_wait.saturating_sub(waited);
                    let left = match policy.timeout {
                        _ if policy.rate_limit_wait.is_zero() => Duration::ZERO,
                        Some(_) if is_last => Duration::MAX,
                        Some(limit) => patience.min(limit.saturating_sub(step.elapsed())),
                        None => patience,
                    };
                    let pause = pause(policy, limited + 1, error.retry_after());
                    // A server that says when to ask again is not asked before, nor another model when the step's time is up.
                    let is_fixed = error.retry_after().is_some() || policy.timeout.is_some();
                    if left.is_zero() || is_fixed && pause > left {
                        return Ok(Err(error));
                    }
                    limited += 1;
                    let pause = pause.min(left);
                    waited = waited.saturating_add(pause);
                    tracing::debug!(step = %step.id, limited, error = chain(&error), "the model's server asks to slow down");
                    sleep(pause).await;
                }
                LlmErrorKind::Transient | LlmErrorKind::Timeout if failures < policy.retries => {
                    failures += 1;
                    tracing::warn!(step = %step.id, failures, error = chain(&error), "a request failed and is sent again");
                    wait(policy, failures, error.retry_after()).await;
                }
                LlmErrorKind::Truncated if policy.on_truncate == OnTruncate::Grow => {
                    // Once: the question has grown then.
                    let has_grown = uncorrected.request.parameters != asked.request.parameters;
                    let model = &asked.model;
                    let prices = &step.run.services.prices;
                    let most = prices.max_output_tokens(model.backend.provider(), &model.name);
                    let grown = uncorrected.with_more_room(most);
                    let Some(grown) = grown.filter(|_| !has_grown) else {
                        return Ok(Err(error));
                    };
                    uncorrected = grown?;
                    void(step);
                    question = uncorrected.clone();
                }
                LlmErrorKind::InvalidOutput if reasks < policy.on_invalid => {
                    reasks += 1;
                    void(step);
                    tracing::warn!(step = %step.id, reasks, error = chain(&error), "an answer cannot be used, and the model is asked again");
                    let answer = error.partial();
                    // Many servers refuse a message without a word.
                    question = match answer.filter(|answer| !answer.trim().is_empty()) {
                        Some(answer) => uncorrected.corrected(answer, &error)?,
                        None => uncorrected.clone(),
                    };
                }
                _ => return Ok(Err(error)),
            }
        }
    }

    /// Sends a request and reads its answer.
    async fn ask_once(
        &self,
        step: &StepRecord,
        question: &Question,
    ) -> Result<Result<Value, LlmError>, Error> {
        let models = &step.run.services.models;
        let request = &question.request;
        let artifacts = &step.run.services.artifacts;
        if request.format == OutputFormat::Image {
            artifacts.check().await?;
        }
        let reserved = Reservation::of(question, &step.run, self.budget()).await?;
        let _pass = models.limits.pass(&question.model.address, request).await;
        let mut attempt = Attempt::send(step, self, question, reserved)?;
        let answer = self.send(step, question).await;
        let outcome = match attempt.received(answer) {
            Ok(response) => match artifacts.keep(response).await {
                Ok(()) => self.read(response).await,
                Err(error) => {
                    // It is in the ledger with all that was paid for, and read again from there.
                    attempt.end(None);
                    return Err(error);
                }
            },
            Err(error) => Err(error.clone()),
        };
        let outcome = outcome.map(|Answer { value, repairs }| {
            step.asked(|asked| asked.repairs = repairs);
            value
        });
        let outcome = outcome.map_err(|error| error.hiding(&request.secrets));
        attempt.end(outcome.as_ref().err());
        Ok(outcome)
    }

    async fn send(&self, step: &StepRecord, question: &Question) -> Result<LlmResponse, LlmError> {
        let Question {
            model,
            request,
            body,
            ..
        } = question;
        let answer = async {
            let Some(deltas) = &step.deltas else {
                return model.backend.send(request, body).await;
            };
            let give = |text: &str| {
                if deltas.give(text) {
                    let delta = || Delta::Text(text.to_owned());
                    step.run.announce_delta(step.id, delta);
                }
            };
            model.backend.stream(request, body, &give).await
        };
        let Some(limit) = self.policy().attempt_timeout else {
            return answer.await;
        };
        timeout(limit, answer).await.unwrap_or_else(|_| {
            let message = format!("no answer within the {limit:?} that one attempt may take");
            let error = LlmError::new(LlmErrorKind::Timeout, message);
            Err(match &step.deltas {
                Some(deltas) => error.with_partial(deltas.given()),
                None => error,
            })
        })
    }
}

/// Whether a failure came when a piece of the answer was with the caller: they know what to make of the part, or to ask again.
fn is_out(step: &StepRecord, error: &LlmError) -> bool {
    let broke_off = matches!(
        error.kind(),
        LlmErrorKind::RateLimited | LlmErrorKind::Transient | LlmErrorKind::Timeout
    );
    broke_off && step.deltas.as_ref().is_some_and(Deltas::is_given)
}

/// Says that what the caller has of the answer is void.
fn void(step: &StepRecord) {
    if let Some(deltas) = &step.deltas
        && deltas.again()
    {
        step.run.announce_delta(step.id, || Delta::Again);
    }
}

/// Whether another model may do what the one that failed could not.
fn may_stand_in(error: &LlmError, policy: &Policy, failed: &Model, next: &Model) -> bool {
    match error.kind() {
        LlmErrorKind::Transient
        | LlmErrorKind::RateLimited
        | LlmErrorKind::Timeout
        | LlmErrorKind::Truncated
        | LlmErrorKind::InvalidOutput => true,
        LlmErrorKind::Refused | LlmErrorKind::ContentFiltered => {
            policy.on_refusal == OnRefusal::Fallback
        }
        // A key that is wrong, or has used up what it may spend, opens no other model of its provider.
        LlmErrorKind::Authentication => !Arc::ptr_eq(&failed.backend, &next.backend),
        LlmErrorKind::InvalidRequest | LlmErrorKind::NotRecorded => false,
    }
}
