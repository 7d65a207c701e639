//! What serde's attributes say of the JSON form of a type. What is not known here makes the type unchecked: a check that
//! is not sure is none.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Token};

use super::rename_all::RenameAll;

/// Of the container.
#[derive(Default)]
pub(super) struct OfType {
    pub(super) rename_all: Option<RenameAll>,
    pub(super) transparent: bool,
    /// The name of one more field, which names the type.
    pub(super) tag: Option<String>,
}

/// Of a field.
#[derive(Default)]
pub(super) struct OfField {
    pub(super) rename: Option<String>,
    pub(super) flatten: bool,
    /// It is not in the JSON.
    pub(super) skipped: bool,
    /// It is there or not, or in a form of its own.
    pub(super) unknown: bool,
}

/// Attributes beside serde's that leave the JSON form as it is.
const NEUTRAL: [&str; 14] = [
    "doc",
    "derive",
    "schemars",
    "check",
    "validate",
    "garde",
    "allow",
    "expect",
    "warn",
    "deny",
    "must_use",
    "non_exhaustive",
    "deprecated",
    "repr",
];

/// `None` if they leave open which form the type has.
pub(super) fn of_type(attributes: &[Attribute]) -> Option<OfType> {
    let mut found = OfType::default();
    for meta in serde(attributes)? {
        match name(&meta)?.as_str() {
            "rename_all" => found.rename_all = Some(RenameAll::of(&serialized(&meta)?)?),
            "transparent" => found.transparent = true,
            "tag" => found.tag = Some(text(&meta)?),
            // Of the type's own name, of reading, of bounds and of paths.
            "rename"
            | "deny_unknown_fields"
            | "default"
            | "bound"
            | "crate"
            | "expecting"
            | "from"
            | "try_from"
            | "rename_all_fields" => {}
            _ => return None,
        }
    }
    Some(found)
}

/// `None` if even the field's name is open.
pub(super) fn of_field(attributes: &[Attribute]) -> Option<OfField> {
    let mut found = OfField::default();
    for meta in serde(attributes)? {
        match name(&meta)?.as_str() {
            "rename" => match serialized(&meta) {
                Some(name) => found.rename = Some(name),
                None if matches!(meta, Meta::List(_)) => {}
                None => return None,
            },
            "flatten" => found.flatten = true,
            "skip" | "skip_serializing" => found.skipped = true,
            "skip_serializing_if" | "with" | "serialize_with" | "getter" => found.unknown = true,
            "alias" | "default" | "deserialize_with" | "skip_deserializing" | "borrow"
            | "bound" => {}
            _ => return None,
        }
    }
    Some(found)
}

/// All that is said in `#[serde(…)]`; `None` beside an attribute that may change the type.
fn serde(attributes: &[Attribute]) -> Option<Vec<Meta>> {
    let mut all = Vec::new();
    for attribute in attributes {
        let path = attribute.path();
        if path.is_ident("serde") {
            let list = attribute.meta.require_list().ok()?;
            all.extend(metas(list.tokens.clone())?);
        } else if !NEUTRAL.iter().any(|neutral| path.is_ident(neutral)) {
            return None;
        }
    }
    Some(all)
}

fn metas(tokens: TokenStream) -> Option<Punctuated<Meta, Token![,]>> {
    Punctuated::parse_terminated.parse2(tokens).ok()
}

fn name(meta: &Meta) -> Option<String> {
    // `crate` is a keyword, and still a path of one segment.
    let path = meta.path();
    (path.segments.len() == 1).then(|| path.segments[0].ident.to_string())
}

/// `x = "text"`
fn text(meta: &Meta) -> Option<String> {
    match meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// `x = "text"`, or the `serialize` of `x(serialize = "text", deserialize = "…")`.
fn serialized(meta: &Meta) -> Option<String> {
    match meta {
        Meta::List(list) => metas(list.tokens.clone())?
            .iter()
            .find(|meta| meta.path().is_ident("serialize"))
            .and_then(text),
        other => text(other),
    }
}
