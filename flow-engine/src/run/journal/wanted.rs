//! What a call asks the journal with.

use flow_engine_db::JournalStep;
use serde_json::{Map, Value};

use super::multiset::At;
use crate::identity::{Hash, Identity};

/// What a call asks the journal with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: i32,
    pub(crate) identity: Identity,
    pub(crate) inputs: &'a Map<String, Value>,
    pub(crate) prompt_id: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) asks_model: bool,
    /// Whether it may take what a scope around it recorded.
    pub(crate) from_around: bool,
    /// Whether it takes what was called where it is, and nothing else.
    pub(crate) exactly: bool,
    pub(crate) scope: &'a str,
    /// The key of the step that returned before, in that scope.
    pub(crate) previous: Option<&'a str>,
}

impl Wanted<'_> {
    pub(super) fn at(&self) -> At<'_> {
        At {
            scope: self.scope,
            previous: self.previous,
        }
    }
}

/// Whether a recorded call is this one but for its output schema: its key says so, which also holds name and version.
pub(super) fn differs_in_schema_only(recorded: &JournalStep, wanted: &Wanted<'_>) -> bool {
    let schema: Option<Hash> = recorded
        .schema_hash
        .as_deref()
        .and_then(|hex| hex.parse().ok());
    schema.is_some_and(|schema| {
        if Some(schema) == wanted.identity.schema {
            return false;
        }
        let Identity { key, .. } = Identity::new(
            wanted.name,
            wanted.version,
            wanted.identity.content,
            Some(schema),
        );
        recorded.call_key.as_deref() == Some(key.to_string().as_str())
    })
}
