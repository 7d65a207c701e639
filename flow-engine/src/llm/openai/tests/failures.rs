//! Requests without an answer: which kind they are of, and what the message says.

use serde_json::json;

use super::*;

#[tokio::test]
async fn an_answer_without_an_end_is_given_up_before_the_memory_is() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    let server = Server::start(Play::Endless(format!("{head}\r\n{{"))).await;
    let error = ask(&server.backend(KEY)).await.unwrap_err();
    assert_eq!(error.kind(), LlmErrorKind::Transient);
    assert!(
        error.body().unwrap().len() < 100_000,
        "its beginning is kept"
    );

    let head = format!("{head}content-type: text/event-stream\r\n\r\n");
    let chunk = r#"data: {"choices":[{"delta":{"content":"It "}}]}"#;
    let server = Server::start(Play::Endless(format!("{head}{chunk}\n\ndata:"))).await;
    let (backend, request) = (server.backend(KEY), request());
    let body = backend.body(&request).unwrap();
    let end = backend.stream(&request, &body, &|_| {}).await;
    let error = end.unwrap().accepted().unwrap_err();
    assert_eq!(
        (error.kind(), error.partial()),
        (LlmErrorKind::Transient, Some("It "))
    );
}
use LlmErrorKind::{
    Authentication, ContentFiltered, InvalidRequest, RateLimited, Timeout, Transient,
};

/// An error in OpenAI's own form.
fn error(message: &str, code: &str) -> Value {
    json!({ "error": { "message": message, "type": code, "param": null, "code": code } })
}

#[tokio::test]
async fn a_status_says_what_a_caller_can_do() {
    let cases = [
        ("400 Bad Request", "bad", InvalidRequest, "bad"),
        (
            "400 Bad Request",
            "content_filter",
            ContentFiltered,
            "content_filter",
        ),
        (
            "401 Unauthorized",
            "bad",
            Authentication,
            "bad; check the key and what it may use",
        ),
        (
            "402 Payment Required",
            "bad",
            Authentication,
            "bad; add credit",
        ),
        (
            "403 Forbidden",
            "bad",
            Authentication,
            "bad; check the key and what it may use",
        ),
        (
            "404 Not Found",
            "bad",
            InvalidRequest,
            "bad; check the model's name, and that the server's address is right",
        ),
        ("408 Request Timeout", "bad", Transient, "bad"),
        ("422 Unprocessable Entity", "bad", InvalidRequest, "bad"),
        ("429 Too Many Requests", "bad", RateLimited, "bad"),
        (
            "429 Too Many Requests",
            "insufficient_quota",
            Authentication,
            "insufficient_quota; add credit",
        ),
        ("500 Internal Server Error", "bad", Transient, "bad"),
        ("501 Not Implemented", "bad", InvalidRequest, "bad"),
        ("503 Service Unavailable", "bad", Transient, "bad"),
        ("529 Overloaded", "bad", Transient, "bad"),
    ];
    for (status, code, kind, said) in cases {
        let body = error(code, code);
        let failure = failed(json(status, &body)).await;
        let number = &status[..3];
        assert_eq!(
            failure.to_string(),
            format!("the model's server answered {number}: {said}")
        );
        assert_eq!(failure.kind(), kind, "{failure}");
        assert_eq!(failure.http_status(), number.parse().ok());
        assert_eq!(failure.body(), Some(body.to_string().as_str()));
        assert_eq!(failure.retry_after(), None);
    }
}

#[tokio::test]
async fn the_servers_message_is_found_in_the_forms_in_use() {
    let forms = [
        // llama-server
        json!({ "error": { "code": 400, "message": "what is wrong", "type": "invalid_request_error" } }),
        // FastAPI
        json!({ "detail": "what is wrong" }),
        json!({ "detail": [{ "loc": ["body"], "msg": "what is wrong", "type": "missing" }] }),
        json!({ "error": "what is wrong" }),
        json!({ "message": "what is wrong" }),
        // Google
        json!([{ "error": { "code": 400, "message": "what is wrong" } }]),
        json!("what is wrong"),
        json!({ "error": { "message": "  what\r\n\tis\n\nwrong\n" } }),
    ];
    for form in forms {
        let failure = failed(json("400 Bad Request", &form)).await;
        let said = failure.to_string().replace('"', "");
        assert_eq!(
            said, "the model's server answered 400: what is wrong",
            "{form}"
        );
    }
}

#[tokio::test]
async fn a_page_of_html_is_told_in_one_short_line_and_kept_whole() {
    let page = format!(
        "<html>\n<head><title>502 Bad Gateway</title></head>\n{}</html>\n",
        "<p>é</p>\n".repeat(100)
    );
    let failure = failed(answer(
        "502 Bad Gateway",
        "content-type: text/html\r\n",
        &page,
    ))
    .await;
    assert_eq!(failure.kind(), Transient);
    let said = failure.to_string();
    assert!(
        said.starts_with(
            "the model's server answered 502: <html> <head><title>502 Bad Gateway</title>"
        ),
        "{said}"
    );
    assert!(said.chars().count() < 350, "{said}");
    assert_eq!(failure.body(), Some(page.as_str()));
}

#[tokio::test]
async fn an_error_without_a_body_is_told_by_the_name_of_its_status() {
    let failure = failed(answer("503 Service Unavailable", "", "")).await;
    assert_eq!(
        failure.to_string(),
        "the model's server answered 503: Service Unavailable"
    );
}

