use super::{FILTERS, Known, TESTS, environment};

/// The names in a set of minijinja's `Debug` output, its only list of filters and tests.
fn listed(set: &str) -> Vec<String> {
    let debug = format!("{:?}", environment());
    let from = debug.find(&format!("{set}: [")).unwrap() + set.len() + 3;
    let to = from + debug[from..].find(']').unwrap();
    debug[from..to]
        .split(", ")
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}

#[test]
fn every_suggested_name_exists_and_every_name_that_exists_is_suggested() {
    let known = Known::new();
    assert!(FILTERS.iter().all(|name| known.has_filter(name)));
    assert!(TESTS.iter().all(|name| known.has_test(name)));
    let aliases = ["d", "e"];
    let missing = |names: Vec<String>, suggested: &[&str]| {
        let word = |name: &String| name.starts_with(|first: char| first.is_ascii_lowercase());
        names
            .into_iter()
            .filter(|name| {
                word(name)
                    && !suggested.contains(&name.as_str())
                    && !aliases.contains(&name.as_str())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(missing(listed("filters"), FILTERS), Vec::<String>::new());
    assert_eq!(missing(listed("tests"), TESTS), Vec::<String>::new());
}

#[test]
fn names_that_differ_between_builds_or_show_inner_state_do_not_exist() {
    let known = Known::new();
    assert!(!known.has_filter("urlencode"));
    assert_eq!(known.functions(), ["dict", "namespace", "range"]);
}
