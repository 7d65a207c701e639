use crate::testing::{mistake, mistakes};
use crate::{Parameters, ReasoningEffort, parse};

fn parameters(front_matter: &str) -> Parameters {
    parse("p.md", &format!("---\n{front_matter}\n---\nhello"))
        .unwrap()
        .parameters
}

#[test]
fn every_parameter_is_read() {
    let all = "model: gpt-5-mini\ntemperature: 0.2\ntop_p: 1\nmax_output_tokens: 800\nseed: -7\n\
               stop: [END, \"\\n\"]\nreasoning_effort: low\nsize: 1024x1024\nquality: high";
    assert_eq!(
        parameters(all),
        Parameters {
            model: Some("gpt-5-mini".into()),
            temperature: Some(0.2),
            top_p: Some(1.0),
            max_output_tokens: Some(800),
            seed: Some(-7),
            stop: Some(vec!["END".into(), "\n".into()]),
            reasoning_effort: Some(ReasoningEffort::Low),
            size: Some("1024x1024".into()),
            quality: Some("high".into()),
        }
    );
}

#[test]
fn the_keys_are_the_fields_of_the_parameters() {
    let all = "model: m\ntemperature: 0\ntop_p: 0\nmax_output_tokens: 1\nseed: 0\nstop: x\nreasoning_effort: max\n\
               size: auto\nquality: low";
    let json = serde_json::to_value(parameters(all)).unwrap();
    let mut fields: Vec<_> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut keys = Parameters::NAMES.to_vec();
    fields.sort_unstable();
    keys.sort_unstable();
    assert_eq!(fields, keys);
}

#[test]
fn stop_may_be_one_text() {
    assert_eq!(parameters("stop: END").stop, Some(vec!["END".to_owned()]));
}

#[test]
fn front_matter_may_be_empty_or_hold_comments_only() {
    for source in [
        "---\n---\nhello",
        "---\n\n# later\n---\nhello",
        "---  \n---\t\nhello",
    ] {
        let file = parse("p.md", source).unwrap();
        assert_eq!(file.parameters, Parameters::default(), "{source:?}");
        assert_eq!(
            &file.source()[file.sections[0].start..file.sections[0].end],
            "hello"
        );
    }
}

#[test]
fn without_front_matter_nothing_is_set() {
    assert_eq!(
        parse("p.md", "hello\n---\nworld").unwrap().parameters,
        Parameters::default()
    );
}

#[test]
fn an_unknown_key_is_reported_at_the_key_with_the_nearest_one_and_all_that_are_allowed() {
    let error = parse("p.md", "---\nmodel: m\ntemprature: 0.2\n---\nhello")
        .unwrap_err()
        .remove(0);
    assert_eq!(
        error.to_string(),
        "unknown key `temprature` in the front matter; did you mean `temperature`?\n \
         --> p.md:3:1\n  \
           |\n\
         3 | temprature: 0.2\n  \
           | ^^^^^^^^^^\n  \
           = help: the front matter holds model parameters only: `model`, `temperature`, `top_p`, \
         `max_output_tokens`, `seed`, `stop`, `reasoning_effort`, `size`, `quality`"
    );
    assert_eq!(
        mistake("---\ninputs: {}\n---\nhello", &[]),
        "2:1^6 unknown key `inputs` in the front matter"
    );
}

#[test]
fn all_wrong_values_are_reported_at_once_each_at_its_value() {
    let source = "---\nmodel: 5\ntemperature: 3 # hot\ntop_p: \"0.5\"\nmax_output_tokens: 0\nseed: 1.5\n\
                  stop: [1, a]\nreasoning_effort: hihg\n---\nhello";
    assert_eq!(
        mistakes(source, &[]),
        [
            "2:8^1 `model` must be the name of a model (put `5` in quotes)",
            "3:14^1 `temperature` must be a number from 0 to 2",
            "4:8^5 `top_p` must be a number from 0 to 1",
            "5:20^1 `max_output_tokens` must be a whole number from 1 to 4294967295",
            "6:7^3 `seed` must be a whole number",
            "7:7^1 `stop` must be a text or a list of texts (put `1` in quotes)",
            "8:19^4 `reasoning_effort` must be one of `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, \
             `max`; did you mean `high`?",
        ]
    );
}

