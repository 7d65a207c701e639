//! One prompt file: its parts, and the door to their analysis.

use crate::analysis::{self, Analysis};
use crate::diagnostic::Diagnostic;
use crate::front_matter;
use crate::id::prompt_id;
use crate::includes::{self, Include};
use crate::parameters::Parameters;
use crate::roles::{self, Role, Section};
use crate::text::Text;

/// A parsed prompt file.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptFile {
    /// What the front matter sets.
    pub parameters: Parameters,
    /// The messages in file order; there is at least one.
    pub(crate) sections: Vec<Section>,
    /// What it includes, see [`PromptFile::include`].
    pub(crate) includes: Vec<Include>,
    /// The inputs that stand for messages.
    pub(crate) histories: Vec<String>,
    /// What is wrong with what it includes.
    pub(crate) faults: Vec<Diagnostic>,
    name: String,
    source: String,
}

/// Parses a prompt file: front matter, then role lines. `shown_name` is the name that messages show.
///
/// The templates between the role lines are not looked into: that is [`PromptFile::check`], for which
/// [`PromptFile::include`] reads what they include.
///
/// # Errors
/// Every mistake in the front matter and in the role lines, in file order.
pub fn parse(shown_name: &str, source: &str) -> Result<PromptFile, Vec<Diagnostic>> {
    let text = Text {
        name: shown_name,
        source,
    };
    let mut diagnostics = Vec::new();
    let front = front_matter::parse(text, &mut diagnostics);
    // Without its end the front matter would be read as text, and every line of it reported once more.
    let sections = front
        .end
        .map(|body| roles::split(text, body, &mut diagnostics))
        .unwrap_or_default();
    if diagnostics.is_empty() {
        let (name, source) = (shown_name.to_owned(), source.to_owned());
        Ok(PromptFile {
            parameters: front.parameters,
            sections,
            includes: Vec::new(),
            histories: Vec::new(),
            faults: Vec::new(),
            name,
            source,
        })
    } else {
        diagnostics.sort_by_key(Diagnostic::offset);
        Err(diagnostics)
    }
}

impl PromptFile {
    /// The name that messages show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text; the offsets of [`Section`]s are into it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The messages in file order; there is at least one.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// What the prompt is put together of, as [`include`](Self::include) has read it.
    pub fn includes(&self) -> &[Include] {
        &self.includes
    }

    /// The prompt's id, see [`prompt_id`].
    pub fn id(&self) -> String {
        prompt_id(&self.source, &self.includes)
    }

    /// Reads the files that the prompt includes or extends, and those that they do. `find` is asked for each, by its name
    /// and the shown name of the file that includes it; it gives the file's own shown name and its text, or says why there
    /// is none. That, and what cannot be included, is what [`check`](Self::check) reports.
    pub fn include<E: ToString>(
        &mut self,
        find: impl FnMut(&str, &str) -> Result<(String, String), E>,
    ) {
        let mut faults = Vec::new();
        self.includes = includes::read(self, find, &mut faults);
        self.faults = faults;
    }

    /// Makes a place for the messages of these inputs, each where it stands alone on a line of a message's top level. What is
    /// above and below the line are messages of their own.
    pub fn place_histories(&mut self, inputs: &[&str]) {
        self.histories = inputs.iter().map(|input| (*input).to_owned()).collect();
    }

    /// The assistant's messages that are written out: each with its place, such as `prompts/x.md:12`, and its text. Those that
    /// are made by the template are left out.
    pub fn example_answers(&self) -> Vec<(String, String)> {
        let answers = self
            .sections
            .iter()
            .filter(|section| section.role == Role::Assistant);
        answers
            .map(|section| {
                let line = self.text().line_number(section.start);
                let text = &self.source[section.start..section.end];
                (format!("{}:{line}", self.name), text.to_owned())
            })
            .filter(|(_, text)| !["{{", "{%", "{#"].iter().any(|tag| text.contains(tag)))
            .collect()
    }

    /// Checks the template of every section, with what it includes, against the names of the inputs.
    pub fn check(&self, inputs: &[&str]) -> Analysis {
        analysis::check(self, inputs)
    }

    pub(crate) fn text(&self) -> Text<'_> {
        Text {
            name: &self.name,
            source: &self.source,
        }
    }
}
