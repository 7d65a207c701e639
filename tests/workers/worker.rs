//! A process that executes what is queued.

use std::process::{Command, Stdio};

use crate::process::Process;

pub(crate) fn start_worker(database: &str) -> Process {
    start_telling(database, Stdio::null())
}

/// What its flows say goes there.
pub(crate) fn start_telling(database: &str, output: impl Into<Stdio>) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_working"));
    Process::start(command.arg(database).stdout(output))
}