#[test]
fn a_value_that_is_missing_or_no_number_is_reported_at_its_key() {
    let source = "---\nmodel:\ntemperature: ~\ntop_p: .nan\nseed: .inf\nstop: []\n---\nhello";
    assert_eq!(
        mistakes(source, &[]),
        [
            "2:1^5 `model` must be the name of a model",
            "3:1^11 `temperature` must be a number from 0 to 2",
            "4:1^5 `top_p` must be a number from 0 to 1",
            "5:1^4 `seed` must be a whole number",
            "6:7^1 `stop` must be a text or a list of texts",
        ]
    );
}

#[test]
fn numbers_out_of_range_are_errors_not_wrapped() {
    for (line, expected) in [
        ("temperature: -0.1", "2:14^4 `temperature`"),
        ("temperature: 2.01", "2:14^4 `temperature`"),
        ("top_p: 1.5", "2:8^3 `top_p`"),
        (
            "max_output_tokens: 4294967296",
            "2:20^10 `max_output_tokens`",
        ),
        ("max_output_tokens: -1", "2:20^2 `max_output_tokens`"),
        ("seed: 9223372036854775808", "2:7^19 `seed`"),
        ("seed: 1_000", "2:7^5 `seed`"),
    ] {
        let found = mistake(&format!("---\n{line}\n---\nhello"), &[]);
        assert!(found.starts_with(expected), "{line}: {found}");
    }
}

#[test]
fn a_key_that_is_set_twice_is_reported_at_the_second() {
    assert_eq!(
        mistake("---\nmodel: a\nmodel: b\n---\nhello", &[]),
        "3:1^5 `model` is set twice in the front matter"
    );
}

#[test]
fn front_matter_without_an_end_is_one_error_on_the_first_line() {
    for source in [
        "---",
        "---\n",
        "---\nmodel: m\n# user:\nhello",
        "---\r\nmodel: m\r\n",
    ] {
        assert_eq!(
            mistake(source, &[]),
            "1:1^3 the front matter is never closed",
            "{source:?}"
        );
    }
}

#[test]
fn front_matter_must_begin_on_the_first_line() {
    let expected = "2:1^3 front matter must begin on the first line of the file";
    assert_eq!(
        mistake("\n---\nmodel: m\n---\n# user:\nhello", &[]),
        expected
    );
}

#[test]
fn yaml_that_is_no_mapping_or_no_yaml_is_an_error_at_its_place() {
    let no_mapping = "2:1^9 the front matter must be lines of the form `key: value`";
    assert_eq!(mistake("---\njust text\n---\nhello", &[]), no_mapping);
    assert_eq!(
        mistake("---\nmodel: [a\n---\nhello", &[]),
        "2:8^1 the front matter is not valid: unclosed bracket '['"
    );
    let two_documents = mistake("---\nmodel: m\n...\nmodel: m\n---\nhello", &[]);
    assert!(two_documents.starts_with("4:"), "{two_documents}");
}

#[test]
fn positions_hold_behind_crlf_a_byte_order_mark_and_wide_characters() {
    let source = "\u{feff}---\r\n# 日本語\r\nmodel: ünïcode\r\n\"tempräture\": 1\r\n---\r\nhello";
    assert_eq!(
        mistake(source, &[]),
        "4:1^12 unknown key `tempräture` in the front matter; did you mean `temperature`?"
    );
    let source = "---\r\nstop: \"日本\"\r\ntop_p: 7\r\n---\r\nhello";
    assert_eq!(
        mistake(source, &[]),
        "3:8^1 `top_p` must be a number from 0 to 1"
    );
    let source = "---\r\n{stop: \"日本\", top_p: 77}\r\n---\r\nhello";
    assert_eq!(
        mistake(source, &[]),
        "2:21^2 `top_p` must be a number from 0 to 1"
    );
}

#[test]
fn mistakes_in_front_matter_and_role_lines_come_together_in_file_order() {
    assert_eq!(
        mistakes("---\nmodle: m\n---\n# sytem:\nhello", &[]),
        [
            "2:1^5 unknown key `modle` in the front matter; did you mean `model`?",
            "4:1^8 this is not a role line; did you mean `# system:`?",
        ]
    );
}
