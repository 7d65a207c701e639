//! The files that a prompt is put together of.

use std::ops::Range;

use crate::analysis;
use crate::diagnostic::{Diagnostic, Location};
use crate::prompt_file::PromptFile;
use crate::roles;
use crate::text::Text;

/// A file that a prompt includes or extends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// The file that includes it, as it is shown to the user.
    pub from: String,
    /// The name by which it is included.
    pub name: String,
    /// The file, as it is shown to the user.
    pub shown: String,
    /// Its text.
    pub source: String,
}

impl Include {
    pub(crate) fn text(&self) -> Text<'_> {
        Text {
            name: &self.shown,
            source: &self.source,
        }
    }
}

/// Reads what the prompt includes, and what that includes. What is wrong with it is added to `diagnostics`.
///
/// `find` gives, for the name of a file and the shown name of the file that includes it, its own shown name and its text;
/// or why there is none.
pub(crate) fn read<E: ToString>(
    file: &PromptFile,
    mut find: impl FnMut(&str, &str) -> Result<(String, String), E>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Include> {
    let mut includes: Vec<Include> = Vec::new();
    let mut wanted = Vec::new();
    for section in &file.sections {
        note(file.text(), section.start..section.end, &mut wanted);
    }
    while let Some(Wanted {
        from,
        name,
        location,
    }) = wanted.pop()
    {
        if includes
            .iter()
            .any(|include| include.from == from && include.name == name)
        {
            continue;
        }
        let (shown, source) = match find(&name, &from) {
            Ok(found) => found,
            Err(error) => {
                diagnostics.push(Diagnostic {
                    message: on_one_line(&error.to_string()),
                    location,
                    help: None,
                });
                continue;
            }
        };
        let include = Include {
            from,
            name,
            shown,
            source,
        };
        let is_new = includes.iter().all(|other| other.shown != include.shown)
            && include.shown != file.name();
        if is_new {
            let text = include.text();
            roles::check_included(text, diagnostics);
            note(text, text.start()..text.source.len(), &mut wanted);
        }
        includes.push(include);
    }
    includes
}

/// An error whose list is indented, as the message of a diagnostic.
fn on_one_line(error: &str) -> String {
    let (first, list) = error.split_once("\n  ").unwrap_or((error, ""));
    let list = list.replace("\n  ", ", ");
    let line = format!("{first} {list}");
    line.trim_end().replace('\n', "; ")
}

/// A name that is yet to be found.
struct Wanted {
    from: String,
    name: String,
    location: Location,
}

fn note(text: Text<'_>, template: Range<usize>, wanted: &mut Vec<Wanted>) {
    for (name, range) in analysis::included(text, template) {
        wanted.push(Wanted {
            from: text.name.to_owned(),
            name,
            location: Location::new(text, range),
        });
    }
}
