//! What a fn does: which kind it is of, and whether it has what that kind needs.

use flow_engine_prompt::Parameters;
use flow_engine_prompt::suggest::{did_you_mean, list};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::{Expr, ExprLit, Lit, LitStr, ReturnType, parse_quote};

use super::{Arguments, Output};
use crate::item::FnItem;
use crate::mistakes::Mistakes;
use crate::names::plain;
use crate::params::{Param, is_named, is_news, is_string};

/// The kinds that have a short name.
const KINDS: [&str; 5] = ["unstructured", "structured", "image", "news", "task"];

/// The input that is the prompt of an image, if there is no file.
pub(crate) const PROMPT_INPUT: &str = "prompt";

/// The kind of images, in `flow_engine::step`.
const IMAGE: &str = "ImageKind";

pub(crate) enum Work {
    Flow {
        total_steps: Option<i32>,
        concurrency: Option<i32>,
        body: TokenStream,
    },
    Task {
        body: TokenStream,
    },
    Ask {
        kind: KindPath,
        prompt: PromptName,
    },
}

impl Work {
    pub(super) fn without_body(&mut self, output: &mut Output) {
        if let Self::Flow { body, .. } | Self::Task { body } = self {
            *body = no_body();
            let ty = &output.ty;
            (output.returned, output.fallible) = (parse_quote!(-> #ty), false);
        }
    }
}

/// Which file is a step's prompt.
pub(crate) enum PromptName {
    Given(LitStr),
    /// The fn's name with `.md`.
    OfFn,
    /// The fn's name with `.md` if it is there, else the input `prompt`.
    OfFnOrInput,
    /// The arguments are too wrong to tell.
    Unclear,
}

/// Where a kind of model step is found.
pub(crate) enum KindPath {
    /// A value of `flow_engine::step`.
    Ours(&'static str),
    Path(Box<Expr>),
}

/// Stands where a body is missing.
fn no_body() -> TokenStream {
    quote!(#![allow(unused_variables, unused_mut)] ::core::unreachable!())
}

pub(super) fn flow(
    item: &FnItem,
    arguments: &Arguments,
    params: &[Param],
    mistakes: &mut Mistakes,
) -> Work {
    no_parameters(params, mistakes);
    let body = item.body.clone().unwrap_or_else(|| {
        mistakes.add(&item.signature.ident, "a flow is code: give it a body");
        no_body()
    });
    Work::Flow {
        total_steps: arguments.total_steps,
        concurrency: arguments.concurrency,
        body,
    }
}

pub(super) fn step(
    item: &FnItem,
    arguments: &Arguments,
    output: &Output,
    params: &[Param],
    mistakes: &mut Mistakes,
) -> Work {
    let mut unclear = arguments.wrong;
    let kind = match &arguments.kind {
        Some(Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        })) => {
            let kind = known_kind(text, mistakes);
            unclear |= kind.is_none();
            kind
        }
        Some(path) => {
            let kind = KindPath::Path(Box::new(path.clone()));
            return ask(kind, item, arguments, unclear, output, params, mistakes);
        }
        None => None,
    };
    let kind = kind.unwrap_or_else(|| match &item.body {
        Some(_) if !(unclear && arguments.prompt.is_some()) => "task",
        _ if is_string(&output.ty) => "unstructured",
        _ => "structured",
    });
    let kind = match kind {
        "task" => return task(item, arguments, params, mistakes),
        "unstructured" => {
            if !is_string(&output.ty) {
                let message = "an unstructured step gives a `String`; for a type of your own use `kind = \"structured\"`";
                mistakes.add(&output.ty, message);
            }
            KindPath::Ours("Unstructured")
        }
        "image" => {
            if !is_named(&output.ty, "Image") {
                let message = "an image step gives a `flow_engine::Image`";
                mistakes.add(&output.ty, message);
            }
            KindPath::Ours(IMAGE)
        }
        "news" => {
            if !is_news(&output.ty) {
                let message = "a news step gives a `News`, of text or of a type of your own: write `-> News` or `-> News<YourType>`";
                mistakes.add(&output.ty, message);
            }
            KindPath::Ours("NEWS")
        }
        _ => KindPath::Ours("Structured"),
    };
    ask(kind, item, arguments, unclear, output, params, mistakes)
}

fn known_kind(text: &LitStr, mistakes: &mut Mistakes) -> Option<&'static str> {
    let name = text.value();
    let kind = KINDS.into_iter().find(|kind| *kind == name);
    if kind.is_none() {
        let near = did_you_mean(&name, KINDS);
        let known = list(KINDS);
        mistakes.add(
            text,
            format!(
                "there is no kind `{name}`{near}\nthe kinds are {known}; one of your own is given by its path: \
                 `kind = my_crate::Kind`"
            ),
        );
    }
    kind
}

fn task(item: &FnItem, arguments: &Arguments, params: &[Param], mistakes: &mut Mistakes) -> Work {
    let not_for_tasks = "a task is code and asks no model: leave this out, or leave out the body";
    for argument in &arguments.of_model_steps {
        mistakes.add(argument, not_for_tasks);
    }
    no_parameters(params, mistakes);
    let body = item.body.clone().unwrap_or_else(|| {
        mistakes.add(&item.signature.ident, "a task is code: give it a body");
        no_body()
    });
    Work::Task { body }
}

fn ask(
    kind: KindPath,
    item: &FnItem,
    arguments: &Arguments,
    unclear: bool,
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
        ReturnType::Default => mistakes.add(
            &item.signature.ident,
            "a model step gives an answer: write `-> String` or `-> YourType`",
        ),
        ReturnType::Type(_, ty) if output.fallible => {
            let message = format!(
                "a model step names its answer's type only: write `-> {}`",
                output.ty.to_token_stream()
            );
            mistakes.add(ty, message);
        }
        ReturnType::Type(..) => {}
    }
    for param in params {
        match param {
            Param::State(state) => {
                mistakes.add(&state.name, "a model step has no code that could use state");
            }
            Param::Input(input) if input.param => check_parameter(&input.name, mistakes),
            Param::Input(_) => {}
        }
    }
    let of_image = match kind {
        KindPath::Ours(kind) => kind == IMAGE,
        KindPath::Path(_) => false,
    };
    if let KindPath::Ours(_) = kind
        && !of_image
    {
        no_images(arguments, params, mistakes);
    }
    let prompt = match &arguments.prompt {
        Some(given) => PromptName::Given(given.clone()),
        None if of_image && !unclear && item.body.is_none() => PromptName::OfFnOrInput,
        None if unclear || item.body.is_some() => PromptName::Unclear,
        None => PromptName::OfFn,
    };
    Work::Ask { kind, prompt }
}

