use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::llm::{Message, MockBackend, OutputFormat, Parameters, Role};

fn request(content: &str) -> LlmRequest {
    LlmRequest {
        step: "summarize".into(),
        model: "m".into(),
        messages: vec![Message::new(Role::User, content)],
        parameters: Parameters::default(),
        format: OutputFormat::Text,
        streams: false,
        web_search: None,
        secrets: Arc::default(),
    }
}

async fn ask(backend: &dyn LlmBackend, content: &str) -> Result<LlmResponse, LlmError> {
    let request = request(content);
    backend.send(&request, &backend.body(&request)?).await
}

#[tokio::test]
async fn what_was_recorded_is_replayed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/answers.json");
    let count = std::sync::atomic::AtomicUsize::new(0);
    let mock = MockBackend::new().on("summarize", move |_| {
        let nth = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut response = LlmResponse::text(format!("answer {nth}")).with_usage(3, 2);
        response.raw = json!({ "nth": nth }).to_string();
        Ok(response)
    });
    let recorder = Cassette::record(&path, mock).unwrap();
    let first_two = [
        ask(&recorder, "a").await.unwrap(),
        ask(&recorder, "a").await.unwrap(),
    ];

    let player = Cassette::replay(&path).unwrap();
    assert_eq!(player.model(), Some("m"));
    assert_eq!(ask(&player, "a").await.unwrap(), first_two[0]);
    assert_eq!(ask(&player, "a").await.unwrap(), first_two[1]);
    assert_eq!(
        ask(&player, "a").await.unwrap(),
        first_two[1],
        "the last answer repeats"
    );
    assert_eq!(
        ask(&player, "b").await.unwrap_err().kind(),
        LlmErrorKind::NotRecorded
    );
}

/// The pieces of an answer, and the whole.
async fn streamed(backend: &dyn LlmBackend) -> (Vec<String>, LlmResponse) {
    let request = LlmRequest {
        streams: true,
        ..request("a")
    };
    let pieces = Mutex::new(Vec::new());
    let give = |piece: &str| lock(&pieces).push(piece.to_owned());
    let body = backend.body(&request).unwrap();
    let whole = backend.stream(&request, &body, &give).await.unwrap();
    (pieces.into_inner().unwrap(), whole)
}

#[tokio::test]
async fn an_answer_in_pieces_is_recorded_as_it_comes_and_replayed_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.json");
    let mock = MockBackend::new().answer("summarize", "one two");
    let recorder = Cassette::record(&path, mock).unwrap();
    let (pieces, whole) = streamed(&recorder).await;
    assert_eq!(pieces, ["one ", "two"]);
    let playing = Cassette::replay(&path).unwrap();
    let (pieces, replayed) = streamed(&playing).await;
    assert_eq!(pieces, ["one two"]);
    assert_eq!(replayed, whole);
}

#[test]
fn a_file_of_another_form_is_refused_with_its_name() {
    let error = Cassette::from_json("answers.json", "{}").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("answers.json is not a cassette: "),
        "{error}"
    );
    let newer = r#"{"format": 9, "provider": "p", "model": "m", "interactions": []}"#;
    let error = Cassette::from_json("answers.json", newer).unwrap_err();
    assert!(error.to_string().contains("has format 9"), "{error}");
}
