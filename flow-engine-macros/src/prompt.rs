//! The prompt file of a model step: found, read and checked against the inputs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use flow_engine_prompt::Located;
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Path;

use crate::mistakes::Mistakes;

/// A prompt that was found. Its mistakes, if any, are reported apart.
pub(crate) struct Prompt {
    shown: String,
    /// The absolute path.
    path: String,
    id: String,
    /// The inputs that its templates read.
    pub(crate) used: BTreeSet<String>,
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
    let path = included(&located).map_err(|message| syn::Error::new(at, message));
    let path = mistakes.keep(path)?.to_owned();
    let mut prompt = Prompt {
        id: flow_engine_prompt::prompt_id(&text),
        shown: located.shown,
        path,
        used: BTreeSet::new(),
    };
    let diagnostics = match flow_engine_prompt::parse(&prompt.shown, &text) {
        Ok(file) => {
            let names: Vec<&str> = inputs.iter().map(String::as_str).collect();
            let analysis = file.check(&names);
            prompt.used = analysis.used;
            analysis.diagnostics
        }
        Err(diagnostics) => diagnostics,
    };
    if !diagnostics.is_empty() {
        // An input that a broken prompt does not seem to use is not one more mistake.
        prompt.used = inputs.iter().cloned().collect();
    }
    for diagnostic in diagnostics {
        mistakes.push(syn::Error::new(at, diagnostic));
    }
    Some(prompt)
}

impl Prompt {
    /// The prompt as a value of the runtime. `include_str!` makes the file a part of the build: a change of it
    /// rebuilds.
    pub(crate) fn value(&self, flow_engine: &Path) -> TokenStream {
        let (shown, path, id) = (&self.shown, &self.path, &self.id);
        quote!(#flow_engine::__private::Prompt::new(#shown, ::core::include_str!(#path), #id))
    }
}

/// The path as `include_str!` takes it: in a string literal, which is UTF-8.
fn included(located: &Located) -> Result<&str, String> {
    located.path.to_str().ok_or_else(|| {
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

    use super::included;

    fn at(path: &[u8]) -> Located {
        Located {
            path: Path::new(OsStr::from_bytes(path)).to_path_buf(),
            shown: "prompts/x.md".to_owned(),
        }
    }

    #[test]
    fn a_path_that_is_not_utf_8_is_an_error_and_never_another_path() {
        assert_eq!(
            included(&at("/wörk/prompts/x.md".as_bytes())),
            Ok("/wörk/prompts/x.md")
        );
        let error = included(&at(b"/w\xf6rk/prompts/x.md")).unwrap_err();
        assert!(error.starts_with("the prompt prompts/x.md is at a path that is not UTF-8"));
    }
}
