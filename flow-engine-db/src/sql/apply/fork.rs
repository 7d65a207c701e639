//! Where a run was forked from.

use diesel::{ExpressionMethods as _, QueryResult, RunQueryDsl as _};

use super::{Connection, Outcome};
use crate::{NewFork, schema::flow_forks::dsl, sql_types::Id};

pub(super) fn insert(connection: &mut Connection, fork: &NewFork) -> QueryResult<Outcome> {
    let inserted = diesel::insert_into(dsl::flow_forks)
        .values((
            dsl::run_id.eq(Id(fork.run_id)),
            dsl::forked_from.eq(Id(fork.forked_from)),
            dsl::from_step.eq(fork.from_step.as_deref()),
            dsl::model.eq(fork.model.as_deref()),
            dsl::inherited_model.eq(fork.inherited_model.as_deref()),
        ))
        .on_conflict(dsl::run_id)
        .do_nothing()
        .execute(connection)?;
    Ok(if inserted == 0 {
        Outcome::Already
    } else {
        Outcome::Written
    })
}
