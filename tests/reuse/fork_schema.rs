//! What a fork takes over although its output type has changed.

use std::sync::atomic::{AtomicBool, Ordering};

use flow_engine::llm::{LlmRequest, LlmResponse, OutputFormat};
use flow_engine::prelude::*;
use flow_engine::step::{Answer, StepCall, StepKind};
use flow_engine::{BoxFuture, Error, LlmError};
use serde_json::json;

use crate::support::{TestEngine, conclude, interrupted_fork};

/// A kind whose schema was edited: it reads more from the same answer.
struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);

impl StepKind for Counting {
    fn name(&self) -> &'static str {
        if COUNTS.load(Ordering::Relaxed) {
            "counting2"
        } else {
            "counting"
        }
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
            let words = COUNTS
                .load(Ordering::Relaxed)
                .then(|| text.split_whitespace().count());
            Ok(json!({ "text": text, "words": words }).into())
        })
    }
}

#[data]
struct CountedText {
    text: String,
    words: Option<usize>,
}

#[step(kind = Counting, prompt = "./prompts/ask.md")]
async fn count(question: String) -> CountedText;

#[flow]
async fn counted() -> Result<Option<usize>> {
    let counted = count("how many words").await?;
    conclude("end").await?;
    Ok(counted.words)
}

#[tokio::test]
async fn what_a_fork_read_again_under_another_schema_is_what_it_keeps() {
    let engine = TestEngine::new().await;
    let source = engine.execute(counted()).await.unwrap();
    assert_eq!(source.output_content, None);
    COUNTS.store(true, Ordering::Relaxed);
    engine.world.hold(&["end"]);
    engine.world.forget();
    let fork = engine.fork(source.run_id).from("conclude");
    let id = interrupted_fork(&engine, fork, |seen| seen.asked.len() == 1).await;
    let row = engine.rows(id, "count").await.remove(0);
    assert_eq!(row.hit_note.as_deref(), Some("output schema changed"));
    engine.world.hold(&[]);
    let engine = engine.restarted().await;
    let plan = engine.resume_plan(id).await.unwrap();
    assert!(plan.unasked.is_empty(), "it was taken over: {plan}");
    let done = engine.resume(id).await.unwrap();
    // "how many words by m1 #1" has 6 words
    assert_eq!(
        done.output_content,
        json!(6),
        "as it was when the fork read it"
    );
    assert_eq!(row.outputs.unwrap()["words"], 6);
}
