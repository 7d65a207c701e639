use crate::parse;

fn shown(source: &str, inputs: &[&str]) -> String {
    let file = parse("prompts/summarize.md", source).unwrap();
    file.check(inputs).diagnostics[0].to_string()
}

#[test]
fn a_mistake_is_shown_with_its_line_and_carets() {
    assert_eq!(
        shown(
            "# user:\n\nSummarise {{ contnet }} and {{ audience }}.\n",
            &["content", "audience"]
        ),
        "unknown variable `contnet` in the prompt; did you mean `content`?
 --> prompts/summarize.md:3:14
  |
3 | Summarise {{ contnet }} and {{ audience }}.
  |              ^^^^^^^"
    );
}

#[test]
fn the_gutter_is_as_wide_as_the_line_number_and_help_comes_last() {
    let source = format!("# user:\n{}x {{% if a %}}", "\n".repeat(98));
    assert_eq!(
        shown(&source, &["a"]),
        "`{% if a %}` is never closed
   --> prompts/summarize.md:100:3
    |
100 | x {% if a %}
    |   ^^^^^^^^^^
    = help: end it with `{% endif %}`"
    );
}

#[test]
fn tabs_wide_and_combining_characters_keep_the_carets_in_place() {
    let shown = shown("\t日本e\u{301} {{ contnet }}", &["content"]);
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[1], " --> prompts/summarize.md:1:10");
    assert_eq!(lines[3], "1 |     日本e\u{301} {{ contnet }}");
    // Four for the tab, two for each wide character, one for the accented letter.
    assert_eq!(
        lines[4],
        format!("  | {}^^^^^^^", " ".repeat(4 + 4 + 1 + " {{ ".len()))
    );
}

#[test]
fn a_long_line_is_cut_around_the_mistake() {
    let source = format!("{}{{{{ contnet }}}}{}", "a".repeat(5000), "b".repeat(5000));
    let shown = shown(&source, &["content"]);
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[1], " --> prompts/summarize.md:1:5004");
    assert!(
        lines[3].starts_with("1 | …aaa") && lines[3].ends_with("bbb…"),
        "{}",
        lines[3]
    );
    assert!(lines[3].chars().count() < 140);
    let marked = lines[4].find('^').unwrap();
    // The ellipsis is one column and three bytes.
    assert_eq!(lines[3].find("contnet").unwrap() - 2, marked);
}

#[test]
fn control_characters_are_not_sent_to_the_terminal() {
    let shown = shown("\u{1b}[31m\u{202e} {{ contnet }}", &["content"]);
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    assert_eq!(shown.lines().nth(1), Some(" --> prompts/summarize.md:1:11"));
}

#[test]
fn a_mistake_over_several_lines_marks_the_first() {
    let shown = shown("{% if a\n   and b %}x", &["a", "b"]);
    assert!(
        shown.starts_with("`{% if a and b %}` is never closed\n"),
        "{shown}"
    );
    assert!(shown.contains("\n1 | {% if a\n  | ^^^^^^^\n"), "{shown}");
}
