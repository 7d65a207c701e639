//! The prompt of a step, as it is compiled in, and the checks of what it asks of the inputs' types.

use flow_engine_prompt::{Need, Requirement, Segment};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};

use super::{at, respanned};
use crate::model::Model;
use crate::names::plain;
use crate::params::is_scalar;
use crate::prompt::Prompt;

/// The prompt as a value of the runtime. `include_str!` makes a file a part of the build: a change of it rebuilds.
pub(super) fn value(model: &Model, prompt: Option<&Prompt>) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let (shown, id, text, path, includes) = match prompt {
        Some(prompt) => {
            let path = &prompt.path;
            let text = quote!(::core::include_str!(#path));
            (&*prompt.shown, &*prompt.id, text, &**path, includes(prompt))
        }
        None => ("", "", quote!(""), "", Vec::new()),
    };
    let parameters = &model.parameters;
    let shape = &quote!(#flow_engine::__private::shape);
    let inputs = model.inputs().map(|input| {
        let (name, ty) = (plain(&input.name), &input.ty);
        let kind = if is_scalar(ty) {
            quote!(#shape::Kind::Value)
        } else {
            quote!(#shape::kind(&#shape::ShapeOf::<#ty, #shape::Deeper<#shape::End>>::SHAPE))
        };
        quote!((#name, #kind))
    });
    let params = model.inputs().filter(|input| input.param);
    let params = params.map(|input| plain(&input.name));
    quote! {{
        #[allow(unused_imports)]
        use #shape::Undescribed as _;
        #flow_engine::__private::Prompt::new(#flow_engine::__private::PromptSource {
            name: #shown,
            id: #id,
            text: #text,
            includes: &[#(#includes),*],
            parameters: #parameters,
            inputs: &[#(#inputs),*],
            params: &[#(#params),*],
            // Where the program is built in another place than it runs, there is no file to read again.
            path: if ::core::cfg!(debug_assertions) { #path } else { "" },
        })
    }}
}

fn includes(prompt: &Prompt) -> Vec<TokenStream> {
    let value = |include: &flow_engine_prompt::Include| {
        let path = prompt.paths.get(&include.shown)?;
        let (from, name, shown) = (&include.from, &include.name, &include.shown);
        Some(quote!((#from, #name, #shown, ::core::include_str!(#path))))
    };
    prompt.includes.iter().filter_map(value).collect()
}

/// A constant for each thing that the prompt asks of an input's type. If the type cannot give it, rustc evaluates a panic,
/// with the position in the prompt file, and reports it where the code names the file.
pub(super) fn checks(model: &Model, prompt: Option<&Prompt>) -> TokenStream {
    let checks = prompt.into_iter().flat_map(|prompt| {
        let check = |requirement| check(model, prompt, requirement);
        prompt.requirements.iter().filter_map(check)
    });
    quote!(#(#checks)*)
}

fn check(model: &Model, prompt: &Prompt, requirement: &Requirement) -> Option<TokenStream> {
    let mut inputs = model.inputs();
    let ty = &inputs
        .find(|input| plain(&input.name) == requirement.input)?
        .ty;
    if requirement.path.is_empty() && requirement.need != Need::Loop && is_scalar(ty) {
        return None;
    }
    let span = prompt.span;
    let flow_engine = at(&model.flow_engine, span);
    let shape = &quote_spanned!(span=> #flow_engine::__private::shape);
    let segments = requirement.path.iter().map(|segment| match segment {
        Segment::Field(name) => quote_spanned!(span=> #shape::Segment::Field(#name)),
        Segment::Item => quote_spanned!(span=> #shape::Segment::Item),
        Segment::Index => quote_spanned!(span=> #shape::Segment::Index),
        Segment::Present => quote_spanned!(span=> #shape::Segment::Present),
    });
    let need = match requirement.need {
        Need::Exists => quote_spanned!(span=> Exists),
        Need::Loop => quote_spanned!(span=> Loop),
        Need::Print => quote_spanned!(span=> Print),
        Need::Stand => quote_spanned!(span=> Stand),
        Need::Text => quote_spanned!(span=> Text),
    };
    let is_field = |segment: &&Segment| matches!(segment, Segment::Field(_));
    let objects = requirement.path.iter().filter(is_field).count() + 1;
    let depth = (0..objects).fold(
        quote_spanned!(span=> #shape::End),
        |below, _| quote_spanned!(span=> #shape::Deeper<#below>),
    );
    let (known, expression) = (requirement.known, &requirement.expression);
    let location = requirement.location.to_string();
    // Without the spans of the type, so that rustc has one place to point at.
    let ty = respanned(ty.to_token_stream(), span);
    Some(quote_spanned! {span=>
        #[allow(clippy::all, clippy::pedantic)]
        const _: () = {
            #[allow(unused_imports)]
            use #shape::Undescribed as _;
            #shape::require(&#shape::ShapeOf::<#ty, #depth>::SHAPE, &#shape::Requirement {
                path: &[#(#segments),*],
                known: #known,
                need: #shape::Need::#need,
                expression: #expression,
                at: #location,
            });
        };
    })
}
