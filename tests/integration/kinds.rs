//! A kind of step of the user's own.

use std::time::Duration;

use flow_engine::llm::{LlmError, LlmRequest, LlmResponse, OutputFormat};
use flow_engine::prelude::*;
use flow_engine::step::{Answer, StepCall, StepKind};
use flow_engine::{BoxFuture, Error, ErrorKind, RequestStatus, StepStatus};

use crate::support::{engine_with, mock};

/// The answer in capitals; some answers take it long, some are too much for it.
struct Loud;

impl StepKind for Loud {
    fn name(&self) -> &'static str {
        "loud"
    }

    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
        call.request(OutputFormat::Text)
    }

    fn read<'a>(
        &'a self,
        _call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Answer, LlmError>> {
        Box::pin(async move {
            let text = response.accepted()?;
            assert_ne!(text, "panic", "too much");
            if text == "slow" {
                tokio::time::sleep(Duration::from_hours(1)).await;
            }
            Ok(text.to_uppercase().into())
        })
    }
}

#[step(kind = Loud, prompt = "./prompts/rate.md")]
async fn shout(text: String) -> String;

#[flow]
async fn shouts(patience_ms: u64) -> Result<String> {
    let patience = Duration::from_millis(patience_ms);
    Ok(tokio::time::timeout(patience, shout("x").into_future()).await??)
}

#[tokio::test]
async fn a_kind_of_the_user_s_asks_reads_and_is_recorded_like_ours() {
    let engine = engine_with(mock().answer("shout", "hear me")).await;
    let done = engine.execute(shout("x")).await.unwrap();
    assert_eq!(done.output_content, "HEAR ME");
    assert_eq!(engine.steps(done.run_id).await[0].kind, "loud");
}

#[tokio::test]
async fn an_answer_that_came_is_kept_and_counted_even_if_reading_it_panics_or_is_dropped() {
    for (answer, status, kind) in [
        ("panic", RequestStatus::Failed, ErrorKind::Panicked),
        ("slow", RequestStatus::Cancelled, ErrorKind::Failed),
    ] {
        let engine = engine_with(mock().answer("shout", answer)).await;
        let error = engine.execute(shouts(100)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        let id = error.run_id().unwrap();
        let request = engine.requests_of(id).await.unwrap().remove(0);
        assert_eq!(
            (request.status, request.response.as_deref()),
            (status, Some(answer))
        );
        assert_eq!(request.output_tokens, Some(1));
        let step = engine.steps(id).await.remove(0);
        assert!(step.status != StepStatus::Completed && step.tokens_used > 0);
        assert_eq!(step.cost_estimate, None, "what was paid has no known price");
        assert_eq!(engine.row(id).await.total_tokens, step.tokens_used);
    }
}
