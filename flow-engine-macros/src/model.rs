//! What a fn with an attribute means: the decisions, and the mistakes that stand in their way.

mod once;
mod policy;
mod schedule;
mod work;

use flow_engine_prompt::Parameters;
use proc_macro2::{Ident, TokenStream};
use quote::format_ident;
use serde_json::{Map, Value};
use syn::visit::Visit;
use syn::{
    Attribute, Expr, GenericArgument, LitStr, Path, PathArguments, ReturnType, Type, Visibility,
    parse_quote,
};

use crate::arguments;
use crate::item::FnItem;
use crate::mistakes::Mistakes;
use crate::names::{plain, type_of};
use crate::params::{self, Input, Param, State};
use crate::types::{self, Place};

use once::Once;
pub(crate) use once::{Key, Part};
pub(crate) use policy::Policy;
pub(crate) use schedule::Schedule;
pub(crate) use work::{KindPath, PROMPT_INPUT, PromptName, Work};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Step,
    Flow,
}

pub(crate) struct Model {
    /// Where the crate `flow-engine` is found.
    pub(crate) flow_engine: Path,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) name: Ident,
    pub(crate) type_name: Ident,
    /// Given in place of the fn's name.
    pub(crate) recorded_name: Option<String>,
    pub(crate) version: i32,
    /// In seconds.
    pub(crate) cache: Option<u64>,
    /// Of an effect that must not repeat.
    pub(crate) once: Option<Key>,
    /// The model parameters of the attribute, as a JSON object.
    pub(crate) parameters: String,
    /// Whether a model is held to a strict schema.
    pub(crate) strict: bool,
    /// In nano-USD.
    pub(crate) budget: Option<i64>,
    pub(crate) policy: Policy,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Output,
    pub(crate) work: Work,
}

/// What the fn returns.
pub(crate) struct Output {
    /// As written: `Result<Summary>`.
    pub(crate) returned: ReturnType,
    /// Without the `Result`: `Summary`.
    pub(crate) ty: Type,
    pub(crate) fallible: bool,
}

