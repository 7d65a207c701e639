//! Signals that are taken.

use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, RunQueryDsl as _,
};

use super::{Connection, Outcome};
use crate::{SignalTake, schema::flow_signals::dsl, sql_types::Id};

pub(super) fn take(connection: &mut Connection, take: SignalTake) -> QueryResult<Outcome> {
    let row = || dsl::flow_signals.find(Id(take.id));
    let taken = diesel::update(row().filter(dsl::taken_by.is_null()))
        .set(dsl::taken_by.eq(Some(Id(take.step_run_id))))
        .execute(connection)?;
    if taken == 1 {
        return Ok(Outcome::Written);
    }
    let by: Option<Option<Id>> = row().select(dsl::taken_by).first(connection).optional()?;
    Ok(if by == Some(Some(Id(take.step_run_id))) {
        Outcome::Already
    } else {
        Outcome::NotOpen {
            what: "signal",
            id: take.id,
        }
    })
}
