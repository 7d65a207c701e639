//! A PostgreSQL server that a test may kill.

use std::process::Command;

/// In a folder that is removed with it.
pub(crate) struct OwnServer {
    folder: tempfile::TempDir,
}

impl OwnServer {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    /// Starts it, again on the same port if it ran before, and gives the URL.
    pub(crate) fn start(&self) -> String {
        self.script("start")
    }

    /// As a crash of the machine would, but for the disk.
    pub(crate) fn kill(&self) {
        self.script("kill");
    }

    fn script(&self, what: &str) -> String {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/postgres");
        let mut command = Command::new(script);
        let output = command.arg(what).arg(self.folder.path()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "scripts/postgres {what}: {told}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.script("stop");
    }
}