impl Model {
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Input> {
        self.params.iter().filter_map(|param| match param {
            Param::Input(input) => Some(input),
            Param::State(_) => None,
        })
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = &State> {
        self.params.iter().filter_map(|param| match param {
            Param::State(state) => Some(state),
            Param::Input(_) => None,
        })
    }
}

/// Decides what was meant. `None` when no type with inputs can be generated.
pub(crate) fn decide(
    role: Role,
    arguments: TokenStream,
    item: &FnItem,
    mistakes: &mut Mistakes,
) -> Option<Model> {
    let known = match role {
        Role::Step => [
            &["kind", "prompt"][..],
            &Parameters::NAMES,
            &["strict", "budget_usd"],
            &Policy::NAMES,
            &["name", "version", "cache", "once", "key", "type", "crate"],
        ]
        .concat(),
        Role::Flow => [
            &["total_steps", "concurrency", "budget_usd"][..],
            &schedule::Arguments::NAMES,
            &["name", "version", "type", "crate"],
        ]
        .concat(),
    };
    let arguments = Arguments::read(arguments, &known, mistakes);
    let sound = check_signature(item, mistakes);
    let params = params::read(&item.signature, mistakes);
    let mut output = output(&item.signature.output);
    let checked = types::check(&output.ty, Place::Output, mistakes);
    output.ty = checked.ty;
    let name = item.signature.ident.clone();
    let type_name = arguments
        .type_name
        .clone()
        .unwrap_or_else(|| type_of(&name));
    let type_name = check_type_name(&name, type_name, item, mistakes);
    let mut work = match role {
        Role::Flow => work::flow(item, &arguments, &params.list, mistakes),
        Role::Step => work::step(item, &arguments, &output, &params.list, mistakes),
    };
    let schedule = arguments.schedule.decide(&params.list, mistakes);
    let once = once::decide(&arguments, &work, &params.list, mistakes);
    if !sound || !params.sound || !checked.concrete {
        return None;
    }
    if !params.as_written || !checked.owned {
        // The body was written for other types than those that are generated beside the error.
        work.without_body(&mut output);
    }
    Some(Model {
        flow_engine: arguments.flow_engine.unwrap_or_else(arguments::flow_engine),
        attributes: item.attributes.clone(),
        visibility: item.visibility.clone(),
        name,
        type_name,
        recorded_name: arguments.recorded_name,
        version: arguments.version.unwrap_or(1),
        cache: arguments.cache,
        once,
        parameters: Value::from(arguments.parameters).to_string(),
        strict: arguments.strict.unwrap_or(true),
        budget: arguments.budget,
        policy: arguments.policy,
        schedule,
        params: params.list,
        output,
        work,
    })
}

#[derive(Default)]
struct Arguments {
    kind: Option<Expr>,
    prompt: Option<LitStr>,
    parameters: Map<String, Value>,
    /// What only makes sense for a step that asks a model.
    of_model_steps: Vec<Ident>,
    strict: Option<bool>,
    budget: Option<i64>,
    policy: Policy,
    schedule: schedule::Arguments,
    recorded_name: Option<String>,
    version: Option<i32>,
    cache: Option<u64>,
    once: Once,
    type_name: Option<Ident>,
    flow_engine: Option<Path>,
    total_steps: Option<i32>,
    concurrency: Option<i32>,
    /// Something is wrong with them, so what is left out may not have been meant to be.
    wrong: bool,
}

impl Arguments {
    fn read(tokens: TokenStream, known: &[&str], mistakes: &mut Mistakes) -> Self {
        let mut read = Self::default();
        let before = mistakes.count();
        for argument in arguments::read(tokens, known, mistakes) {
            let name = argument.name.to_string();
            let of_models = Parameters::NAMES.iter().chain(&Policy::OF_MODELS);
            if ["prompt", "strict", "budget_usd"]
                .iter()
                .chain(of_models)
                .any(|of_models| *of_models == name)
            {
                read.of_model_steps.push(argument.name.clone());
            }
            if let Some(why) = once::exclusion(&name) {
                read.once.excluded.push((argument.name.clone(), why));
            }
            match name.as_str() {
                "kind" => {
                    if argument.value.is_none() {
                        argument.string(mistakes);
                    }
                    read.kind = argument.value;
                }
                "prompt" => read.prompt = argument.string(mistakes),
                "strict" => read.strict = argument.bool(mistakes),
                "budget_usd" => read.budget = argument.nano_usd(mistakes),
                "name" => read.recorded_name = argument.recorded_name(mistakes),
                "version" => read.version = argument.count(mistakes),
                "cache" => read.cache = argument.seconds(mistakes),
                "once" => {
                    argument.flag(mistakes);
                    read.once.flag = Some(argument.name);
                }
                "key" => {
                    let text = argument.string(mistakes);
                    read.once.key = Some((argument.name, text));
                }
                "total_steps" => read.total_steps = argument.count(mistakes),
                "concurrency" => read.concurrency = argument.count(mistakes),
                "crate" => read.flow_engine = argument.crate_path(mistakes),
                "type" => read.type_name = argument.type_name(mistakes),
                name if schedule::Arguments::NAMES.contains(&name) => {
                    read.schedule.read(&argument, mistakes);
                }
                name if Policy::NAMES.contains(&name) => read.policy.read(&argument, mistakes),
                _ => argument.parameter(&mut read.parameters, mistakes),
            }
        }
        read.wrong = mistakes.count() > before;
        read
    }
}

/// False when the fn cannot become a type with inputs at all.
fn check_signature(item: &FnItem, mistakes: &mut Mistakes) -> bool {
    let signature = &item.signature;
    if signature.asyncness.is_none() {
        mistakes.add(
            signature.fn_token,
            "a step or a flow is an async fn: write `async fn`",
        );
    }
    if let Some(constness) = &signature.constness {
        mistakes.add(constness, "a step or a flow cannot be `const`");
    }
    if let Some(abi) = &signature.abi {
        mistakes.add(abi, "a step or a flow has no foreign ABI");
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        let message = "a step or a flow cannot be generic: its inputs and output are recorded as JSON, so their types \
                       must be known here";
        mistakes.add(&signature.generics.params, message);
        return false;
    }
    signature.receiver().is_none()
}

/// The type's name, or another one if that is taken.
fn check_type_name(
    name: &Ident,
    type_name: Ident,
    item: &FnItem,
    mistakes: &mut Mistakes,
) -> Ident {
    struct Names<'a>(&'a Ident, bool);
    impl<'ast> Visit<'ast> for Names<'_> {
        fn visit_path(&mut self, path: &'ast syn::Path) {
            self.1 |= path.is_ident(self.0);
            syn::visit::visit_path(self, path);
        }
    }
    let mut names = Names(&type_name, false);
    names.visit_signature(&item.signature);
    if !names.1 {
        return type_name;
    }
    let (fn_name, free) = (plain(name), format_ident!("{type_name}Call"));
    mistakes.add(
        name,
        format!(
            "`{fn_name}` generates a type `{type_name}`, which is also the name of a type in its signature\n\
             name the fn with a verb, or choose the type's name: `type = \"{free}\"`"
        ),
    );
    free
}

/// What a return type says.
fn output(returned: &ReturnType) -> Output {
    let ReturnType::Type(_, ty) = returned else {
        let unit: Type = parse_quote!(());
        return Output {
            returned: ReturnType::Default,
            ty: unit,
            fallible: false,
        };
    };
    let inner = match &**ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .filter(|last| last.ident.to_string().ends_with("Result")),
        _ => None,
    };
    let ok = inner.and_then(|result| match &result.arguments {
        PathArguments::AngleBracketed(generics) => {
            generics.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ok) => Some(ok.clone()),
                _ => None,
            })
        }
        _ => None,
    });
    Output {
        returned: returned.clone(),
        fallible: ok.is_some(),
        ty: ok.unwrap_or_else(|| (**ty).clone()),
    }
}
