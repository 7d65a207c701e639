//! The work of a call: the user's code, or a model's.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::ReturnType;
use syn::spanned::Spanned as _;

use super::{at, state_const};
use crate::model::{Key, Model, Work};
use crate::params::Param;

/// The method that says what there is to do.
pub(super) fn work(model: &Model) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let work = match &model.work {
        Work::Flow { body, .. } | Work::Task { body } => code(model, body),
        Work::Ask { .. } => {
            quote!(let _ = states; let work = #flow_engine::__private::Work::model();)
        }
    };
    quote! {
        fn work(
            self,
            states: &#flow_engine::__private::States,
        ) -> ::core::result::Result<#flow_engine::__private::Work<Self::Output>, #flow_engine::Error> {
            #work
            ::core::result::Result::Ok(work)
        }
    }
}

/// The user's body as an inner fn, called with inputs and state. It has a name of its own, so that a recursive call
/// in it is a recorded one.
fn code(model: &Model, body: &TokenStream) -> TokenStream {
    let params = model.params.iter().map(|param| {
        let (mutability, name, ty) = match param {
            Param::Input(input) => (&input.mutability, &input.name, &input.ty),
            Param::State(state) => (&state.mutability, &state.name, &state.ty),
        };
        quote!(#mutability #name: #ty)
    });
    let arguments = model.params.iter().map(|param| match param {
        Param::Input(input) => {
            let name = &input.name;
            quote!(self.#name)
        }
        Param::State(state) => {
            let constant = state_const(state);
            quote!(Self::#constant.take(states)?)
        }
    });
    let returned = &model.output.returned;
    // Spanned at the fn's name and at its return type, where rustc begins its reports of a future that is not `Send`
    // and of an error that is none.
    let name = &model.name;
    let future = quote_spanned!(name.span()=> future);
    let returned_span = match returned {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => name.span(),
    };
    let wrap = if model.output.fallible {
        "fallible"
    } else {
        "infallible"
    };
    let wrap = Ident::new(wrap, returned_span);
    let here = at(&model.flow_engine, returned_span);
    let wrapped = quote_spanned!(returned_span=> #here::__private::#wrap(#future));
    // What an effect is known by is used, also where the body does without it.
    let in_key = model.once.iter().flat_map(Key::inputs);
    let body = match &model.once {
        Some(_) => quote!(#(let _ = &#in_key;)* #body),
        None => body.clone(),
    };
    quote! {
        #[allow(clippy::unused_async, clippy::too_many_arguments)]
        async fn __body(#(#params),*) #returned { #body }
        let _ = states;
        let #future = __body(#(#arguments),*);
        let work = #wrapped;
    }
}
