use super::Role;
use crate::parse;
use crate::testing::{mistake, mistakes};

/// The messages of a prompt, as role and template.
fn split(source: &str) -> Vec<(Role, &str)> {
    let file = parse("p.md", source).unwrap();
    file.sections
        .iter()
        .map(|section| (section.role, &source[section.start..section.end]))
        .collect()
}

#[test]
fn without_a_role_line_there_is_one_user_message() {
    assert_eq!(
        split("\n\nhello\n  world\n\n"),
        [(Role::User, "hello\n  world")]
    );
}

#[test]
fn role_lines_split_the_file_and_blank_lines_around_a_message_go() {
    let source = "# system:\n\n  one\n\ntwo \n\n# user:   \nthree\n# assistant:\n{}\n# user:\nfour";
    assert_eq!(
        split(source),
        [
            (Role::System, "  one\n\ntwo"),
            (Role::User, "three"),
            (Role::Assistant, "{}"),
            (Role::User, "four")
        ]
    );
}

#[test]
fn crlf_and_a_byte_order_mark_change_nothing_in_the_split() {
    assert_eq!(
        split("\u{feff}# system:\r\n\r\none\r\ntwo\r\n\r\n# user:\r\nthree\r\n"),
        [(Role::System, "one\r\ntwo"), (Role::User, "three")]
    );
    assert_eq!(split("\u{feff}hello"), [(Role::User, "hello")]);
}

#[test]
fn a_role_line_inside_a_code_fence_is_text() {
    for text in [
        "```\n# user:\n```",
        "~~~md\n```\n# user:\n~~~~",
        "  ````\n```\n# user:\n`````",
        "```\n# sytem:\n```",
        "```\n# system\n# User\n```",
    ] {
        assert_eq!(
            split(&format!("# system:\n{text}\n# user:\nx")),
            [(Role::System, text), (Role::User, "x")]
        );
    }
}

#[test]
fn inline_code_and_deeper_indentation_open_no_fence() {
    for text in ["```not a fence``` here", "    ```", "``", "a ```"] {
        assert_eq!(
            split(&format!("# system:\n{text}\n# user:\nx")).len(),
            2,
            "{text}"
        );
    }
}

#[test]
fn a_role_line_swallowed_by_a_fence_that_is_never_closed_is_an_error() {
    assert_eq!(
        mistake("# system:\n```json\n{}\n\n# user:\nx", &[]),
        "5:1^7 this role line is inside the code fence opened at line 2, which is never closed"
    );
    // Without a role line in it, such a fence is Markdown's own affair.
    assert_eq!(split("# user:\n```\n{}"), [(Role::User, "```\n{}")]);
    // The one that was closed is not to blame.
    assert_eq!(split("# user:\n```\n# user:\n```\n~~~\nx").len(), 1);
}

#[test]
fn text_before_the_first_role_line_is_an_error_at_the_text() {
    let message = "this text is before the first role line, so it belongs to no message";
    assert_eq!(
        mistake("\n  hello\nworld\n# user:\nx", &[]),
        format!("2:3^5 {message}")
    );
    assert_eq!(
        mistake("---\nseed: 1\n---\n\nhello\n# user:\nx", &[]),
        format!("5:1^5 {message}")
    );
    assert_eq!(
        mistake("\u{feff}hello\r\n# user:\r\nx", &[]),
        format!("1:1^5 {message}")
    );
}

#[test]
fn a_misspelt_role_line_is_an_error_with_the_right_one() {
    for (line, right) in [
        ("# sytem:", "system"),
        ("# System:", "system"),
        ("# USER:", "user"),
        ("# usre:", "user"),
        ("# asistent:", "assistant"),
        ("# developer:", "system"),
        ("## user:", "user"),
        ("#user:", "user"),
        ("#  user:", "user"),
        ("# user :", "user"),
        ("  # user:", "user"),
        ("# user: Hello", "user"),
    ] {
        assert_eq!(
            mistake(&format!("# system:\nx\n\n{line}\ny"), &[]),
            format!(
                "4:1^{} this is not a role line; did you mean `# {right}:`?",
                line.len()
            ),
        );
    }
}

