use std::collections::BTreeMap;

use serde_json::json;

use crate::testing::short;
use crate::{PromptFile, Rendered, Template, parse};

/// A prompt with the files that it includes.
fn with_files(source: &str, files: &[(&str, &str)]) -> PromptFile {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let mut file = parse("p.md", source).unwrap();
    file.include(|name, _| match files.get(name) {
        Some(text) => Ok((format!("parts/{name}"), (*text).to_owned())),
        None => Err(format!("there is no prompt `{name}`; tried\n  a\n  b")),
    });
    file
}

fn mistakes(source: &str, files: &[(&str, &str)]) -> Vec<String> {
    let found = with_files(source, files).check(&["a", "title"]);
    found
        .diagnostics
        .iter()
        .map(|mistake| format!("{}:{}", mistake.location.file, short(mistake)))
        .collect()
}

fn rendered(source: &str, files: &[(&str, &str)]) -> String {
    let file = with_files(source, files);
    assert_eq!(file.check(&["a", "title"]).diagnostics, []);
    let inputs = json!({ "a": "A", "title": "T" });
    let messages = Template::new(&file)
        .unwrap()
        .render(inputs.as_object().unwrap(), &[]);
    match messages.unwrap().remove(0) {
        Rendered::Message(message) => message.content,
        Rendered::History(name) => name,
    }
}

#[test]
fn an_included_file_is_a_part_of_the_message() {
    let files = [
        ("tone.md", "{% include 'deep.md' %}\n"),
        ("deep.md", "deep {{ x }}{{ a }}"),
    ];
    let source = "{% for x in [1, 2] %}{% include 'tone.md' %} {% endfor %}";
    assert_eq!(rendered(source, &files), "deep 1A deep 2A");
    // What it sets is set from then on.
    let files = [("set.md", "{% set b = a %}")];
    assert_eq!(rendered("{% include 'set.md' %}{{ b }}", &files), "A");
}

