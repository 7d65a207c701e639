//! What `#[state]` parameters are filled with: values of the engine's, cloned by type, in no schema and no row.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;

use crate::error::{Error, ErrorKind};

/// The type of a `#[state]` parameter.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct StateType {
    pub id: fn() -> TypeId,
    pub name: fn() -> &'static str,
}

impl StateType {
    pub const fn of<T: Clone + Send + Sync + 'static>() -> Self {
        Self { id: TypeId::of::<T>, name: type_name::<T> }
    }
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

    #[doc(hidden)]
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Result<T, Error> {
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
        f.debug_struct("States").field("count", &self.0.len()).finish()
    }
}
