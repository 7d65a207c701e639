//! A program whose steps and flows are not sound does not start. A binary of its own: the registry is the
//! program's, so no engine can start here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

use std::collections::HashMap;

use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;

#[data]
struct Report {
    /// By word
    counts: HashMap<String, u32>,
    extra: serde_json::Value,
}

#[step(prompt = "./any.md")]
async fn write_report(text: String) -> Report;

/// The same is right if the model is not held to a schema.
#[step(prompt = "./any.md", strict = false)]
async fn write_freely(text: String) -> Report;

#[data]
struct Rating {
    stars: u8,
    reasons: Vec<String>,
}

#[step(prompt = "./examples.md")]
async fn rate(text: String) -> Rating;

#[step(prompt = "./list.md")]
async fn split(text: String) -> Vec<String>;

#[derive(Clone)]
struct Pool;

#[step]
async fn load(#[state] pool: Pool) -> usize {
    std::mem::size_of_val(&pool)
}

mod again {
    use flow_engine::prelude::*;

    #[flow]
    async fn load() -> usize {
        0
    }
}

#[flow(schedule = "0 0 30 2 *")]
async fn on_no_day() -> usize {
    0
}

#[flow(schedule = "@daily", timezone = "Europe/Zurich")]
async fn starts_with(#[input(default = 0, range(min = 1))] count: u32) -> u32 {
    count
}

#[tokio::test]
async fn all_that_is_wrong_with_the_program_is_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.db");
    let builder = Engine::builder()
        .backend(MockBackend::new())
        .database_url(format!("sqlite://{}", file.display()));
    let error = builder.build().await.unwrap_err();
    let message = error.to_string();
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(lines.len(), 7, "{message}");
    assert!(
        lines[0]
            .contains("both define `load`: a run finds its steps and flows by name, so rename one"),
        "{}",
        lines[0]
    );
    assert!(lines[0].contains("tests/startup/main.rs:"), "{}", lines[0]);
    assert!(lines[1].ends_with(": `load`: no state of type `startup::Pool`; give it to the engine: `Engine::builder().state(…)`"), "{}", lines[1]);
    assert!(
        lines[6].ends_with(
            ": `write_report`: `Report.counts` is a map, whose keys a model cannot be held to; use a `Vec` of structs with a \
             key and a value; `Report.extra` is untyped JSON; give it a type; or say `strict = false`, and the model is not held to the schema"
        ),
        "{}",
        lines[6]
    );
    assert!(
        lines[3].ends_with(
            ": `rate`: the example answer at tests/startup/examples.md:8 does not fit `Rating`: at `stars`: invalid type: \
             string \"five\", expected u8; the example answer at tests/startup/examples.md:12 does not fit `Rating`: it is not \
             JSON: expected value at line 1 column 1"
        ),
        "{}",
        lines[3]
    );
    assert!(
        lines[4].ends_with(
            ": `split`: the example answer at tests/startup/list.md:4 does not fit `Array_of_string`: it is not an object, so \
             it is asked for in one: write `{\"value\": …}`"
        ),
        "{}",
        lines[4]
    );
    let never = ": `on_no_day`: its schedule, \"0 0 30 2 *\" in UTC, is on no day";
    assert!(lines[2].ends_with(never), "{}", lines[2]);
    assert!(
        lines[5].contains(": `starts_with`: its schedule starts it with the defaults of its inputs, and they do not hold: "),
        "{}",
        lines[5]
    );
    assert!(!file.exists(), "nothing is opened before");
}

#[test]
fn the_same_is_said_without_an_engine_but_of_state() {
    let message = flow_engine::check_contracts().unwrap_err().to_string();
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(lines.len(), 6, "{message}");
    assert!(lines[0].contains("both define `load`"), "{message}");
    assert!(lines[5].contains("`Report.counts` is a map"), "{message}");
}
