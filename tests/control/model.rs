//! An OpenAI-compatible server that takes each request and never answers it, and sees when the connection closes.

use std::time::{Duration, Instant};

use flow_engine::llm::OpenAiBackend;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::PATIENCE;

#[derive(Debug, Clone, Copy)]
enum Seen {
    Asked,
    Closed(Instant),
}

pub(crate) struct Model {
    url: String,
    seen: Mutex<UnboundedReceiver<Seen>>,
}

impl Model {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (tell, seen) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, tell.clone()));
            }
        });
        let seen = Mutex::new(seen);
        Self { url, seen }
    }

    pub(crate) fn backend(&self) -> OpenAiBackend {
        OpenAiBackend::new(&self.url, "key").unwrap()
    }

    async fn next(&self) -> Seen {
        let next = timeout(PATIENCE, async { self.seen.lock().await.recv().await });
        next.await.expect("it does not come").unwrap()
    }

    /// Waits for a request.
    pub(crate) async fn asked(&self) {
        assert!(matches!(self.next().await, Seen::Asked));
    }

    /// Waits until the connection of the request is closed, and says how long after `since`.
    pub(crate) async fn closed(&self, since: Instant) -> Duration {
        match self.next().await {
            Seen::Closed(at) => at.saturating_duration_since(since),
            Seen::Asked => panic!("it was asked again"),
        }
    }
}

async fn serve(mut connection: TcpStream, tell: UnboundedSender<Seen>) {
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    let mut is_asked = false;
    loop {
        match connection.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(count) => received.extend_from_slice(&piece[..count]),
        }
        if !is_asked && is_whole(&received) {
            is_asked = true;
            let _ = tell.send(Seen::Asked);
        }
    }
    if is_asked {
        let _ = tell.send(Seen::Closed(Instant::now()));
    }
}

/// Whether the head of a request and its body have come.
fn is_whole(received: &[u8]) -> bool {
    let text = String::from_utf8_lossy(received);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_some_and(|length| body.len() >= length)
}
