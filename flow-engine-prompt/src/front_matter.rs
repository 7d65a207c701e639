//! Front matter: the YAML between two `---` lines at the very start of a file.
//!
//! The YAML is read into untyped entries with their positions and typed here, so that all mistakes are reported at
//! once, each at its key or value.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{
    DefaultMessageFormatter, DuplicateKeyPolicy, Error, Location, MessageFormatter,
    NonFiniteFloatPolicy, Spanned,
};

use crate::diagnostic::Diagnostic;
use crate::parameters::{Parameters, WrongParameter};
use crate::suggest::{did_you_mean, list};
use crate::text::Text;

/// The line before and after it.
pub(crate) const FENCE: &str = "---";

/// What the front matter said.
pub(crate) struct FrontMatter {
    pub(crate) parameters: Parameters,
    /// Where the prompt's text begins; `None` if the front matter has no end.
    pub(crate) end: Option<usize>,
}

/// Parses the front matter, if there is any.
pub(crate) fn parse(text: Text<'_>, diagnostics: &mut Vec<Diagnostic>) -> FrontMatter {
    let mut lines = text.lines(text.start());
    let opening = match lines.next() {
        Some((at, line)) if line.trim_end() == FENCE => at,
        _ => {
            return FrontMatter {
                parameters: Parameters::default(),
                end: Some(text.start()),
            };
        }
    };
    let yaml_start = text.source[opening..]
        .find('\n')
        .map(|newline| opening + newline + 1);
    let closing = lines.find(|(_, line)| line.trim_end() == FENCE);
    let (Some(yaml_start), Some((closing, _))) = (yaml_start, closing) else {
        diagnostics.push(
            text.error(text.line_range(opening), "the front matter is never closed")
                .with_help("end it with a line of three dashes: `---`"),
        );
        return FrontMatter {
            parameters: Parameters::default(),
            end: None,
        };
    };
    let yaml = Yaml {
        text,
        range: yaml_start..closing,
    };
    let end = text.source[closing..]
        .find('\n')
        .map_or(text.source.len(), |newline| closing + newline + 1);
    FrontMatter {
        parameters: yaml.parameters(diagnostics),
        end: Some(end),
    }
}

/// The YAML between the fences.
struct Yaml<'s> {
    text: Text<'s>,
    range: Range<usize>,
}

impl Yaml<'_> {
    fn parameters(&self, diagnostics: &mut Vec<Diagnostic>) -> Parameters {
        let mut parameters = Parameters::default();
        let options = serde_saphyr::options! {
            with_snippet: false,
            duplicate_keys: DuplicateKeyPolicy::Error,
            underscored_numbers_as_strings: true,
            // They arrive as null and are reported with their key.
            non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        };
        let yaml = &self.text.source[self.range.clone()];
        let entries = match serde_saphyr::from_str_with_options::<Option<Entries>>(yaml, options) {
            Ok(entries) => entries.unwrap_or_default().0,
            Err(error) => {
                diagnostics.push(self.syntax_error(&error));
                return parameters;
            }
        };
        for (key, value) in &entries {
            match parameters.set(&key.value, &value.value) {
                Ok(()) => {}
                Err(WrongParameter::Name) => diagnostics.push(self.unknown_key(key)),
                Err(WrongParameter::Value(expected)) => {
                    let message = format!("`{}` must be {expected}", key.value);
                    // An absent value has no place of its own.
                    let at = if value.value.is_null() {
                        key.referenced
                    } else {
                        value.referenced
                    };
                    diagnostics.push(self.text.error(self.span(at), message));
                }
            }
        }
        parameters
    }

    fn unknown_key(&self, key: &Spanned<String>) -> Diagnostic {
        let name = &key.value;
        let near = did_you_mean(name, Parameters::NAMES);
        self.text
            .error(
                self.span(key.referenced),
                format!("unknown key `{name}` in the front matter{near}"),
            )
            .with_help(format!(
                "the front matter holds model parameters only: {}",
                list(Parameters::NAMES)
            ))
    }

    fn syntax_error(&self, error: &Error) -> Diagnostic {
        let at = error
            .location()
            .map_or(self.range.start..self.range.start, |location| {
                self.span(location)
            });
        match error.without_snippet() {
            Error::DuplicateMappingKey { key: Some(key), .. } => self
                .text
                .error(at, format!("`{key}` is set twice in the front matter")),
            Error::Unexpected {
                expected: "mapping start",
                ..
            } => self.text.error(
                at,
                "the front matter must be lines of the form `key: value`",
            ),
            error => {
                let message = DefaultMessageFormatter.format_message(error);
                let first_line = message.lines().next().unwrap_or_default();
                self.text
                    .error(at, format!("the front matter is not valid: {first_line}"))
            }
        }
    }

    /// The place in the file of a place in the YAML.
    fn span(&self, location: Location) -> Range<usize> {
        let yaml = &self.text.source[self.range.clone()];
        let line = usize::try_from(location.line())
            .unwrap_or(1)
            .saturating_sub(1);
        let column = usize::try_from(location.column())
            .unwrap_or(1)
            .saturating_sub(1);
        let line_start: usize = yaml.split_inclusive('\n').take(line).map(str::len).sum();
        let rest = &yaml[line_start..];
        let start = line_start + rest.chars().take(column).map(char::len_utf8).sum::<usize>();
        let chars = usize::try_from(location.span().len()).unwrap_or(0);
        let length: usize = yaml[start..].chars().take(chars).map(char::len_utf8).sum();
        // What ends a plain value also belongs to its span: blanks, a comment's `#`, the next line.
        let marked = yaml[start..start + length]
            .lines()
            .next()
            .unwrap_or_default()
            .trim_end()
            .len();
        self.range.start + start..self.range.start + start + marked
    }
}

/// The entries of a mapping, in order and with their places.
#[derive(Default)]
struct Entries(Vec<(Spanned<String>, Spanned<Value>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Mapping;

        impl<'de> Visitor<'de> for Mapping {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("lines of the form `key: value`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Mapping)
    }
}

#[cfg(test)]
mod tests;
