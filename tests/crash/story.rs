//! A flow that is killed in one life after another, and comes to its end in the last.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::database::{Empty, Kind};
use crate::disk::Disk;
use crate::server::{Counts, Server};

/// How many stories are told at a time.
static SLOTS: Semaphore = Semaphore::const_new(4);

/// A moment and a write, as `crashing` takes them.
pub(crate) type Doom = (&'static str, u64);

/// A model, and a folder for the databases.
#[derive(Debug)]
pub(crate) struct World {
    server: Server,
    pub(crate) kind: Kind,
    empty: Empty,
    folder: TempDir,
    stories: AtomicUsize,
}

/// What is to happen to a flow.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub(crate) flow: &'static str,
    /// How many processes come to their end first.
    pub(crate) undisturbed: usize,
    /// Then one for each of these, until one of them comes to its end; then a last one that nobody kills.
    pub(crate) dooms: Vec<Doom>,
    pub(crate) resume: Resume,
    /// What happens to the files of the first process.
    pub(crate) disk: Option<Mishap>,
}

/// Of a file of SQLite.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mishap {
    /// No file becomes longer than so many blocks of 512 bytes: as on a disk that is full, writing fails.
    Full(u32),
    /// When it is dead, its log ends at this byte.
    CutAt(u64),
}

/// How a run is taken up again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Resume {
    ById,
    AllInterrupted,
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

/// What came of a plot.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) plot: Plot,
    pub(crate) lives: Vec<Life>,
    /// What the last process said, and how often it wrote.
    pub(crate) end: Value,
    pub(crate) writes: u64,
}

enum End {
    Killed,
    Said(Value),
}

impl World {
    pub(crate) async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            server: Server::start().await,
            kind,
            empty: Empty::new(kind, &folder).await,
            folder,
            stories: AtomicUsize::default(),
        }
    }

    pub(crate) async fn tell(&self, plot: Plot) -> Story {
        let number = self.stories.fetch_add(1, Ordering::Relaxed);
        let _slot = SLOTS.acquire().await.unwrap();
        let database = self.empty.copy(number);
        let undisturbed = std::iter::repeat_n(None, plot.undisturbed);
        let dooms = undisturbed.chain(plot.dooms.iter().copied().map(Some));
        let mut lives: Vec<Life> = Vec::new();
        let is_full = matches!(plot.disk, Some(Mishap::Full(_)));
        let last = std::iter::repeat_n(None, 1 + usize::from(is_full));
        for (life, doom) in dooms.chain(last).enumerate() {
            let found = lives.last().map(|life| life.left.clone());
            let found = found.unwrap_or_default();
            let task = match (found.root(), plot.resume) {
                (None, _) => [plot.flow.to_owned(), "-".to_owned()],
                (Some(root), Resume::ById) => ["resume".to_owned(), root.id.to_string()],
                (Some(_), Resume::AllInterrupted) => ["resume".to_owned(), "-".to_owned()],
            };
            let url = self.server.base_url(number, life);
            let mishap = plot.disk.filter(|_| life == 0);
            let room = match mishap {
                Some(Mishap::Full(blocks)) => Some(blocks),
                _ => None,
            };
            let end = self
                .live(&plot, &url, &database.url(), &task, doom, room)
                .await;
            if let Some(Mishap::CutAt(byte)) = mishap {
                database.cut_log(byte);
            }
            // It says what is in its way, and is as good as dead.
            let in_the_way = match &end {
                End::Said(said) if room.is_some() => said["end"]["error"].as_str(),
                _ => None,
            };
            if let Some(error) = in_the_way {
                let is_clear =
                    error.contains("the database failed to") && error.contains("disk I/O error");
                assert!(is_clear, "{error}: {plot:?}");
            }
            let was_killed = matches!(end, End::Killed) || in_the_way.is_some();
            lives.push(Life {
                doom: doom.or(in_the_way.map(|_| ("during", 0))),
                was_killed,
                asked: Counts::new(),
                found,
                left: database.read().await,
            });
            let End::Said(said) = end else { continue };
            if life < plot.undisturbed || was_killed {
                continue;
            }
            // Only now: a killed process's last request may still have been on its way when it died.
            for (number_of_life, life) in lives.iter_mut().enumerate() {
                life.asked = self.server.asked(number, number_of_life);
            }
            return Story {
                plot,
                lives,
                end: said["end"].clone(),
                writes: said["writes"].as_u64().unwrap(),
            };
        }
        unreachable!("nobody killed the last life of {plot:?}")
    }

    async fn live(
        &self,
        plot: &Plot,
        model: &str,
        database: &str,
        task: &[String],
        doom: Option<Doom>,
        room: Option<u32>,
    ) -> End {
        let program = env!("CARGO_BIN_EXE_crashing");
        let mut command = match room {
            None => Command::new(program),
            Some(blocks) => {
                let mut shell = Command::new("/bin/sh");
                // Without the signal, so that the program sees the error.
                let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
                shell.args(["-c", &limited, program]);
                shell
            }
        };
        command
            .env_clear()
            .env("OPENAI_BASE_URL", model)
            .env("OPENAI_API_KEY", "none")
            // Reading the machine's certificates would be most of what a program does.
            .env(
                "SSL_CERT_FILE",
                concat!(env!("CARGO_MANIFEST_DIR"), "/crash/nobody.pem"),
            )
            .env("SSL_CERT_DIR", self.folder.path().join("no certificates"))
            .arg(database)
            .args(task)
            .args(
                doom.iter()
                    .flat_map(|(moment, write)| [(*moment).to_owned(), write.to_string()]),
            )
            .stdin(Stdio::null())
            .kill_on_drop(true);
        // A slow machine is not a failure; a program that hangs is.
        let output = tokio::time::timeout(Duration::from_mins(2), command.output())
            .await
            .unwrap_or_else(|_| panic!("no end under {doom:?} in {plot:?}"))
            .unwrap();
        match (output.status.signal(), doom) {
            (Some(9), Some(_)) => return End::Killed,
            _ if output.status.success() => {}
            _ => panic!(
                "{} under {doom:?} in {plot:?}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ),
        }
        End::Said(serde_json::from_slice(&output.stdout).unwrap())
    }
}
