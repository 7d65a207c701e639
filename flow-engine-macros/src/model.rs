//! What a fn with an attribute means: the decisions, and the mistakes that stand in their way.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::visit::Visit;
use syn::{Attribute, Expr, ExprLit, GenericArgument, Lit, LitStr, PathArguments, ReturnType, Type, Visibility};

use crate::arguments::{self, Argument};
use crate::item::FnItem;
use crate::mistakes::Mistakes;
use crate::names::{did_you_mean, list, plain, type_of};
use crate::params::{self, Input, Param, State, is_string};

/// The kinds that have a short name.
const KINDS: [&str; 3] = ["unstructured", "structured", "task"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Step,
    Flow,
}

pub(crate) struct Model {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) name: Ident,
    pub(crate) type_name: Ident,
    pub(crate) version: i32,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Output,
    pub(crate) work: Work,
}

/// What the fn returns.
pub(crate) struct Output {
    /// As written: `Result<Summary>`.
    pub(crate) returned: TokenStream,
    /// Without the `Result`: `Summary`.
    pub(crate) ty: Type,
    pub(crate) fallible: bool,
}

pub(crate) enum Work {
    Flow { total_steps: Option<i32>, body: TokenStream },
    Task { body: TokenStream },
    Ask { kind: KindPath, prompt: Option<LitStr>, model: Option<String> },
}

