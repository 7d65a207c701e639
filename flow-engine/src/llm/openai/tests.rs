//! The backend against a server of the test's own, which plays the answers that servers were seen to give.

mod answers;
mod azure;
mod failures;
mod requests;
mod secrets;
mod streams;

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::llm::{LlmErrorKind, Message, OutputFormat, Parameters, Role};

const KEY: &str = "sk-test-0123456789-abcdefghijklmnop";

/// What the server does once it has read a request.
#[derive(Clone)]
enum Play {
    /// Sends this and closes the connection.
    Bytes(String),
    /// Sends this, and then spaces without an end.
    Endless(String),
    /// Keeps the connection, and its answer to itself.
    Silence,
}

/// An HTTP answer; `headers` are whole lines.
fn answer(status: &str, headers: &str, body: &str) -> Play {
    let length = body.len();
    Play::Bytes(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n{body}"
    ))
}

fn json(status: &str, body: &Value) -> Play {
    answer(
        status,
        "content-type: application/json\r\n",
        &body.to_string(),
    )
}

/// A server on a free port of this machine, and the requests it got.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(play: Play) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, play.clone(), Arc::clone(&seen)));
            }
        });
        Self { address, requests }
    }

    fn backend(&self, key: &str) -> OpenAiBackend {
        OpenAiBackend::new(&format!("http://{}/v1", self.address), key).unwrap()
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut connection: TcpStream, play: Play, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if connection.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
    }
    seen.lock()
        .unwrap()
        .push(String::from_utf8(request).unwrap());
    match play {
        Play::Bytes(bytes) => {
            connection.write_all(bytes.as_bytes()).await.unwrap();
            connection.shutdown().await.unwrap();
        }
        Play::Endless(begin) => {
            let spaces = vec![b' '; 1 << 16];
            let mut sent = connection.write_all(begin.as_bytes()).await;
            // Until the client has enough.
            while sent.is_ok() {
                sent = connection.write_all(&spaces).await;
            }
        }
        Play::Silence => std::future::pending().await,
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
        .unwrap_or_default();
    request.len() >= head.len() + 4 + length
}

fn request() -> LlmRequest {
    LlmRequest {
        step: "summarize".into(),
        model: "tiny".into(),
        messages: vec![Message::new(Role::User, "Say it.")],
        parameters: Parameters::default(),
        format: OutputFormat::Text,
        streams: false,
        web_search: None,
        secrets: Arc::default(),
    }
}

async fn ask(backend: &OpenAiBackend) -> Result<LlmResponse, LlmError> {
    let request = request();
    let body = backend.body(&request).unwrap();
    let sent = backend.send(&request, &body);
    tokio::time::timeout(Duration::from_secs(20), sent)
        .await
        .expect("the backend waits for ever, or retries in secret")
}

/// The answer of a server that plays this, asked once.
async fn answered(play: Play) -> LlmResponse {
    let server = Server::start(play).await;
    let response = ask(&server.backend(KEY)).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    response
}

/// The error of a server that plays this, found to be of one request, one line, and without the key.
async fn failed(play: Play) -> LlmError {
    let server = Server::start(play).await;
    let backend = server.backend(KEY).with_timeout(Duration::from_millis(400));
    let error = ask(&backend).await.unwrap_err();
    assert_eq!(
        server.requests().len(),
        1,
        "{error} was tried again in secret"
    );
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
    let recorded = serde_json::to_string(&error).unwrap();
    for text in [error.to_string(), format!("{error:?}"), recorded] {
        assert!(!text.contains(KEY), "{text}");
    }
    error
}
