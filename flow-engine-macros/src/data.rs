//! `#[data]`: the derives that inputs and outputs need, without a dependency of the user's.

mod constraints;
mod json_names;
mod rename_all;
mod serde_attributes;
mod shape;

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Path, Token};

use crate::arguments::{self, Argument};
use crate::mistakes::Mistakes;

pub(crate) fn expand(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let flow_engine = flow_engine(arguments, &mut mistakes);
    let mut parsed = match syn::parse2::<DeriveInput>(item.clone()) {
        Ok(parsed) if !matches!(parsed.data, Data::Union(_)) => parsed,
        _ => {
            mistakes.add(item, "`#[data]` goes on a struct or an enum");
            let errors = mistakes.into_compile_errors();
            return quote!(#errors #item);
        }
    };
    let derived: Vec<String> = parsed.attrs.iter().flat_map(derives).collect();
    let serde = quote!(#flow_engine::__private::serde);
    let schemars = quote!(#flow_engine::__private::schemars);
    let ours = [
        ("Clone", quote!(::core::clone::Clone)),
        ("Debug", quote!(::core::fmt::Debug)),
        ("Serialize", quote!(#serde::Serialize)),
        ("Deserialize", quote!(#serde::Deserialize)),
        ("JsonSchema", quote!(#schemars::JsonSchema)),
    ];
    // What the user derives stays the user's.
    let missing = |name: &str| !derived.iter().any(|derived| derived == name);
    let paths = ours
        .iter()
        .filter(|(name, _)| missing(name))
        .map(|(_, path)| path);
    let (serde, schemars) = (serde.to_string(), schemars.to_string());
    let serde =
        (missing("Serialize") || missing("Deserialize")).then(|| quote!(#[serde(crate = #serde)]));
    let schemars = missing("JsonSchema").then(|| quote!(#[schemars(crate = #schemars)]));
    let shape = shape::of(&parsed, &flow_engine);
    let constraints = constraints::take(&mut parsed, &flow_engine, &mut mistakes);
    let errors = mistakes.into_compile_errors();
    quote! {
        #errors
        #[derive(#(#paths),*)]
        #serde
        #schemars
        #parsed

        #constraints
        #shape
    }
}

/// Where the crate `flow-engine` is found.
fn flow_engine(arguments: TokenStream, mistakes: &mut Mistakes) -> Path {
    if arguments.is_empty() {
        return arguments::flow_engine();
    }
    let given = match syn::parse2::<Argument>(arguments.clone()) {
        Ok(argument) if argument.name == "crate" => argument.crate_path(mistakes),
        _ => {
            let message = "`#[data]` takes no arguments but `crate = \"…\"`\nmore derives and serde's attributes go \
                           below it: `#[derive(PartialEq)]`, `#[serde(rename_all = \"camelCase\")]`";
            mistakes.add(arguments, message);
            None
        }
    };
    given.unwrap_or_else(arguments::flow_engine)
}

/// The last segments of the paths in a `#[derive(…)]`.
fn derives(attribute: &Attribute) -> Vec<String> {
    if !attribute.path().is_ident("derive") {
        return Vec::new();
    }
    attribute
        .parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
        .into_iter()
        .flatten()
        .filter_map(|path| path.segments.last().map(|last| last.ident.to_string()))
        .collect()
}
