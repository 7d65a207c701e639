//! What a batch writes most, as few statements: each is one for all its rows, so that a batch costs a handful of ways to
//! the server however many flows share it.
//!
//! The hot writes are the starts and ends of steps and requests, and the progress of runs. They are collected as the plan
//! goes on, and written when something comes that they must not be behind: the end of a run, a reopening, or a second write
//! of the same row. Until then their order does not matter, except that a row is inserted before it is changed.

mod request;
mod run;
mod step;

use std::collections::HashSet;

use diesel::QueryResult;
use uuid::Uuid;

use super::{Connection, Fault, lease, sql::apply::apply};
use crate::{Lease, Write, plan::Action};

/// Writes a plan.
pub(super) fn apply_plan(connection: &mut Connection, plan: &[Action<'_>]) -> Result<(), Fault> {
    // Roots come first: a lease may be of one that starts here.
    for action in plan.iter().filter(|action| starts_a_root(action)) {
        apply(connection, action)?;
    }
    let held: Vec<Lease> = plan.iter().filter_map(lease_of).collect();
    if !held.is_empty() {
        lease::check_all(connection, &held)?;
    }
    let mut hot = Hot::default();
    for action in plan {
        hot.add(connection, *action)?;
    }
    hot.write(connection)
}

fn starts_a_root(action: &Action<'_>) -> bool {
    matches!(action, Action::Single(Write::StartRun(run)) if run.id == run.root_run_id)
}

fn lease_of(action: &Action<'_>) -> Option<Lease> {
    match action {
        Action::Check(lease) => Some(*lease),
        _ => None,
    }
}

/// Hot writes that wait, in the order in which they are written.
#[derive(Default)]
struct Hot<'a> {
    step_starts: Vec<Action<'a>>,
    request_starts: Vec<Action<'a>>,
    request_ends: Vec<Action<'a>>,
    step_ends: Vec<Action<'a>>,
    progress: Vec<Action<'a>>,
    /// The rows that are inserted, and those that are changed.
    inserted: HashSet<Uuid>,
    changed: HashSet<Uuid>,
}

impl<'a> Hot<'a> {
    fn add(&mut self, connection: &mut Connection, action: Action<'a>) -> Result<(), Fault> {
        match action {
            Action::WholeStep(step, _) | Action::Single(Write::StartStep(step)) => {
                self.insert(connection, step.id)?;
                self.step_starts.push(action);
            }
            Action::WholeRequest(request, _) | Action::Single(Write::SendRequest(request)) => {
                self.insert(connection, request.id)?;
                self.request_starts.push(action);
            }
            Action::Single(Write::FinishStep(end)) => {
                self.change(connection, end.id)?;
                self.step_ends.push(action);
            }
            Action::Single(Write::FinishRequest(end)) => {
                self.change(connection, end.id)?;
                self.request_ends.push(action);
            }
            Action::Single(Write::UpdateRun(progress)) => {
                self.change(connection, progress.id)?;
                self.progress.push(action);
            }
            // Done, before everything else.
            Action::Check(_) => {}
            Action::Single(Write::StartRun(run)) if run.id == run.root_run_id => {}
            // A new run: nothing that waits is of it.
            Action::Single(Write::StartRun(_)) => apply(connection, &action)?,
            Action::Single(_) => {
                self.write(connection)?;
                apply(connection, &action)?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, connection: &mut Connection, id: Uuid) -> Result<(), Fault> {
        if self.changed.contains(&id) || self.inserted.contains(&id) {
            self.write(connection)?;
        }
        self.inserted.insert(id);
        Ok(())
    }

    fn change(&mut self, connection: &mut Connection, id: Uuid) -> Result<(), Fault> {
        if self.changed.contains(&id) {
            self.write(connection)?;
        }
        self.changed.insert(id);
        Ok(())
    }

    fn write(&mut self, connection: &mut Connection) -> Result<(), Fault> {
        write(
            "start step runs",
            connection,
            &mut self.step_starts,
            step::insert,
        )?;
        write(
            "record llm requests",
            connection,
            &mut self.request_starts,
            request::insert,
        )?;
        write(
            "finish llm requests",
            connection,
            &mut self.request_ends,
            request::finish,
        )?;
        write(
            "finish step runs",
            connection,
            &mut self.step_ends,
            step::finish,
        )?;
        write(
            "update flow runs",
            connection,
            &mut self.progress,
            run::update,
        )?;
        self.inserted.clear();
        self.changed.clear();
        Ok(())
    }
}

fn write(
    name: &'static str,
    connection: &mut Connection,
    actions: &mut Vec<Action<'_>>,
    all_at_once: impl FnOnce(&mut Connection, &[Action<'_>]) -> QueryResult<usize>,
) -> Result<(), Fault> {
    match actions.as_slice() {
        [] => {}
        [action] => apply(connection, action)?,
        several => {
            let written = all_at_once(connection, several);
            let written = written.map_err(|source| Fault::Database {
                action: name,
                source,
            })?;
            // A row was there before, or is not open. Written a second time, each says for itself what is right and what
            // is not.
            if written < several.len() {
                several
                    .iter()
                    .try_for_each(|action| apply(connection, action))?;
            }
        }
    }
    actions.clear();
    Ok(())
}
