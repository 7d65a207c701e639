//! The shapes of std's types, and of those that this crate's users meet.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8,
    NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize,
};
use std::rc::Rc;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use uuid::Uuid;

use super::{Depth, Described, Shape};
use crate::attachment::Attachment;
use crate::llm::Message;

macro_rules! described {
    ($shape:expr => $($ty:ty),+ $(,)?) => {
        $(
            impl<D: Depth> Described<D> for $ty {
                const SHAPE: Shape = $shape;
            }
        )+
    };
}

described!(Shape::Text => String, str, char, Uuid, NaiveDate, NaiveDateTime, NaiveTime);
described!(Shape::Number => u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);
described!(
    Shape::Number => NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize,
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize,
);
described!(Shape::Bool => bool);
described!(Shape::Nothing => ());
described!(Shape::Message => Message);
described!(Shape::Attachment => Attachment);
described!(Shape::Any => serde_json::Value);
described!(Shape::Map(&Shape::Any) => serde_json::Map<String, serde_json::Value>);

impl<D: Depth, Z: TimeZone> Described<D> for DateTime<Z> {
    const SHAPE: Shape = Shape::Text;
}

macro_rules! same_as_inside {
    ($($ty:ty),+ $(,)?) => {
        $(
            impl<D: Depth, T: Described<D> + ?Sized> Described<D> for $ty {
                const SHAPE: Shape = T::SHAPE;
            }
        )+
    };
}

same_as_inside!(&T, Box<T>, Rc<T>, Arc<T>);

impl<D: Depth, T: Described<D> + ToOwned + ?Sized> Described<D> for Cow<'_, T> {
    const SHAPE: Shape = T::SHAPE;
}

impl<D: Depth, T: Described<D>> Described<D> for Option<T> {
    const SHAPE: Shape = match T::SHAPE {
        // In JSON, an `Option` in an `Option` is one.
        Shape::Optional(_) => T::SHAPE,
        _ => Shape::Optional(&T::SHAPE),
    };
}

macro_rules! list_of {
    ($($ty:ty),+ $(,)?) => {
        $(
            impl<D: Depth, T: Described<D>> Described<D> for $ty {
                const SHAPE: Shape = Shape::List(&T::SHAPE);
            }
        )+
    };
}

list_of!(
    [T],
    Vec<T>,
    VecDeque<T>,
    LinkedList<T>,
    BinaryHeap<T>,
    BTreeSet<T>
);

impl<D: Depth, T: Described<D>, const N: usize> Described<D> for [T; N] {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
}

impl<D: Depth, T: Described<D>, S> Described<D> for HashSet<T, S> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
}

impl<D: Depth, K, T: Described<D>> Described<D> for BTreeMap<K, T> {
    const SHAPE: Shape = Shape::Map(&T::SHAPE);
}

impl<D: Depth, K, T: Described<D>, S> Described<D> for HashMap<K, T, S> {
    const SHAPE: Shape = Shape::Map(&T::SHAPE);
}

macro_rules! tuple {
    ($($name:ident)+) => {
        impl<D: Depth, $($name),+> Described<D> for ($($name,)+) {
            const SHAPE: Shape = Shape::List(&Shape::Any);
        }
    };
}

tuple!(A);
tuple!(A B);
tuple!(A B C);
tuple!(A B C E);
tuple!(A B C E F);
tuple!(A B C E F G);
