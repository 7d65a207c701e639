//! Constraints of values: `length(…)`, `range(…)`, `pattern = "…"` and `custom = …`, on inputs and on the fields of
//! `#[data]` types. The rules themselves are garde's.
//!
//! What a value is held to is found by its type: [`Probe`]. Who asks, and when, is in `run` and in `output`.

mod containers;
mod limits;
mod rules;
mod violations;

use std::marker::PhantomData;

pub use limits::limits;
pub use rules::{Length, Outcome, Pattern, Range, Rules, Text};
pub use violations::Violations;

use crate::error::{Error, ErrorKind};

/// In characters: what is told of the inputs of one call.
const LONGEST_MESSAGE: usize = 1000;

/// Finds what does not hold in a value.
pub type Check<T> = fn(&T, &mut Violations);

/// A type with constraints of its own, or that may hold such a type. `#[data]` implements it.
pub trait Constrained {
    /// Whether there can be anything to find: else the items of a list are not gone through.
    const ANY: bool;

    /// Finds what does not hold.
    fn check(&self, found: &mut Violations);
}

/// Asks whether a type is [`Constrained`]: an inherent constant goes before one of a trait, where its bounds hold.
///
/// So types of other crates need no constraints, nor a word about having none.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

impl<T: Constrained> Probe<T> {
    /// What the type's constraints find.
    pub const CHECK: Check<T> = T::check;
}

/// What [`Probe`] gives for every other type.
pub trait Fallback {
    /// The type that is asked about.
    type Value;
    /// Finds nothing.
    const CHECK: Check<Self::Value>;
}

impl<T> Fallback for Probe<T> {
    type Value = T;
    const CHECK: Check<T> = |_, _| {};
}

/// Called by the macros with what is found in each input.
///
/// # Errors
/// When there is anything: all of it, on one line.
pub fn hold<const N: usize>(found: [Option<String>; N]) -> Result<(), Error> {
    let found: Vec<String> = found.into_iter().flatten().collect();
    if found.is_empty() {
        return Ok(());
    }
    let message = violations::cut(&found.join("; "), LONGEST_MESSAGE);
    Err(Error::new(ErrorKind::InvalidInput, message))
}

#[cfg(test)]
mod tests;
