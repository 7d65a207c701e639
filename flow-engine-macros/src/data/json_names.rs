//! What serde calls a field: paths are told as they stand in the JSON.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr, Token, parenthesized};

use super::rename_all::RenameAll;

/// What the attributes of serde say of the name of a field, or of the names of all fields.
#[derive(Default, Clone)]
pub(super) struct Naming {
    rename: Option<String>,
    rename_all: Option<String>,
    rename_all_fields: Option<String>,
    /// The fields of the field's type stand in the place of the field.
    pub(super) flatten: bool,
    /// Its one field stands in the place of the whole.
    pub(super) transparent: bool,
}

impl Naming {
    /// Reads what there is; what is wrong with an attribute, serde says.
    pub(super) fn read(attributes: &[Attribute]) -> Self {
        let mut naming = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("serde") {
                let _ = attribute.parse_nested_meta(|meta| naming.add(&meta));
            }
        }
        naming
    }

    fn add(&mut self, meta: &ParseNestedMeta) -> syn::Result<()> {
        if meta.path.is_ident("rename") {
            read(meta, &mut self.rename)
        } else if meta.path.is_ident("rename_all") {
            read(meta, &mut self.rename_all)
        } else if meta.path.is_ident("rename_all_fields") {
            read(meta, &mut self.rename_all_fields)
        } else {
            self.flatten |= meta.path.is_ident("flatten");
            self.transparent |= meta.path.is_ident("transparent");
            skip(meta)
        }
    }

    /// For the fields of a variant, which stands in the enum that these attributes are of.
    pub(super) fn of_variant(&self, attributes: &[Attribute]) -> Self {
        let variant = Self::read(attributes);
        Self {
            rename_all: variant
                .rename_all
                .or_else(|| self.rename_all_fields.clone()),
            ..Self::default()
        }
    }

    /// The name of a field of what these attributes are of.
    pub(super) fn field(&self, name: &str, field: &Self) -> String {
        match (&field.rename, &self.rename_all) {
            (Some(name), _) => name.clone(),
            // An unknown rule is serde's to report.
            (None, Some(rule)) => {
                RenameAll::of(rule).map_or_else(|| name.to_owned(), |rule| rule.of_field(name))
            }
            (None, None) => name.to_owned(),
        }
    }
}

/// `rename = "…"`, or `rename(deserialize = "…")`: paths are of what is read.
fn read(meta: &ParseNestedMeta, to: &mut Option<String>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        *to = Some(meta.value()?.parse::<LitStr>()?.value());
        return Ok(());
    }
    meta.parse_nested_meta(|inner| {
        let name = inner.value()?.parse::<LitStr>()?.value();
        if inner.path.is_ident("deserialize") {
            *to = Some(name);
        }
        Ok(())
    })
}

/// Passes over what another attribute takes.
fn skip(meta: &ParseNestedMeta) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let content;
        parenthesized!(content in meta.input);
        content.parse::<TokenStream>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use syn::{ItemStruct, parse_quote};

    use super::Naming;

    #[test]
    fn a_field_is_called_as_serde_calls_it() {
        let item: ItemStruct = parse_quote! {
            #[serde(tag = "type", rename_all = "camelCase")]
            struct S {
                #[serde(default = "path", with = "module")]
                short_title: u8,
                #[serde(rename(serialize = "a", deserialize = "b"))]
                other: u8,
                #[serde(rename = "c", bound(serialize = ""), flatten)]
                third: u8,
            }
        };
        let all = Naming::read(&item.attrs);
        let fields = item.fields.iter().map(|field| {
            let own = Naming::read(&field.attrs);
            let name = field.ident.as_ref().unwrap().to_string();
            (all.field(&name, &own), own.flatten)
        });
        let expected = [("shortTitle", false), ("b", false), ("c", true)];
        assert_eq!(
            fields.collect::<Vec<_>>(),
            expected.map(|(name, flatten)| (name.to_owned(), flatten))
        );
    }
}
