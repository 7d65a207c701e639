//! Names: what is nearest to a wrong one, and what a type generated for a fn is called.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;

/// "; did you mean `x`?" with the nearest of `known`, or nothing if none is near.
pub(crate) fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min()
        .map(|(_, name)| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

/// "`a`, `b`, `c`"
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The type of a fn: `extract_content` → `ExtractContent`.
pub(crate) fn type_of(fn_name: &Ident) -> Ident {
    let mut camel = String::new();
    for part in plain(fn_name).split('_') {
        let mut letters = part.chars();
        camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(letters.as_str());
    }
    Ident::new(&camel, fn_name.span())
}

/// An identifier without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}
