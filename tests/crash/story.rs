//! A flow that is killed in one life after another, and comes to its end in the last.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::disk::{Disk, url};
use crate::server::{Counts, Server};

/// How many programs run at a time.
static SLOTS: Semaphore = Semaphore::const_new(4);

/// A moment and a write, as `crashing` takes them.
pub(crate) type Doom = (&'static str, u64);

/// A model, and a folder for the databases.
#[derive(Debug)]
pub(crate) struct World {
    server: Server,
    folder: TempDir,
}

/// One process.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) doom: Option<Doom>,
    pub(crate) was_killed: bool,
    /// What it asked the model.
    pub(crate) asked: Counts,
    /// What it found, and what it left.
    pub(crate) found: Disk,
    pub(crate) left: Disk,
}

/// What came of a story.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) name: String,
    pub(crate) lives: Vec<Life>,
    /// What the last process said.
    pub(crate) end: Value,
    pub(crate) writes: u64,
}

/// How a run is taken up again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Resume {
    ById,
    AllInterrupted,
}

enum End {
    Killed,
    Said(Value),
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // With its tables: each story takes a copy.
        let empty = folder.path().join("empty");
        let store = flow_engine_db::connect(&url(&empty)).await.unwrap();
        store.close().await;
        drop(store);
        Self {
            server: Server::start().await,
            folder,
        }
    }

    /// Executes a flow, with a process for each of `dooms`, then with as many as it takes.
    pub(crate) async fn tell(&self, flow: &str, dooms: &[Doom], resume: Resume) -> Story {
        self.tell_on(flow, &[], dooms, resume).await
    }

    /// The same, after a life for each of `before` that nobody kills.
    pub(crate) async fn tell_on(
        &self,
        flow: &str,
        before: &[()],
        dooms: &[Doom],
        resume: Resume,
    ) -> Story {
        let names = dooms
            .iter()
            .map(|(moment, write)| format!("-{moment}-{write}"));
        let name = format!("{flow}{}-{resume:?}", names.collect::<String>());
        let database = self.folder.path().join(&name);
        fs::copy(self.folder.path().join("empty"), &database).unwrap();
        let undisturbed = before.iter().map(|()| None);
        let dooms = undisturbed.chain(dooms.iter().copied().map(Some));
        let mut lives: Vec<Life> = Vec::new();
        for (number, doom) in dooms.chain([None]).enumerate() {
            let found = lives
                .last()
                .map(|life| life.left.clone())
                .unwrap_or_default();
            let task = match (found.root(), resume) {
                (None, _) => vec![flow.to_owned(), "-".to_owned()],
                (Some(root), Resume::ById) => vec!["resume".to_owned(), root.id.to_string()],
                (Some(_), Resume::AllInterrupted) => vec!["resume".to_owned(), "-".to_owned()],
            };
            let end = self.live(&name, number, &database, &task, doom).await;
            let left = Disk::read(&database).await;
            lives.push(Life {
                doom,
                was_killed: matches!(end, End::Killed),
                asked: Counts::new(),
                found,
                left,
            });
            match end {
                End::Said(said) if number >= before.len() => {
                    for (number, life) in lives.iter_mut().enumerate() {
                        life.asked = self.server.asked(&name, number);
                    }
                    return Story {
                        name,
                        lives,
                        end: said["end"].clone(),
                        writes: said["writes"].as_u64().unwrap(),
                    };
                }
                _ => {}
            }
        }
        unreachable!("{name}: nobody killed the last life")
    }

    async fn live(
        &self,
        story: &str,
        life: usize,
        database: &Path,
        task: &[String],
        doom: Option<Doom>,
    ) -> End {
        let _slot = SLOTS.acquire().await.unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_crashing"));
        command
            .env_clear()
            .env("OPENAI_BASE_URL", self.server.base_url(story, life))
            .env("OPENAI_API_KEY", "none")
            // Reading the machine's certificates would be most of what a program does.
            .env("SSL_CERT_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/crash/nobody.pem"))
            .env("SSL_CERT_DIR", self.folder.path().join("no certificates"))
            .arg(url(database))
            .args(task)
            .args(
                doom.iter()
                    .flat_map(|(moment, write)| [(*moment).to_owned(), write.to_string()]),
            )
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(120), command.output())
            .await
            .unwrap_or_else(|_| panic!("{story}: life {life} has no end"))
            .unwrap();
        match (output.status.signal(), doom) {
            (Some(9), Some(_)) => return End::Killed,
            _ if output.status.success() => {}
            _ => panic!(
                "{story}: life {life} ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ),
        }
        End::Said(serde_json::from_slice(&output.stdout).unwrap())
    }
}
