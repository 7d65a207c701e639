//! A run that did not come to its end goes on, and nothing that it recorded is executed again.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use flow_engine::llm::{LlmError, LlmErrorKind, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RunFilter, RunStatus, map};

use crate::support::{TestEngine, count_words, draft, engine_with, mock, rate};

/// Answers every draft with its request's own number, and fails those whose topic is in `failing`.
#[derive(Clone, Default)]
pub(crate) struct Model {
    failing: std::sync::Arc<Mutex<Vec<String>>>,
}

impl Model {
    pub(crate) fn backend(&self) -> MockBackend {
        let failing = self.failing.clone();
        mock().on("draft", move |request| {
            let asked = request.messages.last().unwrap().content.clone();
            if failing.lock().unwrap().iter().any(|topic| asked.contains(topic.as_str())) {
                return Err(LlmError::new(LlmErrorKind::Transient, "the server is down"));
            }
            Ok(LlmResponse::text(format!("draft of {asked}")).with_usage(10, 5))
        })
    }

    fn fail(&self, topics: &[&str]) {
        *self.failing.lock().unwrap() = topics.iter().map(|topic| format!(" {topic}.")).collect();
    }
}

#[flow]
async fn fan_out(topics: Vec<String>) -> Result<usize> {
    let drafts = map(topics, 10, draft).await?;
    Ok(drafts.len())
}

fn topics(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("t{number}")).collect()
}

#[tokio::test]
async fn of_102_parallel_calls_2_fail_and_exactly_2_run_again() {
    let model = Model::default();
    let backend = model.backend();
    let engine = engine_with(backend.clone()).await;
    model.fail(&["t7", "t99"]);
    let error = engine.execute(fan_out(topics(102))).await.unwrap_err();
    let id = error.run_id().unwrap();
    assert_eq!(backend.requests().len(), 102, "every branch came to its end");
    model.fail(&[]);

    let done = engine.resume(id).await.unwrap();
    assert_eq!(done.output_content, 102);
    assert_eq!(backend.requests().len(), 104);
    assert_eq!(engine.row(id).await.status, RunStatus::Completed);
    engine.assert_nothing_runs().await;
}
