//! What `#[state]` parameters are filled with: values of the engine's, cloned by type, in no schema and no row.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;

use crate::error::{Error, ErrorKind};

/// One `#[state]` parameter: its type, and how it is filled.
#[doc(hidden)]
pub struct State<T> {
    erased: StateType,
    take: fn(&States) -> Result<T, Error>,
}

/// Called by the macros, as a function, so that a wrong type is one error at that type.
#[doc(hidden)]
pub const fn state<T: Clone + Send + Sync + 'static>() -> State<T> {
    State {
        erased: StateType {
            id: TypeId::of::<T>,
            name: type_name::<T>,
        },
        take: States::get::<T>,
    }
}

impl<T> State<T> {
    /// The value for one call.
    ///
    /// # Errors
    /// When the engine was given none of this type.
    pub fn take(&self, states: &States) -> Result<T, Error> {
        (self.take)(states)
    }

    /// Without the type.
    pub const fn erased(&self) -> StateType {
        self.erased
    }
}

impl<T> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("State").field(&(self.erased.name)()).finish()
    }
}

/// The type of a `#[state]` parameter.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct StateType {
    pub id: fn() -> TypeId,
    pub name: fn() -> &'static str,
}

/// What `#[state]` parameters are filled with, by type.
#[derive(Default)]
pub struct States(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl States {
    pub(crate) fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Box::new(value));
    }

    pub(crate) fn holds(&self, state: StateType) -> bool {
        self.0.contains_key(&(state.id)())
    }

    fn get<T: Clone + Send + Sync + 'static>(&self) -> Result<T, Error> {
        self.0
            .get(&TypeId::of::<T>())
            .and_then(|value| value.downcast_ref::<T>())
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Configuration, missing(type_name::<T>())))
    }
}

pub(crate) fn missing(type_name: &str) -> String {
    format!("no state of type `{type_name}`; give it to the engine: `Engine::builder().state(…)`")
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States")
            .field("count", &self.0.len())
            .finish()
    }
}
