//! A user's crates, outside of this workspace, depend on flow-engine alone and call it by another name.
//!
//! They are compiled and run as their user would, by cargo; `user/` is a workspace of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What a program of `user/` prints when its flow is executed on a new database.
fn printed_by(program: &str) -> String {
    let user = Path::new(env!("CARGO_MANIFEST_DIR")).join("outside/user");
    // The versions of this workspace, so that nothing is fetched.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    fs::copy(lock, user.join("Cargo.lock")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--offline", "--quiet", "--bin", program])
        .arg("--manifest-path")
        .arg(user.join("Cargo.toml"))
        .arg("--target-dir")
        // That of this workspace, whose dependencies are compiled already: most of them are the same.
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .arg("--")
        .arg(format!("sqlite://{}/flows.db", folder.path().display()))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert_eq!(told, "", "a user's crate compiles without a warning");
    String::from_utf8(output.stdout).unwrap()
}

const PRINTED: &str = "RAIN? 2 points, InAHurry
You write for Ada, who is in_a_hurry.
[\"summarize\", \"shout\"]
";

/// One test, since cargo lets one of them wait for the other in any case.
#[test]
fn crates_that_call_it_by_another_name_need_no_other_dependency() {
    assert_eq!(printed_by("attributes"), PRINTED);
    assert_eq!(printed_by("extern_crate"), PRINTED);
}
