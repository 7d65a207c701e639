//! How long steps compile, beside structs with the derives that they spare their user.
//!
//! Each subject is a crate of its own. Its dependencies are compiled before; measured is cargo with this one crate to
//! compile. An empty crate with the same dependencies is subtracted: cargo's own time, and rustc's to load them.

mod crates;
mod report;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crates::Subject;

pub(crate) struct Options {
    rounds: usize,
    /// So many steps, and so many structs.
    items: usize,
    own_outputs: bool,
    json: Option<PathBuf>,
    /// Where the crates are written, to look into them afterwards.
    keep: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            rounds: 5,
            items: 50,
            own_outputs: false,
            json: None,
            keep: None,
        };
        while let Some(argument) = arguments.next() {
            if argument == "--own-outputs" {
                options.own_outputs = true;
                continue;
            }
            let value = arguments
                .next()
                .with_context(|| format!("`{argument}` takes a value"))?;
            match argument.as_str() {
                "--rounds" => options.rounds = number(&argument, &value)?,
                "--items" => options.items = number(&argument, &value)?,
                "--json" => options.json = Some(value.into()),
                "--keep" => options.keep = Some(value.into()),
                _ => bail!("`compile` has no option `{argument}`"),
            }
        }
        Ok(options)
    }
}

fn number(option: &str, value: &str) -> Result<usize> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.with_context(|| format!("`{option}` takes a number of at least 1, not `{value}`"))
}

/// What cargo is told to do with a subject.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Check,
    Build,
}

impl Task {
    const ALL: [Self; 2] = [Self::Check, Self::Build];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Build => "build",
        }
    }
}

/// The wall times of one subject and task, one for each round.
pub(crate) struct Series {
    pub(crate) subject: Subject,
    pub(crate) task: Task,
    pub(crate) times: Vec<Duration>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = options.keep.as_deref().unwrap_or(temporary.path());
    crates::write(folder, &repository()?, options)?;
    let cargo = Cargo {
        folder,
        target: target()?,
    };

    eprintln!("compiling the dependencies…");
    let mut all: Vec<Series> = Vec::new();
    for subject in Subject::ALL {
        for task in Task::ALL {
            cargo.measure(subject, task, 0)?;
            all.push(Series {
                subject,
                task,
                times: Vec::new(),
            });
        }
    }
    // Round by round, so that what else the machine does meets all of them alike.
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}…", options.rounds);
        for series in &mut all {
            series
                .times
                .push(cargo.measure(series.subject, series.task, round)?);
        }
    }

    print!("{}", report::table(&all, options));
    if let Some(path) = &options.json {
        fs::write(path, report::json_lines(&all, options))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The clone that this program was compiled in.
fn repository() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    folder
        .canonicalize()
        .with_context(|| format!("the repository is not at {} any more", folder.display()))
}

/// Beside this program's own artifacts, so that the dependencies are compiled once and not in each run.
fn target() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let folder = program.ancestors().nth(2);
    Ok(folder
        .context("this program is in no target folder")?
        .join("bench-compile"))
}

struct Cargo<'a> {
    folder: &'a Path,
    target: PathBuf,
}

impl Cargo<'_> {
    fn measure(&self, subject: Subject, task: Task, round: usize) -> Result<Duration> {
        crates::touch(self.folder, subject, &format!("{} {round}", task.name()))?;
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args([
                task.name(),
                "--quiet",
                "--offline",
                "--package",
                subject.name(),
            ])
            .arg("--target-dir")
            .arg(&self.target)
            .current_dir(self.folder)
            .env("CARGO_INCREMENTAL", "0");
        let start = Instant::now();
        let output = command.output().context("cargo does not start")?;
        let time = start.elapsed();
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{} does not compile:\n{told}",
            subject.name()
        );
        // rustc takes its time to show a warning.
        ensure!(told.is_empty(), "{} has warnings:\n{told}", subject.name());
        Ok(time)
    }
}
