//! Doc comments, as text for schemas.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of the doc comments among `attributes`: one line each, the space after `///` left out.
pub(crate) fn text(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    lines.join("\n").trim().to_owned()
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text),
        ..
    }) = &pair.value
    else {
        return None;
    };
    if !pair.path.is_ident("doc") {
        return None;
    }
    let text = text.value();
    Some(text.strip_prefix(' ').unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::text;

    #[test]
    fn doc_comments_are_lines_without_the_space_before_them() {
        let item: syn::ItemFn = parse_quote! {
            /// First line,
            /// second line.
            ///
            ///   - indented
            #[inline]
            #[doc = "Written out."]
            #[doc(hidden)]
            fn f() {}
        };
        assert_eq!(
            text(&item.attrs),
            "First line,\nsecond line.\n\n  - indented\nWritten out."
        );
        assert_eq!(text(&[]), "");
    }
}
