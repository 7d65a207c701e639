//! What neither mock server plays, byte by byte: they spoil streams only, and their models never refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Play {
    /// A chat completion with this choice.
    Choice(Value),
    /// The beginning of an answer; then the connection is closed.
    Half,
    /// The beginning of an answer, and then a space from time to time, for ever.
    Slow,
}

impl Play {
    pub(crate) fn text(text: &str) -> Self {
        let message = json!({ "role": "assistant", "content": text });
        Self::Choice(json!({ "index": 0, "message": message, "finish_reason": "stop" }))
    }

    pub(crate) fn refusal(refusal: &str) -> Self {
        let message = json!({ "role": "assistant", "content": null, "refusal": refusal });
        Self::Choice(json!({ "index": 0, "message": message, "finish_reason": "stop" }))
    }
}

/// Plays to one request after the other; after the last, it is the last again.
pub(crate) struct Wire {
    address: String,
    seen: Arc<AtomicUsize>,
}

impl Wire {
    pub(crate) async fn playing(plays: &[Play]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (seen, plays) = (Arc::new(AtomicUsize::new(0)), plays.to_vec());
        let counter = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (plays, counter) = (plays.clone(), Arc::clone(&counter));
                tokio::spawn(async move { serve(connection, &plays, &counter).await });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many requests it saw.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

/// One request for each connection. A client that has gone is no error.
async fn serve(mut connection: TcpStream, plays: &[Play], seen: &AtomicUsize) -> Option<()> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if connection.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let at = seen.fetch_add(1, Ordering::SeqCst).min(plays.len() - 1);
    let play = &plays[at];
    let choice = match play {
        Play::Choice(choice) => choice.clone(),
        Play::Half | Play::Slow => json!({ "message": { "content": "never whole" } }),
    };
    let body =
        json!({ "object": "chat.completion", "model": "m", "choices": [choice] }).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        // Room for a body that never ends.
        if matches!(play, Play::Slow) {
            1 << 20
        } else {
            body.len()
        }
    );
    connection.write_all(head.as_bytes()).await.ok()?;
    match play {
        Play::Choice(_) => connection.write_all(body.as_bytes()).await.ok()?,
        Play::Half => {
            let half = &body.as_bytes()[..body.len() / 2];
            connection.write_all(half).await.ok()?;
        }
        Play::Slow => loop {
            connection.write_all(b" ").await.ok()?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        },
    }
    connection.shutdown().await.ok()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    request.len() >= head.len() + 4 + length.unwrap_or_default()
}
