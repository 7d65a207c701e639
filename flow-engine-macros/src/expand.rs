//! The code that a step or a flow becomes.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Attribute;
use syn::spanned::Spanned as _;

use crate::docs;
use crate::item::FnItem;
use crate::mistakes::Mistakes;
use crate::model::{self, KindPath, Model, Role, Work};
use crate::names::plain;
use crate::params::{Default, Input, Param, is_string};
use crate::prompt::{self, Prompt};

pub(crate) fn call(role: Role, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let model = mistakes
        .keep(syn::parse2::<FnItem>(item))
        .and_then(|item| model::decide(role, arguments, item, &mut mistakes));
    // Code is generated beside the errors, so that the item's callers do not add theirs.
    let code = model.map(|model| expand(&model, &mut mistakes)).unwrap_or_default();
    let errors = mistakes.into_compile_errors();
    quote!(#errors #code)
}

fn expand(model: &Model, mistakes: &mut Mistakes) -> TokenStream {
    let prompt = read_prompt(model, mistakes);
    let parts = [
        struct_and_fn(model),
        methods(model),
        clone_and_debug(model),
        call_impl(model, prompt.as_ref()),
        role_impl(model),
        into_future(model),
        unused_inputs(model, prompt.as_ref()).unwrap_or_default(),
    ];
    quote!(#(#parts)*)
}

fn read_prompt(model: &Model, mistakes: &mut Mistakes) -> Option<Prompt> {
    let Work::Ask { prompt, .. } = &model.work else { return None };
    let inputs: Vec<String> = model.inputs().map(|input| plain(&input.name)).collect();
    match prompt {
        Some(literal) => prompt::read(&literal.value(), literal.span(), &inputs, mistakes),
        None => prompt::read(&format!("{}.md", plain(&model.name)), model.name.span(), &inputs, mistakes),
    }
}

fn is_flow(model: &Model) -> bool {
    matches!(model.work, Work::Flow { .. })
}

/// The docs of an input, or a sentence in their place, since every field and setter is public.
fn input_docs(input: &Input) -> String {
    if input.docs.is_empty() { format!("The input `{}`.", plain(&input.name)) } else { input.docs.clone() }
}

fn struct_and_fn(model: &Model) -> TokenStream {
    let Model { visibility, name, type_name, attributes, .. } = model;
    let title = format!(
        "A call of the {} [`{fn_name}()`]: its inputs. `.await` it inside a run, or `.execute()` it.",
        if is_flow(model) { "flow" } else { "step" },
        fn_name = plain(name),
    );
    let (own_docs, others): (Vec<&Attribute>, Vec<_>) =
        attributes.iter().partition(|attribute| attribute.path().is_ident("doc"));
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
    let required = model.inputs().filter(|input| input.default.is_none()).map(|input| {
        let (name, ty) = (&input.name, &input.ty);
        if is_string(ty) { quote!(#name: impl ::core::convert::Into<#ty>) } else { quote!(#name: #ty) }
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
        #[allow(dead_code, clippy::too_many_arguments)]
        #visibility fn #name(#(#required),*) -> #type_name {
            #type_name { #(#values),* }
        }
    }
}

fn default_fn(input: &Input) -> Ident {
    format_ident!("__default_{}", plain(&input.name))
}

fn input_const(input: &Input) -> Ident {
    format_ident!("__INPUT_{}", plain(&input.name))
}

/// Setters of optional inputs, `execute`, and what is known of each input.
fn methods(model: &Model) -> TokenStream {
    let Model { visibility, type_name, .. } = model;
    let setters = model.inputs().filter(|input| input.default.is_some()).map(|input| setters(visibility, input));
    let inputs = model.inputs().map(|input| {
        let (name, docs, ty, constant) = (plain(&input.name), &input.docs, &input.ty, input_const(input));
        let span = ty.span();
        let default = match &input.default {
            Some(_) => {
                let default = default_fn(input);
                quote!(::core::option::Option::Some(Self::#default))
            }
            None => quote!(::core::option::Option::None),
        };
        let value = quote_spanned!(span=> ::flow_engine::__private::input::<#ty>(#name, #docs, #default));
        quote! {
            #[allow(non_upper_case_globals)]
            const #constant: ::flow_engine::__private::Input<#ty> = #value;
        }
    });
    let defaults = model.inputs().filter_map(|input| {
        let (ty, name) = (&input.ty, default_fn(input));
        let value = match input.default.as_ref()? {
            Default::Value(value) if is_string(ty) => {
                quote_spanned!(value.span()=> ::core::convert::Into::<#ty>::into(#value))
            }
            Default::Value(value) => match input.optional() {
                Some(inner) if is_string(inner) => quote_spanned! {value.span()=>
                    ::core::option::Option::Some(::core::convert::Into::<#inner>::into(#value))
                },
                Some(_) => quote_spanned!(value.span()=> ::core::option::Option::Some(#value)),
                None => value.to_token_stream(),
            },
            Default::OfType => quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default()),
            Default::None => quote!(::core::option::Option::None),
        };
        Some(quote!(fn #name() -> #ty { #value }))
    });
    quote! {
        #[allow(dead_code)]
        impl #type_name {
            #(#setters)*

            /// Runs it, and gives the output with tokens, cost and time: as a part of the run around it, or as a run
            /// of its own on the installed engine.
            #[track_caller]
            #visibility fn execute(self) -> ::flow_engine::__private::BoxFuture<
                'static,
                ::core::result::Result<<Self as ::flow_engine::__private::Call>::Executed, ::flow_engine::Error>,
            > {
                ::flow_engine::__private::execute(self)
            }

            #(#inputs)*
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
        (quote!(impl ::core::convert::Into<#value>), quote!(::core::convert::Into::into(value)))
    } else {
        (value.to_token_stream(), quote!(value))
    };
    let maybe_docs = format!("Sets `{}` if there is a value; `None` leaves it as it is.", plain(name));
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
                ::flow_engine::__private::debug(self, f)
            }
        }
    }
}

fn call_impl(model: &Model, prompt: Option<&Prompt>) -> TokenStream {
    let type_name = &model.type_name;
    let output = &model.output.ty;
    let (executed, in_run, as_run) = if is_flow(model) {
        (quote!(FlowResult), quote!(flow_in_run), quote!(flow_as_run))
    } else {
        (quote!(StepResult), quote!(step_in_run), quote!(step_as_run))
    };
    let output_const = quote_spanned!(output.span()=> ::flow_engine::__private::output::<#output>());
    let names: Vec<String> = model.inputs().map(|input| plain(&input.name)).collect();
    let fields: Vec<&Ident> = model.inputs().map(|input| &input.name).collect();
    let constants: Vec<Ident> = model.inputs().map(input_const).collect();
    let definition = definition(model, prompt);
    quote! {
        impl ::flow_engine::__private::Call for #type_name {
            type Output = #output;
            type Executed = ::flow_engine::__private::#executed<#output>;
            const OUTPUT: ::flow_engine::__private::OutputOf<#output> = #output_const;

            fn definition() -> &'static ::flow_engine::__private::Definition {
                #definition
            }

            fn to_inputs(&self) -> ::core::result::Result<
                ::flow_engine::__private::Map<::std::string::String, ::flow_engine::__private::Value>,
                ::flow_engine::Error,
            > {
                #[allow(unused_mut)]
                let mut inputs = ::flow_engine::__private::Map::new();
                #(Self::#constants.put(&self.#fields, &mut inputs)?;)*
                ::core::result::Result::Ok(inputs)
            }

            fn from_inputs(
                #[allow(unused_mut)]
                mut inputs: ::flow_engine::__private::Map<::std::string::String, ::flow_engine::__private::Value>,
            ) -> ::core::result::Result<Self, ::flow_engine::Error> {
                let call = Self { #(#fields: Self::#constants.take(&mut inputs)?),* };
                ::flow_engine::__private::no_others(&inputs, &[#(#names),*])?;
                ::core::result::Result::Ok(call)
            }

            fn in_run(
                self,
                run: ::std::sync::Arc<::flow_engine::__private::Run>,
            ) -> ::flow_engine::__private::BoxFuture<'static, ::core::result::Result<Self::Executed, ::flow_engine::Error>> {
                ::flow_engine::__private::#in_run(run, self)
            }

            fn as_run(
                self,
                run: ::std::sync::Arc<::flow_engine::__private::Run>,
            ) -> ::flow_engine::__private::BoxFuture<'static, ::core::result::Result<Self::Executed, ::flow_engine::Error>> {
                ::flow_engine::__private::#as_run(run, self)
            }
        }

        ::flow_engine::__private::inventory::submit! {
            ::flow_engine::__private::Registration(<#type_name as ::flow_engine::__private::Call>::definition)
        }
    }
}

fn definition(model: &Model, prompt: Option<&Prompt>) -> TokenStream {
    let (name, docs, version) = (plain(&model.name), docs::text(&model.attributes), model.version);
    let work = match &model.work {
        Work::Flow { total_steps, .. } => {
            let total_steps = option(total_steps.as_ref());
            quote!(Flow { total_steps: #total_steps })
        }
        Work::Task { .. } => quote!(Task),
        Work::Ask { kind, model, .. } => {
            let kind = match kind {
                KindPath::Ours(name) => {
                    let name = format_ident!("{name}");
                    quote!(::flow_engine::step::#name)
                }
                KindPath::Path(path) => path.to_token_stream(),
            };
            let model = option(model.as_ref());
            quote!(Model { kind: &#kind, prompt: &PROMPT, model: #model })
        }
    };
    let prompt = matches!(model.work, Work::Ask { .. }).then(|| {
        let value = prompt
            .map_or_else(|| quote!(::flow_engine::__private::Prompt::new("", "", "")), Prompt::value);
        quote!(static PROMPT: ::flow_engine::__private::Prompt = #value;)
    });
    let type_name = &model.type_name;
    let constants = model.inputs().map(input_const);
    let states = model.states().map(|state| {
        let ty = &state.ty;
        quote_spanned!(ty.span()=> ::flow_engine::__private::StateType::of::<#ty>())
    });
    quote! {
        #prompt
        static DEFINITION: ::flow_engine::__private::Definition = ::flow_engine::__private::Definition {
            name: #name,
            work: ::flow_engine::__private::WorkKind::#work,
            docs: #docs,
            version: #version,
            location: ::core::concat!(::core::file!(), ":", ::core::line!()),
            inputs: |schema| { #(#type_name::#constants.describe(schema);)* let _ = schema; },
            output: <#type_name as ::flow_engine::__private::Call>::OUTPUT.erased(),
            state: &[#(#states),*],
        };
        &DEFINITION
    }
}

fn option<T: ToTokens>(value: Option<&T>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

fn role_impl(model: &Model) -> TokenStream {
    let type_name = &model.type_name;
    match &model.work {
        Work::Flow { body, .. } => {
            let code = code(model, body);
            quote! {
                impl ::flow_engine::__private::Flow for #type_name {
                    fn body(
                        self,
                        states: &::flow_engine::__private::States,
                    ) -> ::core::result::Result<::flow_engine::__private::Body<Self::Output>, ::flow_engine::Error> {
                        #code
                        ::core::result::Result::Ok(body)
                    }
                }
            }
        }
        Work::Task { body } => {
            let code = code(model, body);
            step_impl(type_name, &quote!(#code ::core::result::Result::Ok(::flow_engine::__private::Work::Body(body))))
        }
        Work::Ask { .. } => {
            step_impl(type_name, &quote!(let _ = states; ::core::result::Result::Ok(::flow_engine::__private::Work::Model)))
        }
    }
}

fn step_impl(type_name: &Ident, work: &TokenStream) -> TokenStream {
    quote! {
        impl ::flow_engine::__private::Step for #type_name {
            fn work(
                self,
                states: &::flow_engine::__private::States,
            ) -> ::core::result::Result<::flow_engine::__private::Work<Self::Output>, ::flow_engine::Error> {
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
            let ty = &state.ty;
            quote!(states.get::<#ty>()?)
        }
    });
    let returned = &model.output.returned;
    let wrap = if model.output.fallible { quote!(fallible) } else { quote!(infallible) };
    quote! {
        #[allow(clippy::unused_async, clippy::too_many_arguments)]
        async fn __body(#(#params),*) #returned { #body }
        let _ = states;
        let body = ::flow_engine::__private::#wrap(__body(#(#arguments),*));
    }
}

fn into_future(model: &Model) -> TokenStream {
    let type_name = &model.type_name;
    quote! {
        impl ::core::future::IntoFuture for #type_name {
            type Output = ::core::result::Result<<Self as ::flow_engine::__private::Call>::Output, ::flow_engine::Error>;
            type IntoFuture = ::flow_engine::__private::BoxFuture<'static, Self::Output>;

            #[track_caller]
            fn into_future(self) -> Self::IntoFuture {
                ::flow_engine::__private::awaited(self)
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
        .filter(|input| input.unused || used.contains(&plain(&input.name)))
        .map(|input| &input.name);
    Some(quote! {
        const _: () = {
            #[allow(dead_code, clippy::all, clippy::pedantic)]
            fn inputs_used_by_prompt(#(#params),*) { #(let _ = #used;)* }
        };
    })
}
