//! Files of prices over the built-in table: what they replace, and what is refused.

use super::*;

/// The message of a broken table, without what is the same in all.
fn mistake(text: &str) -> String {
    let error = Prices::from_json("p.json", text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let message = error.to_string();
    message
        .strip_prefix("the price file p.json:")
        .unwrap_or_else(|| panic!("{message}"))
        .to_owned()
}

#[test]
fn an_override_goes_before_the_builtin_table_and_leaves_the_rest() {
    let prices = table(
        r#"{"provider": "api.openai.com", "model": "gpt-4o", "names": ["our-gpt"], "input": 1, "output": 1},
           {"provider": "openai", "model": "gpt-5-mini"},
           {"provider": "127.0.0.1:8112", "model": "Llama", "input": 0, "output": 0, "max_output_tokens": 9}"#,
    );
    let cost = |provider: &str, model: &str| prices.cost(provider, model, &usage(10, 5, 10));
    let one = cost("openai", "gpt-4o").unwrap();
    assert_eq!((one.nano_usd, one.version.as_str()), (20_000, "test"));
    assert_eq!(cost("openai", "gpt-4o-2024-08-06"), Some(one.clone()));
    assert_eq!(
        cost("openai", "gpt-4o-2024-05-13"),
        Some(one.clone()),
        "a date is not asked for"
    );
    assert_eq!(cost("openai", "our-gpt"), Some(one));
    assert_eq!(cost("openai", "gpt-5-mini"), None, "it says so");
    assert_eq!(cost("127.0.0.1:8112", "llama").unwrap().nano_usd, 0);
    assert_eq!(
        cost("openai", "gpt-4o-mini").unwrap().version,
        builtin().version
    );
    let builtin = Prices::builtin().max_output_tokens("openai", "gpt-4o");
    assert_eq!(builtin, Some(16_384));
    assert_eq!(prices.max_output_tokens("openai", "gpt-4o"), builtin);
    assert_eq!(prices.max_output_tokens("127.0.0.1:8112", "llama"), Some(9));
    assert_eq!(prices.max_output_tokens("127.0.0.1:8112", "other"), None);
}

#[test]
fn a_broken_table_is_refused_with_the_place_of_the_mistake() {
    let cases = [
        ("", "1:0: EOF while parsing a value"),
        (
            "{\n \"version\": \"v\",\n \"prices\": [\n  {\"provider\": \"p\", \"model\": \"m\", \"input\": \"2\"}\n ]\n}",
            "4:46: invalid type: string \"2\", expected a price in US dollars per million tokens, from 0 to 1000000 (in `prices[0].input`)",
        ),
        (
            r#"{"version": "v", "prices": [{"provider": "p", "model": "m", "input": -2}]}"#,
            "1:71: invalid value: floating point `-2.0`, expected a price in US dollars per million tokens, from 0 to 1000000 (in `prices[0].input`)",
        ),
        (
            r#"{"version": "v", "prices": [{"provider": "p", "model": "m", "input": 2500000000}]}"#,
            "1:79: invalid value",
        ),
        (
            r#"{"version": "v", "prices": [{"provider": "p", "model": "m", "input": NaN}]}"#,
            "1:70: expected value",
        ),
        (
            r#"{"version": "v", "prices": [{"provider": "p", "model": "m", "imput": 2}]}"#,
            "1:67: unknown field `imput`, expected one of `provider`, `model`, `names`",
        ),
        (
            r#"{"version": "v", "prices": [{"provider": "p"}]}"#,
            "1:45: missing field `model` (in `prices[0]`)",
        ),
        (r#"{"prices": []}"#, "1:14: missing field `version`"),
        (
            r#"{"version": " ", "prices": []}"#,
            "1:15: the version is blank",
        ),
        (
            r#"{"version": "v", "prices": []} x"#,
            "1:32: trailing characters",
        ),
        (
            r#"{"version": "v", "prices": [{"provider": "p", "model": "m", "hours": "1 to 4"}]}"#,
            "1:78: `1 to 4` are no hours, such as `01:00-04:30`",
        ),
        (
            r#"{"version": "v", "prices": [{"provider": "p", "model": "m", "from": "tomorrow"}]}"#,
            "1:78: ",
        ),
        (
            r#"{"version": "v", "prices": [{"provider": "p", "model": ""}]}"#,
            " `prices[0]` has a blank provider or model",
        ),
        (
            r#"{"version": "v", "prices": [{"provider": "gemini", "model": "m"}, {"provider": "google", "model": "x", "names": ["M"]}]}"#,
            " `prices[0]` and `prices[1]` both give `M` of google a price",
        ),
    ];
    for (text, expected) in cases {
        let message = mistake(text);

        assert!(
            message.starts_with(expected),
            "{text}\n{message}\n{expected}"
        );
    }
}

#[test]
fn a_price_file_is_read_from_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.json");
    let missing = Prices::from_file(&path).unwrap_err().to_string();
    let begin = format!("cannot read the price file {}: ", path.display());
    assert!(missing.starts_with(&begin), "{missing}");
    let text = r#"{"version": "v", "prices": [{"provider": "p", "model": "m", "input": 1}]}"#;
    std::fs::write(&path, text).unwrap();
    let prices = Prices::from_file(&path).unwrap();
    assert_eq!(prices.price("p", "m").unwrap().input(), Some(1_000_000_000));
    std::fs::write(&path, [0xff]).unwrap();
    assert!(Prices::from_file(&path).is_err());
}

#[test]
fn the_environment_names_a_price_file_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.json");
    std::fs::write(&path, "{\n}").unwrap();
    let named = |path: Option<&str>| {
        let path = path.map(str::to_owned);
        Prices::from_variable(|name| {
            assert_eq!(name, "FLOW_ENGINE_PRICES");
            Ok(path)
        })
    };
    let error = named(path.to_str()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "the price file {}:2:1: missing field `version` (the environment's FLOW_ENGINE_PRICES names it)",
            path.display()
        )
    );
    let text = r#"{"version": "v", "prices": [{"provider": "p", "model": "m", "input": 1}]}"#;
    std::fs::write(&path, text).unwrap();
    assert!(named(path.to_str()).unwrap().price("p", "m").is_some());
    assert!(named(None).unwrap().price("p", "m").is_none());
}
