//! The JSON form of a type, as far as a prompt can be checked against it at compile time.
//!
//! A template's `{{ section.author.name }}` becomes a constant that walks the input type's [`Shape`] and panics with the
//! template's position if the type has no such field. `#[data]` describes a type; std's containers and the usual scalars are
//! described here; what nobody described is [`Shape::Any`], of which everything is allowed.

mod message;
mod types;
mod walk;

use std::marker::PhantomData;

pub use walk::{
    EXISTS, FIELD, INDEX, ITEM, LOOP, PRESENT, PRINT, Requirement, STAND, TEXT, require,
};

/// The JSON form of a type.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Not known: anything may be asked of it.
    Any,
    Text,
    Number,
    Bool,
    /// Always null.
    Nothing,
    /// A [`Message`](crate::llm::Message): a list of them is a history.
    Message,
    /// An [`Attachment`](crate::Attachment), which a prompt shows and does not print.
    Attachment,
    /// Null, or the other.
    Optional(&'static Shape),
    List(&'static Shape),
    /// An object of any keys.
    Map(&'static Shape),
    /// An object of these fields.
    Record {
        name: &'static str,
        fields: &'static [Field],
    },
}

/// What an input is to a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is printed.
    Value,
    /// It is messages, where it stands alone on a line.
    History,
    /// It is shown with the message that prints it.
    Attachment,
}

/// What an input of this shape is to a prompt.
pub const fn kind(shape: &Shape) -> Kind {
    match shape {
        Shape::Optional(inner) => kind(inner),
        Shape::List(Shape::Message) => Kind::History,
        Shape::Attachment | Shape::List(Shape::Attachment) => Kind::Attachment,
        _ => Kind::Value,
    }
}

/// A field of an object.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// As it is in JSON. Without one, the fields of the shape are those of the object (serde's `flatten`).
    pub name: Option<&'static str>,
    pub shape: Shape,
}

/// How many objects inside of each other are described. A type that contains itself has no end, and a path in a template
/// has one.
pub trait Depth {
    /// One object less.
    type Below: Depth;
    /// The shape of `T` at this depth.
    type Of<T: Record<Self::Below>>: HasShape;
}

/// No further: what lies deeper may be anything.
#[derive(Debug)]
pub struct End;

/// One object more than `D`.
#[derive(Debug)]
pub struct Deeper<D>(PhantomData<D>);

impl Depth for End {
    type Below = End;
    type Of<T: Record<End>> = End;
}

impl<D: Depth> Depth for Deeper<D> {
    type Below = D;
    type Of<T: Record<D>> = Object<T, D>;
}

/// A type that is described down to a depth.
pub trait Described<D: Depth> {
    /// Its JSON form.
    const SHAPE: Shape;
}

/// An object whose fields are described down to a depth.
pub trait Record<D: Depth> {
    /// The type's name, for messages.
    const NAME: &'static str;
    /// In the order of the type.
    const FIELDS: &'static [Field];
}

/// What has a shape.
pub trait HasShape {
    /// The shape.
    const SHAPE: Shape;
}

impl HasShape for End {
    const SHAPE: Shape = Shape::Any;
}

/// The record `T`, whose fields are described down to `D`.
#[derive(Debug)]
pub struct Object<T, D>(PhantomData<(T, D)>);

impl<T: Record<D>, D: Depth> HasShape for Object<T, D> {
    const SHAPE: Shape = Shape::Record {
        name: T::NAME,
        fields: T::FIELDS,
    };
}

/// Finds the shape of a type, also of one that nobody described: an inherent constant is found before that of a trait.
#[derive(Debug)]
pub struct ShapeOf<T, D>(PhantomData<(T, D)>);

impl<T: Described<D>, D: Depth> ShapeOf<T, D> {
    /// As the type is described.
    pub const SHAPE: Shape = T::SHAPE;
}

/// The shape of a type that nobody described.
pub trait Undescribed {
    /// Anything.
    const SHAPE: Shape = Shape::Any;
}

impl<T, D> Undescribed for ShapeOf<T, D> {}

#[cfg(test)]
mod tests;
