//! A recorded step in place of an execution: the answer of the journal, as a live step gives it.

use std::sync::Arc;

use flow_engine_db::{HitNote, JournalStep, NewStep, StepFinish, StepMove, StepStatus, Write};
use serde_json::{Value, json};
use uuid::Uuid;

use super::context::Place;
use super::entry::Entry;
use super::journal::{Found, Gap, Miss, MissReason, Origin, Row};
use super::kept::{kept, metadata, model_asked, policy, repaired, spent, who_answered};
use super::prepared::Prepared;
use super::progress::Counted;
use super::returns::Turn;
use super::{Done, Metadata};
use crate::error::{Error, ErrorKind};
use crate::inputs;
use crate::output::{Erased, Output, Recorded};

/// Takes what the journal holds for a call, or says why it has to run.
pub(super) async fn recall(
    place: &Place,
    entry: &Entry<'_>,
    prepared: Option<&Prepared<'_>>,
    output: &Output,
) -> Result<Recalled, Miss> {
    let (Some(journal), Some(identity)) = (place.run.journal(), entry.identity) else {
        return Err(Miss::first_time());
    };
    match find(place, entry, prepared, output).await {
        Ok(recalled) => Ok(recalled),
        Err(Missed {
            unreadable: Some(unreadable),
            ..
        }) => {
            journal.goes_on(place.scope.path());
            Err(Miss {
                reason: match unreadable.step.status {
                    StepStatus::Completed | StepStatus::Failed => MissReason::OutputSchemaChanged,
                    _ => MissReason::NotFinished,
                },
                compared_with: Some(unreadable),
            })
        }
        Err(Missed { gap, .. }) => Err(journal.explain(&entry.wanted(identity, place), gap).await),
    }
}

/// Why nothing is recalled: the first step that cannot be read, and the call that this one repeats.
#[derive(Debug, Default)]
pub(super) struct Missed {
    unreadable: Option<Arc<Row>>,
    gap: Option<Gap>,
}

/// What a recorded step gives, when it is its turn.
pub(super) struct Recalled {
    /// Its output or its error.
    pub(super) end: Result<Recorded<Done>, Error>,
    pub(super) turn: Turn,
}

/// Takes what the journal holds for a call.
pub(super) async fn find(
    place: &Place,
    entry: &Entry<'_>,
    prepared: Option<&Prepared<'_>>,
    output: &Output,
) -> Result<Recalled, Missed> {
    let (Some(journal), Some(identity)) = (place.run.journal(), entry.identity) else {
        return Err(Missed::default());
    };
    let (wanted, returns) = (entry.wanted(identity, place), &place.run.tree.returns);
    let mut unreadable = Vec::new();
    let end = loop {
        let found = match journal.take(&wanted).await {
            Ok(found) => found,
            Err(gap) => {
                let unreadable = unreadable.first().cloned();
                break Err(Missed { unreadable, gap });
            }
        };
        let completion = found.completion().cloned();
        let turn = match completion.as_deref().map(|row| &row.step) {
            Some(step) => returns.recorded(step.completed_at.unwrap_or(step.created_at), step.id),
            None => returns.ended(),
        };
        match read(place, entry, prepared, output, found, &turn).await {
            Ok(end) => {
                let moved = completion.map_or(Ok(()), |row| moved(place, &row));
                let end = moved.and(end);
                break Ok(Recalled { end, turn });
            }
            // A later one may do.
            Err(row) => unreadable.push(row),
        }
    };
    for (count, row) in unreadable.iter().enumerate() {
        // One explains this call; the others are left for calls like it.
        journal.give_back(row, count == 0);
    }
    if end.is_ok() {
        // As a live step, which waits for its commit: whatever is called beside it is called before it returns. So a
        // replay makes its calls in the order in which they were made.
        tokio::task::yield_now().await;
    }
    end
}

