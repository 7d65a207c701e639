//! What inputs and outputs are held to.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Path, Type};

use super::input_const;
use crate::model::Model;
use crate::params::Input;

/// What follows the constant of an input: the constraints of its type, and its own.
pub(super) fn of_input(model: &Model, input: &Input) -> TokenStream {
    let check = check_of(&model.flow_engine, &input.ty);
    let own = (!input.constraints.is_empty()).then(|| {
        let rules = input.constraints.rules(&model.flow_engine, &input.ty);
        quote!(.ruled(#rules))
    });
    quote!(.checked(#check) #own)
}

/// What a call is asked about its inputs and its output.
pub(super) fn checks(model: &Model) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let output = &model.output.ty;
    let check = check_of(flow_engine, output);
    let fields = model.inputs().map(|input| &input.name);
    let constants = model.inputs().map(input_const);
    let constants: Vec<Ident> = constants.collect();
    quote! {
        const OUTPUT_CHECK: #flow_engine::__private::Check<#output> = #check;

        fn check_inputs(&self) -> ::core::result::Result<(), #flow_engine::Error> {
            #flow_engine::__private::hold([#(Self::#constants.violations(&self.#fields)),*])
        }
    }
}

/// What the constraints of a type find; nothing, if it has none.
fn check_of(flow_engine: &Path, ty: &Type) -> TokenStream {
    quote!({
        #[allow(unused_imports)]
        use #flow_engine::__private::Fallback as _;
        <#flow_engine::__private::Probe<#ty>>::CHECK
    })
}
