use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::locate;
use crate::ReadError;

/// A workspace with these files, and with a file outside that no name may reach.
fn workspace(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ws");
    fs::create_dir_all(root.join("app/src/billing")).unwrap();
    fs::create_dir_all(dir.path().join("prompts")).unwrap();
    fs::write(root.join("Cargo.lock"), "").unwrap();
    fs::write(dir.path().join("prompts/outside.md"), "x").unwrap();
    fs::write(dir.path().join("outside.md"), "x").unwrap();
    for file in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    dir
}

/// What `name` is in `ws/app/src/billing/bill.rs`, or the error's text.
fn found(dir: &TempDir, name: &str) -> Result<String, String> {
    let root = dir.path().join("ws");
    match locate(
        name,
        Some(&root.join("app/src/billing/bill.rs")),
        &root.join("app"),
    ) {
        Ok(located) => {
            assert!(located.path.is_absolute());
            assert_eq!(located.path, root.join(&located.shown));
            Ok(located.shown)
        }
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_nearest_prompts_folder_above_the_source_file_wins() {
    let levels = [
        "app/src/billing/prompts/x.md",
        "app/src/prompts/x.md",
        "app/prompts/x.md",
        "prompts/x.md",
    ];
    for nearest in 0..levels.len() {
        let dir = workspace(&levels[nearest..]);
        assert_eq!(found(&dir, "x.md"), Ok(levels[nearest].to_owned()));
    }
}

#[test]
fn a_nearer_folder_without_the_file_does_not_hide_a_farther_one() {
    let dir = workspace(&[
        "app/src/prompts/other.md",
        "prompts/x.md",
        "prompts/deep/x.md",
    ]);
    assert_eq!(found(&dir, "x.md"), Ok("prompts/x.md".to_owned()));
    assert_eq!(found(&dir, "deep/x.md"), Ok("prompts/deep/x.md".to_owned()));
    assert_eq!(
        found(&dir, "deep/./x.md"),
        Ok("prompts/deep/x.md".to_owned())
    );
}

#[test]
fn dotted_names_are_beside_the_source_file_only() {
    let dir = workspace(&["app/src/billing/x.md", "app/src/y.md", "prompts/z.md"]);
    assert_eq!(found(&dir, "./x.md"), Ok("app/src/billing/x.md".to_owned()));
    assert_eq!(found(&dir, "../y.md"), Ok("app/src/y.md".to_owned()));
    assert_eq!(
        found(&dir, "./z.md"),
        Err("there is no prompt `./z.md`; tried\n  app/src/billing/z.md".to_owned())
    );
}

#[test]
fn the_manifest_folder_is_searched_where_the_source_file_is_elsewhere_or_unknown() {
    let dir = workspace(&["app/prompts/x.md"]);
    let app = dir.path().join("ws/app");
    for source in [None, Some(dir.path().join("ws/generated/out.rs"))] {
        let located = locate("x.md", source.as_deref(), &app).unwrap();
        assert_eq!(located.shown, "app/prompts/x.md");
    }
    let error = locate("./x.md", None, &app).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`./x.md` cannot be a prompt: it is relative to a source file that is not known"
    );
}

#[test]
fn a_missing_prompt_lists_every_place_and_the_nearest_name() {
    let dir = workspace(&["prompts/summarize.md", "app/prompts/bill.md"]);
    assert_eq!(
        found(&dir, "sumarize.md").unwrap_err(),
        "there is no prompt `sumarize.md`; tried
  app/src/billing/prompts/sumarize.md
  app/src/prompts/sumarize.md
  app/prompts/sumarize.md
  prompts/sumarize.md
there is a prompt named `summarize.md`"
    );
    for near in ["summarize", "prompts/summarize.md", "Summarize.md"] {
        let error = found(&dir, near).unwrap_err();
        assert!(
            error.ends_with("\nthere is a prompt named `summarize.md`"),
            "{error}"
        );
    }
    assert!(!found(&dir, "zzzzzz.md").unwrap_err().contains("named"));
}

#[test]
fn no_name_leads_outside() {
    let dir = workspace(&[]);
    for (name, reason) in [
        (
            "prompts/../../../outside.md",
            "it leads out of its `prompts/` folder",
        ),
        ("a/../b.md", "it leads out of its `prompts/` folder"),
        ("../../../../outside.md", "it leads out of the workspace"),
        (
            "./../../../../prompts/outside.md",
            "it leads out of the workspace",
        ),
        ("/etc/passwd", "an absolute path holds on one machine only"),
        ("", "it is not the name of a file"),
        ("deep/", "it is not the name of a file"),
    ] {
        assert_eq!(
            found(&dir, name),
            Err(format!("`{name}` cannot be a prompt: {reason}"))
        );
    }
    assert!(
        found(&dir, "outside.md")
            .unwrap_err()
            .starts_with("there is no prompt")
    );
}

#[test]
fn a_package_outside_of_any_workspace_searches_itself_only() {
    let dir = workspace(&[]);
    let package = dir.path().join("package");
    fs::create_dir_all(package.join("src")).unwrap();
    // Only if no folder above the temporary one is a workspace either.
    if package
        .ancestors()
        .any(|dir| dir.join(".git").exists() || dir.join("Cargo.lock").exists())
    {
        return;
    }
    let error = locate("outside.md", Some(&package.join("src/lib.rs")), &package).unwrap_err();
    assert_eq!(
        error.tried(),
        ["src/prompts/outside.md", "prompts/outside.md"]
    );
    assert_eq!(error.suggestion(), None);
}

#[test]
fn a_folder_is_not_a_prompt() {
    let dir = workspace(&["prompts/deep/x.md"]);
    let error = found(&dir, "deep").unwrap_err();
    assert_eq!(
        error,
        "`deep` cannot be a prompt: `prompts/deep` is a folder"
    );
}

#[test]
fn reading_says_where_a_file_is_no_text() {
    let dir = workspace(&["prompts/x.md"]);
    let root = dir.path().join("ws");
    let located = locate("x.md", None, &root).unwrap();
    assert_eq!(located.read().unwrap(), "x");
    fs::write(&located.path, b"one\r\ntwo \xff\n").unwrap();
    let error = located.read().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the prompt prompts/x.md is not UTF-8 text: line 2 has bytes that are no character"
    );
    fs::remove_file(&located.path).unwrap();
    assert!(matches!(located.read(), Err(ReadError::Io { .. })));
}

#[test]
fn a_relative_source_path_is_that_of_the_current_folder() {
    // Cargo gives rustc paths relative to the workspace root and runs tests in the package.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let located = locate("../Cargo.toml", Some(Path::new("src/lib.rs")), here);
    assert!(
        located.is_err() || located.is_ok_and(|located| located.path == here.join("Cargo.toml"))
    );
    let located = locate("./lib.rs", Some(Path::new("src/lib.rs")), here).unwrap();
    assert_eq!(located.path, here.join("src/lib.rs"));
}

#[test]
fn a_manifest_of_another_workspace_is_not_looked_at() {
    let dir = workspace(&["target/harness/Cargo.lock", "target/harness/prompts/x.md"]);
    let root = dir.path().join("ws");
    let source = root.join("app/src/bill.rs");
    let error = locate("x.md", Some(&source), &root.join("target/harness")).unwrap_err();
    assert_eq!(
        error.tried(),
        ["app/src/prompts/x.md", "app/prompts/x.md", "prompts/x.md"]
    );
}
