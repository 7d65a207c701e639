//! Which artifacts a run names.

use diesel::{ExpressionMethods as _, QueryResult, RunQueryDsl as _};

use super::{Connection, Outcome};
use crate::{NamedArtifact, schema::run_artifacts::dsl, sql_types::Id};

pub(super) fn insert(connection: &mut Connection, named: &NamedArtifact) -> QueryResult<Outcome> {
    let inserted = diesel::insert_into(dsl::run_artifacts)
        .values((
            dsl::run_id.eq(Some(Id(named.root_run_id))),
            dsl::artifact.eq(&named.artifact),
        ))
        .on_conflict((dsl::run_id, dsl::artifact))
        .do_nothing()
        .execute(connection)?;
    Ok(if inserted == 0 {
        Outcome::Already
    } else {
        Outcome::Written
    })
}
