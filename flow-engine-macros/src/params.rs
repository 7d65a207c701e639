//! The parameters of a fn: inputs, which are recorded, and state, which is not.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::visit::Visit;
use syn::{Attribute, Expr, FnArg, GenericArgument, Meta, Pat, PatType, PathArguments, Signature, Token, Type};

use crate::arguments;
use crate::docs;
use crate::mistakes::Mistakes;
use crate::names::plain;

/// An inherent method of every generated type, which a setter of this name would hide.
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

/// Whether a type is written `String`.
pub(crate) fn is_string(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "String"))
}

/// `T` of `Name<T>`.
fn generic_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(generics) = &last.arguments else { return None };
    match generics.args.first() {
        Some(GenericArgument::Type(inner)) => Some(inner),
        _ => None,
    }
}

/// Reads the parameters; what cannot be one is reported and left out.
pub(crate) fn read(signature: &Signature, mistakes: &mut Mistakes) -> Vec<Param> {
    let mut params = Vec::new();
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(receiver) => {
                mistakes.add(receiver, "a step or a flow is a free function: it takes no `self`");
            }
            FnArg::Typed(typed) => params.extend(param(typed, mistakes)),
        }
    }
    params
}

fn param(typed: &PatType, mistakes: &mut Mistakes) -> Option<Param> {
    let Pat::Ident(pattern) = &*typed.pat else {
        mistakes.add(&typed.pat, "a parameter needs a name: it names the input in schemas and prompts");
        return None;
    };
    if let Some(by_ref) = &pattern.by_ref {
        mistakes.add(by_ref, "a parameter is taken by value: leave out `ref`");
    }
    check_type(&typed.ty, mistakes);
    let (name, mutability, ty) = (pattern.ident.clone(), pattern.mutability, (*typed.ty).clone());
    let marks = marks(&typed.attrs, mistakes);
    if marks.state {
        return Some(Param::State(State { name, mutability, ty }));
    }
    let mut input =
        Input { name, mutability, ty, docs: docs::text(&typed.attrs), default: marks.default, unused: marks.unused };
    if input.default.is_none() && input.optional().is_some() {
        input.default = Some(Default::None);
    }
    if input.default.is_some() && RESERVED.contains(&plain(&input.name).as_str()) {
        let message =
            format!("an optional input cannot be named `{}`: every call has a method of this name", plain(&input.name));
        mistakes.add(&input.name, message);
        return None;
    }
    Some(Param::Input(input))
}

#[derive(std::default::Default)]
struct Marks {
    state: bool,
    default: Option<Default>,
    unused: bool,
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
            mistakes.add(path, format!("`#[{name}]` does not apply to a parameter; use `#[input(…)]` or `#[state]`"));
        }
    }
    if marks.state && (marks.default.is_some() || marks.unused) {
        let at = attributes.iter().find(|attribute| attribute.path().is_ident("input"));
        mistakes.add(at, "what is `#[state]` is no input");
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
    for argument in arguments::read(tokens, &["default", "unused"], mistakes) {
        if argument.name == "default" {
            marks.default = Some(match argument.value {
                Some(value) => Default::Value(Box::new(value)),
                None => Default::OfType,
            });
        } else {
            marks.unused = true;
            if let Some(value) = argument.value {
                mistakes.add(value, "`unused` takes no value");
            }
        }
    }
}

/// Inputs are recorded and may be read back later, so their types stand on their own.
fn check_type(ty: &Type, mistakes: &mut Mistakes) {
    struct Borrowed<'a>(&'a mut Mistakes);
    impl<'ast> Visit<'ast> for Borrowed<'_> {
        fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
            let inner = &reference.elem;
            let help = if matches!(&**inner, Type::Path(path) if path.path.is_ident("str")) {
                "use `String`; callers may still pass a `&str`".to_owned()
            } else {
                format!("use `{}`", inner.to_token_stream())
            };
            self.0.add(reference, format!("an input must be owned, because it is recorded and may be read back later\n{help}"));
        }

        fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
            self.0.add(ty, "an input needs a type of its own: it is recorded as JSON");
        }
    }
    Borrowed(mistakes).visit_type(ty);
}
