//! Holding what a template asks of an input against the input's shape, in a constant.

use super::message::{Message, distance};
use super::{Kind, Shape};

/// What a template asks of an input.
#[derive(Debug)]
pub struct Requirement {
    /// The way from the input to the value.
    pub path: &'static [Segment],
    /// How many of the first segments are checked elsewhere: what is wrong with those is no second mistake.
    pub known: usize,
    /// What is asked of the value.
    pub need: Need,
    /// What the template says: for [`Need::Exists`], what the last segment is taken of.
    pub expression: &'static str,
    /// The position in the prompt file, with its line.
    pub at: &'static str,
}

/// One step of a path into a value.
#[derive(Debug)]
pub enum Segment {
    Field(&'static str),
    /// What a loop gives.
    Item,
    /// With a key that is not known here.
    Index,
    /// The value itself, known not to be none.
    Present,
}

/// What is asked of a value.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    Exists,
    Loop,
    Print,
    /// To be printed, or to be messages: it stands alone on a line.
    Stand,
    /// To be a text, a number or a boolean: another text is made of it.
    Text,
}

/// Stops the compiler if the shape cannot give what is asked of it.
///
/// # Panics
/// With the mistake and its position, which is an error of the compiler, at the caller.
#[track_caller]
pub const fn require(root: &Shape, requirement: &Requirement) {
    let mut shape = *root;
    let mut at = 0;
    while at < requirement.path.len() {
        match step(&shape, &requirement.path[at]) {
            Step::To(next) => shape = next,
            Step::Unknown => return,
            Step::Wrong => {
                if at >= requirement.known {
                    no_such(&shape, &requirement.path[at], requirement);
                }
                return;
            }
        }
        at += 1;
    }
    if let Some(wrong) = wrong(root, &shape, requirement.need) {
        let message = Message::new()
            .with("`")
            .with(requirement.expression)
            .with("` ")
            .with(wrong);
        let message = match shape {
            Shape::Optional(_) => guarded(message, requirement),
            _ => message,
        };
        fail(message, requirement);
    }
}

/// Why a value cannot be used as it is, if so.
const fn wrong(root: &Shape, shape: &Shape, need: Need) -> Option<&'static str> {
    match (need, shape) {
        (Need::Loop, Shape::Number) => Some("is a number, and cannot be looped over"),
        (Need::Loop, Shape::Bool) => Some("is a boolean, and cannot be looped over"),
        (Need::Loop, Shape::Attachment) => Some("is an attachment, and cannot be looped over"),
        (Need::Exists | Need::Loop, _) | (_, Shape::Any) => None,
        (Need::Stand, Shape::Optional(inner)) if is_history(inner) => None,
        (_, Shape::Optional(_)) => Some("may be none"),
        (_, Shape::Nothing) => Some("is always none, which cannot be printed"),
        (Need::Stand, shape) if is_history(shape) => None,
        (_, shape) if is_history(shape) => Some(
            "is a list of messages; for its messages, it stands alone on a line outside of all tags and code fences",
        ),
        (_, Shape::List(Shape::Attachment)) => {
            Some("is a list of attachments; print each of them in a loop")
        }
        (Need::Text, Shape::Attachment) => Some("is an attachment, which is printed as it is"),
        (_, Shape::Attachment) if !matches!(super::kind(root), Kind::Attachment) => {
            Some("is an attachment inside of other data; make it an input of its own")
        }
        (_, shape) if holds_attachment(shape) => Some(
            "holds an attachment, which would be printed as data; make that an input of its own",
        ),
        (Need::Text, Shape::List(_)) => Some(
            "is a list, and not a text; print it as it is, or join its items: `… | join(\", \")`",
        ),
        (Need::Text, Shape::Map(_) | Shape::Record { .. }) => {
            Some("is an object, and not a text; print it as it is, or one of its fields")
        }
        _ => None,
    }
}

const fn is_history(shape: &Shape) -> bool {
    matches!(super::kind(shape), Kind::History)
}

/// Whether there is an attachment in what would be printed as JSON, as far as it is described.
const fn holds_attachment(shape: &Shape) -> bool {
    match shape {
        Shape::Optional(inner) | Shape::List(inner) | Shape::Map(inner) => {
            matches!(inner, Shape::Attachment) || holds_attachment(inner)
        }
        Shape::Record { fields, .. } => {
            let mut at = 0;
            while at < fields.len() {
                if matches!(fields[at].shape, Shape::Attachment)
                    || holds_attachment(&fields[at].shape)
                {
                    return true;
                }
                at += 1;
            }
            false
        }
        _ => false,
    }
}

enum Step {
    To(Shape),
    /// Nothing is known from here on.
    Unknown,
    Wrong,
}

