use serde_json::{Value, json};

use super::super::{Rendered, RenderedMessage, Template};
use crate::parse;

/// What a prompt with a history and attachments becomes, on one line each.
fn with_slots(source: &str, inputs: &Value) -> Vec<String> {
    let mut file = parse("p.md", source).unwrap();
    file.place_histories(&["history"]);
    let rendered = Template::new(&file)
        .unwrap()
        .render(inputs.as_object().unwrap(), &["photo", "photos"])
        .unwrap();
    let line = |rendered| match rendered {
        Rendered::History(name) => format!("<{name}>"),
        Rendered::Message(message) => {
            let RenderedMessage {
                role,
                content,
                attachments,
            } = message;
            let attachments: Vec<_> = attachments
                .iter()
                .map(|attached| format!(" {}@{}", attached.content, attached.at))
                .collect();
            format!("{role}: {content}{}", attachments.concat())
        }
    };
    rendered.into_iter().map(line).collect()
}

#[test]
fn a_history_stands_where_its_line_is() {
    let inputs = json!({ "history": [1], "a": "x" });
    for (source, expected) in [
        (
            "# system:\nBe kind.\n\n{{ history }}\n\n# user:\n{{ a }}",
            &["system: Be kind.", "<history>", "user: x"][..],
        ),
        ("{{history}}\n{{ a }}", &["<history>", "user: x"]),
        (
            "{{ a }}\r\n  {{- history -}}\t\r\nmore",
            &["user: x", "<history>", "user: more"],
        ),
        (
            "# system:\nx\n# user:\n{{ history }}\n",
            &["system: x", "<history>"],
        ),
        ("{{ history }}", &["<history>"]),
        (
            "{% set tone = a %}{% macro m() %}M{% endmacro %}x\n{{ history }}\n{{ tone }}{{ m() }}{{ history | length }}",
            &["user: x", "<history>", "user: xM1"],
        ),
        // Not alone, or not at the top level.
        ("now {{ history }}", &["user: now [1]"]),
        (
            "{% if a %}\n{{ history }}\n{% endif %}\n{{ history }}",
            &["user: [1]", "<history>"],
        ),
        ("```\n{{ history }}\n```", &["user: ```\n[1]\n```"]),
        ("{# \n{{ history }}\n#}\nx", &["user: x"]),
    ] {
        assert_eq!(with_slots(source, &inputs), expected, "{source}");
    }
}

#[test]
fn attachments_are_parts_of_the_message_that_prints_them() {
    let inputs = json!({ "photo": { "url": "u" }, "photos": [1, 2], "a": "{\"url\": \"u\"}" });
    for (source, expected) in [
        (
            "Look: {{ photo }} é {{ a }}",
            "user: Look:  é {\"url\": \"u\"} {\"url\":\"u\"}@6",
        ),
        (
            "{% for p in photos %}{{ loop.index }}{{ p }}{% endfor %}",
            "user: 12 1@1 2@2",
        ),
        ("{{ photo }}", "user:  {\"url\":\"u\"}@0"),
        (
            "{{ photo | upper }}{{ photo if photo }}",
            "user:  {\"url\":\"u\"}@0 {\"url\":\"u\"}@0",
        ),
        ("{{ photos | length }}", "user: 2"),
    ] {
        assert_eq!(with_slots(source, &inputs), [expected], "{source}");
    }
    let file = parse("p.md", "{{ photo | replace(':', '') }}").unwrap();
    let error = Template::new(&file)
        .unwrap()
        .render(inputs.as_object().unwrap(), &["photo"])
        .unwrap_err();
    assert!(error.to_string().contains("as it is"), "{error}");
}
