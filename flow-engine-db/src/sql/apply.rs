//! One write as one statement (the end of a run, and its reopening: a few). Nothing here begins or ends a transaction.
//!
//! A write that is applied a second time changes nothing: an insert leaves a row that is there
//! alone, and a finish changes open rows only.

mod artifact;
mod close_below;
mod fork;
mod park;
mod reopen;
mod request;
mod resolve;
mod run;
mod signal;
mod step;
mod tree;

pub(super) use {
    close_below::{close_below, pause_below},
    reopen::{is_opened, retire_failed},
    run::{delete_run, insert as insert_run},
};

use diesel::result::Error as DieselError;
use uuid::Uuid;

use super::{Connection, Fault, lease, lease_end};
use crate::{Write, plan::Action};

/// Writes one action of a plan.
pub(crate) fn apply(connection: &mut Connection, action: &Action<'_>) -> Result<(), Fault> {
    let (name, outcome) = match action {
        Action::Check(lease) => return lease::check(connection, *lease),
        Action::Single(write) => return apply_write(connection, write),
        Action::WholeStep(step, finish) => (
            "write a step run",
            step::insert_whole(connection, step, finish),
        ),
        Action::WholeRequest(request, finish) => (
            "write an llm request",
            request::insert_whole(connection, request, finish),
        ),
    };
    settle(name, outcome)
}

fn apply_write(connection: &mut Connection, write: &Write) -> Result<(), Fault> {
    let (name, outcome) = match write {
        Write::StartRun(run) => ("start a flow run", run::insert(connection, run)),
        Write::UpdateRun(progress) => ("update a flow run", run::update(connection, progress)),
        Write::FinishRun(finish) => ("finish a flow run", run::finish(connection, finish)),
        Write::ParkRun(park) => ("park a flow run", park::park(connection, park)),
        Write::ReopenRun(reopen) => ("reopen a flow run", reopen::reopen(connection, reopen)),
        Write::Fork(fork) => ("record a fork", fork::insert(connection, fork)),
        Write::StartStep(step) => ("start a step run", step::insert(connection, step)),
        Write::FinishStep(finish) => ("finish a step run", step::finish(connection, finish)),
        Write::NoteHit(hit) => ("note a replayed step run", step::note_hit(connection, hit)),
        Write::MoveStep(step) => ("move a step run", step::relocate(connection, step)),
        Write::RetireStep(step) => ("retire a step run", step::retire(connection, *step)),
        Write::TakeSignal(take) => ("take a signal", signal::take(connection, *take)),
        Write::ResolveStep(step) => ("resolve a step run", resolve::resolve(connection, step)),
        Write::SendRequest(request) => (
            "record an llm request",
            request::insert(connection, request),
        ),
        Write::FinishRequest(finish) => {
            ("finish an llm request", request::finish(connection, finish))
        }
        Write::NameArtifact(named) => ("name an artifact", artifact::insert(connection, named)),
    };
    settle(name, outcome)
}

/// What became of the row that a write was for.
pub(super) enum Outcome {
    Written,
    /// It is in the state that the write would give it: this write, or one like it, came before.
    Already,
    NotOpen {
        what: &'static str,
        id: Uuid,
    },
    /// Another run of the flow has its idempotency key.
    KeyTaken {
        run_id: Uuid,
    },
}

impl Outcome {
    /// Of an insert, which leaves a row that is there alone.
    fn inserted(rows: usize) -> Self {
        if rows == 0 {
            Self::Already
        } else {
            Self::Written
        }
    }

    /// Of an end that found no open row to change: whether it is the row's end, as its status tells.
    fn ended(status: Option<&str>, end: &str, not_open: Self) -> Self {
        if status == Some(end) {
            Self::Already
        } else {
            not_open
        }
    }
}

fn settle(action: &'static str, outcome: Result<Outcome, DieselError>) -> Result<(), Fault> {
    match outcome {
        Ok(Outcome::Written | Outcome::Already) => Ok(()),
        Ok(Outcome::NotOpen { what, id }) => Err(Fault::NotOpen { what, id }),
        Ok(Outcome::KeyTaken { run_id }) => Err(Fault::KeyTaken { run_id }),
        Err(source) => Err(Fault::Database { action, source }),
    }
}