/// Words have no size.
fn no_images(arguments: &Arguments, params: &[Param], mistakes: &mut Mistakes) {
    let inputs = params.iter().filter_map(|param| match param {
        Param::Input(input) if input.param => Some(&input.name),
        _ => None,
    });
    for name in arguments.of_model_steps.iter().chain(inputs) {
        let plain = plain(name);
        if Parameters::OF_IMAGES.contains(&&*plain) {
            let message = format!("`{plain}` is a parameter of images: `kind = \"image\"`");
            mistakes.add(name, message);
        }
    }
}

/// Code sends nothing that could have parameters.
fn no_parameters(params: &[Param], mistakes: &mut Mistakes) {
    for param in params {
        if let Param::Input(input) = param
            && input.param
        {
            mistakes.add(&input.name, "`param` is for steps that ask a model");
        }
    }
}

/// An input that is sent as a parameter has the name of one.
fn check_parameter(name: &Ident, mistakes: &mut Mistakes) {
    let plain = plain(name);
    if Parameters::NAMES.contains(&&*plain) {
        return;
    }
    let near = did_you_mean(&plain, Parameters::NAMES);
    let known = list(Parameters::NAMES);
    mistakes.add(
        name,
        format!("there is no parameter `{plain}`{near}\nthe parameters are {known}"),
    );
}
