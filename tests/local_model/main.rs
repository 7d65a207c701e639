//! A real model, small enough for this machine: `scripts/local-model` serves it. Not a part of the suite, since it is built for ten
//! minutes:
//!
//! ```sh
//! OPENAI_BASE_URL=http://127.0.0.1:8112/v1 OPENAI_API_KEY=test-key FLOW_ENGINE_MODEL=smollm2 \
//!     cargo test -p flow-engine-tests --test local_model -- --ignored --nocapture --test-threads 1
//! ```
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "what a model says is to be read")]

use std::collections::BTreeMap;

use flow_engine::llm::{LlmErrorKind, OpenAiBackend};
use flow_engine::prelude::*;
use flow_engine::{Delta, Error, RequestStatus};
use tempfile::TempDir;

const RUNS: usize = 20;

#[step(prompt = "describe.md")]
async fn describe(thing: String) -> String;

/// What a reader thinks of a text.
#[data]
struct Rating {
    /// One to five
    #[check(range(min = 1, max = 5))]
    stars: u8,
    /// One short sentence
    reason: String,
}

#[step(prompt = "rate.md")]
async fn rate(text: String) -> Rating;

async fn engine() -> (Engine, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let builder = Engine::builder().backend(OpenAiBackend::from_env().unwrap());
    (builder.database_url(url).build().await.unwrap(), folder)
}

/// What became of the runs, and what they took.
#[derive(Default)]
struct Tally {
    ends: BTreeMap<String, usize>,
    requests: usize,
    tokens: u64,
}

impl Tally {
    async fn add<T>(&mut self, engine: &Engine, end: &Result<T, Error>, run: flow_engine::Uuid) {
        let word = match end {
            Ok(_) => "ok".to_owned(),
            // A small model is cut off, or does not fit; nothing else may happen to it.
            Err(error) => {
                let kind = error.llm().unwrap_or_else(|| panic!("{error:#}")).kind();
                assert!(
                    matches!(kind, LlmErrorKind::Truncated | LlmErrorKind::InvalidOutput),
                    "{error:#}"
                );
                kind.as_str().to_owned()
            }
        };
        *self.ends.entry(word).or_default() += 1;
        for request in engine.requests_of(run).await.unwrap() {
            assert_ne!(request.status, RequestStatus::Sent);
            assert_eq!(request.http_status, Some(200));
            self.requests += 1;
            let tokens = request.input_tokens.unwrap() + request.output_tokens.unwrap();
            self.tokens += tokens.unsigned_abs();
        }
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: {:?}, {} requests, {} tokens",
            self.ends, self.requests, self.tokens
        );
        let ok = self.ends.get("ok").copied().unwrap_or_default();
        assert!(ok * 2 > RUNS, "most of them come to something");
    }
}

fn things() -> impl Iterator<Item = String> {
    let things = ["rain", "a prime number", "Vienna", "a database", "jazz"];
    things.into_iter().cycle().map(str::to_owned).take(RUNS)
}

#[tokio::test]
#[ignore = "needs the server of scripts/local-model"]
async fn unstructured() {
    let (engine, _folder) = engine().await;
    let mut tally = Tally::default();
    for thing in things() {
        let request = engine.run(describe(thing));
        let run = request.id();
        let end = request.execute().await;
        tally.add(&engine, &end, run).await;
    }
    tally.print("unstructured");
}

#[tokio::test]
#[ignore = "needs the server of scripts/local-model"]
async fn structured() {
    let (engine, _folder) = engine().await;
    let mut tally = Tally::default();
    for thing in things() {
        let request = engine.run(rate(format!("A poem about {thing}.")));
        let run = request.id();
        let end = request.execute().await;
        if let Ok(done) = &end {
            assert!((1..=5).contains(&done.output_content.stars));
        }
        tally.add(&engine, &end, run).await;
    }
    tally.print("structured");
}

#[tokio::test]
#[ignore = "needs the server of scripts/local-model"]
async fn streaming() {
    let (engine, _folder) = engine().await;
    let (mut tally, mut pieces) = (Tally::default(), 0);
    for thing in things() {
        let request = engine.run(describe(thing));
        let run = request.id();
        let mut stream = request.stream();
        let mut text = String::new();
        while let Some(delta) = stream.next().await {
            if let Delta::Text(piece) = delta {
                pieces += 1;
                text.push_str(&piece);
            }
        }
        let end = stream.finish().await;
        if let Ok(done) = &end {
            assert_eq!(done.output_content, text);
        }
        tally.add(&engine, &end, run).await;
    }
    tally.print("streaming");
    println!("in {pieces} pieces");
    assert!(pieces > 5 * RUNS);
}
