//! A process that executes what is queued.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Killed when it is dropped.
pub(crate) struct Worker(pub(crate) Child);

impl Worker {
    pub(crate) fn start(database: &str) -> Self {
        Self::telling(database, Stdio::null())
    }

    /// What its flows say goes there.
    pub(crate) fn telling(database: &str, output: impl Into<Stdio>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_working"));
        command.arg(database).stdout(output);
        Self(command.spawn().unwrap())
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.0.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
