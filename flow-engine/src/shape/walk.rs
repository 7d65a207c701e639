//! Holding what a template asks of an input against the input's shape, in a constant.

use super::message::{Message, distance};
use super::{Kind, Shape};

/// What a template asks of an input. A tuple of literals: there are many in a program, and rustc resolves each name in them.
///
/// - the way from the input to the value: segments, each a marker of this module, a field's followed by its name;
/// - how many of the first segments are checked elsewhere: what is wrong with those is no second mistake;
/// - what is asked of the value, one of [`EXISTS`] and so on;
/// - what the template says for it; for [`EXISTS`], what the last segment is taken of;
/// - the position in the prompt file, with its line.
pub type Requirement = (&'static str, usize, char, &'static str, &'static str);

/// Before the name of a field.
pub const FIELD: char = '\u{1}';
/// What a loop gives.
pub const ITEM: char = '\u{2}';
/// With a key that is not known here.
pub const INDEX: char = '\u{3}';
/// The value itself, known not to be none.
pub const PRESENT: char = '\u{4}';

/// To be there.
pub const EXISTS: char = 'e';
/// To be looped over.
pub const LOOP: char = 'l';
/// To be printed.
pub const PRINT: char = 'p';
/// To be printed, or to be messages: it stands alone on a line.
pub const STAND: char = 's';
/// To be a text, a number or a boolean: another text is made of it.
pub const TEXT: char = 't';

/// Stops the compiler if the shape cannot give what is asked of it.
///
/// # Panics
/// With the mistakes and their positions, which is an error of the compiler, at the caller.
#[track_caller]
pub const fn require(root: &Shape, requirements: &[Requirement]) {
    let mut all: Option<Message> = None;
    let mut at = 0;
    while at < requirements.len() {
        let (.., expression, position) = requirements[at];
        if let Some(mistake) = find(root, &requirements[at]) {
            let message = mistake.message(expression).with("\n").with(position);
            all = Some(match all {
                None => message,
                Some(others) => others.with("\n\n").with(message.as_str()),
            });
        }
        at += 1;
    }
    if let Some(message) = &all {
        panic!("{}", message.as_str());
    }
}

enum Mistake<'a> {
    /// The value has no such part.
    Step(Shape, Segment<'a>),
    /// It cannot be used as it is.
    Use(Shape, &'static str),
}

/// What is wrong with one requirement. rustc interprets this for each of a program's: no text is made yet, and nothing of std
/// is called, where a slice is cut by twenty fns.
const fn find(root: &Shape, requirement: &Requirement) -> Option<Mistake<'static>> {
    let (path, known, need, ..) = *requirement;
    let path = path.as_bytes();
    let mut shape = *root;
    let (mut at, mut passed) = (0, 0);
    while at < path.len() {
        let (segment, next) = segment(path, at);
        match step(&shape, &segment) {
            Step::To(inner) => shape = inner,
            Step::Unknown => return None,
            Step::Wrong if passed < known => return None,
            Step::Wrong => return Some(Mistake::Step(shape, segment)),
        }
        at = next;
        passed += 1;
    }
    match wrong(root, &shape, need) {
        None => None,
        Some(wrong) => Some(Mistake::Use(shape, wrong)),
    }
}

impl Mistake<'_> {
    const fn message(&self, expression: &str) -> Message {
        match self {
            Self::Step(shape, segment) => no_such(shape, segment, expression),
            Self::Use(Shape::Optional(_), wrong) => guard(says(expression).with(wrong), expression)
                .with(", or say what else: `{{ ")
                .with(expression)
                .with(" or \"…\" }}`"),
            Self::Use(_, wrong) => says(expression).with(wrong),
        }
    }
}

/// One step of a path into a value.
enum Segment<'a> {
    Field(Name<'a>),
    Item,
    Index,
    Present,
}

/// A field's name, as a part of a path.
struct Name<'a> {
    path: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> Name<'a> {
    const fn is(&self, other: &str) -> bool {
        let other = other.as_bytes();
        let mut at = 0;
        while at < other.len() {
            if self.path[self.start + at] != other[at] {
                return false;
            }
            at += 1;
        }
        true
    }

    const fn text(&self) -> &'a str {
        let name = self.path.split_at(self.end).0.split_at(self.start).1;
        match std::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => "",
        }
    }
}

