//! The parameters of a fn: inputs, which are recorded, and state, which is not.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{
    Attribute, Expr, FnArg, GenericArgument, Meta, Pat, PatType, PathArguments, Signature, Token,
    Type,
};

use crate::arguments;
use crate::constraints::{self, Constraints};
use crate::docs;
use crate::mistakes::Mistakes;
use crate::names::plain;
use crate::types::{self, Place};

/// The methods that every generated type has: its own, which a setter of this name would define once more, and those
/// of traits, which the setter would hide.
const RESERVED: [&str; 4] = ["execute", "clone", "into_future", "fmt"];

pub(crate) enum Param {
    Input(Input),
    State(State),
}

pub(crate) struct Input {
    pub(crate) name: Ident,
    pub(crate) mutability: Option<Token![mut]>,
    pub(crate) ty: Type,
    pub(crate) docs: String,
    pub(crate) default: Option<Default>,
    /// The prompt may leave it out without a warning.
    pub(crate) unused: bool,
    /// It sets the request's parameter of its name.
    pub(crate) param: bool,
    /// Its value is kept nowhere.
    pub(crate) secret: bool,
    pub(crate) constraints: Constraints,
}

/// What an input is when a call does not set it.
pub(crate) enum Default {
    /// `#[input(default = "professional")]`
    Value(Box<Expr>),
    /// `#[input(default)]`: the type's own.
    OfType,
    /// An `Option`: `None`.
    None,
}

pub(crate) struct State {
    pub(crate) name: Ident,
    pub(crate) mutability: Option<Token![mut]>,
    pub(crate) ty: Type,
}

impl Input {
    /// What is inside an `Option`.
    pub(crate) fn optional(&self) -> Option<&Type> {
        generic_of(&self.ty, "Option")
    }
}

/// Whether a type is written as one whose value is a text, a number or a boolean.
pub(crate) fn is_scalar(ty: &Type) -> bool {
    const SCALARS: [&str; 15] = [
        "String", "bool", "char", "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64",
        "isize", "f32", "f64",
    ];
    matches!(ty, Type::Path(path) if SCALARS.iter().any(|scalar| path.path.is_ident(scalar)))
}

/// Whether a type is written `String`.
pub(crate) fn is_string(ty: &Type) -> bool {
    is_named(ty, "String")
}

/// Whether a type is written with this name, whatever the path before it.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

pub(crate) fn is_news(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "News"))
}

/// `T` of `Name<T>`.
pub(crate) fn generic_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path
        .path
        .segments
        .last()
        .filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(generics) = &last.arguments else {
        return None;
    };
    match generics.args.first() {
        Some(GenericArgument::Type(inner)) => Some(inner),
        _ => None,
    }
}

/// The parameters, and how far they can be relied on.
pub(crate) struct Params {
    pub(crate) list: Vec<Param>,
    /// Every parameter can be a field. If not, it is reported.
    pub(crate) sound: bool,
    /// Every parameter has the type that the body expects.
    pub(crate) as_written: bool,
}

/// Reads the parameters; what cannot be one is reported and left out.
pub(crate) fn read(signature: &Signature, mistakes: &mut Mistakes) -> Params {
    let mut params = Params {
        list: Vec::new(),
        sound: true,
        as_written: true,
    };
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(receiver) => {
                mistakes.add(
                    receiver,
                    "a step or a flow is a free function: it takes no `self`",
                );
                params.sound = false;
            }
            FnArg::Typed(typed) => params.add(typed, mistakes),
        }
    }
    params
}

