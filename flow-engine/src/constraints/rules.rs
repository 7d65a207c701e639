//! The rules, and which types they are for.
//!
//! The traits are ours and not garde's for the errors: a rule that does not fit a type is one error, in the user's words.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::fmt::Display;
use std::num::NonZero;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use garde::rules::length::{chars, simple};
use garde::rules::{pattern, range};
use regex::Regex;
use schemars::Schema;
use serde::Serialize;

use super::limits;
use super::violations::Violations;

/// What the rules of a value are asked for. The macros write each rule once, so that one that does not fit the type is
/// one error.
#[derive(Debug)]
pub enum Rules<'a, T> {
    /// Whether a value keeps them.
    Check(&'a T, &'a mut Violations),
    /// What they add to the schema of the type.
    Describe(&'a mut Schema),
}

impl<T> Rules<'_, T> {
    /// Characters of a text; items of a list, a set or a map. Each limit is none or one: as a slice, so that a limit of
    /// another type is an error without the word `Some`, which the user did not write.
    pub fn length(&mut self, min: &[usize], max: &[usize])
    where
        T: Length,
    {
        let (min, max) = (min.first().copied(), max.first().copied());
        match self {
            Self::Check(value, found) => {
                found.keep(value.check_length((min.unwrap_or(0), max.unwrap_or(usize::MAX))));
            }
            Self::Describe(schema) => limits::length(schema, min, max),
        }
    }

    /// The least and the greatest number.
    pub fn range(&mut self, min: &[T::Bound], max: &[T::Bound])
    where
        T: Range,
    {
        let (min, max) = (min.first().copied(), max.first().copied());
        match self {
            Self::Check(value, found) => found.keep(value.check_range((min, max))),
            Self::Describe(schema) => limits::range(schema, min, max),
        }
    }

    /// A pattern that is found somewhere in a text.
    pub fn pattern(&mut self, pattern: &Pattern)
    where
        T: Text,
    {
        match self {
            Self::Check(value, found) => {
                if let Some(text) = value.text() {
                    found.keep(pattern.check(text));
                }
            }
            Self::Describe(schema) => limits::pattern(schema, pattern.source),
        }
    }

    /// What a fn of the user's says, if there is a value. A schema cannot tell of it.
    pub fn custom<O: Outcome>(&mut self, check: impl FnOnce(&T) -> Option<O>) {
        if let Self::Check(value, found) = self
            && let Some(outcome) = check(value)
        {
            found.keep(outcome.into_result());
        }
    }
}

/// What a fn that checks gives.
#[diagnostic::on_unimplemented(
    message = "a check gives a `Result<(), E>`, and not `{Self}`",
    label = "this does not say what is wrong",
    note = "it is `Ok(())` if the value holds; else `Err` with the reason: a text, or an error with `Display`"
)]
pub trait Outcome {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), String>;
}

#[diagnostic::do_not_recommend]
impl<E: Display> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|reason| reason.to_string())
    }
}

/// A regular expression, compiled when it is first used.
#[derive(Debug)]
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Result<Regex, regex::Error>>,
}

impl Pattern {
    /// One that the macro has compiled, too.
    pub const fn new(source: &'static str) -> Self {
        Self {
            source,
            compiled: OnceLock::new(),
        }
    }

    fn check(&self, text: &str) -> Result<(), String> {
        let compiled = self.compiled.get_or_init(|| Regex::new(self.source));
        let regex = compiled.as_ref().map_err(ToString::to_string)?;
        pattern::apply(&text, (regex,)).map_err(|error| error.to_string())
    }
}

/// What has a length.
#[diagnostic::on_unimplemented(
    message = "`length` does not apply to `{Self}`",
    label = "`{Self}` has no length",
    note = "`length` counts the characters of a text, or the items of a list, a set or a map; for a number use `range(…)`"
)]
pub trait Length {
    #[doc(hidden)]
    fn check_length(&self, limits: (usize, usize)) -> Result<(), garde::Error>;
}

