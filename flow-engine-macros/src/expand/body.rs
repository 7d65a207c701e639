//! The work of a call: the user's code, or a model's.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::ReturnType;
use syn::spanned::Spanned as _;

use super::{at, state_const};
use crate::model::{Model, Work};
use crate::params::Param;

pub(super) fn role_impl(model: &Model) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let type_name = &model.type_name;
    match &model.work {
        Work::Flow { body, .. } => {
            let code = code(model, body);
            quote! {
                impl #flow_engine::__private::Flow for #type_name {
                    fn body(
                        self,
                        states: &#flow_engine::__private::States,
                    ) -> ::core::result::Result<#flow_engine::__private::Body<Self::Output>, #flow_engine::Error> {
                        #code
                        ::core::result::Result::Ok(body)
                    }
                }
            }
        }
        Work::Task { body } => {
            let code = code(model, body);
            step_impl(
                model,
                &quote!(#code ::core::result::Result::Ok(#flow_engine::__private::Work::Body(body))),
            )
        }
        Work::Ask { .. } => step_impl(
            model,
            &quote!(let _ = states; ::core::result::Result::Ok(#flow_engine::__private::Work::Model)),
        ),
    }
}

fn step_impl(model: &Model, work: &TokenStream) -> TokenStream {
    let Model {
        flow_engine,
        type_name,
        ..
    } = model;
    quote! {
        impl #flow_engine::__private::Step for #type_name {
            fn work(
                self,
                states: &#flow_engine::__private::States,
            ) -> ::core::result::Result<#flow_engine::__private::Work<Self::Output>, #flow_engine::Error> {
                #work
            }
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
    quote! {
        #[allow(clippy::unused_async, clippy::too_many_arguments)]
        async fn __body(#(#params),*) #returned { #body }
        let _ = states;
        let #future = __body(#(#arguments),*);
        let body = #wrapped;
    }
}