const fn step(shape: &Shape, segment: &Segment) -> Step {
    match (segment, shape) {
        (_, Shape::Any) => Step::Unknown,
        (Segment::Present, Shape::Optional(inner)) => Step::To(**inner),
        (Segment::Present, _) => Step::To(*shape),
        (Segment::Field(name), Shape::Record { fields, .. }) => field(fields, name),
        (Segment::Field(name), Shape::Message) if equal(name, "role") || equal(name, "content") => {
            Step::To(Shape::Text)
        }
        (Segment::Field(_) | Segment::Index, Shape::Map(value)) => Step::To(**value),
        (Segment::Item | Segment::Index, Shape::List(item)) => Step::To(**item),
        // The keys of an object, the letters of a text.
        (Segment::Item, Shape::Map(_) | Shape::Record { .. } | Shape::Text) => {
            Step::To(Shape::Text)
        }
        // A loop that is wrong is reported as one.
        (Segment::Item, _) | (Segment::Index, Shape::Record { .. } | Shape::Text) => Step::Unknown,
        _ => Step::Wrong,
    }
}

/// The field of this name; those of flattened fields are the object's own.
const fn field(fields: &[super::Field], name: &str) -> Step {
    let mut found = Step::Wrong;
    let mut at = 0;
    while at < fields.len() {
        match (fields[at].name, &fields[at].shape) {
            (Some(own), shape) if equal(own, name) => return Step::To(*shape),
            (None, Shape::Record { fields, .. }) => match field(fields, name) {
                Step::Wrong => {}
                other => return other,
            },
            (None, Shape::Optional(Shape::Record { fields, .. })) => match field(fields, name) {
                Step::Wrong => {}
                // It may be absent altogether.
                _ => return Step::Unknown,
            },
            (None, _) => found = Step::Unknown,
            _ => {}
        }
        at += 1;
    }
    found
}

#[track_caller]
const fn no_such(shape: &Shape, segment: &Segment, requirement: &Requirement) {
    let owner = Message::new()
        .with("`")
        .with(requirement.expression)
        .with("` ");
    let message = match (segment, shape) {
        (Segment::Field(name), Shape::Record { name: ty, fields }) => {
            let message = Message::new()
                .with("`")
                .with(ty)
                .with("` has no field `")
                .with(name)
                .with("`");
            match nearest(fields, name) {
                Some(near) => message.with("; did you mean `").with(near).with("`?"),
                None => listed(message.with("; its fields are "), fields, true).0,
            }
        }
        (Segment::Field(name), Shape::Optional(_)) => guard(
            owner
                .with("may be none, and then has no field `")
                .with(name)
                .with("`"),
            requirement,
        ),
        (_, Shape::Optional(_)) => guard(
            owner.with("may be none, and then has no items"),
            requirement,
        ),
        (Segment::Field(name), _) => owner
            .with("is ")
            .with(described(shape))
            .with(" and has no field `")
            .with(name)
            .with("`"),
        _ => owner
            .with("is ")
            .with(described(shape))
            .with(" and has no items"),
    };
    fail(message, requirement);
}

/// Says how to make sure of what may be none.
const fn guarded(message: Message, requirement: &Requirement) -> Message {
    message
        .with("; guard it with `{% if ")
        .with(requirement.expression)
        .with(" %}`, or say what else: `{{ ")
        .with(requirement.expression)
        .with(" or \"…\" }}`")
}

const fn guard(message: Message, requirement: &Requirement) -> Message {
    message
        .with("; guard it with `{% if ")
        .with(requirement.expression)
        .with(" %}`")
}

#[track_caller]
const fn fail(message: Message, requirement: &Requirement) -> ! {
    let message = message.with("\n").with(requirement.at);
    panic!("{}", message.as_str())
}

const fn described(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any => "anything",
        Shape::Text => "a text",
        Shape::Number => "a number",
        Shape::Bool => "a boolean",
        Shape::Nothing => "none",
        Shape::Message => "a message",
        Shape::Attachment => "an attachment",
        Shape::Optional(_) => "something optional",
        Shape::List(_) => "a list",
        Shape::Map(_) | Shape::Record { .. } => "an object",
    }
}

/// The field whose name is a typo away, by the rule of all messages: one for every three letters, and at least one.
const fn nearest(fields: &[super::Field], name: &str) -> Option<&'static str> {
    let length = name.len();
    let mut allowed = if length < 3 { 1 } else { length / 3 };
    let mut near = None;
    let mut at = 0;
    while at < fields.len() {
        let found = match (fields[at].name, &fields[at].shape) {
            (Some(own), _) => Some(own),
            (None, Shape::Record { fields, .. }) => nearest(fields, name),
            _ => None,
        };
        if let Some(own) = found {
            let distance = distance(own, name);
            if distance < allowed || (distance == allowed && near.is_none()) {
                (allowed, near) = (distance, Some(own));
            }
        }
        at += 1;
    }
    near
}

/// Adds the names of the fields; the flag says whether the next one is the first.
const fn listed(message: Message, fields: &[super::Field], first: bool) -> (Message, bool) {
    let (mut message, mut first) = (message, first);
    let mut at = 0;
    while at < fields.len() {
        match (fields[at].name, &fields[at].shape) {
            (Some(name), _) => {
                message = message
                    .with(if first { "`" } else { ", `" })
                    .with(name)
                    .with("`");
                first = false;
            }
            (None, Shape::Record { fields, .. }) => {
                (message, first) = listed(message, fields, first);
            }
            _ => {}
        }
        at += 1;
    }
    (message, first)
}

const fn equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}
