//! `docs/faults.md` and the tests say the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The tests that the tables name, as `module::test`, in the last cell of a row.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(here().join("../docs/faults.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let (_, last) = row.trim_end_matches([' ', '|']).rsplit_once('|').unwrap();
        last.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    })
    .collect()
}

/// The tests of a server, in the modules beside this one.
fn tested() -> BTreeSet<String> {
    let files = fs::read_dir(here().join("servers")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let modules = paths.filter(|path| path.extension().is_some_and(|name| name == "rs"));
    modules
        .flat_map(|path| {
            let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let tests = text.split("\n#[tokio::test").skip(1);
            let names = tests.map(|test| {
                let (_, name) = test.split_once("async fn ").unwrap();
                let (name, _) = name.split_once('(').unwrap();
                format!("{module}::{name}")
            });
            names.collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_test_is_in_the_table_and_every_row_is_tested() {
    assert_eq!(documented(), tested());
}
