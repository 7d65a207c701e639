//! Rendering: sections and inputs become messages.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use minijinja::{Environment, ErrorKind, Value};

use crate::analysis;
use crate::environment::environment;
use crate::marks::{Attached, Marks, Piece};
use crate::printing::{NONE_PRINTED, to_value};
use crate::prompt_file::PromptFile;
use crate::render_error::RenderError;
use crate::roles::Role;
use crate::text::{Text, floor};

/// One part of what a prompt becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Rendered {
    /// A message of the prompt.
    Message(RenderedMessage),
    /// The place of the messages that are the input of this name.
    History(String),
}

/// A message, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedMessage {
    /// Who says it.
    pub role: Role,
    /// What it says, without blanks around it.
    pub content: String,
    /// What is shown in it, in order.
    pub attachments: Vec<Attached>,
}

/// A prompt, compiled once and rendered many times. It owns what it needs and is `Send` and `Sync`.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    roles: Vec<Role>,
    /// The inputs that stand for messages.
    histories: Vec<String>,
    /// The texts of the templates, messages and included files, by the names that the environment has for them.
    sources: BTreeMap<String, Source>,
    environment: Environment<'static>,
}

#[derive(Debug, Clone)]
struct Source {
    /// The file, as it is shown to the user.
    file: String,
    text: String,
    /// The line of the file in which the text begins, counted from 1.
    first_line: usize,
}

impl Template {
    /// Compiles the messages of a prompt, and what they include.
    ///
    /// # Errors
    /// If a template does not parse, or includes what [`PromptFile::include`] has not read. Neither happens for a prompt that
    /// [`PromptFile::check`] had nothing to say about.
    pub fn new(file: &PromptFile) -> Result<Self, RenderError> {
        let mut template = Self {
            name: file.name().to_owned(),
            roles: file.sections.iter().map(|section| section.role).collect(),
            histories: file.histories.clone(),
            sources: BTreeMap::new(),
            environment: environment(),
        };
        template.environment.set_path_join_callback(joins(file));
        for include in &file.includes {
            let text = include.text();
            template.add(&include.shown, text, text.start()..text.source.len())?;
        }
        for (index, section) in file.sections.iter().enumerate() {
            let range = section.start..section.end;
            let text = with_slots(file, range.clone());
            template.add_text(&message_name(index), file.text(), range.start, &text)?;
        }
        Ok(template)
    }

    fn add(&mut self, name: &str, text: Text<'_>, range: Range<usize>) -> Result<(), RenderError> {
        self.add_text(name, text, range.start, &text.source[range.clone()])
    }

    /// Adds a template that begins at `start` of a file.
    fn add_text(
        &mut self,
        name: &str,
        file: Text<'_>,
        start: usize,
        template: &str,
    ) -> Result<(), RenderError> {
        let source = Source {
            file: file.name.to_owned(),
            first_line: file.line_number(start),
            // The model reads the same prompt wherever the file was checked out.
            text: template.replace("\r\n", "\n"),
        };
        let added = self
            .environment
            .add_template_owned(name.to_owned(), source.text.clone());
        self.sources.insert(name.to_owned(), source);
        added.map_err(|error| self.error(name, &error))
    }

    /// The name that messages show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Renders every section with `inputs`, in order. Those named in `attachments` are attachments, or lists of them: where one
    /// is printed, it becomes a part of the message.
    ///
    /// Texts are printed as they are, numbers and booleans as in JSON, lists and objects as JSON. Blanks around a
    /// message are cut off; a message of nothing but blanks (an `{% if %}` that is false) is left out.
    ///
    /// # Errors
    /// If the template prints a value that is none or undefined, if a filter or operator does not fit its value,
    /// or if all messages are blank and there is no place for others.
    pub fn render(
        &self,
        inputs: &serde_json::Map<String, serde_json::Value>,
        attachments: &[&str],
    ) -> Result<Vec<Rendered>, RenderError> {
        let mut marks = Marks::new();
        let mut values: BTreeMap<String, Value> = BTreeMap::new();
        for (name, input) in inputs {
            let value = if attachments.contains(&name.as_str()) {
                marks.attachment(input)
            } else {
                to_value(input)
            };
            values.insert(name.clone(), value);
        }
        for name in &self.histories {
            values.insert(slot_name(name), marks.history(name));
        }
        let values = Value::from_pairs(values);
        let mut rendered = Vec::with_capacity(self.roles.len());
        for (index, role) in self.roles.iter().enumerate() {
            let pieces = self.pieces(index, &values, &marks)?;
            rendered.extend(pieces.into_iter().map(|piece| match piece {
                Piece::History(name) => Rendered::History(name),
                Piece::Text(content, attachments) => Rendered::Message(RenderedMessage {
                    role: *role,
                    content,
                    attachments,
                }),
            }));
        }
        if rendered.is_empty() {
            let message = "all messages are empty with these inputs".to_owned();
            return Err(RenderError::new(&self.name, None, message));
        }
        Ok(rendered)
    }

