//! What is known of a call without running it: its types, its JSON form and its definition.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::body::work;
use super::constraints::checks;
use super::{at, input_const, is_flow, once, option, prompt, state_const};
use crate::code;
use crate::docs;
use crate::model::{KindPath, Model, Policy, Schedule, Work};
use crate::names::plain;
use crate::prompt::Prompt;

pub(super) fn call_impl(model: &Model, prompt: Option<&Prompt>) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let type_name = &model.type_name;
    let output = &model.output.ty;
    let (role, executed) = if is_flow(model) {
        (quote!(Flow), quote!(FlowResult))
    } else {
        (quote!(Step), quote!(StepResult))
    };
    let here = at(flow_engine, output.span());
    let output_const = quote_spanned!(output.span()=> #here::__private::output::<#output>());
    let names: Vec<String> = model.inputs().map(|input| plain(&input.name)).collect();
    let fields: Vec<&Ident> = model.inputs().map(|input| &input.name).collect();
    let constants: Vec<Ident> = model.inputs().map(input_const).collect();
    let take = model.inputs().map(|input| {
        let name = if input.secret { "take_secret" } else { "take" };
        format_ident!("{name}")
    });
    let (checks, work, definition) = (checks(model), work(model), definition(model, prompt));
    let once = once::key(model);
    quote! {
        impl #flow_engine::__private::Call for #type_name {
            type Output = #output;
            type Executed = #flow_engine::__private::#executed<#output>;
            const OUTPUT: #flow_engine::__private::OutputOf<#output> = #output_const.held_to::<Self>();

            #checks

            fn definition() -> &'static #flow_engine::__private::Definition {
                #definition
            }

            fn to_inputs(&self) -> ::core::result::Result<
                #flow_engine::__private::Map<::std::string::String, #flow_engine::__private::Value>,
                #flow_engine::Error,
            > {
                #[allow(unused_mut)]
                let mut inputs = #flow_engine::__private::Map::new();
                #(Self::#constants.put(&self.#fields, &mut inputs)?;)*
                ::core::result::Result::Ok(inputs)
            }

            fn from_inputs(
                #[allow(unused_mut)]
                mut inputs: #flow_engine::__private::Map<::std::string::String, #flow_engine::__private::Value>,
            ) -> ::core::result::Result<Self, #flow_engine::Error> {
                #flow_engine::__private::known(&inputs, &[#(#names),*])?;
                ::core::result::Result::Ok(Self { #(#fields: Self::#constants.#take(&mut inputs)?),* })
            }

            #once

            #work
        }

        impl #flow_engine::__private::#role for #type_name {}

        #flow_engine::__private::inventory::submit! {
            #flow_engine::__private::registration::<#type_name>()
        }
    }
}

