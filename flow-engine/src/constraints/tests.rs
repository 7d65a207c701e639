use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::*;

/// A number of at most 3, as `#[data]` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Small(u8);

impl Constrained for Small {
    const ANY: bool = true;

    fn check(&self, found: &mut Violations) {
        Rules::Check(&self.0, found).range(&[], &[3]);
    }
}

/// A type that nobody has put constraints on.
struct Foreign;

/// What is found in a value by the check that its type is known to have.
macro_rules! found {
    ($type:ty, $value:expr) => {
        Violations::of(&$value, <Probe<$type>>::CHECK)
    };
}

#[test]
fn a_type_without_constraints_is_passed_over() {
    assert_eq!(found!(Foreign, Foreign), None);
    assert_eq!(found!(Vec<Foreign>, vec![Foreign]), None);
    assert_eq!(found!(Small, Small(3)), None);
    assert_eq!(found!(Small, Small(4)).unwrap(), "greater than 3");
}

#[test]
fn what_is_in_a_container_is_found_with_its_path() {
    let four = Small(4);
    let cases = [
        (found!(Option<Small>, Some(four)), ""),
        (found!(Box<Small>, Box::new(four)), ""),
        (found!(Arc<[Small]>, Arc::from([four])), "[0]"),
        (found!(Rc<Small>, Rc::new(four)), ""),
        (found!(Vec<Small>, vec![Small(1), four]), "[1]"),
        (found!([Small; 1], [four]), "[0]"),
        (found!(VecDeque<Small>, VecDeque::from([four])), "[0]"),
        (
            found!(BTreeSet<Small>, BTreeSet::from([Small(1), four])),
            "[1]",
        ),
        (
            found!(
                Vec<(u8, Vec<Option<Small>>)>,
                vec![(1, vec![None, Some(four)])]
            ),
            "[0][1][1]",
        ),
        (
            found!(BTreeMap<u8, Small>, BTreeMap::from([(7, four)])),
            "7",
        ),
        (
            found!(HashMap<String, Vec<Small>>, HashMap::from([("de".to_owned(), vec![four])])),
            "de[0]",
        ),
    ];
    for (found, path) in cases {
        let at = match path {
            "" => String::new(),
            path => format!("at `{path}`: "),
        };
        assert_eq!(found.unwrap(), format!("{at}greater than 3"));
    }
}

/// Lists of them are not gone through.
#[test]
fn it_is_known_of_a_container_whether_there_can_be_anything_to_find() {
    const {
        assert!(!<Vec<u8> as Constrained>::ANY);
        assert!(!<BTreeMap<String, Option<(u8, bool)>> as Constrained>::ANY);
        assert!(<Vec<Option<(u8, Small)>> as Constrained>::ANY);
    }
}

#[test]
fn a_message_is_one_short_line() {
    let key = "geheim\n".repeat(100);
    let found = found!(BTreeMap<String, Small>, BTreeMap::from([(key, Small(4))])).unwrap();
    assert!(found.starts_with("at `geheim geheim "), "{found}");
    assert!(found.ends_with("…`: greater than 3"), "{found}");
    assert!(found.chars().count() < 80, "{found}");
    let long = Violations::of(&(), |(), found| found.keep(Err("a\nb".repeat(1000))));
    let long = long.unwrap();
    assert!(long.starts_with("a ba b") && long.ends_with('…'), "{long}");
    assert_eq!(long.chars().count(), 201);
    let message = hold([Some("ä".repeat(999)), None, Some("b".to_owned())]);
    let message = message.unwrap_err().to_string();
    assert_eq!(message.chars().count(), 1001, "{message}");
}

/// What a rule finds in a value.
fn checked<T>(value: &T, rule: impl Fn(&mut Rules<'_, T>)) -> Option<String> {
    Violations::of(value, |value, found| rule(&mut Rules::Check(value, found)))
}

#[test]
fn a_length_is_of_characters_or_of_items() {
    fn at_most_two<T: Length>([holds, does_not]: &[T; 2]) {
        let rule = |rules: &mut Rules<'_, T>| rules.length(&[], &[2]);
        assert_eq!(checked(holds, rule), None);
        assert_eq!(checked(does_not, rule).unwrap(), "length is greater than 2");
    }
    at_most_two(&["ää".to_owned(), "aaa".to_owned()]);
    at_most_two(&[Some("ää".to_owned()), Some("aaa".to_owned())]);
    at_most_two::<Box<str>>(&["ää".into(), "aaa".into()]);
    at_most_two(&[vec![(), ()], vec![(), (), ()]]);
    at_most_two::<Arc<[u8]>>(&[Arc::from([1, 2]), Arc::from([1, 2, 3])]);
    at_most_two(&[BTreeSet::from([1, 2]), BTreeSet::from([1, 2, 3])]);
    let map = |count: u8| -> HashMap<u8, u8> { (0..count).map(|key| (key, key)).collect() };
    at_most_two(&[map(2), map(3)]);
    let none = checked(&None::<String>, |rules| rules.length(&[1], &[]));
    assert_eq!(none, None);
}

/// The schema of a type with what a rule adds to it.
fn described<T: JsonSchema>(rule: fn(&mut Rules<'_, T>)) -> Value {
    let mut schema = SchemaGenerator::default().subschema_for::<T>();
    limits::limits(rule)(&mut schema);
    schema.to_value()
}

#[test]
fn a_schema_has_the_keyword_of_each_type_that_it_allows() {
    assert_eq!(
        described::<Option<Vec<bool>>>(|rules| rules.length(&[1], &[2])),
        json!({ "type": ["array", "null"], "items": { "type": "boolean" }, "minItems": 1, "maxItems": 2 })
    );
    let map = described::<BTreeMap<String, bool>>(|rules| rules.length(&[1], &[]));
    assert_eq!(map["minProperties"], 1);
    assert_eq!(map.get("minItems"), None);
    let number = described::<f32>(|rules| rules.range(&[0.5], &[]));
    assert_eq!(
        (&number["minimum"], number.get("maximum")),
        (&json!(0.5), None)
    );
    // A bound that JSON cannot write is left out: it can under `arbitrary_precision`.
    let wide = described::<u128>(|rules| rules.range(&[], &[u128::MAX]));
    let written = serde_json::to_value(u128::MAX).ok();
    assert_eq!(wide.get("maximum"), written.as_ref());
    let mut union = json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] });
    let schema: &mut Schema = (&mut union).try_into().unwrap();
    limits::limits::<String>(|rules| rules.pattern(&Pattern::new("a")))(schema);
    assert_eq!(
        union,
        json!({ "anyOf": [{ "type": "string", "pattern": "a" }, { "type": "null" }] })
    );
}
