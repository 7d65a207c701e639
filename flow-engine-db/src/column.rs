//! From what a column holds to the type of a record's field.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    ExecutionMode, RequestStatus, RunStatus, StepStatus,
    error::Cause,
    sql_types::{Id, Json, Ts},
};

/// A type that a record shows, and the type it is read as.
pub(crate) trait Column: Sized {
    type Stored;

    fn from_stored(stored: Self::Stored) -> Result<Self, Cause>;
}

macro_rules! stored_as_itself {
    ($($type:ty),+) => {
        $(impl Column for $type {
            type Stored = Self;

            fn from_stored(stored: Self) -> Result<Self, Cause> {
                Ok(stored)
            }
        })+
    };
}

macro_rules! stored_as_text {
    ($($type:ty),+) => {
        $(impl Column for $type {
            type Stored = String;

            fn from_stored(stored: String) -> Result<Self, Cause> {
                Ok(stored.parse()?)
            }
        })+
    };
}

stored_as_itself!(i32, i64, f64, String);
stored_as_text!(RunStatus, StepStatus, RequestStatus, ExecutionMode);

impl Column for Uuid {
    type Stored = Id;

    fn from_stored(stored: Id) -> Result<Self, Cause> {
        Ok(stored.0)
    }
}

impl Column for DateTime<Utc> {
    type Stored = Ts;

    fn from_stored(stored: Ts) -> Result<Self, Cause> {
        Ok(stored.0)
    }
}

impl Column for serde_json::Value {
    type Stored = Json;

    fn from_stored(stored: Json) -> Result<Self, Cause> {
        Ok(serde_json::from_str(&stored.0)?)
    }
}

impl<T: Column> Column for Option<T> {
    type Stored = Option<T::Stored>;

    fn from_stored(stored: Self::Stored) -> Result<Self, Cause> {
        stored.map(T::from_stored).transpose()
    }
}