/// A step that was recorded for a call elsewhere is that of this call from now on: the next replay has another journal to
/// choose from, and must not choose another call's for this one.
fn moved(place: &Place, row: &Row) -> Result<(), Error> {
    let scope = place.scope.stored();
    let previous_key = place.previous.as_deref();
    let is_here = row.step.scope == scope && row.step.previous_key.as_deref() == previous_key;
    if is_here || row.origin != Origin::Own {
        return Ok(());
    }
    let to = StepMove {
        id: row.step.id,
        scope,
        previous_key: previous_key.map(str::to_owned),
    };
    // Not awaited: what builds on it comes after it in the same queue.
    let _commit = place.run.submit_aside(to.into())?;
    Ok(())
}

/// Makes of what was found what the step gives; or gives it back, if that cannot be read.
async fn read(
    place: &Place,
    entry: &Entry<'_>,
    prepared: Option<&Prepared<'_>>,
    output: &Output,
    found: Found,
    turn: &Turn,
) -> Result<Result<Recorded<Done>, Error>, Arc<Row>> {
    let (row, taken) = match found {
        Found::Same(row) if row.step.status == StepStatus::Failed => {
            return Ok(Err(recorded_error(place, &row.step, entry.counted)));
        }
        Found::Same(row) => {
            let json = row.step.outputs.clone();
            return match json.and_then(|json| output.read_back(json).ok()) {
                Some(recorded) => Ok(returned(
                    place,
                    entry,
                    &row.step,
                    Taken::of(&row),
                    recorded,
                    turn,
                )),
                None => Err(row),
            };
        }
        Found::OtherSchema(row) => {
            let taken = Taken::of(&row);
            (row, taken)
        }
        Found::Answer(row) => (row, Taken::Answer),
    };
    let Some(prepared) = prepared else {
        return Err(row);
    };
    let in_flight = turn.in_flight();
    let again = prepared.read_again(&place.run, &row.step).await;
    drop(in_flight);
    let again = match again {
        Ok(again) => again,
        // To ask the model in its place would be to pay again.
        Err(error) => {
            let noted = match error.kind() {
                ErrorKind::Artifact => unstored(place, entry, &row.step, &error, turn),
                _ => Ok(()),
            };
            return Ok(Err(noted.err().unwrap_or(error)));
        }
    };
    match again.and_then(|(step, json)| Some((step, output.read_back(json).ok()?))) {
        Some((step, recorded)) => Ok(returned(place, entry, &step, taken, recorded, turn)),
        None => Err(row),
    }
}

/// What the row of a recorded step is to the call that takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Its own.
    Own,
    /// Its own, with an answer that was not read to an output: the call gets a new row.
    Answer,
    /// That of the run of which this is a fork: the call gets a row of its own, as of then.
    Shared,
    /// Another run's: the call gets a row of its own.
    Cached,
}

impl Taken {
    pub(super) fn of(row: &Row) -> Self {
        match row.origin {
            Origin::Own => Self::Own,
            Origin::Shared | Origin::LeftOut | Origin::Unfinished => Self::Shared,
        }
    }
}

