//! Brings the tables up to date, or refuses a database that is newer than this build.

use std::{collections::BTreeSet, path::Path};

use diesel::{
    QueryableByName, RunQueryDsl as _, SqliteConnection,
    migration::{Migration, MigrationSource as _},
    result::Error as DieselError,
    sql_types::Text,
    sqlite::Sqlite,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::connection::explain;
use crate::StoreError;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Fails with [`StoreError::NewerDatabase`] if the database knows a migration that this build does
/// not. Only reads.
pub(super) fn refuse_newer(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<(), StoreError> {
    let known = known_versions(path)?;
    let applied = applied_versions(connection).map_err(|error| explain(path, error))?;
    match applied.into_iter().find(|version| !known.contains(version)) {
        Some(migration) => Err(StoreError::NewerDatabase {
            location: path.display().to_string(),
            migration,
        }),
        None => Ok(()),
    }
}

/// Applies what is missing in one transaction that nobody else can begin meanwhile: of several
/// processes that start at once, one makes the tables and the others find them.
pub(super) fn run(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Migration {
        location: path.display().to_string(),
        source,
    };
    let outcome = connection.immediate_transaction(|connection| {
        // Looked at again: another process may have moved on since `refuse_newer`.
        if let Err(newer) = refuse_newer(connection, path) {
            return Ok(Err(newer));
        }
        connection
            .run_pending_migrations(MIGRATIONS)
            .map_err(DieselError::QueryBuilderError)?;
        // A database that cannot be written is found here and not at the first step: this begins to
        // write, nothing more.
        diesel::sql_query("UPDATE flow_runs SET id = id WHERE 0").execute(connection)?;
        Ok(Ok(()))
    });
    outcome.map_err(|error: DieselError| match error {
        DieselError::QueryBuilderError(source) => failed(source),
        other => explain(path, other),
    })?
}

fn known_versions(path: &Path) -> Result<BTreeSet<String>, StoreError> {
    let migrations: Vec<Box<dyn Migration<Sqlite>>> =
        MIGRATIONS
            .migrations()
            .map_err(|source| StoreError::Migration {
                location: path.display().to_string(),
                source,
            })?;
    Ok(migrations
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}

/// Asked by hand: diesel's own question creates the table that holds the versions.
fn applied_versions(connection: &mut SqliteConnection) -> Result<Vec<String>, DieselError> {
    let table =
        "SELECT name AS version FROM sqlite_schema WHERE name = '__diesel_schema_migrations'";
    if diesel::sql_query(table)
        .load::<Version>(connection)?
        .is_empty()
    {
        return Ok(Vec::new());
    }
    let versions = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
    let versions = diesel::sql_query(versions).load::<Version>(connection)?;
    Ok(versions.into_iter().map(|row| row.version).collect())
}

#[cfg(test)]
mod tests {
    use diesel::{Connection as _, connection::SimpleConnection as _, sql_types::Text};

    use super::*;

    #[derive(Debug, PartialEq, QueryableByName)]
    struct Object {
        #[diesel(sql_type = Text)]
        sql: String,
    }

    fn objects(connection: &mut SqliteConnection) -> Vec<Object> {
        let objects = "SELECT sql FROM sqlite_schema
            WHERE sql IS NOT NULL AND name <> '__diesel_schema_migrations' ORDER BY name";
        diesel::sql_query(objects).load(connection).unwrap()
    }

    #[test]
    fn migrations_run_up_down_and_up_again() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection
            .batch_execute("PRAGMA foreign_keys = ON")
            .unwrap();
        connection.run_pending_migrations(MIGRATIONS).unwrap();
        let first = objects(&mut connection);
        assert!(first.len() >= 14, "{first:?}");
        // Rows that refer to each other do not stand in the way.
        connection
            .batch_execute(
                "INSERT INTO flow_runs (id, root_run_id, flow_name, inputs)
                     VALUES (x'01', x'01', 'f', '{}');
                 INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, inputs)
                     VALUES (x'02', x'01', 's', 0, '{}');
                 INSERT INTO llm_requests
                     (id, flow_run_id, step_run_id, attempt, provider, model, operation)
                     VALUES (x'03', x'01', x'02', 1, 'p', 'm', 'chat');
                 UPDATE flow_step_runs SET llm_request_id = x'03';",
            )
            .unwrap();

        connection.revert_all_migrations(MIGRATIONS).unwrap();
        assert_eq!(objects(&mut connection), []);

        connection.run_pending_migrations(MIGRATIONS).unwrap();
        assert_eq!(objects(&mut connection), first);
    }
}