#[test]
fn a_heading_of_a_role_without_its_colon_is_an_error() {
    for (line, role) in [
        ("# system", "system"),
        ("# user", "user"),
        ("# Assistant", "assistant"),
        ("## USER", "user"),
        ("#user", "user"),
        ("  # user", "user"),
        ("# user  ", "user"),
    ] {
        assert_eq!(
            mistake(&format!("# system:\nx\n\n{line}\ny"), &[]),
            format!(
                "4:1^{} this line opens no message, since its colon is missing; did you mean `# {role}:`?",
                line.trim_end().len()
            ),
        );
    }
    // Without any role line, too: all of the file would be the user's message.
    let found = parse("p.md", "# system\r\nBe kind.\r\n\r\n# user\r\n{{ a }}").unwrap_err();
    let lines: Vec<_> = found.iter().map(|mistake| mistake.location.line).collect();
    assert_eq!(lines, [1, 4], "{found:#?}");
    assert!(
        found[0]
            .help
            .as_deref()
            .unwrap()
            .contains("use other words")
    );
}

#[test]
fn other_headings_are_text() {
    for line in [
        "# Heading:",
        "# Usage:",
        "## The user:",
        "# About the user",
        "# user guide",
        "# users",
        "user",
        "    # user",
        "####### user",
        "- # user",
        "# order:",
        "# other:",
        "# Over:",
        "# user's guide:",
        "    # user:",
        "####### user:",
        "- # user:",
        "# user::",
        "#",
        "# :",
        "# User: a persona",
    ] {
        assert_eq!(
            split(&format!("# system:\nx\n{line}\ny")).len(),
            1,
            "{line}"
        );
    }
}

#[test]
fn an_empty_message_is_an_error_at_its_role_line() {
    assert_eq!(
        mistakes("# system:\n\n# user:\n \t\n# assistant:  ", &[]),
        [
            "1:1^9 the system message is empty",
            "3:1^7 the user message is empty",
            "5:1^12 the assistant message is empty"
        ]
    );
}

#[test]
fn an_empty_file_is_an_error() {
    for source in ["", "\n", " \r\n\t", "\u{feff}", "\u{feff}\n"] {
        assert_eq!(
            mistake(source, &[]),
            "1:1^1 the prompt is empty",
            "{source:?}"
        );
    }
    assert_eq!(
        mistake("---\nseed: 1\n---\n", &[]),
        "4:1^1 the prompt is empty"
    );
}

#[test]
fn a_role_line_inside_an_open_block_names_the_block() {
    for (opener, line, closer) in [
        ("{% if note %}", "{% if note %}", "{% endif %}"),
        ("{%- for x in xs -%}", "{%- for x in xs -%}", "{% endfor %}"),
        ("{% set x %}", "{% set x %}", "{% endset %}"),
        (
            "{% macro m(a, b='%}') %}",
            "{% macro m(a, b='%}') %}",
            "{% endmacro %}",
        ),
        ("{% raw %}", "{% raw %}", "{% endraw %}"),
        ("{# a remark", "{#", "#}"),
    ] {
        for tail in ["", closer] {
            let source =
                format!("# system:\r\nx\r\n{opener}\r\n\r\n# user:\r\ny\r\n{tail}\r\n# user:\r\nz");
            let file = parse("p.md", &source).unwrap_err();
            assert_eq!(file.len(), 1, "{file:#?}");
            assert_eq!((file[0].location.line, file[0].location.column), (5, 1));
            let message = format!(
                "a role line must be at top level; this one is inside `{line}`, opened at line 3"
            );
            assert_eq!(file[0].message, message);
            assert_eq!(
                file[0].help,
                Some(format!("end it with `{closer}` before the role line"))
            );
        }
    }
}

#[test]
fn what_only_looks_like_an_open_block_does_not_disturb_a_role_line() {
    for text in [
        "{% if a %}x{% endif %}",
        "{% set x = 1 %}",
        "{% set a, b = 1, 2 %}",
        "{{ '{% if a %}' }}",
        "{# {% if a %} #}",
        "{% raw %}{% if a %}{{{% endraw %}",
        "{{ {\"a\": {\"b\": 1}} }}",
        "{ % if a %}",
        "{% if a == '{% for %}' %}x{% endif %}",
    ] {
        assert_eq!(
            split(&format!("# system:\n{text}\n# user:\ny")).len(),
            2,
            "{text}"
        );
    }
}