/// What recording an output adds to the row of a hit: why it stands although something differs.
fn note(entry: &Entry<'_>, recorded: &JournalStep) -> Option<&'static str> {
    let schema = entry.identity.and_then(|identity| identity.schema);
    if recorded.schema_hash != schema.map(|hash| hash.to_string()) {
        return Some("output schema changed");
    }
    let code = recorded.code_hash.as_deref();
    (code.is_some() && code != entry.code).then_some("code changed")
}

/// The result that the recorded step gave, and gives again.
pub(super) fn returned(
    place: &Place,
    entry: &Entry<'_>,
    step: &JournalStep,
    taken: Taken,
    Recorded { json, output }: Recorded<Erased>,
    turn: &Turn,
) -> Result<Recorded<Done>, Error> {
    let run = &place.run;
    let note = note(entry, step);
    if let (Some(plan), Counted::Step) = (&run.tree.plan, entry.counted) {
        plan.hit(step, note);
    }
    let step_run_id = match taken {
        Taken::Own => {
            if let Some(note) = note.filter(|note| step.hit_note.as_deref() != Some(note)) {
                // Not awaited: the next resume would note it again.
                let note = noted(step.id, note);
                let _commit = run.submit_aside(note)?;
            }
            step.id
        }
        Taken::Answer | Taken::Shared | Taken::Cached => {
            copied(place, entry, step, taken, &json, note, turn)?
        }
    };
    run.recalled(spent(step), entry.counted);
    let done = Done {
        run_id: run.id,
        id: step_run_id,
        name: entry.name,
        output,
        metadata: metadata(step),
    };
    Ok(Recorded { json, output: done })
}

/// Writes the call's own row for a step that was recorded elsewhere: with what that took, and was paid there.
fn copied(
    place: &Place,
    entry: &Entry<'_>,
    step: &JournalStep,
    taken: Taken,
    json: &str,
    note: Option<&str>,
    turn: &Turn,
) -> Result<Uuid, Error> {
    let run = &place.run;
    let id = Uuid::now_v7();
    let inputs = inputs::text(entry.inputs)?;
    let origin_run_id = match taken {
        Taken::Own | Taken::Answer => None,
        Taken::Shared | Taken::Cached => Some(step.origin_run_id.unwrap_or(step.flow_run_id)),
    };
    let Metadata {
        provider, model, ..
    } = metadata(step);
    let asked = model_asked(step);
    let mut who = who_answered(provider.as_deref(), model.as_deref(), asked.as_deref());
    let kept = kept(step);
    who.extend(repaired(&kept.repaired));
    who.extend(policy(kept.policy));
    let completed_at = turn.ended_at();
    let created_at = match taken {
        // In a fork of this fork it is known what came after it.
        Taken::Shared => step.created_at,
        _ => completed_at,
    };
    // Not awaited: what builds on it comes after it in the same queue.
    let _commit = run.submit_while_open(|order| {
        *order += 1;
        let start = NewStep {
            created_at,
            origin_run_id,
            ..entry.row(id, place, *order, inputs)
        };
        let start = match taken {
            // It was computed for this run.
            Taken::Own | Taken::Answer => start,
            Taken::Shared | Taken::Cached => NewStep {
                cache_key: None,
                ..start
            },
        };
        let end = StepFinish {
            completed_at,
            execution_time_ms: step.execution_time_ms,
            outputs: Some(json.to_owned()),
            step_metadata: (!who.is_empty()).then(|| Value::from(who).to_string()),
            tokens_used: step.tokens_used,
            cost_estimate: step.cost_estimate,
            llm_request_id: step.llm_request_id,
            ..StepFinish::new(id, StepStatus::Completed)
        };
        let note = note.map(|note| noted(id, note));
        [start.into(), end.into()].into_iter().chain(note).collect()
    })?;
    Ok(id)
}

/// Writes a row for a call whose answer is there and could not be stored, by which the next resume finds the answer.
fn unstored(
    place: &Place,
    entry: &Entry<'_>,
    step: &JournalStep,
    error: &Error,
    turn: &Turn,
) -> Result<(), Error> {
    let id = Uuid::now_v7();
    let inputs = inputs::text(entry.inputs)?;
    let completed_at = turn.ended_at();
    let _commit = place.run.submit_while_open(|order| {
        *order += 1;
        let start = NewStep {
            created_at: completed_at,
            ..entry.row(id, place, *order, inputs)
        };
        let end = StepFinish {
            completed_at,
            step_metadata: Some(json!({ "error": error.record() }).to_string()),
            tokens_used: step.tokens_used,
            cost_estimate: step.cost_estimate,
            llm_request_id: step.llm_request_id,
            error_message: Some(error.cause_line()),
            ..StepFinish::new(id, StepStatus::Failed)
        };
        vec![start.into(), end.into()]
    })?;
    Ok(())
}

fn noted(id: Uuid, note: &str) -> Write {
    let note = note.to_owned();
    HitNote { id, note }.into()
}

pub(super) fn recorded_error(place: &Place, step: &JournalStep, counted: Counted) -> Error {
    place.run.recalled(spent(step), counted);
    match kept(step).error {
        Some(record) => Error::from_record(record),
        None => Error::new(
            ErrorKind::Store,
            format!(
                "the recorded failure of step run {} cannot be read",
                step.id
            ),
        ),
    }
}
