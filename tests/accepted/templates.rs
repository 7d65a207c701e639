//! Random templates: mostly of fields that are there, guarded or not.

use flow_engine::__private::shape::Shape;
use proptest::prelude::*;

use crate::INPUTS;

/// What the next choices are taken from; used up, they are zeros.
struct Choices {
    bytes: Vec<u8>,
    next: usize,
    names: usize,
}

/// A variable, or a field of one.
#[derive(Clone)]
struct Known {
    text: String,
    shape: Shape,
}

pub(crate) fn any() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::prelude::any::<u8>(), 10..120).prop_map(|bytes| {
        let mut choices = Choices {
            bytes,
            next: 0,
            names: 0,
        };
        let mut scope = INPUTS
            .map(|(name, shape)| Known {
                text: name.to_owned(),
                shape,
            })
            .to_vec();
        format!("x {}", choices.statements(&mut scope, 0))
    })
}

impl Choices {
    fn below(&mut self, count: usize) -> usize {
        let byte = self.bytes.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        usize::from(byte) % count.max(1)
    }

    fn statements(&mut self, scope: &mut Vec<Known>, depth: usize) -> String {
        let count = 1 + self.below(3);
        (0..count).map(|_| self.statement(scope, depth)).collect()
    }

    fn statement(&mut self, scope: &mut Vec<Known>, depth: usize) -> String {
        let deepest = if depth > 3 { 8 } else { 14 };
        match self.below(deepest) {
            0..=2 => format!("{{{{ {} }}}} ", self.path(scope).text),
            3 => format!("{{{{ {} or 'none' }}}} ", self.path(scope).text),
            4 => {
                let (one, other) = (self.path(scope).text, self.path(scope).text);
                format!("{{{{ {one} | default({other}, true) }}}} ")
            }
            5 => {
                let known = self.path(scope);
                let name = self.name();
                let set = format!("{{% set {name} = {} %}}", known.text);
                scope.push(Known {
                    text: name,
                    shape: known.shape,
                });
                set
            }
            6 => format!(
                "{{{{ {} | default('x') | upper ~ {} }}}} ",
                self.path(scope).text,
                self.path(scope).text
            ),
            7 => format!(
                "{{{{ {} if {} else 'x' }}}} ",
                self.path(scope).text,
                self.condition(scope)
            ),
            8..=10 => self.condition_with(scope, depth),
            _ => self.for_loop(scope, depth),
        }
    }

    fn condition_with(&mut self, scope: &[Known], depth: usize) -> String {
        let known = self.path(scope);
        let condition = match self.below(4) {
            0 => self.condition(scope),
            1 => format!("{} and {}", known.text, self.condition(scope)),
            _ => known.text.clone(),
        };
        // What is guarded is often what is printed.
        let guarded = match self.below(3) {
            0 => String::new(),
            _ => format!("{{{{ {} }}}}", known.text),
        };
        let mut inner = scope.to_vec();
        let one = self.statements(&mut inner, depth + 1);
        let other = self.statements(&mut scope.to_vec(), depth + 1);
        format!("{{% if {condition} %}}{guarded}{one}{{% else %}}{other}{{% endif %}}")
    }

    fn condition(&mut self, scope: &[Known]) -> String {
        let path = self.path(scope).text;
        match self.below(12) {
            8 => format!("{path} > 3"),
            9 => format!("{path} in ['a', 'b']"),
            10 => format!("{path} | default('', true)"),
            11 => format!("{path} is string"),
            0 => format!("not {path}"),
            1 => format!("{path} is none"),
            2 => format!("{path} is not none"),
            3 => format!("{path} is defined"),
            4 => format!("{path} != none"),
            5 => format!("({path} or {})", self.path(scope).text),
            6 => format!("{path} == 'a'"),
            _ => path,
        }
    }

    fn for_loop(&mut self, scope: &[Known], depth: usize) -> String {
        let list = self.path(scope);
        let name = self.name();
        let shape = match present(list.shape) {
            Shape::List(item) => *item,
            _ => Shape::Text,
        };
        let mut inner = scope.to_vec();
        inner.push(Known {
            text: name.clone(),
            shape,
        });
        let filter = match self.below(3) {
            0 => format!(" if {}", self.condition(&inner)),
            _ => String::new(),
        };
        let body = self.statements(&mut inner, depth + 1);
        format!(
            "{{% for {name} in {}{filter} %}}{body}{{% endfor %}}",
            list.text
        )
    }

    /// A value in scope, and some fields into it.
    fn path(&mut self, scope: &[Known]) -> Known {
        let start = self.below(scope.len());
        let mut known = scope[start].clone();
        for _ in 0..=self.below(3) {
            let Shape::Record { fields, .. } = present(known.shape) else {
                break;
            };
            let field = fields[self.below(fields.len())];
            match (field.name, field.shape) {
                // Once in a while, one that is not there.
                _ if self.below(40) == 39 => {
                    known.text.push_str(".nowhere");
                    known.shape = Shape::Any;
                }
                (Some(name), shape) => {
                    known.text = format!("{}.{name}", known.text);
                    known.shape = shape;
                }
                (None, shape) => known.shape = shape,
            }
        }
        known
    }

    fn name(&mut self) -> String {
        self.names += 1;
        // A name is used again now and then.
        let number = if self.below(4) == 0 { 1 } else { self.names };
        format!("v{number}")
    }
}

fn present(shape: Shape) -> Shape {
    match shape {
        Shape::Optional(inner) => *inner,
        other => other,
    }
}
