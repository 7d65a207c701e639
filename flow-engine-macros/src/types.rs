//! Types of inputs, state and outputs: they stand on their own, since their values are kept.

use quote::ToTokens;
use syn::visit::Visit;
use syn::{
    GenericArgument, Lifetime, PathArguments, Type, TypeImplTrait, TypeReference, parse_quote,
};

use crate::mistakes::Mistakes;

/// What a type is for; said in the messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Input,
    State,
    Output,
}

/// What [`check`] found out about a type.
pub(crate) struct Checked {
    /// The type, with an owned one in the place of each borrowed one.
    pub(crate) ty: Type,
    /// Whether it is the type as written.
    pub(crate) owned: bool,
    /// Whether it has a name at all: `impl Trait` has none.
    pub(crate) concrete: bool,
}

/// Reports what is borrowed or has no name. The code that is generated beside the error takes the owned type.
pub(crate) fn check(ty: &Type, place: Place, mistakes: &mut Mistakes) -> Checked {
    let mut visitor = Visitor {
        place,
        mistakes,
        owned: true,
        concrete: true,
    };
    visitor.visit_type(ty);
    let Visitor {
        owned, concrete, ..
    } = visitor;
    Checked {
        ty: if owned { ty.clone() } else { to_owned(ty) },
        owned,
        concrete,
    }
}

struct Visitor<'a> {
    place: Place,
    mistakes: &'a mut Mistakes,
    owned: bool,
    concrete: bool,
}

impl Visitor<'_> {
    fn borrowed(&mut self, at: impl ToTokens, help: &str) {
        let message = match self.place {
            Place::Input => {
                "an input must be owned, because it is recorded and may be read back later"
            }
            Place::State => "state must be owned: every call gets a clone of it",
            Place::Output => {
                "an output must be owned, because it is recorded and may be read back later"
            }
        };
        self.mistakes.add(at, format!("{message}\n{help}"));
        self.owned = false;
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let owned = to_owned(&reference.elem)
            .to_token_stream()
            .to_string()
            .replace(' ', "");
        let callers = if owned == "String" && self.place == Place::Input {
            "; callers may still pass a `&str`"
        } else {
            ""
        };
        self.borrowed(reference, &format!("use `{owned}`{callers}"));
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            self.borrowed(lifetime, "use a type without a lifetime, or `'static`");
        }
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        let message = match self.place {
            Place::Input => {
                "an input has a type with a name, because it is recorded: `impl Trait` has none"
            }
            Place::State => "state is found by its type, and `impl Trait` names none",
            Place::Output => {
                "an output has a type with a name, because it is recorded: `impl Trait` has none"
            }
        };
        self.mistakes.add(ty, message);
        self.concrete = false;
    }
}

/// The owned counterpart: `&str` → `String`, `&[T]` → `Vec<T>`, `&T` → `T`, also inside of generics.
fn to_owned(ty: &Type) -> Type {
    match ty {
        Type::Reference(reference) => to_owned(&reference.elem),
        Type::Slice(slice) => {
            let element = to_owned(&slice.elem);
            parse_quote!(Vec<#element>)
        }
        Type::Path(path) if path.path.is_ident("str") => parse_quote!(String),
        Type::Path(path) => {
            let mut path = path.clone();
            for segment in &mut path.path.segments {
                let PathArguments::AngleBracketed(generics) = &mut segment.arguments else {
                    continue;
                };
                for argument in &mut generics.args {
                    match argument {
                        GenericArgument::Type(inner) => *inner = to_owned(inner),
                        GenericArgument::Lifetime(lifetime) => {
                            *lifetime = Lifetime::new("'static", lifetime.span());
                        }
                        _ => {}
                    }
                }
            }
            Type::Path(path)
        }
        Type::Tuple(tuple) => {
            let mut tuple = tuple.clone();
            tuple
                .elems
                .iter_mut()
                .for_each(|element| *element = to_owned(element));
            Type::Tuple(tuple)
        }
        other => other.clone(),
    }
}
