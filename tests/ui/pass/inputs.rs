//! The forms of an input.

use flow_engine::prelude::*;

/// Describes a text.
#[step(model = "gpt-5-mini")]
async fn describe(
    /// The text.
    content: String,
    note: Option<String>,
    #[input(default = "short")] hint: Option<String>,
    #[input(default = 100)] words: u32,
    #[input(default = "plain")] tone: String,
    #[input(default)] tags: Vec<String>,
    #[input(unused)] reader: String,
    _editor: String,
) -> String;

/// The name of a keyword is an input without its `r#`.
#[step]
async fn translate(
    mut content: String,
    r#type: String,
    #[input(default = "en")] source: String,
) -> String;

#[step]
async fn shout(mut content: String, mut times: u32) -> String {
    times += 1;
    content.push('!');
    content.repeat(times as usize)
}

#[step]
async fn count(#[state] mut counter: std::sync::Arc<Vec<u32>>, r#in: u32) -> u32 {
    std::sync::Arc::make_mut(&mut counter).push(r#in);
    r#in
}

#[test]
fn optional_inputs_are_setters_with_their_defaults() {
    let call = describe("text", String::from("me"), "you");
    assert_eq!(
        (call.note.as_deref(), call.hint.as_deref()),
        (None, Some("short"))
    );
    assert_eq!(
        (call.words, call.tone.as_str(), call.tags.len()),
        (100, "plain", 0)
    );
    let call = call
        .note("n")
        .maybe_hint(None::<String>)
        .words(5)
        .tone("bold")
        .maybe_words(None)
        .tags(vec![]);
    assert_eq!(
        (call.note.as_deref(), call.hint.as_deref()),
        (Some("n"), Some("short"))
    );
    assert_eq!((call.words, call.tone.as_str()), (5, "bold"));
}

#[test]
fn the_schema_has_names_docs_and_defaults_and_what_is_required() {
    let schema = Describe::input_schema();
    assert_eq!(
        schema["required"],
        flow_engine::json!(["content", "reader", "_editor"])
    );
    assert_eq!(schema["properties"]["content"]["description"], "The text.");
    assert_eq!(schema["properties"]["words"]["default"], 100);
    assert_eq!(schema["properties"]["hint"]["default"], "short");
    assert_eq!(schema["properties"]["note"].get("default"), None);
    assert_eq!(
        Translate::input_schema()["required"],
        flow_engine::json!(["content", "type"])
    );
    assert_eq!(
        Shout::input_schema()["required"],
        flow_engine::json!(["content", "times"])
    );
}

#[test]
fn state_is_no_input() {
    assert_eq!(
        Count::input_schema()["required"],
        flow_engine::json!(["in"])
    );
    assert_eq!(
        count(3).to_inputs().unwrap(),
        *flow_engine::json!({ "in": 3 }).as_object().unwrap()
    );
}

#[test]
fn a_raw_name_is_recorded_without_its_mark() {
    let call = translate("text", "letter");
    let inputs = call.to_inputs().unwrap();
    assert_eq!(inputs["type"], "letter");
    assert_eq!(Translate::from_inputs(inputs).unwrap().r#type, "letter");
}
