//! The attribute macros of flow-engine: `#[step]`, `#[flow]` and `#[data]`.
//!
//! Use them through the crate `flow-engine`, which documents them and holds what their expansions name.
//!
//! An expansion goes through these phases: `item` and `arguments` parse, `model` decides what was meant and
//! collects every mistake, `prompt` checks the prompt file, `expand` writes the code.

mod arguments;
mod code;
mod constraints;
mod data;
mod docs;
mod expand;
mod item;
mod mistakes;
mod model;
mod names;
mod params;
mod prompt;
mod types;

use proc_macro::TokenStream;

/// Makes a step of an async fn. Documented in the crate `flow-engine`.
#[proc_macro_attribute]
pub fn step(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::call(model::Role::Step, arguments.into(), item.into()).into()
}

/// Makes a flow of an async fn. Documented in the crate `flow-engine`.
#[proc_macro_attribute]
pub fn flow(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::call(model::Role::Flow, arguments.into(), item.into()).into()
}

/// Makes a type fit for inputs and outputs. Documented in the crate `flow-engine`.
#[proc_macro_attribute]
pub fn data(arguments: TokenStream, item: TokenStream) -> TokenStream {
    data::expand(arguments.into(), &item.into()).into()
}
