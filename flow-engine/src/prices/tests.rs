use serde_json::Value;

use super::*;

mod files;

fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

fn usage(input: u64, cached: u64, output: u64) -> Usage {
    Usage {
        input_tokens: Some(input),
        cached_tokens: Some(cached),
        output_tokens: Some(output),
        ..Usage::default()
    }
}

fn table(prices: &str) -> Prices {
    let text = format!(r#"{{ "version": "test", "prices": [{prices}] }}"#);
    Prices::from_json("test.json", &text).unwrap()
}

fn nano(prices: &Prices, provider: &str, model: &str, usage: Usage) -> Option<i64> {
    prices
        .cost(provider, model, &usage)
        .map(|cost| cost.nano_usd)
}

#[test]
fn the_builtin_table_is_read_and_has_the_models_that_people_use() {
    let table = Table::from_json(BUILTIN).unwrap();
    let file: Value = serde_json::from_str(BUILTIN).unwrap();
    assert_eq!(file["version"], table.version.as_str());
    assert!(at(&format!("{}T00:00:00Z", table.version)) > at("2026-01-01T00:00:00Z"));
    assert!(BUILTIN.len() < 100_000, "{} bytes", BUILTIN.len());

    let prices = Prices::builtin();
    let known = [
        ("openai", "gpt-4o-mini"),
        ("openai", "gpt-5-mini"),
        ("api.anthropic.com", "claude-haiku-4-5"),
        (
            "generativelanguage.googleapis.com",
            "models/gemini-2.5-flash",
        ),
        ("api.mistral.ai", "mistral-large-2512"),
        ("api.deepseek.com", "deepseek-v4-pro"),
        ("api.groq.com", "openai/gpt-oss-20b"),
        ("openrouter.ai", "openai/gpt-4o-mini"),
    ];
    for (provider, model) in known {
        assert!(
            prices.price(provider, model).is_some(),
            "{model} of {provider}"
        );
    }
    for entry in file["prices"].as_array().unwrap() {
        let provider = entry["provider"].as_str().unwrap();
        assert_eq!(provider::known(provider), Some(provider));
    }
}

/// gpt-4o costs 2.5, cached 1.25, and 10 USD for a million tokens.
#[test]
fn cached_tokens_are_a_part_of_the_input() {
    let prices = Prices::builtin();
    let cost = prices.cost("openai", "gpt-4o", &usage(1_000, 400, 200));
    let cost = cost.unwrap();
    // 600 × 2.5 + 400 × 1.25 + 200 × 10 = 4,000 millionths of a USD
    assert_eq!(cost.nano_usd, 4_000_000);
    assert_eq!(cost.version, builtin().version);
    // Nothing said of a cache is nothing cached; reasoning is in the output already.
    let mut plain = usage(1_000, 0, 200);
    plain.cached_tokens = None;
    plain.reasoning_tokens = Some(150);
    assert_eq!(nano(&prices, "openai", "gpt-4o", plain), Some(4_500_000));
    // Without a price of their own, cached tokens cost what the others do.
    let flat = table(r#"{"provider": "p", "model": "m", "input": 2, "output": 0}"#);
    assert_eq!(nano(&flat, "p", "m", usage(10, 4, 7)), Some(20_000));
    let cache = table(
        r#"{"provider": "p", "model": "m", "input": 2, "cached_input": 0.2, "cache_write": 2.5, "output": 8}"#,
    );
    let mut both = usage(10, 4, 1);
    both.cache_write_tokens = Some(5);
    // 1 × 2 + 4 × 0.2 + 5 × 2.5 + 1 × 8
    assert_eq!(nano(&cache, "p", "m", both), Some(23_300));
}

#[test]
fn a_dated_name_has_the_price_of_its_model_and_no_other_name_has() {
    let prices = Prices::builtin();
    let price = |model: &str| prices.price("openai", model);
    assert_eq!(price("gpt-4o-2024-08-06"), price("gpt-4o"));
    assert_eq!(price("GPT-4o-2031-12-31"), price("gpt-4o"));
    assert_ne!(
        price("gpt-4o-2024-05-13"),
        price("gpt-4o"),
        "it has its own"
    );
    assert_eq!(price("gpt-4o-mini-2024-07-18"), price("gpt-4o-mini"));
    assert_ne!(price("gpt-4o-mini"), price("gpt-4o"));
    assert_eq!(
        prices.price("anthropic", "claude-haiku-4-5-20251001"),
        prices.price("anthropic", "claude-haiku-4-5")
    );
    let none = [
        "gpt-4o-nano",
        "gpt-4o-",
        "gpt-4o-2024-13-06",
        "gpt-4o-1824-08-06",
        "gpt-4o-mini-2024",
        "gpt-4o-08-06",
        "gpt-4o-2024-08-06-2024-08-06",
        "ft:gpt-4o-2024-08-06:acme::x1",
        "my-gpt-4o",
        "-2024-08-06",
        "",
        "ü-2024-08-06",
        "gpt-4oü2024-08-06",
        "gpt-4o-2024-08-0ü",
    ];
    for model in none {
        assert_eq!(price(model), None, "{model}");
    }
}

#[test]
fn a_server_that_nobody_knows_has_no_price() {
    let prices = Prices::builtin();
    for provider in [
        "127.0.0.1:8112",
        "localhost",
        "[::1]:80",
        "mock",
        "",
        "evil-api.openai.com",
        "api.mistral.ai:8443",
        "mistral.ai",
    ] {
        assert_eq!(prices.price(provider, "gpt-4o"), None, "{provider}");
        assert_eq!(prices.price(provider, "mistral-large-2512"), None);
    }
    assert_eq!(prices.price("openai", "mistral-large-2512"), None);
    assert!(
        prices
            .price("API.MISTRAL.AI", "mistral-large-2512")
            .is_some()
    );
}

#[test]
fn what_was_not_counted_has_no_known_cost() {
    let prices = Prices::builtin();
    let cost = |usage| nano(&prices, "openai", "gpt-4o", usage);
    assert_eq!(cost(Usage::default()), None);
    let mut half = usage(5, 0, 5);
    half.output_tokens = None;
    assert_eq!(cost(half), None);
    half = usage(5, 0, 5);
    half.input_tokens = None;
    assert_eq!(cost(half), None);
    assert_eq!(cost(usage(5, 6, 5)), None, "more cached than there were");
    assert_eq!(cost(usage(0, 0, 0)), Some(0), "that is known");
    // A model without text in its answers.
    let embeds = table(r#"{"provider": "p", "model": "m", "input": 2}"#);
    let mut counted = usage(5, 0, 0);
    counted.output_tokens = None;
    assert_eq!(nano(&embeds, "p", "m", counted), Some(10_000));
    assert_eq!(nano(&embeds, "p", "m", usage(5, 0, 1)), None);
}

#[test]
fn tokens_of_images_have_prices_of_their_own() {
    let prices = Prices::builtin();
    let price = prices.price("openai", "gpt-image-1.5").unwrap();
    let all = [
        price.input(),
        price.cached_input(),
        price.output(),
        price.image_input(),
        price.cached_image_input(),
        price.image_output(),
    ];
    let dollars = |usd: u64| Some(usd * 1_000_000_000);
    assert_eq!(
        all,
        [
            dollars(5),
            Some(1_250_000_000),
            dollars(10),
            dollars(8),
            dollars(2),
            dollars(32)
        ]
    );
    // What was counted does not tell them apart.
    assert_eq!(
        nano(&prices, "openai", "gpt-image-1.5", usage(1, 0, 1)),
        None
    );
    let text = prices.price("openai", "gpt-4o").unwrap();
    assert_eq!(text.image_input(), text.input());
}

#[test]
fn counted_tokens_of_images_have_their_price() {
    let prices = Prices::builtin();
    let of_images = |image_input, image_output, counted| Usage {
        image_input_tokens: image_input,
        image_output_tokens: image_output,
        ..counted
    };
    let cost = |usage| nano(&prices, "openai", "gpt-image-1.5", usage);
    // 4 x 5 + 6 x 8 + 10 x 10 + 90 x 32 dollars for a million.
    let counted = of_images(Some(6), Some(90), usage(10, 0, 100));
    assert_eq!(cost(counted), Some(3_048_000));
    assert_eq!(
        cost(of_images(Some(0), Some(100), usage(10, 4, 100))),
        Some(3_235_000)
    );
    // Which of the cached ones are of images, or how many are, is not said.
    assert_eq!(cost(of_images(Some(6), Some(90), usage(10, 4, 100))), None);
    assert_eq!(cost(of_images(Some(6), None, usage(10, 0, 100))), None);
    assert_eq!(cost(of_images(Some(11), Some(0), usage(10, 0, 0))), None);
    assert_eq!(cost(of_images(Some(0), Some(101), usage(10, 0, 100))), None);
}

#[test]
fn a_large_request_costs_more_and_all_of_it() {
    let prices = table(
        r#"{"provider": "p", "model": "m", "input": 1, "cached_input": 0.5, "output": 2, "above": [
             {"input_tokens": 2000, "input": 10, "output": 20}, {"input_tokens": 1000, "input": 4, "output": 8}]}"#,
    );
    let cost = |input, cached, output| nano(&prices, "p", "m", usage(input, cached, output));
    assert_eq!(cost(1000, 0, 10), Some(1_020_000));
    assert_eq!(cost(1001, 0, 10), Some(4_084_000));
    assert_eq!(cost(2001, 1, 10), Some(20_200_500));
}

#[test]
fn costs_are_rounded_to_the_nearest_and_do_not_overflow() {
    let prices = table(
        r#"{"provider": "p", "model": "cheap", "input": 0.0005, "output": 0.000499},
           {"provider": "p", "model": "dear", "input": 1000000, "cached_input": 1e6, "output": 1000000.0}"#,
    );
    assert_eq!(nano(&prices, "p", "cheap", usage(1, 0, 0)), Some(1));
    assert_eq!(nano(&prices, "p", "cheap", usage(0, 0, 1)), Some(0));
    assert_eq!(nano(&prices, "p", "cheap", usage(1, 0, 1)), Some(1));
    assert_eq!(nano(&prices, "p", "cheap", usage(3, 0, 0)), Some(2));
    let most = usage(u64::MAX, u64::MAX / 2, u64::MAX);
    assert_eq!(nano(&prices, "p", "dear", most), Some(i64::MAX));
    let mut nonsense = usage(u64::MAX, u64::MAX, 0);
    nonsense.cache_write_tokens = Some(u64::MAX);
    assert_eq!(nano(&prices, "p", "dear", nonsense), None);
}

#[test]
fn a_price_holds_from_a_day_on_and_in_its_hours() {
    let prices = table(
        r#"{"provider": "p", "model": "m", "input": 1},
           {"provider": "p", "model": "m", "input": 2, "hours": "22:30-04:00"},
           {"provider": "p", "model": "m", "input": 3, "from": "2027-01-01"},
           {"provider": "openai", "model": "gpt-4o", "input": 7, "output": 7, "from": "2027-01-01"}"#,
    );
    let input = |model: &str, time: &str| {
        let provider = if model == "m" { "p" } else { "openai" };
        let (price, version) = prices.price_at(provider, model, at(time))?;
        Some((price.input()? / 1_000_000, version == "test"))
    };
    assert_eq!(input("m", "2026-12-31T12:00:00Z"), Some((1000, true)));
    assert_eq!(input("m", "2026-12-31T22:29:59Z"), Some((1000, true)));
    assert_eq!(input("m", "2026-12-31T22:30:00Z"), Some((2000, true)));
    assert_eq!(input("m", "2026-12-31T03:59:59Z"), Some((2000, true)));
    assert_eq!(input("m", "2026-12-31T04:00:00Z"), Some((1000, true)));
    assert_eq!(input("m", "2027-01-01T00:00:00Z"), Some((3000, true)));
    assert_eq!(input("gpt-4o", "2026-12-31T23:59:59Z"), Some((2500, false)));
    assert_eq!(input("gpt-4o", "2027-01-01T00:00:00Z"), Some((7000, true)));
}