impl Params {
    fn add(&mut self, typed: &PatType, mistakes: &mut Mistakes) {
        let marks = marks(&typed.attrs, mistakes);
        let checked = types::check(
            &typed.ty,
            if marks.state {
                Place::State
            } else {
                Place::Input
            },
            mistakes,
        );
        self.as_written &= checked.owned;
        self.sound &= checked.concrete;
        let Pat::Ident(pattern) = &*typed.pat else {
            mistakes.add(
                &typed.pat,
                "a parameter needs a name: it names the input in schemas and prompts",
            );
            self.sound = false;
            return;
        };
        if let Some(by_ref) = &pattern.by_ref {
            mistakes.add(by_ref, "a parameter is taken by value: leave out `ref`");
            self.as_written = false;
        }
        let (name, mutability, ty) = (pattern.ident.clone(), pattern.mutability, checked.ty);
        self.list.push(if marks.state {
            Param::State(State {
                name,
                mutability,
                ty,
            })
        } else {
            Param::Input(input(
                name,
                mutability,
                ty,
                docs::text(&typed.attrs),
                marks,
                mistakes,
            ))
        });
    }
}

fn input(
    name: Ident,
    mutability: Option<Token![mut]>,
    ty: Type,
    docs: String,
    marks: Marks,
    mistakes: &mut Mistakes,
) -> Input {
    let mut input = Input {
        name,
        mutability,
        ty,
        docs,
        default: marks.default,
        unused: marks.unused,
        param: marks.param,
        secret: marks.secret,
        constraints: marks.constraints,
    };
    if input.default.is_none() && input.optional().is_some() {
        input.default = Some(Default::None);
    }
    let name = plain(&input.name);
    if input.default.is_some() && RESERVED.contains(&name.as_str()) {
        let message = format!(
            "an optional input cannot be named `{name}`: every call has a method of this name"
        );
        mistakes.add(&input.name, message);
        // A required one has no setter that could be in the way.
        input.default = None;
    }
    input
}

#[derive(std::default::Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own")]
struct Marks {
    state: bool,
    default: Option<Default>,
    unused: bool,
    param: bool,
    secret: bool,
    constraints: Constraints,
}

fn marks(attributes: &[Attribute], mistakes: &mut Mistakes) -> Marks {
    let mut marks = Marks::default();
    for attribute in attributes {
        let path = attribute.path();
        if path.is_ident("doc") {
            // Read apart: a description.
        } else if path.is_ident("state") {
            marks.state = true;
            if !matches!(attribute.meta, Meta::Path(_)) {
                mistakes.add(attribute, "`#[state]` takes no arguments");
            }
        } else if path.is_ident("input") {
            input_marks(attribute, &mut marks, mistakes);
        } else {
            let name = path.to_token_stream();
            mistakes.add(
                path,
                format!(
                    "`#[{name}]` does not apply to a parameter; use `#[input(…)]` or `#[state]`"
                ),
            );
        }
    }
    let input = attributes
        .iter()
        .find(|attribute| attribute.path().is_ident("input"));
    if let Some(input) = input.filter(|_| marks.state) {
        mistakes.add(
            input,
            "a parameter is either `#[state]` or an input: state is in no schema and no record",
        );
    }
    marks
}

fn input_marks(attribute: &Attribute, marks: &mut Marks, mistakes: &mut Mistakes) {
    let tokens = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        Meta::Path(_) => TokenStream::new(),
        Meta::NameValue(pair) => {
            mistakes.add(pair, "write `#[input(default = …)]`");
            return;
        }
    };
    let known = ["default", "param", "secret", "unused"];
    let known: Vec<&str> = known.into_iter().chain(constraints::NAMES).collect();
    for argument in arguments::read(tokens, &known, mistakes) {
        match argument.name.to_string().as_str() {
            "default" => {
                if marks.default.is_some() {
                    mistakes.add(&argument.name, "`default` is given twice");
                }
                marks.default = Some(match argument.value {
                    Some(value) => Default::Value(Box::new(value)),
                    None => Default::OfType,
                });
            }
            "param" => marks.param = argument.flag(mistakes),
            "secret" => marks.secret = argument.flag(mistakes),
            name if constraints::NAMES.contains(&name) => {
                marks.constraints.add(argument, mistakes);
            }
            _ => marks.unused = argument.flag(mistakes),
        }
    }
}
