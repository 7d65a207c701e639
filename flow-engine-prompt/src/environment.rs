//! The template environment: one syntax, one set of filters, tests and functions, for analysis and rendering.

use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use crate::{filters, printing};

/// The environment every prompt's own is cloned from; the clone shares the filters, tests and functions.
pub(crate) fn environment() -> Environment<'static> {
    static SHARED: OnceLock<Environment<'static>> = OnceLock::new();
    SHARED.get_or_init(build).clone()
}

/// Lines that hold only a tag leave nothing behind.
pub(crate) fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true);
    // Only custom delimiters can fail, and there are none.
    builder.build().unwrap_or_default()
}

fn build() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_syntax(syntax());
    // What is not there is false in a condition, so that it can be guarded against; printed, it is an error.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // Debug information puts the values of inputs, secret ones too, into the errors' `Debug` output.
    environment.set_debug(false);
    environment.set_formatter(printing::format);
    filters::add(&mut environment);
    // Exists only where another crate turns on minijinja's feature: host and target may differ in that.
    environment.remove_filter("urlencode");
    // Prints the engine's inner state.
    environment.remove_global("debug");
    environment
}

/// Asks the environment what it knows.
pub(crate) struct Known {
    environment: Environment<'static>,
}

impl Known {
    pub(crate) fn new() -> Self {
        Self {
            environment: environment(),
        }
    }

    pub(crate) fn has_filter(&self, name: &str) -> bool {
        self.has("filter", name)
    }

    pub(crate) fn has_test(&self, name: &str) -> bool {
        self.has("test", name)
    }

    pub(crate) fn has_function(&self, name: &str) -> bool {
        self.environment.globals().any(|(global, _)| global == name)
    }

    pub(crate) fn functions(&self) -> Vec<&str> {
        self.environment.globals().map(|(name, _)| name).collect()
    }

    /// minijinja does not list its filters and tests, but has tests for their presence.
    fn has(&self, what: &str, name: &str) -> bool {
        self.environment
            .empty_state()
            .perform_test(what, &[Value::from(name)])
            .unwrap_or(false)
    }
}

/// The filters worth a suggestion. Whether a filter exists is never asked here but of [`Known`].
pub(crate) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "default",
    "dictsort",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// The tests worth a suggestion, as with [`FILTERS`].
pub(crate) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "safe",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

#[cfg(test)]
mod tests;
