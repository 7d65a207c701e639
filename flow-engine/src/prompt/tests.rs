use std::path::Path;

use serde_json::json;

use super::*;

/// A prompt that was compiled in with another text than its file has now.
fn prompt(file: &Path) -> Prompt {
    Prompt::new(PromptSource {
        name: "prompts/greet.md",
        id: "of then",
        text: "Hello {{ name }}",
        includes: &[],
        parameters: r#"{"seed":7}"#,
        inputs: &[("name", Kind::Value), ("temperature", Kind::Value)],
        params: &["temperature"],
        path: file.to_str().unwrap().to_owned().leak(),
    })
}

fn said(parsed: &ParsedPrompt) -> String {
    let inputs = json!({ "name": "Ada" });
    let messages = parsed.messages(inputs.as_object().unwrap()).unwrap();
    messages[0].content.clone()
}

#[test]
fn what_was_compiled_in_is_used_unless_files_are_live() {
    let prompt = prompt(Path::new("/nowhere/greet.md"));
    let parsed = prompt.current().unwrap();
    assert_eq!(
        (said(&parsed).as_str(), parsed.id.as_str()),
        ("Hello Ada", "of then")
    );
}

#[test]
fn a_live_file_is_read_again_with_its_parameters_and_what_it_includes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("greet.md");
    let prompt = prompt(&file);
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "greet.md",
        "---\nseed: 1\ntop_p: 0.5\n---\nHi {{ name }}{% include './end.md' %}",
    );
    write("end.md", "!");
    let parsed = prompt.read_again().unwrap();
    assert_eq!(said(&parsed), "Hi Ada!");
    let first = parsed.id.clone();
    let parameters = parsed.parameters(&Map::new()).unwrap();
    assert_eq!((parameters.seed, parameters.top_p), (Some(7), Some(0.5)));

    write("end.md", "?");
    let parsed = prompt.read_again().unwrap();
    assert_eq!(said(&parsed), "Hi Ada?");
    assert_ne!(parsed.id, first, "a request says what its prompt was");
}

#[test]
fn mistakes_in_a_live_file_have_their_positions() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("greet.md");
    let prompt = prompt(&file);
    for (text, expected) in [
        (
            "x\n{{ nam }}",
            "did you mean `name`?\n --> prompts/greet.md:2:4",
        ),
        ("---\nsed: 1\n---\nx", "prompts/greet.md:2:1"),
        ("{% include 'none.md' %}", "there is no prompt `none.md`"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = prompt.read_again().unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    std::fs::remove_file(&file).unwrap();
    let error = prompt.read_again().unwrap_err();
    assert!(
        error.contains("prompts/greet.md cannot be read again"),
        "{error}"
    );
}

#[test]
fn files_are_live_by_one_word_only() {
    assert!(!is_live(None).unwrap());
    assert!(is_live(Some("live")).unwrap());
    let error = is_live(Some("Live")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}
