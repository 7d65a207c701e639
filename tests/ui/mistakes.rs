//! `docs/mistakes.md` and the cases say the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cases of the tables, with the message that stands beside each.
fn documented() -> BTreeMap<String, String> {
    let text = fs::read_to_string(here().join("../../docs/mistakes.md")).unwrap();
    let mut cases = BTreeMap::new();
    for line in text.lines().filter(|line| line.contains("](../tests/ui/")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [mistake, message, link] = cells[..] else {
            panic!("a row has three cells: {line}");
        };
        assert!(
            mistake.len() > "| ".len(),
            "a row names its mistake: {line}"
        );
        let (case, target) = link
            .trim_matches(['|', ' ', '[', ')'])
            .split_once("](../tests/ui/fail/")
            .unwrap_or_else(|| panic!("a row ends in a link to its case: {line}"));
        assert_eq!(target, format!("{case}.rs"));
        let message = message.trim_matches('`').trim().replace("\\|", "|");
        let before = cases.insert(case.to_owned(), message);
        assert_eq!(before, None, "{case} is there twice");
    }
    cases
}

/// The cases as they are, with the first message of each.
fn tested() -> BTreeMap<String, String> {
    let files = fs::read_dir(here().join("fail")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let cases = paths.filter(|path| path.extension().is_some_and(|name| name == "rs"));
    cases
        .map(|path| {
            let stderr = fs::read_to_string(path.with_extension("stderr")).unwrap();
            let first = stderr
                .lines()
                .find(|line| line.starts_with("error"))
                .unwrap();
            let (_, message) = first.split_once(": ").unwrap();
            let case = path.file_stem().unwrap().to_str().unwrap();
            (case.to_owned(), message.to_owned())
        })
        .collect()
}

#[test]
fn every_case_is_documented_with_its_message() {
    let (documented, tested) = (documented(), tested());
    for (case, message) in &tested {
        let beside = documented.get(case);
        let beside = beside.unwrap_or_else(|| panic!("docs/mistakes.md lacks {case}: {message}"));
        assert_eq!(beside, message, "docs/mistakes.md, {case}");
    }
    let of_none: Vec<_> = documented
        .keys()
        .filter(|case| !tested.contains_key(*case))
        .collect();
    assert!(of_none.is_empty(), "there is no case {of_none:?}");
}