/// Where a kind of model step is found.
pub(crate) enum KindPath {
    /// A type of `flow_engine::step`.
    Ours(&'static str),
    Path(Box<Expr>),
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

/// Decides what was meant. `None` when so much is wrong that nothing sensible can be generated.
pub(crate) fn decide(role: Role, arguments: TokenStream, item: FnItem, mistakes: &mut Mistakes) -> Option<Model> {
    let known: &[&str] = match role {
        Role::Step => &["kind", "prompt", "model", "version", "type"],
        Role::Flow => &["total_steps", "version", "type"],
    };
    let arguments = Arguments::read(arguments::read(arguments, known, mistakes), mistakes);
    let sound = check_signature(&item, mistakes);
    let params = params::read(&item.signature, mistakes);
    let output = output(&item.signature.output);
    let name = item.signature.ident.clone();
    let type_name = arguments.type_name.clone().unwrap_or_else(|| type_of(&name));
    if !sound || !check_type_name(&name, &type_name, &item, mistakes) {
        return None;
    }
    let work = match role {
        Role::Flow => Some(flow(&item, &arguments, mistakes)),
        Role::Step => step(&item, &arguments, &output, &params, mistakes),
    }?;
    Some(Model {
        attributes: item.attributes,
        visibility: item.visibility,
        name,
        type_name,
        version: arguments.version.unwrap_or(1),
        params,
        output,
        work,
    })
}

#[derive(Default)]
struct Arguments {
    kind: Option<Expr>,
    prompt: Option<LitStr>,
    model: Option<LitStr>,
    version: Option<i32>,
    type_name: Option<Ident>,
    total_steps: Option<i32>,
}

impl Arguments {
    fn read(given: Vec<Argument>, mistakes: &mut Mistakes) -> Self {
        let mut read = Self::default();
        for argument in given {
            match argument.name.to_string().as_str() {
                "kind" => {
                    if argument.value.is_none() {
                        argument.string(mistakes);
                    }
                    read.kind = argument.value;
                }
                "prompt" => read.prompt = argument.string(mistakes),
                "model" => read.model = argument.string(mistakes),
                "version" => read.version = argument.count(mistakes),
                "total_steps" => read.total_steps = argument.count(mistakes),
                _ => read.type_name = argument.ident(mistakes),
            }
        }
        read
    }
}

/// False when the fn cannot become a type with inputs at all.
fn check_signature(item: &FnItem, mistakes: &mut Mistakes) -> bool {
    let signature = &item.signature;
    if signature.asyncness.is_none() {
        mistakes.add(signature.fn_token, "a step or a flow is an async fn: write `async fn`");
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

fn check_type_name(name: &Ident, type_name: &Ident, item: &FnItem, mistakes: &mut Mistakes) -> bool {
    struct Names<'a>(&'a Ident, bool);
    impl<'ast> Visit<'ast> for Names<'_> {
        fn visit_path(&mut self, path: &'ast syn::Path) {
            self.1 |= path.is_ident(self.0);
            syn::visit::visit_path(self, path);
        }
    }
    let mut names = Names(type_name, false);
    names.visit_signature(&item.signature);
    if names.1 {
        let fn_name = plain(name);
        mistakes.add(
            name,
            format!(
                "`{fn_name}` generates a type `{type_name}`, which is also the name of a type in its signature\n\
                 name the fn with a verb, or choose the type's name: `type = {type_name}Call`"
            ),
        );
    }
    !names.1
}

fn output(returned: &ReturnType) -> Output {
    let ReturnType::Type(_, ty) = returned else {
        let unit: Type = syn::parse_quote!(());
        return Output { returned: TokenStream::new(), ty: unit, fallible: false };
    };
    let inner = match &**ty {
        Type::Path(path) => path.path.segments.last().filter(|last| last.ident.to_string().ends_with("Result")),
        _ => None,
    };
    let ok = inner.and_then(|result| match &result.arguments {
        PathArguments::AngleBracketed(generics) => generics.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(ok) => Some(ok.clone()),
            _ => None,
        }),
        _ => None,
    });
    Output { returned: quote::quote!(-> #ty), fallible: ok.is_some(), ty: ok.unwrap_or_else(|| (**ty).clone()) }
}

fn flow(item: &FnItem, arguments: &Arguments, mistakes: &mut Mistakes) -> Work {
    let body = item.body.clone().unwrap_or_else(|| {
        mistakes.add(&item.signature.ident, "a flow is code: give it a body");
        quote::quote!(::core::unreachable!())
    });
    Work::Flow { total_steps: arguments.total_steps, body }
}

fn step(
    item: &FnItem,
    arguments: &Arguments,
    output: &Output,
    params: &[Param],
    mistakes: &mut Mistakes,
) -> Option<Work> {
    let kind = match &arguments.kind {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => {
            let kind = text.value();
            if !KINDS.contains(&kind.as_str()) {
                let near = did_you_mean(&kind, KINDS);
                let known = list(KINDS);
                mistakes.add(
                    text,
                    format!(
                        "there is no kind \"{kind}\"{near}\nthe kinds are {known}; one of your own is given by its path: \
                         `kind = my_crate::Kind`"
                    ),
                );
                return None;
            }
            Some(kind)
        }
        Some(path) => return Some(ask(KindPath::Path(Box::new(path.clone())), item, arguments, output, params, mistakes)),
        None => None,
    };
    let kind = kind.unwrap_or_else(|| {
        let kind = match &item.body {
            Some(_) => "task",
            None if is_string(&output.ty) => "unstructured",
            None => "structured",
        };
        kind.to_owned()
    });
    match kind.as_str() {
        "task" => Some(task(item, arguments, mistakes)),
        "unstructured" => {
            if !is_string(&output.ty) {
                let message = "an unstructured step gives a `String`; for a type of your own use `kind = \"structured\"`";
                mistakes.add(&output.ty, message);
            }
            Some(ask(KindPath::Ours("Unstructured"), item, arguments, output, params, mistakes))
        }
        _ => Some(ask(KindPath::Ours("Structured"), item, arguments, output, params, mistakes)),
    }
}

fn task(item: &FnItem, arguments: &Arguments, mistakes: &mut Mistakes) -> Work {
    let not_for_tasks = "a task is code and asks no model: leave this out, or leave out the body";
    for argument in [&arguments.prompt, &arguments.model].into_iter().flatten() {
        mistakes.add(argument, not_for_tasks);
    }
    let body = item.body.clone().unwrap_or_else(|| {
        mistakes.add(&item.signature.ident, "a task is code: give it a body");
        quote::quote!(::core::unreachable!())
    });
    Work::Task { body }
}

fn ask(
    kind: KindPath,
    item: &FnItem,
    arguments: &Arguments,
    output: &Output,
    params: &[Param],
    mistakes: &mut Mistakes,
) -> Work {
    if item.body.is_some() {
        let message = "a model step has no body, its prompt is what it does: end the signature with `;` (or make it a \
                       task: `kind = \"task\"`)";
        mistakes.add(&item.signature.ident, message);
    }
    match &item.signature.output {
        ReturnType::Default => mistakes.add(&item.signature.ident, "a model step gives an answer: write `-> String` or `-> YourType`"),
        ReturnType::Type(_, ty) if output.fallible => {
            let message = format!("a model step names its answer's type only: write `-> {}`", output.ty.to_token_stream());
            mistakes.add(ty, message);
        }
        ReturnType::Type(..) => {}
    }
    for param in params {
        if let Param::State(state) = param {
            mistakes.add(&state.name, "a model step has no code that could use state");
        }
    }
    Work::Ask { kind, prompt: arguments.prompt.clone(), model: arguments.model.as_ref().map(LitStr::value) }
}