#[test]
fn mistakes_in_an_included_file_are_shown_there_once() {
    let files = [(
        "tone.md",
        "one\n{{ contnet }} {{ title | uper }}\n{{ sss }}",
    )];
    assert_eq!(
        mistakes(
            "# user:\n{{ zzz }}{% include 'tone.md' %}{% include 'tone.md' %}\n# system:\n{% set sss = 1 %}{% include 'tone.md' %}",
            &files
        ),
        [
            "p.md:2:4^3 unknown variable `zzz` in the prompt; the inputs are `a`, `title`",
            "parts/tone.md:2:4^7 unknown variable `contnet` in the prompt; the inputs are `a`, `title`",
            "parts/tone.md:2:26^4 unknown filter `uper`; did you mean `upper`?",
            "parts/tone.md:3:4^3 unknown variable `sss` in the prompt; the inputs are `a`, `title`",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_included_is_a_mistake_where_it_is_named() {
    let files = [
        ("roles.md", "x\n# user:\ny"),
        ("front.md", "---\nseed: 1\n---\nx"),
        ("broken.md", "{% if a %}"),
        ("self.md", "{% include 'other.md' %}"),
        ("other.md", "x {% include 'self.md' %}"),
    ];
    let one = |source: &str| {
        let mut found = mistakes(source, &files);
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    };
    for (name, expected) in [
        (
            "nope.md",
            "p.md:1:12^9 there is no prompt `nope.md`; tried a, b",
        ),
        (
            "roles.md",
            "parts/roles.md:2:1^7 an included file is a part of one message, and so it has no role lines",
        ),
        (
            "front.md",
            "parts/front.md:1:1^3 an included file has no front matter: parameters belong to the prompt",
        ),
        (
            "broken.md",
            "parts/broken.md:1:1^10 `{% if a %}` is never closed",
        ),
        (
            "self.md",
            "parts/other.md:1:14^9 parts/self.md includes itself",
        ),
    ] {
        assert_eq!(one(&format!("{{% include '{name}' %}}")), expected);
    }
    assert_eq!(
        one("{% include a %}"),
        "p.md:1:12^1 the name of the file must be a text in quotes, so that the file is known here"
    );
    let ignored = mistakes("{% include 'nope.md' ignore missing %}", &files);
    assert_eq!(
        ignored[0],
        "p.md:1:4^32 `ignore missing` has no use: what is included is a part of the program"
    );
}

#[test]
fn a_message_fills_the_blocks_of_the_file_that_it_extends() {
    let files = [
        (
            "base.md",
            "{% extends 'root.md' %}{% block body %}base {{ super() }} {{ a }}{% endblock %}",
        ),
        (
            "root.md",
            "<{% block head %}{{ title }}{% endblock %}> {% block body %}root{% endblock %}.",
        ),
    ];
    let source = "{% extends 'base.md' %}\n{% set x = 'X' %}\n{% block body %}{{ super() }} {{ x }}{% endblock %}\n";
    assert_eq!(rendered(source, &files), "<T> base root A X.");
    assert_eq!(
        mistakes(
            "{% extends 'base.md' %}\nlost\n{{ a }}\n{% block body %}{{ bbb }}{% endblock %}",
            &files
        ),
        [
            "p.md:2:1^4 this is outside of the blocks, and so not a part of the message",
            "p.md:3:4^1 this is outside of the blocks, and so not a part of the message",
            "p.md:4:20^3 unknown variable `bbb` in the prompt; the inputs are `a`, `title`",
        ]
    );
    assert_eq!(
        mistakes("x\n{% extends 'base.md' %}", &files),
        ["p.md:2:1^10 `{% extends %}` comes first in a message"]
    );
}

#[test]
fn what_a_replaced_block_refers_to_is_not_asked_for() {
    let files = [(
        "base.md",
        "{% block one %}{{ unknown }}{% endblock %}{% block two %}{{ other }}{% endblock %}",
    )];
    assert_eq!(
        mistakes(
            "{% extends 'base.md' %}{% block one %}1{% endblock %}",
            &files
        ),
        [
            "parts/base.md:1:61^5 unknown variable `other` in the prompt; the inputs are `a`, `title`"
        ]
    );
    assert_eq!(
        mistakes("{{ super() }}", &[]).len(),
        1,
        "`super` is a function inside of blocks only"
    );
}

#[test]
fn an_error_of_an_included_file_is_placed_in_that_file() {
    let files = [("tone.md", "one\ntwo {{ a.b }}")];
    let file = with_files("# user:\nx\n{% include 'tone.md' %}", &files);
    let inputs = json!({ "a": {} });
    let error = Template::new(&file)
        .unwrap()
        .render(inputs.as_object().unwrap(), &[])
        .unwrap_err();
    assert_eq!(error.to_string(), "parts/tone.md:2:8: `a.b` is undefined");
}

#[test]
fn the_id_covers_what_is_included() {
    let id = |files| with_files("{% include 'x' %}", files).id();
    assert_ne!(id(&[("x", "1")]), id(&[("x", "2")]));
    assert_eq!(id(&[("x", "1\r\n")]), id(&[("x", "1\n")]));
    assert_ne!(id(&[("x", "1")]), id(&[]));
}

#[test]
fn an_included_file_has_blocks_of_its_own() {
    let files = [
        ("root.md", "<{% block body %}root{% endblock %}>"),
        ("frame.md", "[{% block body %}frame{% endblock %}]"),
        (
            "card.md",
            "{% extends 'frame.md' %}{% block body %}card{% endblock %}",
        ),
    ];
    let source = "{% extends 'root.md' %}{% block body %}{% include 'card.md' %}{% endblock %}";
    assert_eq!(rendered(source, &files), "<[card]>");
    assert_eq!(
        mistakes(
            "{% block body %}{% include 'super.md' %}{% endblock %}",
            &[("super.md", "{{ super() }}")]
        ),
        [
            "parts/super.md:1:4^5 unknown function `super`; the functions are `dict`, `namespace`, `range`"
        ]
    );
}

#[test]
fn a_block_that_nothing_above_has_is_a_mistake() {
    let files = [
        ("base.md", "{% extends 'root.md' %}"),
        (
            "root.md",
            "{% block rules %}{% endblock %}{% block tone %}{{ self.rules() }}{% endblock %}",
        ),
    ];
    assert_eq!(
        mistakes(
            "{% extends 'base.md' %}{% block ruels %}x{% endblock %}{% block other %}x{% endblock %}",
            &files
        ),
        [
            "p.md:1:27^5 the file that is extended has no block `ruels`; did you mean `rules`?",
            "p.md:1:59^5 the file that is extended has no block `other`; it has `rules`, `tone`",
        ]
    );
    assert_eq!(
        mistakes(
            "{% extends 'base.md' %}{% if a %}lost {{ a }}{% endif %}{% block rules %}x{% endblock %}",
            &files
        ),
        [
            "p.md:1:34^4 this is outside of the blocks, and so not a part of the message",
            "p.md:1:42^1 this is outside of the blocks, and so not a part of the message",
        ]
    );
    assert_eq!(
        mistakes("{% block a %}{{ super() }}{% endblock %}", &[]),
        ["p.md:1:17^5 there is no block above this one that `super()` could stand for"]
    );
}
