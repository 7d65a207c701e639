//! What holds values of constrained types is constrained by them.
//!
//! Types without constraints are named here where they are common beside others: `(Uuid, Section)` is constrained only
//! if both are.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::num::NonZero;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Constrained, Violations};

macro_rules! unconstrained {
    ($([$($parameters:tt)*] $type:ty),* $(,)?) => {
        $(impl<$($parameters)*> Constrained for $type {
            const ANY: bool = false;

            fn check(&self, _found: &mut Violations) {}
        })*
    };
}

unconstrained! {
    [] (), [] bool, [] char, [] str, [] String, [] Cow<'_, str>,
    [] u8, [] u16, [] u32, [] u64, [] u128, [] usize,
    [] i8, [] i16, [] i32, [] i64, [] i128, [] isize,
    [] f32, [] f64,
    [] NonZero<u8>, [] NonZero<u16>, [] NonZero<u32>, [] NonZero<u64>, [] NonZero<usize>,
    [] NonZero<i8>, [] NonZero<i16>, [] NonZero<i32>, [] NonZero<i64>, [] NonZero<isize>,
    [] Value, [] Uuid, [] Duration, [] PathBuf,
    [] NaiveDate, [] NaiveTime, [] NaiveDateTime, [Z: TimeZone] DateTime<Z>,
}

impl<T: Constrained> Constrained for Option<T> {
    const ANY: bool = T::ANY;

    fn check(&self, found: &mut Violations) {
        if let Some(value) = self {
            value.check(found);
        }
    }
}

macro_rules! pointers {
    ($($pointer:ident),*) => {
        $(impl<T: Constrained + ?Sized> Constrained for $pointer<T> {
            const ANY: bool = T::ANY;

            fn check(&self, found: &mut Violations) {
                (**self).check(found);
            }
        })*
    };
}

pointers!(Box, Rc, Arc);

macro_rules! lists {
    ($([$($parameters:tt)*] $type:ty),* $(,)?) => {
        $(impl<T: Constrained, $($parameters)*> Constrained for $type {
            const ANY: bool = T::ANY;

            fn check(&self, found: &mut Violations) {
                if Self::ANY {
                    for (index, item) in self.iter().enumerate() {
                        found.item(index, item, T::check);
                    }
                }
            }
        })*
    };
}

lists! {
    [] Vec<T>, [] [T], [const N: usize] [T; N], [] VecDeque<T>, [] LinkedList<T>, [] BinaryHeap<T>, [] BTreeSet<T>,
    [S] HashSet<T, S>,
}

macro_rules! maps {
    ($([$($parameters:tt)*] $type:ty),* $(,)?) => {
        $(impl<K: Serialize, V: Constrained, $($parameters)*> Constrained for $type {
            const ANY: bool = V::ANY;

            fn check(&self, found: &mut Violations) {
                if Self::ANY {
                    for (key, value) in self {
                        found.entry(key, value, V::check);
                    }
                }
            }
        })*
    };
}

maps! { [] BTreeMap<K, V>, [S] HashMap<K, V, S> }

macro_rules! tuples {
    ($($($name:ident $index:tt),+;)*) => {
        $(impl<$($name: Constrained),+> Constrained for ($($name,)+) {
            const ANY: bool = $($name::ANY)||+;

            fn check(&self, found: &mut Violations) {
                $(found.item($index, &self.$index, $name::check);)+
            }
        })*
    };
}

tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}
