//! The prompt of a step, as it is compiled in, and the checks of what it asks of the inputs' types.

use flow_engine_prompt::{Need, Requirement, Segment};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};

use super::{at, respanned};
use crate::model::Model;
use crate::names::plain;
use crate::params::{Input, is_scalar};
use crate::prompt::{OF_INPUT, Prompt};

/// The prompt as a value of the runtime. `include_str!` makes a file a part of the build: a change of it rebuilds.
pub(super) fn value(model: &Model, prompt: Option<&Prompt>) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let (shown, id, text, path, includes) = match prompt {
        Some(prompt) => {
            let path = &prompt.path;
            let text = if path.is_empty() {
                OF_INPUT.to_token_stream()
            } else {
                quote!(::core::include_str!(#path))
            };
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

/// A constant for each input, of what the prompt asks of its type. If the type cannot give it, rustc evaluates a panic, with
/// the positions in the prompt file, and reports it where the code names the file.
pub(super) fn checks(model: &Model, prompt: Option<&Prompt>) -> TokenStream {
    let Some(prompt) = prompt else {
        return TokenStream::new();
    };
    let checks = model.inputs().map(|input| check(model, prompt, input));
    quote!(#(#checks)*)
}

fn check(model: &Model, prompt: &Prompt, input: &Input) -> Option<TokenStream> {
    let name = plain(&input.name);
    let is_obvious = |requirement: &Requirement| {
        requirement.path.is_empty() && requirement.need != Need::Loop && is_scalar(&input.ty)
    };
    let asked: Vec<&Requirement> = prompt
        .requirements
        .iter()
        .filter(|requirement| requirement.input == name && !is_obvious(requirement))
        .collect();
    let objects = asked
        .iter()
        .map(|requirement| objects_in(requirement))
        .max()?;
    let span = prompt.span;
    let flow_engine = at(&model.flow_engine, span);
    let shape = &quote_spanned!(span=> #flow_engine::__private::shape);
    let depth = (0..=objects).fold(
        quote_spanned!(span=> #shape::End),
        |below, _| quote_spanned!(span=> #shape::Deeper<#below>),
    );
    // Without the spans of the type, so that rustc has one place to point at.
    let ty = respanned(input.ty.to_token_stream(), span);
    let asked = asked.into_iter().map(|requirement| {
        let Requirement {
            known, expression, ..
        } = requirement;
        let (path, need) = (path(requirement), need(requirement.need));
        let location = requirement.location.to_string();
        quote_spanned!(span=> (#path, #known, #need, #expression, #location))
    });
    Some(quote_spanned! {span=>
        #[allow(clippy::all, clippy::pedantic)]
        const _: () = {
            #[allow(unused_imports)]
            use #shape::Undescribed as _;
            #shape::require(&#shape::ShapeOf::<#ty, #depth>::SHAPE, &[#(#asked),*]);
        };
    })
}

/// Into how many objects a path steps.
fn objects_in(requirement: &Requirement) -> usize {
    let is_field = |segment: &&Segment| matches!(segment, Segment::Field(_));
    requirement.path.iter().filter(is_field).count()
}

/// A path as `shape::Requirement` has it.
fn path(requirement: &Requirement) -> String {
    let mut path = String::new();
    for segment in &requirement.path {
        match segment {
            Segment::Field(name) => {
                path.push('\u{1}');
                path.push_str(name);
            }
            Segment::Item => path.push('\u{2}'),
            Segment::Index => path.push('\u{3}'),
            Segment::Present => path.push('\u{4}'),
        }
    }
    path
}

fn need(need: Need) -> char {
    match need {
        Need::Exists => 'e',
        Need::Loop => 'l',
        Need::Print => 'p',
        Need::Stand => 's',
        Need::Text => 't',
    }
}
