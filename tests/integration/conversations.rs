//! Messages and attachments as inputs.

use flow_engine::llm::{Attached, Message, MockBackend, Role};
use flow_engine::prelude::*;
use flow_engine::{Attachment, ErrorKind};
use serde_json::json;

use crate::support::engine_with;

#[step(prompt = "./prompts/answer.md")]
async fn answer(
    question: String,
    history: Vec<Message>,
    guide: Attachment,
    photo: Option<Attachment>,
    #[input(default)] pages: Vec<Attachment>,
) -> String;

fn guide() -> Attachment {
    Attachment::bytes("text/plain", "be brief").named("guide.txt")
}

#[tokio::test]
async fn a_history_is_messages_between_those_of_the_prompt() {
    let mock = MockBackend::new().answer("answer", "It will.");
    let engine = engine_with(mock.clone()).await;
    let history = vec![
        Message::user("# system:\nIs it raining?"),
        Message::assistant("It is."),
    ];
    let call = answer("Will it?", history.clone(), guide());
    engine.execute(call).await.unwrap();
    let sent = mock.requests().remove(0).messages;
    assert_eq!(sent.len(), 4);
    assert_eq!(sent[0].content, "You answer in the words of .");
    assert_eq!(sent[1..3], history);
    assert_eq!(sent[3], Message::user("Will it?"));

    let call = answer("Will it?", vec![], guide());
    engine.execute(call).await.unwrap();
    assert_eq!(mock.requests()[1].messages.len(), 2);
}

#[tokio::test]
async fn an_attachment_is_sent_where_the_prompt_prints_it() {
    let mock = MockBackend::new().answer("answer", "A cat.");
    let engine = engine_with(mock.clone()).await;
    let photo = Attachment::url("image/png", "https://example.com/cat.png");
    let page = |text: &str| Attachment::bytes("text/plain", text);
    let call = answer("What is it?", vec![], guide())
        .photo(photo.clone())
        .pages(vec![page("one"), page("two")]);
    let done = engine.execute(call).await.unwrap();
    let sent = mock.requests().remove(0).messages;
    let attached = |at, attachment| Attached { at, attachment };
    assert_eq!(sent[0].attachments, [attached(27, guide())]);
    assert_eq!(sent[1].role, Role::User);
    assert_eq!(sent[1].content, "Look at  first. What is it?");
    assert_eq!(
        sent[1].attachments,
        [
            attached(8, photo),
            attached(16, page("one")),
            attached(16, page("two"))
        ]
    );
    // It is a part of what the step reads.
    let other = answer("What is it?", vec![], guide()).photo(page("another"));
    let other = engine.execute(other).await.unwrap();
    let key = async |run| engine.steps(run).await.remove(0).call_key;
    assert_ne!(key(done.run_id).await, key(other.run_id).await);
}

#[test]
fn an_attachment_is_shown_without_its_bytes_and_reads_back() {
    let shown = format!("{:?}", guide());
    assert!(
        shown.contains("guide.txt") && !shown.contains("YmUg"),
        "{shown}"
    );
    let json = serde_json::to_value(guide()).unwrap();
    assert_eq!(
        json,
        json!({ "media_type": "text/plain", "name": "guide.txt", "data": "YmUgYnJpZWY=" })
    );
    assert_eq!(serde_json::from_value::<Attachment>(json).unwrap(), guide());
    let schema = Answer::input_schema();
    assert_eq!(schema["required"], json!(["question", "history", "guide"]));
}

#[test]
fn a_file_is_attached_with_its_name_and_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cat.PNG");
    std::fs::write(&path, [1, 2, 3]).unwrap();
    let photo = Attachment::file(&path).unwrap();
    assert_eq!(
        (photo.media_type(), photo.name()),
        ("image/png", Some("cat.PNG"))
    );
    assert_eq!(photo.to_url(), "data:image/png;base64,AQID");

    let missing = Attachment::file(folder.path().join("dog.png")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::InvalidInput);
    assert!(
        missing.to_string().contains("cannot read the attachment"),
        "{missing}"
    );
    let unknown = Attachment::file(folder.path().join("dog")).unwrap_err();
    assert!(
        unknown.to_string().contains("Attachment::bytes"),
        "{unknown}"
    );
}
