//! The error for a prompt file that is not there, with what would help to find it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::suggest::nearest;

/// A prompt file was not found, or its name cannot be one.
///
/// `Display` has several lines: what is missing, the places that were tried, and the nearest name there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    name: String,
    reason: Option<String>,
    tried: Vec<String>,
    suggestion: Option<String>,
}

impl NotFound {
    pub(super) fn refused(name: &str, reason: &str) -> Self {
        Self {
            name: name.to_owned(),
            reason: Some(reason.to_owned()),
            tried: Vec::new(),
            suggestion: None,
        }
    }

    pub(super) fn nowhere(name: &str, tried: Vec<String>, folders: &[PathBuf]) -> Self {
        let mut names = Vec::new();
        for folder in folders {
            collect(folder, "", 0, &mut names);
        }
        Self {
            suggestion: suggestion(name, &names),
            name: name.to_owned(),
            reason: None,
            tried,
        }
    }

    /// The name as the source code says it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The places that were tried, in order, relative to the workspace root. Empty if the name itself is wrong.
    pub fn tried(&self) -> &[String] {
        &self.tried
    }

    /// The nearest prompt that exists.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = &self.reason {
            return write!(f, "`{}` cannot be a prompt: {reason}", self.name);
        }
        write!(f, "there is no prompt `{}`; tried", self.name)?;
        for place in &self.tried {
            write!(f, "\n  {place}")?;
        }
        match &self.suggestion {
            Some(name) => write!(f, "\nthere is a prompt named `{name}`"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NotFound {}

fn suggestion(name: &str, names: &[String]) -> Option<String> {
    let wanted = Path::new(name);
    // Written with the folder, without the ending, or without the subfolder.
    let equal = names.iter().find(|known| {
        let known = Path::new(known);
        wanted
            .strip_prefix(super::FOLDER)
            .is_ok_and(|rest| rest == known)
            || known.with_extension("") == wanted
            || known.file_name() == Some(wanted.as_os_str())
    });
    equal
        .map(String::as_str)
        .or_else(|| nearest(name, names.iter().map(String::as_str)))
        .map(str::to_owned)
}

/// The names of the files in `folder`, as a step would write them.
fn collect(folder: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) {
    // Enough for a suggestion, and short of a slow build in an odd place.
    const MAX_NAMES: usize = 1000;
    const MAX_DEPTH: usize = 3;
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let Ok(file_name) = entry.file_name().into_string() else {
            continue;
        };
        let name = format!("{prefix}{file_name}");
        if entry.path().is_dir() {
            if depth < MAX_DEPTH {
                collect(&entry.path(), &format!("{name}/"), depth + 1, names);
            }
        } else if names.len() < MAX_NAMES {
            names.push(name);
        }
    }
}
