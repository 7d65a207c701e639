//! Answers in pieces.

use super::*;

fn events(events: &[Value], rest: &str) -> Play {
    let events = events.iter().map(|event| format!("data: {event}\n\n"));
    let events = events.collect::<Vec<_>>().concat();
    Play::Bytes(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n{events}{rest}"
    ))
}

fn piece(text: &str) -> Value {
    json!({ "id": "c1", "model": "tiny-1", "choices": [{ "delta": { "content": text }, "finish_reason": null }] })
}

fn last(reason: &str) -> Value {
    json!({ "choices": [{ "delta": {}, "finish_reason": reason }] })
}

fn usage() -> Value {
    json!({ "choices": [], "usage": { "prompt_tokens": 7, "completion_tokens": 2 } })
}

/// The pieces that came, and the end.
async fn streamed(play: Play) -> (Vec<String>, Result<LlmResponse, LlmError>) {
    let server = Server::start(play).await;
    let backend = server.backend(KEY).with_timeout(Duration::from_millis(400));
    let request = LlmRequest {
        streams: true,
        ..request()
    };
    let body = backend.body(&request).unwrap();
    assert_eq!(body["stream"], true);
    let pieces = Mutex::new(Vec::new());
    let give = |text: &str| pieces.lock().unwrap().push(text.to_owned());
    let end = backend.stream(&request, &body, &give).await;
    assert_eq!(server.requests().len(), 1);
    assert!(server.requests()[0].contains(&format!("authorization: Bearer {KEY}")));
    (pieces.into_inner().unwrap(), end)
}

#[tokio::test]
async fn pieces_are_given_as_they_come_and_then_the_whole() {
    let all = [piece("It "), piece("rains."), last("stop"), usage()];
    let (pieces, end) = streamed(events(&all, "data: [DONE]\n\n")).await;
    assert_eq!(pieces, ["It ", "rains."]);
    let response = end.unwrap();
    assert_eq!(response.accepted().unwrap(), "It rains.");
    assert_eq!(response.usage.total(), 9);
    assert_eq!(response.model.as_deref(), Some("tiny-1"));
    let backend = OpenAiBackend::new("http://127.0.0.1:9/v1", KEY).unwrap();
    let again = backend.parse(&response.raw).unwrap();
    assert_eq!(again.content, response.content);
    assert_eq!(again.usage, response.usage);
}

#[tokio::test]
async fn a_piece_in_parts_is_not_lost() {
    let parts = json!([
        { "type": "thinking", "thinking": [{ "type": "text", "text": "Hm." }] },
        { "type": "text", "text": "It " },
    ]);
    let first = json!({ "choices": [{ "delta": { "content": parts } }] });
    let all = [first, piece("rains."), last("stop")];
    let (pieces, end) = streamed(events(&all, "data: [DONE]\n\n")).await;
    assert_eq!(pieces, ["It ", "rains."]);
    assert_eq!(end.unwrap().accepted().unwrap(), "It rains.");
}

#[tokio::test]
async fn a_key_is_hidden_in_what_is_kept_of_pieces() {
    let (one, two) = KEY.split_at(9);
    let halves = [piece(one), piece(two), last("stop")];
    let (_, end) = streamed(events(&halves, "data: [DONE]\n\n")).await;
    let response = end.unwrap();
    assert_eq!(response.accepted().unwrap(), "[key]");
    assert!(!response.raw.contains(KEY), "{}", response.raw);

    let choice = json!({ "message": { "content": KEY }, "finish_reason": "stop" });
    let (_, end) = streamed(json("200 OK", &json!({ "choices": [choice] }))).await;
    assert!(!end.unwrap().raw.contains(KEY));

    // Where the message is cut.
    let long = format!("{}{KEY}", "x".repeat(290));
    let failure = json!({ "error": { "message": long, "code": 503 } });
    let (_, end) = streamed(events(&[piece("It "), failure], "")).await;
    let said = end.unwrap_err().to_string();
    assert!(said.contains("xx[key]") && !said.contains("sk-"), "{said}");
}

