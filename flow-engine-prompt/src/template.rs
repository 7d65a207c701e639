//! Rendering: sections and inputs become messages.

use minijinja::{Environment, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::environment::environment;
use crate::printing::{NONE_PRINTED, object_to_value};
use crate::render_error::RenderError;
use crate::roles::{Role, Section};
use crate::text::floor;

/// A message, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedMessage {
    /// Who says it.
    pub role: Role,
    /// What it says, without blanks around it.
    pub content: String,
}

/// A prompt, compiled once and rendered many times. It owns what it needs and is `Send` and `Sync`.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    sections: Vec<Compiled>,
    environment: Environment<'static>,
}

/// One section. Its template goes by its number.
#[derive(Debug, Clone)]
struct Compiled {
    role: Role,
    source: String,
    /// The line of the file in which the section begins, counted from 1.
    first_line: usize,
}

impl Template {
    /// Compiles `sections` of `source`, as [`parse`](crate::parse) gave them for the very same source.
    ///
    /// # Errors
    /// If a section's template does not parse, or the sections do not belong to `source`. Neither happens for a
    /// prompt that [`PromptFile::check`](crate::PromptFile::check) had nothing to say about.
    pub fn new(shown_name: &str, source: &str, sections: &[Section]) -> Result<Self, RenderError> {
        let mut template = Self {
            name: shown_name.to_owned(),
            sections: Vec::with_capacity(sections.len()),
            environment: environment(),
        };
        for (index, section) in sections.iter().enumerate() {
            let Some(text) = source.get(section.start..section.end) else {
                let message = "the sections are those of another version of the file".to_owned();
                return Err(RenderError::new(shown_name, None, message));
            };
            // The model reads the same prompt wherever the file was checked out.
            let text = text.replace("\r\n", "\n");
            let first_line = 1 + source[..section.start].matches('\n').count();
            template.sections.push(Compiled {
                role: section.role,
                source: text.clone(),
                first_line,
            });
            if let Err(error) = template
                .environment
                .add_template_owned(index.to_string(), text)
            {
                return Err(template.error(index, &error));
            }
        }
        Ok(template)
    }

    /// The name that messages show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Renders every section with `inputs`, in order.
    ///
    /// Texts are printed as they are, numbers and booleans as in JSON, lists and objects as JSON. Blanks around a
    /// message are cut off; a message of nothing but blanks (an `{% if %}` that is false) is left out.
    ///
    /// # Errors
    /// If the template prints a value that is none or undefined, if a filter or operator does not fit its value,
    /// or if all messages are blank.
    pub fn render(
        &self,
        inputs: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Vec<RenderedMessage>, RenderError> {
        let values = object_to_value(inputs);
        let mut messages = Vec::with_capacity(self.sections.len());
        for (index, section) in self.sections.iter().enumerate() {
            let rendered = self
                .environment
                .get_template(&index.to_string())
                .and_then(|template| template.render(values.clone()))
                .map_err(|error| self.error(index, &error))?;
            let content = rendered.trim();
            if !content.is_empty() {
                messages.push(RenderedMessage {
                    role: section.role,
                    content: content.to_owned(),
                });
            }
        }
        if messages.is_empty() {
            let message = "all messages are empty with these inputs".to_owned();
            return Err(RenderError::new(&self.name, None, message));
        }
        Ok(messages)
    }

    /// Places a template error in the file and words it for a reader of the prompt.
    fn error(&self, index: usize, error: &minijinja::Error) -> RenderError {
        let section = &self.sections[index];
        let source = &section.source;
        let range = error
            .range()
            .map(|range| floor(source, range.start)..floor(source, range.end));
        let position = range.clone().map(|range| {
            let before = &source[..range.start];
            let column = before
                .rsplit('\n')
                .next()
                .unwrap_or_default()
                .chars()
                .count()
                + 1;
            (section.first_line + before.matches('\n').count(), column)
        });
        let marked = range
            .and_then(|range| source.get(range))
            .map_or("", str::trim);
        let detail = error.detail().unwrap_or_default();
        let message = match error.kind() {
            _ if detail == NONE_PRINTED => none_printed(marked),
            ErrorKind::UndefinedError if detail.is_empty() => format!("`{marked}` is undefined"),
            kind if detail.is_empty() => kind.to_string(),
            ErrorKind::InvalidOperation => detail.to_owned(),
            kind => format!("{kind}: {detail}"),
        };
        RenderError::new(&self.name, position, message.replace('\n', " "))
    }
}

fn none_printed(expression: &str) -> String {
    // A default goes behind the last filter, so a longer expression can take one as well.
    if expression.is_empty() {
        return "a value is none here; guard it with `{% if … %}` or give `| default(…, true)`"
            .to_owned();
    }
    format!(
        "`{expression}` is none here; guard it with `{{% if {expression} %}}` or give `| default(…, true)`"
    )
}

#[cfg(test)]
mod tests;