    /// What one section becomes.
    fn pieces(
        &self,
        index: usize,
        values: &Value,
        marks: &Marks,
    ) -> Result<Vec<Piece>, RenderError> {
        let name = message_name(index);
        let text = self
            .environment
            .get_template(&name)
            .and_then(|template| template.render(values.clone()))
            .map_err(|error| self.error(&name, &error))?;
        marks.taken_from(&text).ok_or_else(|| {
            let message = "an attachment can only be printed as it is: leave the filter out";
            RenderError::new(&self.name, None, message.to_owned())
        })
    }

    /// Places an error of the template `name` in its file and words it for a reader of the prompt.
    fn error(&self, name: &str, error: &minijinja::Error) -> RenderError {
        let error = innermost(error);
        let name = error
            .name()
            .filter(|name| self.sources.contains_key(*name))
            .unwrap_or(name);
        let source = &self.sources[name];
        let range = error.range().map(|range| {
            let (start, end) = (range.start, range.end);
            whole_name(
                &source.text,
                floor(&source.text, start)..floor(&source.text, end),
            )
        });
        let position = range.clone().map(|range| {
            let before = &source.text[..range.start];
            let column = before
                .rsplit('\n')
                .next()
                .unwrap_or_default()
                .chars()
                .count()
                + 1;
            (source.first_line + before.matches('\n').count(), column)
        });
        let marked = range
            .and_then(|range| source.text.get(range))
            .map_or("", str::trim);
        let detail = error.detail().unwrap_or_default();
        let message = match error.kind() {
            _ if detail == NONE_PRINTED => none_printed(marked),
            ErrorKind::UndefinedError if detail.is_empty() => format!("`{marked}` is undefined"),
            kind if detail.is_empty() => kind.to_string(),
            ErrorKind::InvalidOperation => detail.to_owned(),
            kind => format!("{kind}: {detail}"),
        };
        RenderError::new(&source.file, position, message.replace('\n', " "))
    }
}

/// The environment's name of a message; no file is named so.
fn message_name(index: usize) -> String {
    format!("\0{index}")
}

/// The section's text, in which what stands for messages is called by names of its own: elsewhere the input is a list.
fn with_slots(file: &PromptFile, range: Range<usize>) -> String {
    let mut text = file.source()[range.clone()].to_owned();
    if file.histories.is_empty() {
        return text;
    }
    let slots = analysis::slots(file.text(), range);
    for slot in slots.into_iter().rev() {
        if file.histories.contains(&slot.name) {
            text.replace_range(slot.at, &slot_name(&slot.name));
        }
    }
    text
}

/// The template's name of an input where it stands for messages.
fn slot_name(input: &str) -> String {
    format!("flow_engine_messages_{input}")
}

/// Which file a template means by a name.
fn joins(
    file: &PromptFile,
) -> impl for<'s> Fn(&'s str, &'s str) -> Cow<'s, str> + Send + Sync + 'static {
    let links: BTreeMap<(String, String), String> = file
        .includes
        .iter()
        .map(|include| {
            let from = (include.from.clone(), include.name.clone());
            (from, include.shown.clone())
        })
        .collect();
    let main = file.name().to_owned();
    move |name, parent| {
        let from = if parent.starts_with('\0') {
            &main
        } else {
            parent
        };
        let link = links.get(&(from.to_owned(), name.to_owned()));
        Cow::Owned(link.map_or(name, String::as_str).to_owned())
    }
}

/// What went wrong in an included file, and not that it was included.
fn innermost(error: &minijinja::Error) -> &minijinja::Error {
    let mut error = error;
    while let ErrorKind::BadInclude | ErrorKind::EvalBlock = error.kind() {
        let source = std::error::Error::source(error);
        match source.and_then(|source| source.downcast_ref()) {
            Some(inner) => error = inner,
            None => break,
        }
    }
    error
}

/// The range with what a field or an index at its start is taken of.
fn whole_name(text: &str, range: Range<usize>) -> Range<usize> {
    if !text[range.clone()].starts_with(['.', '[']) {
        return range;
    }
    let is_part = |letter: char| {
        letter.is_alphanumeric() || matches!(letter, '_' | '.' | '[' | ']' | '"' | '\'')
    };
    let before = &text[..range.start];
    before.trim_end_matches(is_part).len()..range.end
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
