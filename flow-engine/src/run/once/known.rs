//! What earlier executions recorded of an effect.

use flow_engine_db::StepStatus;

use crate::error::{Error, ErrorKind};
use crate::identity::ALGORITHM;
use crate::output::Output;
use crate::run::context::Place;
use crate::run::entry::Entry;
use crate::run::journal::{Miss, MissReason};
use crate::run::recall::{Recalled, Taken, recall, recorded_error, returned};

/// Why an earlier execution has nothing for a call.
pub(super) enum Unknown {
    Miss(Miss),
    /// It has, and that cannot be given.
    Refused(Error),
}

/// What earlier executions recorded of an effect.
pub(super) async fn known(
    place: &Place,
    entry: &Entry<'_>,
    key: &str,
    output: &Output,
) -> Result<Recalled, Unknown> {
    let run = &place.run;
    let Some(journal) = run.journal() else {
        return Err(Unknown::Miss(Miss::first_time()));
    };
    let Some(row) = journal.effect(entry.name, key) else {
        // The same call may be recorded under another key, or none, by code of then.
        return recall(place, entry, None, output).await.map_err(|miss| {
            let before = journal.before(entry.name, key);
            Unknown::Miss(match (miss.reason, before) {
                (MissReason::FirstTime, Some(before)) => Miss {
                    reason: MissReason::NotFinished,
                    compared_with: Some(before),
                },
                _ => miss,
            })
        });
    };
    let step = &row.step;
    let content = entry.identity.map(|identity| identity.content.to_string());
    if step.key_algorithm.as_deref() == Some(ALGORITHM) && step.content_hash != content {
        return Err(Unknown::Refused(other_inputs(key)));
    }
    let returns = &run.tree.returns;
    let turn = returns.recorded(step.completed_at.unwrap_or(step.created_at), step.id);
    let end = match step.status {
        StepStatus::Completed => {
            let recorded = output.read_back(step.outputs.clone().unwrap_or_default());
            let recorded = recorded.map_err(|error| {
                let message = format!(
                    "the recorded output of the effect with the key `{key}` does not fit the output type any more, and the \
                     effect is not had again: {}",
                    error.cause_line()
                );
                Unknown::Refused(Error::new(ErrorKind::InvalidOutput, message))
            })?;
            returned(place, entry, step, Taken::of(&row), recorded, &turn)
        }
        StepStatus::Failed => Err(recorded_error(place, step, entry.counted)),
        // Only a dry run comes here: no other one begins before somebody has decided.
        _ => {
            return Err(Unknown::Miss(Miss {
                reason: MissReason::InDoubt,
                compared_with: Some(row),
            }));
        }
    };
    tokio::task::yield_now().await;
    Ok(Recalled { end, turn })
}

/// An effect is asked for by its key, and something else with it.
pub(super) fn other_inputs(key: &str) -> Error {
    let message = format!(
        "the effect with the key `{key}` was had with other inputs, and is not had again: a key stands for one effect of \
         its run; if this is another one, the key must tell them apart"
    );
    Error::new(ErrorKind::InvalidInput, message)
}