#[tokio::test]
async fn comments_are_passed_over() {
    let rest = ": a comment\n\ndata: [DONE]\n\n";
    let all = [json!({ "choices": [] }), piece("Yes."), last("stop")];
    let (pieces, end) = streamed(events(&all, rest)).await;
    assert_eq!(pieces, ["Yes."]);
    assert_eq!(end.unwrap().accepted().unwrap(), "Yes.");
}

#[tokio::test]
async fn a_piece_that_cannot_be_read_is_missing_in_the_answer() {
    let rest = "data: {\"choices\": [\n\ndata: [DONE]\n\n";
    let (pieces, end) = streamed(events(&[piece("It ")], rest)).await;
    assert_eq!(pieces, ["It "]);
    let error = end.unwrap_err();
    assert_eq!(
        (error.kind(), error.partial()),
        (LlmErrorKind::Transient, Some("It "))
    );
}

#[tokio::test]
async fn a_stream_without_an_end_is_no_answer() {
    let (pieces, end) = streamed(events(&[piece("It "), piece("rai")], "")).await;
    assert_eq!(pieces, ["It ", "rai"]);
    let error = end.unwrap().accepted().unwrap_err();
    assert_eq!(error.kind(), LlmErrorKind::Transient);
    assert_eq!(error.partial(), Some("It rai"));
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_is_an_error_with_what_came() {
    let chunk = format!("data: {}\n\n", piece("It "));
    let play = Play::Bytes(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\nff\r\ndata",
        chunk.len()
    ));
    let (pieces, end) = streamed(play).await;
    assert_eq!(pieces, ["It "]);
    let error = end.unwrap_err();
    assert_eq!(
        (error.kind(), error.partial()),
        (LlmErrorKind::Transient, Some("It "))
    );
}

#[tokio::test]
async fn a_server_that_fails_in_the_middle_is_an_error_with_what_came() {
    let failure = json!({ "error": { "message": "overloaded", "code": 503 } });
    let (pieces, end) = streamed(events(&[piece("It "), failure], "")).await;
    assert_eq!(pieces, ["It "]);
    let error = end.unwrap_err();
    assert_eq!(
        (error.kind(), error.partial()),
        (LlmErrorKind::Transient, Some("It "))
    );
    assert!(error.to_string().contains("overloaded"), "{error}");
}

#[tokio::test]
async fn a_cut_answer_says_so() {
    let (_, end) = streamed(events(&[piece("It"), last("length")], "data: [DONE]\n\n")).await;
    assert_eq!(
        end.unwrap().accepted().unwrap_err().kind(),
        LlmErrorKind::Truncated
    );
}

#[tokio::test]
async fn a_server_that_does_not_stream_answers_in_one_piece() {
    let choice = json!({ "message": { "content": "At once." }, "finish_reason": "stop" });
    let (pieces, end) = streamed(json("200 OK", &json!({ "choices": [choice] }))).await;
    assert_eq!(pieces, ["At once."]);
    assert_eq!(end.unwrap().accepted().unwrap(), "At once.");
}

#[tokio::test]
async fn failures_before_the_first_piece_are_those_of_other_requests() {
    let busy = answer("429 Too Many Requests", "retry-after: 3\r\n", "slow down");
    let (pieces, end) = streamed(busy).await;
    let error = end.unwrap_err();
    assert!(pieces.is_empty());
    assert_eq!(
        (error.kind(), error.retry_after()),
        (LlmErrorKind::RateLimited, Some(Duration::from_secs(3)))
    );

    let (_, end) = streamed(Play::Silence).await;
    assert_eq!(end.unwrap_err().kind(), LlmErrorKind::Timeout);
    let (_, end) = streamed(answer(
        "401 Unauthorized",
        "",
        &format!("no such key {KEY}"),
    ))
    .await;
    let error = end.unwrap_err();
    assert!(!format!("{error} {:?}", error.body()).contains(KEY));
}
