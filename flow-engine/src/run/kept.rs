//! What the row of a step keeps beside its inputs and output: who answered, what it took, why it failed.

use flow_engine_db::JournalStep;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Metadata;
use super::progress::{Spent, nano_usd};
use crate::error::ErrorRecord;
use crate::step::Repair;

/// Where a step's row keeps what was repaired of the answer.
const REPAIRED: &str = "repaired";

/// What a step's row keeps beside its output.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Kept {
    provider: Option<String>,
    model: Option<String>,
    /// The model that was asked, where another one served.
    asked: Option<String>,
    pub(super) error: Option<ErrorRecord>,
    /// What was to be done when a request failed.
    pub(super) policy: Option<Value>,
    /// Words, since a later version may have more of them.
    #[serde(default)]
    pub(super) repaired: Vec<String>,
}

pub(super) fn kept(step: &JournalStep) -> Kept {
    step.step_metadata
        .as_deref()
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default()
}

/// Who answered, as a step's row keeps it.
pub(super) fn who_answered(
    provider: Option<&str>,
    model: Option<&str>,
    asked: Option<&str>,
) -> Map<String, Value> {
    let mut who = Map::new();
    if let Some(model) = model {
        who.insert("provider".to_owned(), provider.into());
        who.insert("model".to_owned(), model.into());
        if let Some(asked) = asked.filter(|asked| *asked != model) {
            who.insert("asked".to_owned(), asked.into());
        }
    }
    who
}

/// What was repaired of an answer, as a step's row keeps it: nothing where nothing was.
pub(super) fn repaired<T: Serialize>(repairs: &[T]) -> Option<(String, Value)> {
    (!repairs.is_empty()).then(|| (REPAIRED.to_owned(), json!(repairs)))
}

/// What was to be done when a request failed, as a step's row keeps it.
pub(super) fn policy(policy: Option<Value>) -> Option<(String, Value)> {
    Some(("policy".to_owned(), policy?))
}

/// Keeps what was repaired of an answer that was read again.
pub(super) fn note_repairs(step: &mut JournalStep, repairs: &[Repair]) {
    let kept = step.step_metadata.take();
    let mut kept: Map<_, _> = kept
        .and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default();
    kept.remove(REPAIRED);
    kept.extend(repaired(repairs));
    step.step_metadata = (!kept.is_empty()).then(|| Value::from(kept).to_string());
}

/// The model that a step asked, by its address. Its request is gone with the run that sent it, and names the model that stood in
/// for it, without its provider: what is asked only if the step came to no end.
pub(crate) fn model_asked(step: &JournalStep) -> Option<String> {
    let kept = kept(step);
    kept.asked.or(kept.model).or_else(|| step.model.clone())
}

pub(super) fn metadata(step: &JournalStep) -> Metadata {
    let Kept {
        provider, model, ..
    } = kept(step);
    Metadata {
        tokens_used: u64::try_from(step.tokens_used).unwrap_or(0),
        cost_estimate: step.cost_estimate,
        execution_time_ms: step
            .execution_time_ms
            .and_then(|time| u64::try_from(time).ok())
            .unwrap_or(0),
        provider,
        model,
    }
}

pub(super) fn spent(step: &JournalStep) -> Spent {
    Spent {
        tokens: u64::try_from(step.tokens_used).unwrap_or(0),
        cost_nano_usd: nano_usd(step.cost_estimate.unwrap_or(0.0)),
        unpriced_requests: u32::from(step.cost_estimate.is_none()),
    }
}
