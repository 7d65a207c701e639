//! llmock (PyPI): requests fail, wait and are answered as a scenario says, and what the client made of it is judged.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Server, programs};

/// A request in flight counts when it ends: one that the server holds back does so within seconds.
const HELD: Duration = Duration::from_secs(30);

pub(crate) struct Llmock(Server);

impl Llmock {
    /// A server that plays these behaviours, in their order, and answers well when they are over:
    /// `{"type": "fail", "status": 429, "retry_after": 1, "times": 2}`, `{"type": "delay", "seconds": 2}`,
    /// `{"type": "reply", "text": "…"}`, `{"type": "stream_fault", "kind": "truncate"}`; `"times": null` is for ever.
    pub(crate) async fn playing(behaviors: Value) -> Self {
        let mut command = Command::new(&programs().llmock);
        command.args(["serve", "--host", "127.0.0.1", "--port", "0"]);
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&mut command, folder, "running on http://").await;
        let scenario = json!({ "behaviors": behaviors });
        server.control("/_llmock/scenario", Some(&scenario)).await;
        Self(server)
    }

    pub(crate) fn base_url(&self) -> String {
        self.0.base_url()
    }

    /// The requests that it saw, in order, once those in flight have ended; `started_at` and `ended_at` are seconds of
    /// one clock.
    pub(crate) async fn requests(&self) -> Vec<Value> {
        let deadline = Instant::now() + HELD;
        loop {
            // It waits for those in flight, but two seconds at most; and it numbers them as they come.
            let answer = self.0.control("/_llmock/requests", None).await;
            let requests = answer["requests"].as_array().unwrap().clone();
            let last = requests
                .last()
                .map_or(0, |last| last["seq"].as_u64().unwrap());
            if !requests.is_empty() && last == requests.len() as u64 {
                return requests;
            }
            assert!(Instant::now() < deadline, "requests are held: {answer}");
        }
    }

    /// How long the client waited between the end of a request and the start of the next, in seconds.
    pub(crate) async fn pauses(&self) -> Vec<f64> {
        let at = |request: &Value, name: &str| request[name].as_f64().unwrap();
        let requests = self.requests().await;
        let pairs = requests.windows(2);
        pairs
            .map(|pair| at(&pair[1], "started_at") - at(&pair[0], "ended_at"))
            .collect()
    }

    /// What it finds wrong with the client, by the names of its findings.
    pub(crate) async fn findings(&self) -> Vec<String> {
        let verdict = self.0.control("/_llmock/verdict", None).await;
        let findings = verdict["findings"].as_array().unwrap().iter();
        findings
            .map(|finding| finding["code"].as_str().unwrap().to_owned())
            .collect()
    }
}
