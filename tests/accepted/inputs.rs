//! Values of a JSON schema.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// How deep a type that contains itself may go.
const DEEPEST: u32 = 3;

/// Any value of a schema that schemars made.
pub(crate) fn of(root: &Value) -> BoxedStrategy<Value> {
    value(root, root, 0)
}

fn value(schema: &Value, root: &Value, depth: u32) -> BoxedStrategy<Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let definition = match reference {
            "#" => root,
            path => root.pointer(path.trim_start_matches('#')).unwrap(),
        };
        return value(definition, root, depth + 1);
    }
    if let Some(values) = schema["enum"].as_array() {
        return proptest::sample::select(values.clone()).boxed();
    }
    for union in ["anyOf", "oneOf"] {
        if let Some(options) = schema[union].as_array() {
            let options: Vec<_> = options
                .iter()
                .filter(|option| depth < DEEPEST || option["type"] == "null")
                .map(|option| value(option, root, depth))
                .collect();
            return proptest::strategy::Union::new(options).boxed();
        }
    }
    if let Some(constant) = schema.get("const") {
        return Just(constant.clone()).boxed();
    }
    match &schema["type"] {
        Value::Array(types) => {
            let options = types.iter().map(|ty| {
                let mut option = schema.clone();
                option["type"] = ty.clone();
                value(&option, root, depth)
            });
            proptest::strategy::Union::new(options).boxed()
        }
        Value::String(ty) => of_type(ty, schema, root, depth),
        other => panic!("{other} of {schema}"),
    }
}

fn of_type(ty: &str, schema: &Value, root: &Value, depth: u32) -> BoxedStrategy<Value> {
    match ty {
        "null" => Just(Value::Null).boxed(),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "integer" => (0..100_u32).prop_map(Value::from).boxed(),
        "number" => (-5.0..5.0).prop_map(|number: f64| json!(number)).boxed(),
        "string" => "[a-z {%#}]{0,6}".prop_map(Value::from).boxed(),
        "array" => {
            let longest = if depth < DEEPEST { 3 } else { 0 };
            let items = if longest == 0 {
                Just(Value::Null).boxed()
            } else {
                value(&schema["items"], root, depth + 1)
            };
            vec(items, 0..=longest).prop_map(Value::from).boxed()
        }
        "object" => {
            let Some(properties) = schema["properties"].as_object() else {
                let items = value(&schema["additionalProperties"], root, depth + 1);
                return proptest::collection::btree_map("[a-z]{1,3}", items, 0..3)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect()))
                    .boxed();
            };
            let fields: Vec<_> = properties
                .iter()
                .map(|(name, schema)| (Just(name.clone()), value(schema, root, depth)))
                .collect();
            // As a program writes them: every field is there.
            fields
                .prop_map(|fields| Value::Object(Map::from_iter(fields)))
                .boxed()
        }
        other => panic!("{other}"),
    }
}