#[tokio::test]
async fn the_wait_that_the_server_asks_for_is_read_in_all_its_forms() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let cases = [
        ("retry-after: 7\r\n", seconds(7)),
        ("Retry-After: 0.5\r\n", Some(Duration::from_millis(500))),
        (
            "retry-after: 7\r\nretry-after-ms: 1200\r\n",
            Some(Duration::from_millis(1200)),
        ),
        ("retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", seconds(0)),
        ("retry-after: soon\r\n", None),
        ("retry-after: -1\r\n", None),
        ("retry-after: 1e300\r\n", None),
    ];
    for (header, wait) in cases {
        let body = error("slow down", "rate_limit_exceeded").to_string();
        let failure = failed(answer("429 Too Many Requests", header, &body)).await;
        assert_eq!(
            (failure.kind(), failure.retry_after()),
            (RateLimited, wait),
            "{header}"
        );
    }
    let date =
        (chrono::Utc::now() + chrono::Duration::seconds(60)).format("%a, %d %b %Y %H:%M:%S GMT");
    let failure = failed(answer("503 Busy", &format!("retry-after: {date}\r\n"), "")).await;
    let wait = failure.retry_after().unwrap();
    assert!((50..=60).contains(&wait.as_secs()), "{wait:?}");

    let failure = failed(answer(
        "429 Too Many Requests",
        "retry-after: 7\r\nx-request-id: req_9\r\n",
        "",
    ))
    .await;
    assert_eq!(
        failure.to_string(),
        "the model's server answered 429: Too Many Requests; it asks to wait 7s"
    );
    assert_eq!(failure.provider_request_id(), Some("req_9"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(json("200 OK", &json!({}))).await;
    for status in ["301 Moved Permanently", "307 Temporary Redirect"] {
        let location = format!("http://{}/v1/chat/completions", elsewhere.address);
        let failure = failed(answer(status, &format!("location: {location}\r\n"), "")).await;
        assert_eq!(failure.kind(), InvalidRequest);
        let said = failure.to_string();
        assert!(
            said.ends_with(&format!("; it moved to {location}, so give that address")),
            "{said}"
        );
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_no_completion_may_be_asked_for_again() {
    let cases = [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("hello", "expected value at line 1 column 1"),
        (
            "{\"choices\": [",
            "EOF while parsing a list at line 1 column 13",
        ),
        (
            "\n<!DOCTYPE html>",
            "it is a page of HTML; the address of a server usually ends in `/v1`",
        ),
        ("{}", "it holds no choice"),
        ("[]", "it holds no choice"),
        ("{\"choices\": []}", "it holds no choice"),
        (
            "{\"choices\": null, \"message\": \"no\\nworker\"}",
            "it holds no choice: no worker",
        ),
        (
            "{\"choices\": [{\"finish_reason\": \"stop\"}]}",
            "it holds no choice",
        ),
    ];
    for (body, reason) in cases {
        let failure = failed(answer("200 OK", "x-request-id: req_3\r\n", body)).await;
        assert_eq!(failure.kind(), Transient);
        assert_eq!(
            failure.to_string(),
            format!("the server's answer is not a chat completion: {reason}")
        );
        assert_eq!(
            (failure.http_status(), failure.body()),
            (Some(200), Some(body))
        );
        assert_eq!(failure.provider_request_id(), Some("req_3"));
    }
}

#[tokio::test]
async fn a_failure_that_a_gateway_reports_under_200_is_read_by_its_own_status() {
    let failure = failed(json(
        "200 OK",
        &json!({ "error": { "code": 429, "message": "slow down" } }),
    ))
    .await;
    assert_eq!(
        (failure.kind(), failure.http_status()),
        (RateLimited, Some(200))
    );
    assert_eq!(
        failure.to_string(),
        "the model's server answered 429: slow down"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let backend = OpenAiBackend::new(&format!("http://{gone}/v1"), KEY).unwrap();
    let failure = ask(&backend).await.unwrap_err();
    assert_eq!((failure.kind(), failure.http_status()), (Transient, None));
    let said = failure.to_string();
    assert!(
        said.starts_with(&format!(
            "cannot connect to the model's server at {gone}: Connection refused"
        )),
        "{said}"
    );
    assert!(said.ends_with("; check that it runs there"), "{said}");
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_not_tried_again() {
    let failure = failed(Play::Bytes(String::new())).await;
    assert_eq!(failure.kind(), Transient);
    let said = failure.to_string();
    assert!(
        said.contains(" broke before its answer was there: "),
        "{said}"
    );
}

#[tokio::test]
async fn a_body_that_ends_early_is_not_an_answer() {
    let whole = r#"{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]}"#;
    let more = whole.len() + 10;
    let failure = failed(Play::Bytes(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {more}\r\n\r\n{whole}"
    )))
    .await;
    assert_eq!(failure.kind(), Transient);
    let said = failure.to_string();
    assert!(
        said.contains(" broke before its answer was there: "),
        "{said}"
    );
}

#[tokio::test]
async fn a_slow_answer_ends_in_a_timeout() {
    let silent = failed(Play::Silence).await;
    assert_eq!(silent.kind(), Timeout);
    let said = silent.to_string();
    assert!(
        said.starts_with("no answer from the model's server at 127.0.0.1:"),
        "{said}"
    );
    assert!(
        said.ends_with(" within 400ms; a longer wait can be allowed"),
        "{said}"
    );
}
