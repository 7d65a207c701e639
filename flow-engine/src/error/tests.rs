//! What an error says, and where it says that it happened.

use std::error::Error as _;

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("outer")]
struct Outer(#[source] BoxError);

#[test]
fn the_place_is_shown_and_the_cause_is_its_source() {
    let error = Error::new(ErrorKind::Failed, "no such page")
        .in_step("fetch")
        .in_flow("crawl", Uuid::nil());
    assert_eq!(error.to_string(), "step `fetch` of flow `crawl` failed");
    assert_eq!(error.source().unwrap().to_string(), "no such page");
    assert_eq!(
        error.line(),
        "step `fetch` of flow `crawl` failed: no such page"
    );
    assert_eq!(
        format!("{error:?}"),
        "step `fetch` of flow `crawl` failed\n  caused by: no such page"
    );
}

#[test]
fn an_error_without_a_place_is_its_own_message() {
    let error = Error::new(ErrorKind::Configuration, "set OPENAI_API_KEY");
    assert_eq!(error.to_string(), "set OPENAI_API_KEY");
    assert!(error.source().is_none());
}

#[test]
fn a_step_s_error_keeps_its_place_when_the_flow_returns_it() {
    let inner = Error::new(ErrorKind::Failed, "boom")
        .in_step("fetch")
        .in_flow("inner", Uuid::nil());
    let outer = Error::recorded(Box::new(inner)).in_flow("outer", Uuid::max());
    assert_eq!(
        (outer.flow(), outer.step(), outer.run_id()),
        (Some("inner"), Some("fetch"), Some(Uuid::nil()))
    );
}

#[test]
fn a_step_s_error_is_found_below_what_the_user_wrapped_it_in() {
    let inner = Error::new(ErrorKind::Panicked, "boom")
        .in_step("fetch")
        .in_flow("f", Uuid::nil());
    let error = Error::recorded(Box::new(Outer(Box::new(inner))));
    assert_eq!(
        (error.kind(), error.step()),
        (ErrorKind::Panicked, Some("fetch"))
    );
    assert_eq!(
        error.cause_line(),
        "outer: step `fetch` of flow `f` failed: boom"
    );
}
