//! How a server is asked for JSON, and what does not depend on it.

use flow_engine::BoxFuture;
use flow_engine::llm::{
    LlmBackend, LlmError, LlmRequest, LlmResponse, MockBackend, OpenAiBackend, StructuredOutput,
};
use flow_engine::prelude::*;
use serde_json::{Value, json};

#[data]
struct Mark {
    mark: u8,
}

#[step(prompt = "./prompts/rate.md")]
async fn give_a_mark(text: String) -> Mark;

/// A server that is asked as the backend asks it, and is none.
#[derive(Debug)]
struct Asked {
    bodies: OpenAiBackend,
    answers: MockBackend,
}

impl LlmBackend for Asked {
    fn provider(&self) -> &'static str {
        "asked"
    }

    fn body(&self, request: &LlmRequest) -> Result<Value, LlmError> {
        self.bodies.body(request)
    }

    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        self.answers.send(request, body)
    }
}

#[tokio::test]
async fn what_is_recorded_under_one_way_to_ask_for_json_is_known_under_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for way in [StructuredOutput::JsonSchema, StructuredOutput::Prompt] {
        let bodies = OpenAiBackend::new("http://127.0.0.1:1/v1", "").unwrap();
        let backend = Asked {
            bodies: bodies.with_structured_output(way),
            answers: MockBackend::new().answer("give_a_mark", json!({ "mark": 1 })),
        };
        let file = folder.path().join(format!("{}.db", way.as_str()));
        let engine = Engine::builder()
            .backend(backend)
            .model("m")
            .state(crate::support::Greeting("hello"))
            .database_url(format!("sqlite://{}", file.display()));
        let engine = engine.build().await.unwrap();
        let id = engine.execute(give_a_mark("x")).await.unwrap().run_id;
        let step = engine.steps_of(id).await.unwrap().remove(0);
        let request = engine.requests_of(id).await.unwrap().remove(0);
        seen.push((step.call_key, request.request.unwrap()));
    }
    let [(key, by_schema), (same, in_words)] = &seen[..] else {
        panic!("two were asked");
    };
    assert!(key.is_some());
    assert_eq!(key, same);
    assert_eq!(by_schema["response_format"]["type"], "json_schema");
    assert_eq!(in_words.get("response_format"), None);
    let told = in_words["messages"][0]["content"].as_str().unwrap();
    assert!(told.contains(r#""required":["mark"]"#), "{told}");
}
