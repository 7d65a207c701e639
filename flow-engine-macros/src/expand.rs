//! The code that a step or a flow becomes.

mod body;
mod constraints;
mod definition;
mod once;
mod prompt;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, Lit, Path};

use crate::item::{FnItem, NOT_A_FN};
use crate::mistakes::Mistakes;
use crate::model::{self, Model, PromptName, Role, Work};
use crate::names::plain;
use crate::params::{Default, Input, State, is_string};
use crate::prompt::Prompt;

pub(crate) fn call(role: Role, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    // Code is generated beside the errors, so that the item's callers do not add theirs.
    let code = match syn::parse2::<FnItem>(item.clone()) {
        Ok(item) => match model::decide(role, arguments, &item, &mut mistakes) {
            Some(model) => expand(&model, &mut mistakes),
            // rustc does not report an unknown name beside an error of a macro.
            None => TokenStream::new(),
        },
        Err(error) => {
            let other_item = error.to_string() == NOT_A_FN;
            mistakes.push(error);
            if other_item { item } else { TokenStream::new() }
        }
    };
    let errors = mistakes.into_compile_errors();
    quote!(#errors #code)
}

fn expand(model: &Model, mistakes: &mut Mistakes) -> TokenStream {
    let prompt = read_prompt(model, mistakes);
    let parts = [
        struct_and_fn(model),
        methods(model),
        clone_and_debug(model),
        definition::call_impl(model, prompt.as_ref()),
        into_future(model),
        unused_inputs(model, prompt.as_ref()).unwrap_or_default(),
        prompt::checks(model, prompt.as_ref()),
    ];
    quote!(#(#parts)*)
}

fn read_prompt(model: &Model, mistakes: &mut Mistakes) -> Option<Prompt> {
    let Work::Ask { prompt, .. } = &model.work else {
        return None;
    };
    let inputs: Vec<String> = model.inputs().map(|input| plain(&input.name)).collect();
    match prompt {
        PromptName::Given(name) => {
            crate::prompt::read(&name.value(), name.span(), &inputs, mistakes)
        }
        PromptName::OfFnOrInput => {
            let (name, at) = (format!("{}.md", plain(&model.name)), model.name.span());
            crate::prompt::of_file_or_input(&name, at, &inputs, mistakes)
        }
        PromptName::Unclear => None,
        PromptName::OfFn => crate::prompt::read(
            &format!("{}.md", plain(&model.name)),
            model.name.span(),
            &inputs,
            mistakes,
        ),
    }
}

/// The path of the crate with all of it at `span`, where errors about what is called through it then are.
fn at(flow_engine: &Path, span: Span) -> TokenStream {
    respanned(flow_engine.to_token_stream(), span)
}

/// The tokens, all of them at `span`.
fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    let respan = |token| match token {
        TokenTree::Group(group) => {
            let inner = respanned(group.stream(), span);
            let mut group = Group::new(group.delimiter(), inner);
            group.set_span(span);
            TokenTree::Group(group)
        }
        mut token => {
            token.set_span(span);
            token
        }
    };
    tokens.into_iter().map(respan).collect()
}

fn is_flow(model: &Model) -> bool {
    matches!(model.work, Work::Flow { .. })
}

/// The docs of an input, or a sentence in their place, since every field and setter is public.
fn input_docs(input: &Input) -> String {
    if input.docs.is_empty() {
        format!("The input `{}`.", plain(&input.name))
    } else {
        input.docs.clone()
    }
}

fn struct_and_fn(model: &Model) -> TokenStream {
    let Model {
        visibility,
        name,
        type_name,
        attributes,
        ..
    } = model;
    let title = format!(
        "A call of the {} [`{fn_name}()`]: its inputs. `.await` it inside a run, or `.execute()` it.",
        if is_flow(model) { "flow" } else { "step" },
        fn_name = plain(name),
    );
    let (own_docs, others): (Vec<&Attribute>, Vec<_>) = attributes
        .iter()
        .partition(|attribute| attribute.path().is_ident("doc"));
    let fn_docs = if own_docs.is_empty() {
        let docs = format!("Calls `{}`.", plain(name));
        quote!(#[doc = #docs])
    } else {
        quote!(#(#own_docs)*)
    };
    let fields = model.inputs().map(|input| {
        let (name, ty, docs) = (&input.name, &input.ty, input_docs(input));
        quote!(#[doc = #docs] pub #name: #ty)
    });
    let required = model
        .inputs()
        .filter(|input| input.default.is_none())
        .map(|input| {
            let (name, ty) = (&input.name, &input.ty);
            if is_string(ty) {
                quote!(#name: impl ::core::convert::Into<#ty>)
            } else {
                quote!(#name: #ty)
            }
        });
    let values = model.inputs().map(|input| {
        let name = &input.name;
        if input.default.is_some() {
            let default = default_fn(input);
            quote!(#name: #type_name::#default())
        } else if is_string(&input.ty) {
            quote!(#name: ::core::convert::Into::into(#name))
        } else {
            quote!(#name)
        }
    });
    quote! {
        #[doc = #title]
        #(#own_docs)*
        #[must_use = "a call does nothing until it is awaited or executed"]
        #visibility struct #type_name { #(#fields),* }

        #fn_docs
        #(#others)*
        #[allow(dead_code, clippy::too_many_arguments, clippy::used_underscore_binding)]
        #visibility fn #name(#(#required),*) -> #type_name {
            #type_name { #(#values),* }
        }
    }
}

pub(crate) fn option(value: Option<&impl ToTokens>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

fn default_fn(input: &Input) -> Ident {
    format_ident!("__default_{}", plain(&input.name))
}

fn state_const(state: &State) -> Ident {
    format_ident!("__STATE_{}", plain(&state.name))
}

fn input_const(input: &Input) -> Ident {
    format_ident!("__INPUT_{}", plain(&input.name))
}

/// Any other literal is left as it is, so that rustc says which type it should have.
fn may_be_text(value: &Expr) -> bool {
    !matches!(value, Expr::Lit(literal) if !matches!(literal.lit, Lit::Str(_)))
}

/// Setters of optional inputs, `execute`, and what is known of each input.
fn methods(model: &Model) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let Model {
        visibility,
        type_name,
        ..
    } = model;
    let setters = model
        .inputs()
        .filter(|input| input.default.is_some())
        .map(|input| setters(visibility, input));
    let inputs = model.inputs().map(|input| {
        let (name, docs, ty, constant) = (
            plain(&input.name),
            &input.docs,
            &input.ty,
            input_const(input),
        );
        let span = ty.span();
        let default = input.default.as_ref().map(|_| default_fn(input));
        let default = option(default.map(|name| quote!(Self::#name)).as_ref());
        let here = at(flow_engine, span);
        let value = quote_spanned!(span=> #here::__private::input::<#ty>(#name, #docs, #default));
        let held = constraints::of_input(model, input);
        quote! {
            #[allow(non_upper_case_globals)]
            const #constant: #flow_engine::__private::Input<#ty> = #value #held;
        }
    });
    let states = model.states().map(|state| {
        let (ty, constant) = (&state.ty, state_const(state));
        let here = at(flow_engine, ty.span());
        let value = quote_spanned!(ty.span()=> #here::__private::state::<#ty>());
        quote! {
            #[allow(non_upper_case_globals)]
            const #constant: #flow_engine::__private::State<#ty> = #value;
        }
    });
    let defaults = model.inputs().filter_map(|input| {
        let (ty, name) = (&input.ty, default_fn(input));
        let value = match input.default.as_ref()? {
            Default::Value(value) if is_string(ty) && may_be_text(value) => {
                quote_spanned!(value.span()=> ::core::convert::Into::<#ty>::into(#value))
            }
            Default::Value(value) => match input.optional() {
                Some(inner) if is_string(inner) && may_be_text(value) => {
                    quote_spanned! {value.span()=>
                        ::core::option::Option::Some(::core::convert::Into::<#inner>::into(#value))
                    }
                }
                Some(_) => quote_spanned!(value.span()=> ::core::option::Option::Some(#value)),
                None => value.to_token_stream(),
            },
            Default::OfType => {
                quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default())
            }
            Default::None => quote!(::core::option::Option::None),
        };
        Some(quote!(#[allow(clippy::unnecessary_wraps)] fn #name() -> #ty { #value }))
    });
    quote! {
        #[allow(dead_code, clippy::used_underscore_binding)]
        impl #type_name {
            #(#setters)*

            /// Runs it, and gives the output with tokens, cost and time: as a part of the run around it, or as a run
            /// of its own on the installed engine.
            #[track_caller]
            #visibility fn execute(self) -> #flow_engine::__private::BoxFuture<
                'static,
                ::core::result::Result<<Self as #flow_engine::__private::Call>::Executed, #flow_engine::Error>,
            > {
                #flow_engine::__private::execute(self)
            }

            #(#inputs)*
            #(#states)*
            #(#defaults)*
        }
    }
}

fn setters(visibility: &syn::Visibility, input: &Input) -> TokenStream {
    let (name, docs) = (&input.name, input_docs(input));
    let maybe = format_ident!("maybe_{}", plain(name));
    let value = input.optional().unwrap_or(&input.ty);
    let stored = if input.optional().is_some() {
        quote!(::core::option::Option::Some(value))
    } else {
        quote!(value)
    };
    let (taken, converted) = if is_string(value) {
        (
            quote!(impl ::core::convert::Into<#value>),
            quote!(::core::convert::Into::into(value)),
        )
    } else {
        (value.to_token_stream(), quote!(value))
    };
    let maybe_docs = format!(
        "Sets `{}` if there is a value; `None` leaves it as it is.",
        plain(name)
    );
    quote! {
        #[doc = #docs]
        #visibility fn #name(mut self, value: #taken) -> Self {
            let value: #value = #converted;
            self.#name = #stored;
            self
        }

        #[doc = #maybe_docs]
        #visibility fn #maybe(mut self, value: ::core::option::Option<#value>) -> Self {
            if let ::core::option::Option::Some(value) = value {
                self.#name = #stored;
            }
            self
        }
    }
}

fn clone_and_debug(model: &Model) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let type_name = &model.type_name;
    let clones = model.inputs().map(|input| {
        let (name, constant) = (&input.name, input_const(input));
        quote!(#name: Self::#constant.clone_value(&self.#name))
    });
    quote! {
        impl ::core::clone::Clone for #type_name {
            fn clone(&self) -> Self {
                Self { #(#clones),* }
            }
        }

        impl ::core::fmt::Debug for #type_name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #flow_engine::__private::debug(self, f)
            }
        }
    }
}

fn into_future(model: &Model) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let type_name = &model.type_name;
    quote! {
        impl ::core::future::IntoFuture for #type_name {
            type Output = ::core::result::Result<<Self as #flow_engine::__private::Call>::Output, #flow_engine::Error>;
            type IntoFuture = #flow_engine::__private::BoxFuture<'static, Self::Output>;

            #[track_caller]
            fn into_future(self) -> Self::IntoFuture {
                #flow_engine::__private::awaited(self)
            }
        }
    }
}

/// A fn that uses what the prompt uses: for the rest, rustc's own warning at the user's parameter.
fn unused_inputs(model: &Model, prompt: Option<&Prompt>) -> Option<TokenStream> {
    let used = &prompt?.used;
    let params = model.inputs().map(|input| {
        let (name, ty) = (&input.name, &input.ty);
        quote!(#name: &#ty)
    });
    let used = model
        .inputs()
        .filter(|input| input.unused || input.param || used.contains(&plain(&input.name)))
        .map(|input| &input.name);
    Some(quote! {
        const _: () = {
            #[allow(dead_code, clippy::all, clippy::pedantic)]
            fn inputs_used_by_prompt(#(#params),*) { #(let _ = #used;)* }
        };
    })
}

#[cfg(test)]
mod tests;
