//! [`Signal`].

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::record;

record! {
    /// Something that was told to a root run from outside.
    pub struct Signal, SignalRow in flow_signals {
        /// A UUID v7.
        pub id: Uuid,
        /// The root run.
        pub root_run_id: Uuid,
        /// What the run waits for by this name.
        pub name: String,
        /// What was told.
        pub payload: Value,
        /// When it was told.
        pub created_at: DateTime<Utc>,
        /// The step run that took it, if one has.
        pub taken_by: Option<Uuid>,
    }
}
