use std::time::{Duration, Instant};

use Repair::{ByteOrderMark, CodeFence, SurroundingText, Thinking, TrailingComma};
use serde_json::json;

use super::*;

fn found(answer: &str) -> (Value, Vec<Repair>) {
    repaired(answer).unwrap_or_else(|reason| panic!("{reason:?} of {answer}"))
}

#[test]
fn what_is_around_the_json_is_taken_off_and_named() {
    let cases: [(&str, &[Repair]); 22] = [
        ("\u{feff}{\"a\": 1}", &[ByteOrderMark]),
        ("[so {\"a\": \n</think>\n\n{\"a\": 1}", &[Thinking]),
        ("{\"a\": 1}\n<think>\nIs it?\n</think>", &[Thinking]),
        ("```json\n{\"a\": 1}\n```", &[CodeFence]),
        ("```\n{\"a\": 1}\n```\n", &[CodeFence]),
        ("````JSON\n{\"a\": 1}````", &[CodeFence]),
        ("```json {\"a\": 1}", &[CodeFence]),
        ("<think>\n{\"a\": 2} or [</think>\n{\"a\": 1}", &[Thinking]),
        ("so {\"a\": 2} it is\n</think>\n{\"a\": 1}", &[Thinking]),
        (
            "<think>a <think> b</think> c</think>{\"a\": 1}",
            &[Thinking],
        ),
        ("<think>\"</think>\"</think>{\"a\": 1}", &[Thinking]),
        ("{\"a\": 1} <think>Is it?</think>", &[Thinking]),
        ("Here you are: {\"a\": 1}", &[SurroundingText]),
        (
            "{\"a\": 1}\n\nIt's what [I](url) found [1, see below].",
            &[SurroundingText],
        ),
        ("{\"a\": 1},", &[SurroundingText]),
        ("{\"a\": 1}}", &[SurroundingText]),
        ("{\"a\": 1,}", &[TrailingComma]),
        ("{\"a\": 1 ,\n }", &[TrailingComma]),
        (
            "Not {\"a\": 2}:\n```json\n{\"a\": 1}\n```",
            &[CodeFence, SurroundingText],
        ),
        (
            "```python\nx\n```\n```json\n{\"a\": 1}\n```",
            &[CodeFence, SurroundingText],
        ),
        (
            "```markdown\n```json\n{\"a\": 1}\n```\n```",
            &[CodeFence, SurroundingText],
        ),
        (
            "\u{feff}<think>…</think>Ja:\n```json\n{\"a\": 1,}\n```\nEnde.",
            &[
                ByteOrderMark,
                Thinking,
                CodeFence,
                SurroundingText,
                TrailingComma,
            ],
        ),
    ];
    for (answer, repairs) in cases {
        assert_eq!(
            found(answer),
            (json!({ "a": 1 }), repairs.to_vec()),
            "{answer}"
        );
    }
}

#[test]
fn what_stands_in_a_string_is_left_alone() {
    for text in [
        "a,}",
        ",]",
        "```json\n{}\n```",
        "</think>[1]",
        "<think>",
        "\n</think>\n[1]",
        "\\\",}",
        "{[",
        "\u{feff}",
    ] {
        let value = json!({ "a": [text, 1], text: text });
        assert_eq!(found(&format!("So: {value}!")).0, value);
        let comma = format!("{}, }}", value.to_string().trim_end_matches('}'));
        assert_eq!(found(&comma), (value, vec![TrailingComma]), "{comma}");
    }
}

#[test]
fn commas_are_left_out_only_after_a_value() {
    let value = json!({ "a": [1, [2], { "b": "c" }], "d": true });
    let commas = r#"{ "a": [1, [2,], { "b": "c", } , ], "d": true, }"#;
    assert_eq!(found(commas), (value, vec![TrailingComma]));
    for wrong in [
        "{,}",
        "[,]",
        "[1,,]",
        "[{},,{}]",
        r#"{"a":,}"#,
        r#"{"a",}"#,
        "[1}",
        "{\"a\": 1]",
    ] {
        assert!(repaired(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn nothing_is_completed_and_nothing_guessed() {
    use Unrepaired::{Ambiguous, Invalid, Nothing, Unclosed};
    let end = |answer| repaired(answer).unwrap_err();
    for answer in [
        r#"[{"a": 1}, {"a": 2}"#,
        "```json\n{\"a\": 1\n```",
        "<think>{\"a\": 1}",
        "{\"a\": \"}",
    ] {
        assert!(matches!(end(answer), Unclosed), "{answer}");
    }
    for answer in [
        "{} {}",
        "[1] {}",
        "```\n{}\n```\n```\n{}\n```",
        "{\"a\": 1}\n{\"a\": 1}",
        "{} <think></think> {}",
        "{'a': 1} {\"a\": 1}",
    ] {
        assert!(matches!(end(answer), Ambiguous), "{answer}");
    }
    for answer in [
        "",
        "Sorry.",
        "```json\n```",
        "[sic]",
        "1 and 2",
        "1 <think></think> 2",
        "{\"a\": 1}</think>",
    ] {
        assert!(matches!(end(answer), Nothing), "{answer}");
    }
    for answer in [
        "{'a': 1}",
        "{\"a\": 1 /* one */}",
        "{a: 1}",
        "{\"a\": NaN}",
        "```\n{…}\n```\n{}",
    ] {
        assert!(matches!(end(answer), Invalid(_)), "{answer}");
    }
}

#[test]
fn a_long_hostile_answer_takes_no_longer_for_each_of_its_letters() {
    const LONG: usize = 10_000_000;
    const SHORTER: usize = 1_000_000;
    let longest = ["{", "`", "```json\n"];
    let others = [
        "[",
        "}",
        "``` ",
        "```json\n{}\n```",
        "[]",
        "[1",
        "[a]",
        "{\"",
        "\"",
        "\\",
        ",",
        "[,",
        "{},",
        "<think>",
        "</think>",
        "<think></think>",
        "<thin",
        "\n</think>",
        "{\n</think>\n",
        "[\"\\",
        "é{}",
    ];
    let longest = longest.map(|part| (part, LONG));
    for (part, length) in longest
        .into_iter()
        .chain(others.map(|part| (part, SHORTER)))
    {
        let answer = part.repeat(length / part.len());
        let wrapped = format!("{{{answer}}}");
        let started = Instant::now();
        let _ = (repaired(&answer), repaired(&wrapped));
        assert!(started.elapsed() < Duration::from_secs(20), "{part}");
    }
}
