//! Inputs that are marked `secret`: what they are is in no row, no cassette and no message.

use flow_engine::ErrorKind;
use flow_engine::llm::{Cassette, LlmError, LlmErrorKind, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use serde_json::json;

use crate::support::{TestEngine, engine_with};

/// With characters that JSON escapes.
const TOKEN: &str = "tok-\"qx9\\é";

#[step(prompt = "./prompts/with_token.md")]
async fn ask(question: String, #[input(secret)] token: String) -> String;

#[step]
async fn length(#[input(secret)] token: String, #[input(secret, default = 7)] pin: u32) -> usize {
    token.len() + pin as usize
}

#[flow]
async fn login(name: String, #[input(secret)] token: String) -> Result<usize> {
    let length = length(token.clone()).await?;
    if name == "nobody" {
        return Err("there is no such user".into());
    }
    ask(name, token).await?;
    Ok(length)
}

#[step]
async fn repeat(text: String) -> Result<usize> {
    match text.as_str() {
        "panic" => panic!("{TOKEN}"),
        "fail" => Err(TOKEN.into()),
        _ => Ok(text.len()),
    }
}

#[step(prompt = "./prompts/any.md")]
async fn ask_openly(text: String) -> String;

/// What it is told as a secret, it tells those below in other words.
#[flow]
async fn tell(what: String, #[input(secret)] token: String) -> Result<usize> {
    ask_openly(format!("the token is {}", token.trim())).await?;
    Ok(repeat(format!(
        "{what}{}",
        if what.is_empty() { &token } else { "" }
    ))
    .await?)
}

fn is_token(token: &str) -> Result<(), String> {
    if token.starts_with("tok-") {
        return Err(format!("{token} is old"));
    }
    Ok(())
}

#[step]
async fn refuse(#[input(secret, custom = is_token)] token: String) -> usize {
    token.len()
}

fn mock() -> MockBackend {
    // It says what it was told.
    let echo = |request: &flow_engine::llm::LlmRequest| {
        Ok(LlmResponse::text(request.messages[0].content.clone()))
    };
    MockBackend::new().on("ask", echo).on("ask_openly", echo)
}

/// Everything that the database holds of a run, in one text. The output of a step is its own affair.
async fn kept(engine: &TestEngine, run: flow_engine::Uuid) -> String {
    let mut kept = vec![format!("{:?}", engine.row(run).await)];
    for step in engine.steps(run).await {
        let parts = (&step.inputs, &step.step_metadata, &step.error_message);
        kept.push(format!("{parts:?}"));
    }
    for request in engine.requests_of(run).await.unwrap() {
        kept.push(format!("{request:?}"));
    }
    kept.concat()
}

fn assert_hidden(text: &str) {
    for part in [TOKEN, "tok-", "qx9"] {
        assert!(!text.contains(part), "{text}");
    }
    assert!(text.contains("[secret]"), "{text}");
}

#[tokio::test]
async fn a_secret_is_used_and_kept_nowhere() {
    let mock = mock();
    let engine = engine_with(mock.clone()).await;
    let done = engine.execute(login("ada", TOKEN)).await.unwrap();
    assert_eq!(done.output_content, TOKEN.len() + 7);
    let sent = &mock.requests()[0].messages[0].content;
    assert!(sent.contains(TOKEN), "the model gets it: {sent}");
    assert_hidden(&kept(&engine, done.run_id).await);
    assert_hidden(&format!("{:?}", login("ada", TOKEN)));
}

#[tokio::test]
async fn what_a_flow_keeps_secret_is_told_by_nothing_below_it() {
    let mock = mock();
    let engine = engine_with(mock.clone()).await;
    // As it is read from a file.
    let token = format!("{TOKEN}\n");
    let done = engine.execute(tell("", token.clone())).await.unwrap();
    assert!(mock.requests()[0].messages[0].content.contains(TOKEN));
    assert_hidden(&kept(&engine, done.run_id).await);
    assert_hidden(&format!("{:?}", mock.requests()));
    for what in ["panic", "fail"] {
        let error = engine.execute(tell(what, token.clone())).await.unwrap_err();
        assert_hidden(&kept(&engine, error.run_id().unwrap()).await);
        assert_hidden(&format!("{error:?}"));
    }
    let error = engine.execute(refuse(TOKEN)).await.unwrap_err();
    assert_hidden(&format!("{error:#}"));
}

#[tokio::test]
async fn a_failure_does_not_tell_it() {
    let mock = MockBackend::new().on("ask", |request| {
        let echo = format!("unknown: {}", request.messages[0].content);
        Err(LlmError::new(LlmErrorKind::InvalidRequest, echo.clone()).with_answer(400, echo))
    });
    let engine = engine_with(mock).await;
    let error = engine.execute(login("ada", TOKEN)).await.unwrap_err();
    assert_hidden(&kept(&engine, error.run_id().unwrap()).await);
    assert_hidden(&format!("{error:#}"));
    assert_hidden(&format!("{error:?}"));
}

#[tokio::test]
async fn another_secret_is_another_call_and_a_run_goes_on_with_the_call() {
    let mock = mock();
    let engine = engine_with(mock.clone()).await;
    let failed = engine.execute(login("nobody", TOKEN)).await.unwrap_err();
    let run = failed.run_id().unwrap();

    let error = engine.resume(run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains(
            "the input `token` of `login` is secret and was not recorded; `Engine::resume_with` takes the call"
        ),
        "{error}"
    );
    // The same token is the same call: it is taken from the journal; another is not.
    let again = engine.resume_with(run, login("ada", TOKEN)).await.unwrap();
    assert_eq!(engine.steps(run).await.len(), 2, "{again:?}");
    let key = async |token: &str| {
        let done = engine.execute(length(token)).await.unwrap();
        engine.steps(done.run_id).await.remove(0).call_key
    };
    assert_eq!(key(TOKEN).await, key(TOKEN).await);
    assert_ne!(key(TOKEN).await, key("another").await);
    assert_hidden(&kept(&engine, run).await);
}

#[tokio::test]
async fn a_cassette_holds_none_and_answers_without() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ask.json");
    let run = async |backend: Cassette, token: &str| {
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let engine = Engine::builder()
            .policy(flow_engine::Policy::once())
            .backend(backend)
            .model("test-model")
            .state(crate::support::Greeting("hello"))
            .database_url(url)
            .build()
            .await
            .unwrap();
        engine
            .execute(ask("who?", token))
            .await
            .unwrap()
            .output_content
    };
    run(Cassette::record(&path, mock()).unwrap(), TOKEN).await;
    assert_hidden(&std::fs::read_to_string(&path).unwrap());
    let answer = run(Cassette::replay(&path).unwrap(), "another token").await;
    assert_eq!(answer, "who? [secret]");
}

#[test]
fn the_schema_says_that_it_is_written_only_and_an_error_does_not_quote_it() {
    let schema = Length::input_schema();
    assert_eq!(schema["properties"]["token"]["writeOnly"], json!(true));
    assert_eq!(schema["properties"]["pin"].get("default"), None);
    let inputs = json!({ "token": "x", "pin": "tok-qx9" });
    let error = Length::from_inputs(inputs.as_object().unwrap().clone()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the input `pin` does not fit; it is secret, so its value is not shown"
    );
}
