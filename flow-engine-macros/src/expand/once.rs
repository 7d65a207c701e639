//! What the effect of a call is known by.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::at;
use crate::model::{Model, Part};

/// The method that writes the key of a `once` step; nothing for all others.
pub(super) fn key(model: &Model) -> Option<TokenStream> {
    let key = model.once.as_ref()?;
    let parts = key.parts.iter().map(|part| match part {
        Part::Text(text) => quote!(key.push_str(#text);),
        Part::Input(name) => {
            let input = model.inputs().find(|input| input.name == *name);
            // A type that cannot be a part of a key is reported where it is written.
            let span = input.map_or_else(|| name.span(), |input| input.ty.span());
            let here = at(&model.flow_engine, span);
            let part = quote!(let part = &self.#name;);
            let write = quote_spanned!(span=> #here::__private::key_part(part, &mut key););
            quote!(#part #write)
        }
    });
    Some(quote! {
        fn effect_key(&self) -> ::core::option::Option<::std::string::String> {
            let mut key = ::std::string::String::new();
            #(#parts)*
            ::core::option::Option::Some(key)
        }
    })
}
