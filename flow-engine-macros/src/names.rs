//! Names: an identifier's own, and what a type generated for a fn is called.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;

/// The type of a fn: `extract_content` → `ExtractContent`.
pub(crate) fn type_of(fn_name: &Ident) -> Ident {
    let mut camel = String::new();
    for part in plain(fn_name).split('_') {
        let mut letters = part.chars();
        camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(letters.as_str());
    }
    // `_2d_plot` has no letter to begin with, and `self_` would be a keyword.
    let named = if syn::parse_str::<Ident>(&camel).is_ok() {
        camel
    } else {
        format!("_{camel}_")
    };
    Ident::new(&named, fn_name.span())
}

/// An identifier without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

#[cfg(test)]
mod tests {
    use quote::format_ident;

    use super::type_of;

    #[test]
    fn a_type_is_called_as_its_fn_in_camel_case() {
        for (name, expected) in [
            ("summarize", "Summarize"),
            ("extract_content", "ExtractContent"),
            ("r#type", "Type"),
            ("_draft", "Draft"),
            ("to_2d", "To2d"),
            ("überarbeiten", "Überarbeiten"),
        ] {
            assert_eq!(type_of(&format_ident!("{name}")).to_string(), expected);
        }
    }

    #[test]
    fn a_name_without_a_letter_to_begin_with_is_a_type_all_the_same() {
        for (name, expected) in [("_2d_plot", "_2dPlot_"), ("__", "__"), ("self_", "_Self_")] {
            assert_eq!(type_of(&format_ident!("{name}")).to_string(), expected);
        }
    }
}
