//! A server that is a process of its own, for as long as a test holds it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::KEY;

/// Python needs seconds for its imports where compilers run beside it.
const START: Duration = Duration::from_secs(90);

/// The programs that `scripts/mock-servers` has installed.
pub(crate) struct Programs {
    pub(crate) llmock: PathBuf,
    pub(crate) aimock: PathBuf,
}

pub(crate) fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/mock-servers");
        let output = Command::new(&script).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", script.display());
        let paths = String::from_utf8(output.stdout).unwrap();
        let mut paths = paths.lines().map(PathBuf::from);
        Programs {
            llmock: paths.next().unwrap(),
            aimock: paths.next().unwrap(),
        }
    })
}

/// Killed when it is dropped; what it said is shown if the test fails.
pub(crate) struct Server {
    child: Child,
    address: String,
    folder: TempDir,
    http: reqwest::Client,
}

impl Server {
    /// Starts a program that was told to take a free port, and waits until it says which: behind `announcement`.
    pub(crate) async fn start(command: &mut Command, folder: TempDir, announcement: &str) -> Self {
        let log = File::create(folder.path().join("log")).unwrap();
        let command = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let mut server = Self {
            child: command.spawn().unwrap(),
            address: String::new(),
            folder,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let deadline = Instant::now() + START;
        loop {
            if let Some(address) = announced(&server.log(), announcement) {
                server.address = address;
                return server;
            }
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}");
            assert!(
                Instant::now() < deadline,
                "the server is not ready after {START:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// What a backend takes for the server's address.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Asks the server's own interface, beside the one that it mocks.
    pub(crate) async fn control(&self, path: &str, body: Option<&Value>) -> Value {
        let url = format!("http://{}{path}", self.address);
        let request = match body {
            Some(body) => self.http.post(url).body(body.to_string()),
            None => self.http.get(url),
        };
        // Where requests need a key, so does this.
        let request = request.bearer_auth(KEY);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// The address behind the announcement, once the word is whole.
fn announced(log: &str, announcement: &str) -> Option<String> {
    let (_, rest) = log.split_once(announcement)?;
    let (address, _) = rest.split_once(char::is_whitespace)?;
    Some(address.to_owned())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        if thread::panicking() {
            eprintln!("--- what the server said ---\n{}", self.log());
        }
    }
}
