//! What the checks of a prompt accept, renders: random templates over a type whose every field is known, with inputs made from
//! its schema.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod inputs;
mod templates;

use std::collections::{BTreeSet, HashMap};
use std::panic::catch_unwind;

use flow_engine::__private::schemars;
use flow_engine::__private::shape::{self, Deeper, End, Shape, ShapeOf};
use flow_engine::prelude::*;
use flow_engine_prompt::{Need, PromptFile, Requirement, Segment, Template, parse};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value};

#[data]
#[serde(rename_all = "camelCase")]
struct World {
    main_title: String,
    words: u32,
    open: bool,
    note: Option<String>,
    author: Option<Author>,
    owner: Author,
    #[serde(flatten)]
    meta: Meta,
    sections: Vec<Section>,
    extras: Option<Vec<Section>>,
    tags: BTreeSet<String>,
    counts: HashMap<String, u32>,
    kind: Kind,
}

#[data]
struct Author {
    name: String,
    mail: Option<String>,
    home: Option<Home>,
}

#[data]
struct Home {
    city: Option<City>,
}

#[data]
struct City {
    name: String,
    size: Option<u32>,
}

#[data]
struct Meta {
    source: Option<String>,
    rank: f64,
}

#[data]
struct Section {
    heading: String,
    writer: Option<Author>,
    lines: Vec<Option<String>>,
    parts: Vec<Self>,
}

#[data]
enum Kind {
    News,
    Essay,
}

type Depth = Deeper<Deeper<Deeper<Deeper<Deeper<Deeper<End>>>>>>;

const WORLD: Shape = ShapeOf::<World, Depth>::SHAPE;
const NOTE: Shape = ShapeOf::<Option<String>, Depth>::SHAPE;

/// The inputs of the templates.
const INPUTS: [(&str, Shape); 2] = [("world", WORLD), ("note", NOTE)];

/// The compiler's check of a template: of the names, then of each thing that it asks of the types.
fn accepts(file: &PromptFile) -> bool {
    let found = file.check(&INPUTS.map(|(name, _)| name));
    found.diagnostics.is_empty() && found.requirements.iter().all(is_met)
}

fn is_met(requirement: &Requirement) -> bool {
    let (_, shape) = INPUTS
        .into_iter()
        .find(|(name, _)| *name == requirement.input)
        .unwrap();
    // As in a program, where all of it is literals.
    let path: String = requirement.path.iter().map(segment).collect();
    let need = match requirement.need {
        Need::Exists => shape::EXISTS,
        Need::Loop => shape::LOOP,
        Need::Print => shape::PRINT,
        Need::Stand => shape::STAND,
        Need::Text => shape::TEXT,
    };
    let expression = requirement.expression.clone().leak();
    let required: shape::Requirement = (path.leak(), requirement.known, need, expression, "");
    catch_unwind(|| shape::require(&shape, &[required])).is_ok()
}

fn segment(segment: &Segment) -> String {
    match segment {
        Segment::Field(name) => format!("{}{name}", shape::FIELD),
        Segment::Item => shape::ITEM.to_string(),
        Segment::Index => shape::INDEX.to_string(),
        Segment::Present => shape::PRESENT.to_string(),
    }
}

/// Inputs of the types, by their schemas.
fn inputs() -> impl Strategy<Value = Map<String, Value>> {
    let schema = |schema: schemars::Schema| schema.to_value();
    let world = inputs::of(&schema(schemars::schema_for!(World)));
    let note = inputs::of(&schema(schemars::schema_for!(Option<String>)));
    (world, note).prop_map(|(world, note)| {
        Map::from_iter([("world".to_owned(), world), ("note".to_owned(), note)])
    })
}

/// Tries templates, and gives how many of them were accepted.
fn accepted(cases: u32) -> u32 {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    // The same templates in every run.
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    // What is refused says so by a panic, and there are thousands.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let counted = std::cell::Cell::new(0);
    let end = runner.run(&(templates::any(), inputs()), |(template, inputs)| {
        let Ok(file) = parse("p.md", &template) else {
            return Ok(());
        };
        if !accepts(&file) {
            return Ok(());
        }
        counted.set(counted.get() + 1);
        let rendered = Template::new(&file).map(|compiled| compiled.render(&inputs, &[]));
        match rendered {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.message().starts_with("all messages are empty") => Ok(()),
            Ok(Err(error)) | Err(error) => Err(TestCaseError::fail(format!(
                "{error}\n{template}\n{}",
                Value::from(inputs)
            ))),
        }
    });
    std::panic::set_hook(hook);
    end.unwrap();
    counted.get()
}

#[test]
fn what_is_accepted_renders_without_an_undefined_value() {
    let cases = 4_000;
    let accepted = accepted(cases);
    assert!(accepted > cases / 5, "only {accepted} were accepted");
}
