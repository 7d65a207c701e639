//! What an error keeps on its way through flows and through the user's own wrappers.

use flow_engine::llm::{LlmError, LlmErrorKind};
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RunStatus};

use crate::support::{draft, engine_with, mock};

#[flow]
async fn through_anyhow(topic: String) -> anyhow::Result<String> {
    Ok(draft(topic).await?)
}

#[flow]
async fn through_context(topic: String) -> anyhow::Result<String> {
    use anyhow::Context as _;

    draft(topic).await.context("the desk is closed")
}

#[flow]
async fn through_a_flow(topic: String) -> Result<String> {
    Ok(through_anyhow(topic).await?)
}

#[tokio::test]
async fn kind_place_and_model_s_error_survive_every_wrapper() {
    let limited = || LlmError::new(LlmErrorKind::RateLimited, "slow down");
    let engine = engine_with(mock().fail("draft", limited())).await;
    let plain = engine.execute(through_anyhow("x")).await.unwrap_err();
    let context = engine.execute(through_context("x")).await.unwrap_err();
    let nested = engine.execute(through_a_flow("x")).await.unwrap_err();
    for (error, flow) in [
        (&plain, "through_anyhow"),
        (&context, "through_context"),
        (&nested, "through_anyhow"),
    ] {
        assert_eq!(
            (error.kind(), error.flow(), error.step()),
            (ErrorKind::Llm, Some(flow), Some("draft"))
        );
        assert_eq!(error.llm(), Some(&limited()));
        let run = engine.row(error.run_id().unwrap()).await;
        assert_eq!(
            (run.flow_name.as_str(), run.status),
            (flow, RunStatus::Failed),
            "the run of that flow"
        );
    }
    assert_eq!(
        format!("{plain:#}"),
        "step `draft` of flow `through_anyhow` failed: slow down"
    );
    assert_eq!(
        format!("{context:#}"),
        "step `draft` of flow `through_context` failed: the desk is closed: \
         step `draft` of flow `through_context` failed: slow down"
    );
    assert_eq!(format!("{nested:#}"), format!("{plain:#}"));
}
