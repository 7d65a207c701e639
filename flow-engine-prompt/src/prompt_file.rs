//! One prompt file: its parts, and the door to their analysis.

use crate::analysis::{self, Analysis};
use crate::diagnostic::Diagnostic;
use crate::front_matter;
use crate::id::prompt_id;
use crate::parameters::Parameters;
use crate::roles::{self, Section};
use crate::text::Text;

/// A parsed prompt file.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptFile {
    /// What the front matter sets.
    pub parameters: Parameters,
    /// The messages in file order; there is at least one.
    pub sections: Vec<Section>,
    name: String,
    source: String,
}

/// Parses a prompt file: front matter, then role lines. `shown_name` is the name that messages show.
///
/// The templates between the role lines are not looked into: that is [`PromptFile::check`].
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

    /// The prompt's id, see [`prompt_id`].
    pub fn id(&self) -> String {
        prompt_id(&self.source)
    }

    /// Checks the template of every section against the names of the inputs.
    pub fn check(&self, inputs: &[&str]) -> Analysis {
        analysis::check(self.text(), &self.sections, inputs)
    }

    fn text(&self) -> Text<'_> {
        Text {
            name: &self.name,
            source: &self.source,
        }
    }
}