/// The segment of a path that begins there, and where the next one does.
const fn segment(path: &[u8], at: usize) -> (Segment<'_>, usize) {
    let start = at + 1;
    match path[at] as char {
        ITEM => (Segment::Item, start),
        INDEX => (Segment::Index, start),
        PRESENT => (Segment::Present, start),
        _ => {
            let mut end = start;
            while end < path.len() && path[end] > PRESENT as u8 {
                end += 1;
            }
            (Segment::Field(Name { path, start, end }), end)
        }
    }
}

/// Why a value cannot be used as it is, if so.
const fn wrong(root: &Shape, shape: &Shape, need: char) -> Option<&'static str> {
    match (need, shape) {
        (LOOP, Shape::Number) => Some("is a number, and cannot be looped over"),
        (LOOP, Shape::Bool) => Some("is a boolean, and cannot be looped over"),
        (LOOP, Shape::Attachment) => Some("is an attachment, and cannot be looped over"),
        (EXISTS | LOOP, _) | (_, Shape::Any | Shape::Text | Shape::Number | Shape::Bool) => None,
        (STAND, Shape::Optional(inner)) if is_history(inner) => None,
        (_, Shape::Optional(_)) => Some("may be none"),
        (_, Shape::Nothing) => Some("is always none, which cannot be printed"),
        (STAND, shape) if is_history(shape) => None,
        (_, shape) if is_history(shape) => Some(
            "is a list of messages; for its messages, it stands alone on a line outside of all tags and code fences",
        ),
        (_, Shape::List(Shape::Attachment)) => {
            Some("is a list of attachments; print each of them in a loop")
        }
        (TEXT, Shape::Attachment) => Some("is an attachment, which is printed as it is"),
        (_, Shape::Attachment) if !matches!(super::kind(root), Kind::Attachment) => {
            Some("is an attachment inside of other data; make it an input of its own")
        }
        (_, shape) if holds_attachment(shape) => Some(
            "holds an attachment, which would be printed as data; make that an input of its own",
        ),
        (TEXT, Shape::List(_)) => Some(
            "is a list, and not a text; print it as it is, or join its items: `… | join(\", \")`",
        ),
        (TEXT, Shape::Map(_) | Shape::Record { .. }) => {
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

const fn step(shape: &Shape, segment: &Segment<'_>) -> Step {
    match (segment, shape) {
        (_, Shape::Any) => Step::Unknown,
        (Segment::Present, Shape::Optional(inner)) => Step::To(**inner),
        (Segment::Present, _) => Step::To(*shape),
        (Segment::Field(name), Shape::Record { fields, .. }) => field(fields, name),
        (Segment::Field(name), Shape::Message) if name.is("role") || name.is("content") => {
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
const fn field(fields: &[super::Field], name: &Name<'_>) -> Step {
    let length = name.end - name.start;
    let mut found = Step::Wrong;
    let mut at = 0;
    while at < fields.len() {
        match (fields[at].name, &fields[at].shape) {
            (Some(own), shape) if own.len() == length && name.is(own) => return Step::To(*shape),
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

const fn no_such(shape: &Shape, segment: &Segment<'_>, expression: &str) -> Message {
    let owner = says(expression);
    let name = match segment {
        Segment::Field(name) => name.text(),
        _ => "",
    };
    match (segment, shape) {
        (Segment::Field(_), Shape::Record { name: ty, fields }) => {
            let message = says(ty).with("has no field `").with(name).with("`");
            match nearest(fields, name) {
                Some(near) => message.with("; did you mean `").with(near).with("`?"),
                None => listed(message.with("; its fields are "), fields, true).0,
            }
        }
        (Segment::Field(_), Shape::Optional(_)) => {
            let message = owner.with("may be none, and then has no field `");
            guard(message.with(name).with("`"), expression)
        }
        (_, Shape::Optional(_)) => {
            guard(owner.with("may be none, and then has no items"), expression)
        }
        (Segment::Field(_), _) => owner
            .with("is ")
            .with(described(shape))
            .with(" and has no field `")
            .with(name)
            .with("`"),
        _ => owner
            .with("is ")
            .with(described(shape))
            .with(" and has no items"),
    }
}

/// The beginning of a message about an expression or a type.
const fn says(name: &str) -> Message {
    Message::new().with("`").with(name).with("` ")
}

/// Says how to make sure of what may be none.
const fn guard(message: Message, expression: &str) -> Message {
    message
        .with("; guard it with `{% if ")
        .with(expression)
        .with(" %}`")
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
