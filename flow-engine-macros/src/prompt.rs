//! The prompt file of a model step: found, read and checked against the inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flow_engine_prompt::{Analysis, Include, Located, PromptFile, Requirement};
use proc_macro2::Span;

use crate::mistakes::Mistakes;
use crate::model::PROMPT_INPUT;

/// A prompt that was found. Its mistakes, if any, are reported apart.
pub(crate) struct Prompt {
    /// As messages name it.
    pub(crate) shown: String,
    /// Absolute; empty if the prompt is an input.
    pub(crate) path: String,
    pub(crate) id: String,
    /// Where the code names it.
    pub(crate) span: Span,
    pub(crate) includes: Vec<Include>,
    /// The absolute paths of included files, by their shown names.
    pub(crate) paths: BTreeMap<String, String>,
    /// The inputs that its templates read.
    pub(crate) used: BTreeSet<String>,
    /// What its templates ask of the inputs' types.
    pub(crate) requirements: Vec<Requirement>,
}

/// Finds the file and checks it; every mistake is reported at `at`, with its own position in the file.
pub(crate) fn read(
    name: &str,
    at: Span,
    inputs: &[String],
    mistakes: &mut Mistakes,
) -> Option<Prompt> {
    let source_file = source_file(at);
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    let located = match flow_engine_prompt::locate(name, source_file.as_deref(), &manifest) {
        Ok(located) => located,
        // An editor's macro server may not know the file of a span; rustc, which does, has the last word.
        Err(_) if source_file.is_none() && proc_macro::is_available() => return None,
        Err(error) => {
            mistakes.push(syn::Error::new(at, error));
            return None;
        }
    };
    let text = located.read().map_err(|error| syn::Error::new(at, error));
    let text = mistakes.keep(text)?;
    let path = included_path(&located).map_err(|message| syn::Error::new(at, message));
    let path = mistakes.keep(path)?;
    let mut files = Files {
        manifest,
        located: BTreeMap::from([(located.shown.clone(), located.path)]),
    };
    let (analysis, parsed) = match flow_engine_prompt::parse(&located.shown, &text) {
        Ok(mut file) => {
            file.include(|name, from| files.read(name, from));
            let names: Vec<&str> = inputs.iter().map(String::as_str).collect();
            (file.check(&names), Some(file))
        }
        Err(diagnostics) => {
            let analysis = Analysis {
                diagnostics,
                ..Analysis::default()
            };
            (analysis, None)
        }
    };
    // An input that a broken prompt does not seem to use is not one more mistake.
    let used = if analysis.diagnostics.is_empty() {
        analysis.used
    } else {
        inputs.iter().cloned().collect()
    };
    for diagnostic in analysis.diagnostics {
        mistakes.push(syn::Error::new(at, diagnostic));
    }
    let includes = parsed.as_ref().map_or(&[][..], PromptFile::includes);
    Some(Prompt {
        id: flow_engine_prompt::prompt_id(&text, includes),
        includes: includes.to_vec(),
        paths: files.paths(),
        shown: located.shown,
        path,
        span: at,
        used,
        requirements: analysis.requirements,
    })
}

/// What the prompt is, in the form of a file, where an input is all of it.
pub(crate) const OF_INPUT: &str = "{{ prompt }}";

/// The file, if it is there, else the input `prompt`.
pub(crate) fn of_file_or_input(
    name: &str,
    at: Span,
    inputs: &[String],
    mistakes: &mut Mistakes,
) -> Option<Prompt> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    if flow_engine_prompt::locate(name, source_file(at).as_deref(), &manifest).is_ok() {
        return read(name, at, inputs, mistakes);
    }
    if !inputs.iter().any(|input| input == PROMPT_INPUT) {
        let message = format!(
            "an image is made of words: give the step an input `{PROMPT_INPUT}`, or the prompt file `{name}`"
        );
        mistakes.push(syn::Error::new(at, message));
        return None;
    }
    let names: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let file = flow_engine_prompt::parse(INPUT_SHOWN, OF_INPUT).ok()?;
    let analysis = file.check(&names);
    Some(Prompt {
        shown: INPUT_SHOWN.to_owned(),
        path: String::new(),
        id: flow_engine_prompt::prompt_id(OF_INPUT, &[]),
        span: at,
        includes: Vec::new(),
        paths: BTreeMap::new(),
        used: analysis.used,
        requirements: analysis.requirements,
    })
}

/// How messages name a prompt that is an input.
const INPUT_SHOWN: &str = "the input `prompt`";

/// The files that a prompt is put together of, as they are found.
struct Files {
    manifest: PathBuf,
    /// Where they are, by their shown names.
    located: BTreeMap<String, PathBuf>,
}

impl Files {
    /// Finds the file that `from` means by `name`: as the prompt of a step that stands in `from` would be found.
    fn read(&mut self, name: &str, from: &str) -> Result<(String, String), String> {
        let from = self.located.get(from).map(PathBuf::as_path);
        let located = flow_engine_prompt::locate(name, from, &self.manifest)
            .map_err(|error| error.to_string())?;
        let text = located.read().map_err(|error| error.to_string())?;
        included_path(&located)?;
        self.located
            .insert(located.shown.clone(), located.path.clone());
        Ok((located.shown, text))
    }

    fn paths(&self) -> BTreeMap<String, String> {
        let path = |path: &Path| path.to_str().map(str::to_owned);
        self.located
            .iter()
            .filter_map(|(shown, located)| Some((shown.clone(), path(located)?)))
            .collect()
    }
}

/// The path as `include_str!` takes it: in a string literal, which is UTF-8.
fn included_path(located: &Located) -> Result<String, String> {
    located.path.to_str().map(str::to_owned).ok_or_else(|| {
        format!(
            "the prompt {} is at a path that is not UTF-8, which `include_str!` cannot name: {}\n\
             rename the folder or the file",
            located.shown,
            located.path.display()
        )
    })
}

fn source_file(at: Span) -> Option<PathBuf> {
    // Outside of a compiler, in this crate's own tests, a span belongs to no file.
    if proc_macro::is_available() {
        at.unwrap().local_file()
    } else {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use flow_engine_prompt::Located;

    use super::included_path;

    fn at(path: &[u8]) -> Located {
        Located {
            path: Path::new(OsStr::from_bytes(path)).to_path_buf(),
            shown: "prompts/x.md".to_owned(),
        }
    }

    #[test]
    fn a_path_that_is_not_utf_8_is_an_error_and_never_another_path() {
        assert_eq!(
            included_path(&at("/wörk/prompts/x.md".as_bytes())).unwrap(),
            "/wörk/prompts/x.md"
        );
        let error = included_path(&at(b"/w\xf6rk/prompts/x.md")).unwrap_err();
        assert!(error.starts_with("the prompt prompts/x.md is at a path that is not UTF-8"));
    }
}
