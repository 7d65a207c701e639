//! What a template asks of the types of its inputs, for those who know the types.

use crate::diagnostic::Location;

/// One demand on the type of an input, found in a template.
///
/// The analysis knows names and not types. The macros turn each requirement into a check against the input's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The input.
    pub input: String,
    /// The way from the input to the value, in the value's JSON form.
    pub path: Vec<Segment>,
    /// How many of the first segments have requirements of their own. What is wrong with those is not reported again.
    pub known: usize,
    /// What the value at the end of the path must allow.
    pub need: Need,
    /// The expression as the template says it; for [`Need::Exists`], what the last segment is taken of.
    pub expression: String,
    /// Where the template says it.
    pub location: Location,
}

/// One step of a path into a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// `.name`
    Field(String),
    /// What a loop over it gives: the items of a list, the keys of a map.
    Item,
    /// `[0]`, or `[key]` with a key that is not known here.
    Index,
    /// The value itself, known not to be none here.
    Present,
}

/// What a value must allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// To be there.
    Exists,
    /// To be looped over.
    Loop,
    /// To be printed.
    Print,
    /// To be a text, a number or a boolean: a filter makes another text of it.
    Text,
    /// To be printed, or to be messages: it stands alone on a line of a message's top level.
    Stand,
}
