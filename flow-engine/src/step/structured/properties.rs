//! What holds of every answer.

use flow_engine::prelude::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::call::Call;

#[data]
struct Verdict {
    #[check(range(min = 1, max = 5))]
    stars: u8,
    #[check(length(min = 1, max = 3))]
    reasons: Vec<Reason>,
}

#[data]
struct Reason {
    #[check(length(max = 20))]
    text: String,
    weight: Option<f64>,
}

/// Only its output is of interest.
#[step]
async fn judge() -> Result<Verdict> {
    Err("nobody runs it".into())
}

fn verdict() -> Output {
    <Judge as Call>::OUTPUT.erased()
}

fn read_verdict(answer: &str) -> Result<Answer, LlmError> {
    read(&verdict(), &LlmResponse::text(answer))
}

/// Texts with all that means something to the reader.
fn text() -> impl Strategy<Value = String> {
    let special = select(vec![
        "```",
        "```json\n",
        "<think>",
        "</think>",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        ",}",
        ",]",
        "\u{feff}",
        "\n",
    ]);
    let part = prop_oneof![3 => special.prop_map(str::to_owned), 1 => ".{0,3}"];
    vec(part, 0..5).prop_map(|parts| parts.concat().chars().take(20).collect())
}

/// Documents of the type, some of which its constraints do not allow.
fn document() -> impl Strategy<Value = Value> {
    let reason = (text(), proptest::option::of(-1e9..1e9_f64))
        .prop_map(|(text, weight)| json!({ "text": text, "weight": weight }));
    (0..8_u8, vec(reason, 0..5))
        .prop_map(|(stars, reasons)| json!({ "stars": stars, "reasons": reasons }))
}

fn is_allowed(document: &Value) -> bool {
    let stars = document["stars"]
        .as_u64()
        .is_some_and(|stars| (1..=5).contains(&stars));
    let reasons = document["reasons"].as_array().map_or(0, Vec::len);
    stars && (1..=3).contains(&reasons)
}

/// A document as a model writes it, and what has to be repaired of that.
fn dressed(document: &Value, pretty: bool, layers: [bool; 5]) -> (String, Vec<Repair>) {
    let [comma, fence, words, thinking, mark] = layers;
    let mut answer = if pretty {
        format!("{document:#}")
    } else {
        document.to_string()
    };
    if comma {
        let end = answer.trim_end_matches('}').trim_end().len();
        answer.insert(end, ',');
    }
    if fence {
        answer = format!("```json\n{answer}\n```");
    }
    if words {
        answer = format!("Here's \"it\":\n{answer}\nIt's all, see [there](x).");
    }
    if thinking {
        answer = format!("<think>\nIt's {{\"stars\": 1}} or [\n```\n</think>\n\n{answer}");
    }
    if mark {
        answer.insert(0, '\u{feff}');
    }
    let all = [
        (mark, Repair::ByteOrderMark),
        (thinking, Repair::Thinking),
        (fence, Repair::CodeFence),
        (words, Repair::SurroundingText),
        (comma, Repair::TrailingComma),
    ];
    let repairs = all
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, repair)| repair);
    (answer, repairs.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_becomes_an_output_that_its_type_does_not_allow(answer in vec(prop_oneof![
        2 => text(),
        1 => document().prop_map(|document| document.to_string()),
        1 => any::<String>(),
        1 => vec(any::<u8>(), 0..40).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ], 0..5)) {
        if let Ok(read) = read_verdict(&answer.concat()) {
            prop_assert!(is_allowed(&read.value), "{}", read.value);
            prop_assert!(verdict().check(&read.value).is_ok());
        }
    }

    #[test]
    fn a_dressed_document_reads_as_the_document(document in document(), pretty: bool, layers: [bool; 5]) {
        let (answer, repairs) = dressed(&document, pretty, layers);
        match read_verdict(&answer) {
            Ok(read) => {
                prop_assert!(is_allowed(&document));
                prop_assert_eq!((read.value, read.repairs), (document, repairs));
            }
            Err(error) => {
                prop_assert!(!is_allowed(&document), "{}: {:?}", error, answer);
                prop_assert!(error.to_string().contains("does not fit"), "{}", error);
            }
        }
    }

    #[test]
    fn a_part_of_a_document_from_its_beginning_is_never_read(
        document in document(), pretty: bool, layers: [bool; 5], ended: bool, at in any::<prop::sample::Index>(),
    ) {
        // Without what may follow the last bracket.
        let [comma, _, _, thinking, mark] = layers;
        let (answer, _) = dressed(&document, pretty, [comma, false, false, thinking, mark]);
        let part = &answer[..answer.floor_char_boundary(at.index(answer.len()))];
        let response = LlmResponse {
            finish_reason: ended.then(|| "stop".to_owned()),
            ..LlmResponse::text(part)
        };
        let any_json = crate::output::output::<Value>().erased();
        prop_assert!(read(&any_json, &response).is_err(), "{}", part);
    }
}