#[diagnostic::do_not_recommend]
impl Length for str {
    fn check_length(&self, limits: (usize, usize)) -> Result<(), garde::Error> {
        chars::apply(&self, limits)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Length for [T] {
    fn check_length(&self, limits: (usize, usize)) -> Result<(), garde::Error> {
        simple::apply(&self, limits)
    }
}

#[diagnostic::do_not_recommend]
impl Length for String {
    fn check_length(&self, limits: (usize, usize)) -> Result<(), garde::Error> {
        chars::apply(self, limits)
    }
}

#[diagnostic::do_not_recommend]
impl Length for Cow<'_, str> {
    fn check_length(&self, limits: (usize, usize)) -> Result<(), garde::Error> {
        chars::apply(self, limits)
    }
}

macro_rules! counted {
    ($([$($parameters:tt)*] $type:ty),* $(,)?) => {
        $(#[diagnostic::do_not_recommend]
        impl<$($parameters)*> Length for $type {
            fn check_length(&self, limits: (usize, usize)) -> Result<(), garde::Error> {
                simple::apply(self, limits)
            }
        })*
    };
}

counted! {
    [T] Vec<T>,
    [T] VecDeque<T>,
    [T] LinkedList<T>,
    [T] BinaryHeap<T>,
    [T] BTreeSet<T>,
    [T, S] HashSet<T, S>,
    [K, V] BTreeMap<K, V>,
    [K, V, S] HashMap<K, V, S>,
    [T, const N: usize] [T; N],
}

/// A number.
#[diagnostic::on_unimplemented(
    message = "`range` does not apply to `{Self}`",
    label = "`{Self}` is no number",
    note = "`range` bounds a number; for a text, a list, a set or a map use `length(…)`"
)]
pub trait Range {
    /// Of what type its bounds are.
    #[doc(hidden)]
    type Bound: Serialize + Copy;

    #[doc(hidden)]
    fn check_range(&self, limits: Limits<Self::Bound>) -> Result<(), garde::Error>;
}

type Limits<B> = (Option<B>, Option<B>);

macro_rules! numbers {
    ($($number:ty),*) => {
        $(#[diagnostic::do_not_recommend]
        impl Range for $number {
            type Bound = Self;

            fn check_range(&self, limits: Limits<Self>) -> Result<(), garde::Error> {
                // NaN, which is neither lower nor greater than a bound.
                if self.partial_cmp(self).is_none() {
                    return Err(garde::Error::new("not a number"));
                }
                range::apply(self, limits)
            }
        })*
    };
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {
        numbers!($($number),*);
        $(#[diagnostic::do_not_recommend]
        impl Range for NonZero<$number> {
            type Bound = $number;

            fn check_range(&self, limits: Limits<$number>) -> Result<(), garde::Error> {
                range::apply(&self.get(), limits)
            }
        })*
    };
}

numbers!(f32, f64);
whole_numbers!(
    u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize
);

/// A text.
#[diagnostic::on_unimplemented(
    message = "`pattern` does not apply to `{Self}`",
    label = "`{Self}` is no text",
    note = "`pattern` is looked for in a text; what it cannot say, a fn does: `custom = my_check`"
)]
pub trait Text {
    /// The text, if there is one.
    #[doc(hidden)]
    fn text(&self) -> Option<&str>;
}

#[diagnostic::do_not_recommend]
impl Text for str {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl Text for String {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl Text for Cow<'_, str> {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

/// A rule of an `Option` is one of the value inside, when there is one.
#[diagnostic::do_not_recommend]
impl<T: Length> Length for Option<T> {
    fn check_length(&self, limits: (usize, usize)) -> Result<(), garde::Error> {
        self.as_ref()
            .map_or(Ok(()), |value| value.check_length(limits))
    }
}

#[diagnostic::do_not_recommend]
impl<T: Range> Range for Option<T> {
    type Bound = T::Bound;

    fn check_range(&self, limits: Limits<T::Bound>) -> Result<(), garde::Error> {
        self.as_ref()
            .map_or(Ok(()), |value| value.check_range(limits))
    }
}

#[diagnostic::do_not_recommend]
impl<T: Text> Text for Option<T> {
    fn text(&self) -> Option<&str> {
        self.as_ref()?.text()
    }
}

macro_rules! pointers {
    ($($pointer:ident),*) => {
        $(#[diagnostic::do_not_recommend]
        impl<T: Length + ?Sized> Length for $pointer<T> {
            fn check_length(&self, limits: (usize, usize)) -> Result<(), garde::Error> {
                (**self).check_length(limits)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T: Range> Range for $pointer<T> {
            type Bound = T::Bound;

            fn check_range(&self, limits: Limits<T::Bound>) -> Result<(), garde::Error> {
                (**self).check_range(limits)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T: Text + ?Sized> Text for $pointer<T> {
            fn text(&self) -> Option<&str> {
                (**self).text()
            }
        })*
    };
}

pointers!(Box, Rc, Arc);