fn definition(model: &Model, prompt: Option<&Prompt>) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let name = model
        .recorded_name
        .clone()
        .unwrap_or_else(|| plain(&model.name));
    let (docs, version) = (docs::text(&model.attributes), model.version);
    let cache = option(model.cache.as_ref());
    let once = option(model.once.as_ref().map(|key| &key.text));
    let secrets = model.inputs().filter(|input| input.secret);
    let secrets = secrets.map(|input| plain(&input.name));
    let strict = model.strict;
    let (policy, budget) = (policy(model), option(model.budget.as_ref()));
    let schedule = model.schedule.as_ref();
    let schedule = option(
        schedule
            .map(|schedule| schedule_of(schedule, model))
            .as_ref(),
    );
    let code = match &model.work {
        Work::Flow { body, .. } | Work::Task { body } => Some(code::hash(body)),
        Work::Ask { .. } => None,
    };
    let code = option(code.as_ref());
    let work = match &model.work {
        Work::Flow {
            total_steps,
            concurrency,
            ..
        } => {
            let total_steps = option(total_steps.as_ref());
            // Without a suffix: it is counted there without a sign.
            let concurrency = concurrency.map(Literal::i32_unsuffixed);
            let concurrency = option(concurrency.as_ref());
            quote!(Flow { total_steps: #total_steps, concurrency: #concurrency })
        }
        Work::Task { .. } => quote!(Task),
        Work::Ask { kind, .. } => {
            let kind = match kind {
                KindPath::Ours(name) => {
                    let name = format_ident!("{name}");
                    quote!(&#flow_engine::step::#name)
                }
                // Spanned at the path, where a type that is no kind is reported.
                KindPath::Path(path) => quote_spanned!(path.span()=> &#path),
            };
            quote!(Model { kind: #kind, prompt: &PROMPT })
        }
    };
    let prompt = matches!(model.work, Work::Ask { .. }).then(|| {
        let value = prompt::value(model, prompt);
        quote!(static PROMPT: #flow_engine::__private::Prompt = #value;)
    });
    let type_name = &model.type_name;
    let constants = model.inputs().map(input_const);
    let describe = model.inputs().map(|input| {
        let name = if input.secret {
            "describe_secret"
        } else {
            "describe"
        };
        format_ident!("{name}")
    });
    let states = model.states().map(state_const);
    quote! {
        #prompt
        static DEFINITION: #flow_engine::__private::Definition = #flow_engine::__private::Definition {
            name: #name,
            work: #flow_engine::__private::WorkKind::#work,
            docs: #docs,
            version: #version,
            code: #code,
            cache: #cache,
            once: #once,
            secrets: &[#(#secrets),*],
            strict: #strict,
            budget: #budget,
            policy: #policy,
            schedule: #schedule,
            location: ::core::concat!(::core::file!(), ":", ::core::line!()),
            inputs: |schema| { #(#type_name::#constants.#describe(schema);)* let _ = schema; },
            output: <#type_name as #flow_engine::__private::Call>::OUTPUT.erased(),
            state: &[#(#type_name::#states.erased()),*],
        };
        &DEFINITION
    }
}

/// The options that change what the engine does with failures.
fn policy(model: &Model) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let here = quote!(#flow_engine::__private);
    let Policy {
        retries,
        timeout,
        attempt_timeout,
        on_truncate,
        on_invalid,
        on_refusal,
        fallback,
    } = &model.policy;
    let number = |name: &str, value: &Option<u64>| {
        let (name, value) = (format_ident!("{name}"), value.as_ref()?);
        let value = Literal::u64_unsuffixed(*value);
        Some(quote!(#name: ::core::option::Option::Some(#value)))
    };
    let choice = |name: &str, ty: &str, value: &Option<Ident>| {
        let (name, ty, value) = (
            format_ident!("{name}"),
            format_ident!("{ty}"),
            value.as_ref()?,
        );
        Some(quote!(#name: ::core::option::Option::Some(#here::#ty::#value)))
    };
    let fallback = fallback
        .as_ref()
        .map(|models| quote!(fallback: ::core::option::Option::Some(&[#(#models),*])));
    let fields: Vec<_> = [
        number("retries", retries),
        number("timeout", timeout),
        number("attempt_timeout", attempt_timeout),
        choice("on_truncate", "OnTruncate", on_truncate),
        number("on_invalid", on_invalid),
        choice("on_refusal", "OnRefusal", on_refusal),
        fallback,
    ]
    .into_iter()
    .flatten()
    .collect();
    if fields.is_empty() {
        return quote!(#here::StepPolicy::NONE);
    }
    quote!(#here::StepPolicy { #(#fields,)* ..#here::StepPolicy::NONE })
}

/// When the flow is started.
fn schedule_of(schedule: &Schedule, model: &Model) -> TokenStream {
    let flow_engine = &model.flow_engine;
    let expression = &schedule.expression;
    let timezone = option(schedule.timezone.as_ref());
    let missed = schedule
        .missed
        .as_ref()
        .map(|missed| quote!(#flow_engine::__private::Missed::#missed));
    let missed = option(missed.as_ref());
    quote!(#flow_engine::__private::Schedule::new(#expression, #timezone, #missed))
}
