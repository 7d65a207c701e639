//! aimock (npm, `@copilotkit/aimock`): plays scripted answers, whole or spoilt.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::process::{Server, programs};

pub(crate) struct Aimock(Server);

impl Aimock {
    /// A server that gives these answers one after the other: `{"response": {"content": "…", "finishReason": "length"}}`,
    /// `{"response": {"error": {"message": "…"}, "status": 400}}`, and to spoil one,
    /// `"chaos": {"malformedRate": 1}` or `{"disconnectRate": 1}` beside its response. What is no answer in a chat says to
    /// what it is one: `"match": {"endpoint": "image"}`.
    pub(crate) async fn answering(answers: &[Value]) -> Self {
        Self::start(answers, &[]).await
    }

    /// The same, for those who have a key: [`KEY`] if it is that of the tests.
    pub(crate) async fn locked(answers: &[Value], key: &str) -> Self {
        Self::start(answers, &[("AIMOCK_API_KEYS", key)]).await
    }

    async fn start(answers: &[Value], environment: &[(&str, &str)]) -> Self {
        let fixtures = answers.iter().enumerate().map(|(at, answer)| {
            let mut fixture = answer.clone();
            if fixture.get("match").is_none() {
                fixture["match"] = json!({ "endpoint": "chat", "sequenceIndex": at });
            }
            fixture
        });
        let fixtures = json!({ "fixtures": fixtures.collect::<Vec<_>>() });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fixtures.json");
        fs::write(&file, fixtures.to_string()).unwrap();
        let mut command = Command::new("node");
        command
            .arg(&programs().aimock)
            .args(["--host", "127.0.0.1", "--port", "0", "--strict"])
            .args(["--validate-on-load", "--fixtures"])
            .arg(file)
            .envs(environment.iter().copied());
        let announcement = "listening on http://";
        Self(Server::start(&mut command, folder, announcement).await)
    }

    pub(crate) fn base_url(&self) -> String {
        self.0.base_url()
    }

    /// The requests that it let in, in order.
    pub(crate) async fn requests(&self) -> Vec<Value> {
        let journal = self.0.control("/__aimock/journal", None).await;
        journal.as_array().unwrap().clone()
    }
}
