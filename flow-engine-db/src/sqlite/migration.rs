//! Brings the tables up to date, or refuses a database that is newer than this build.
//!
//! The versions are kept in a table of our own: the file may be the database of an application that
//! has diesel migrations too.

use std::{collections::BTreeMap, path::Path};

use diesel::{
    QueryableByName, RunQueryDsl as _, SqliteConnection,
    connection::SimpleConnection as _,
    migration::{self, Migration, MigrationSource as _},
    result::Error as DieselError,
    sql_types::Text,
    sqlite::Sqlite,
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::connection::explain;
use crate::StoreError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

const CREATE_VERSIONS: &str = "
    CREATE TABLE IF NOT EXISTS flow_engine_migrations (
        version TEXT NOT NULL PRIMARY KEY,
        run_on  TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) STRICT;";

/// By version, oldest first.
type Migrations = BTreeMap<String, Box<dyn Migration<Sqlite>>>;

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
    let known = migrations().map_err(|source| failed(path, source))?;
    let applied = applied_versions(connection).map_err(|error| explain(path, error))?;
    match applied
        .into_iter()
        .find(|version| !known.contains_key(version))
    {
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
    let outcome = connection.immediate_transaction(|connection| {
        // Looked at again: another process may have moved on since `refuse_newer`.
        if let Err(newer) = refuse_newer(connection, path) {
            return Ok(Err(newer));
        }
        apply_missing(connection).map_err(DieselError::QueryBuilderError)?;
        // A database that cannot be written is found here and not at the first step: this begins to
        // write, nothing more.
        diesel::sql_query("UPDATE flow_runs SET id = id WHERE 0").execute(connection)?;
        Ok(Ok(()))
    });
    outcome.map_err(|error: DieselError| match error {
        DieselError::QueryBuilderError(source) => failed(path, source),
        other => explain(path, other),
    })?
}

fn failed(path: &Path, source: crate::error::Cause) -> StoreError {
    StoreError::Migration {
        location: path.display().to_string(),
        source,
    }
}

fn migrations() -> migration::Result<Migrations> {
    let migrations = MIGRATIONS.migrations()?.into_iter();
    Ok(migrations
        .map(|migration: Box<dyn Migration<Sqlite>>| {
            (migration.name().version().to_string(), migration)
        })
        .collect())
}

fn apply_missing(connection: &mut SqliteConnection) -> migration::Result<()> {
    connection.batch_execute(CREATE_VERSIONS)?;
    let applied = applied_versions(connection)?;
    for (version, migration) in migrations()? {
        if applied.contains(&version) {
            continue;
        }
        migration.run(connection)?;
        diesel::sql_query("INSERT INTO flow_engine_migrations (version) VALUES (?)")
            .bind::<Text, _>(version)
            .execute(connection)?;
    }
    Ok(())
}

fn applied_versions(connection: &mut SqliteConnection) -> Result<Vec<String>, DieselError> {
    let table = "SELECT name AS version FROM sqlite_schema WHERE name = 'flow_engine_migrations'";
    if diesel::sql_query(table)
        .load::<Version>(connection)?
        .is_empty()
    {
        return Ok(Vec::new());
    }
    let versions = "SELECT version FROM flow_engine_migrations ORDER BY version";
    let versions = diesel::sql_query(versions).load::<Version>(connection)?;
    Ok(versions.into_iter().map(|row| row.version).collect())
}

#[cfg(test)]
mod tests {
    use diesel::Connection as _;

    use super::*;

    #[derive(Debug, PartialEq, QueryableByName)]
    struct Object {
        #[diesel(sql_type = Text)]
        sql: String,
    }

    fn objects(connection: &mut SqliteConnection) -> Vec<Object> {
        let objects = "SELECT sql FROM sqlite_schema
            WHERE sql IS NOT NULL AND name <> 'flow_engine_migrations' ORDER BY name";
        diesel::sql_query(objects).load(connection).unwrap()
    }

    fn revert_all(connection: &mut SqliteConnection) {
        for (version, migration) in migrations().unwrap().into_iter().rev() {
            migration.revert(connection).unwrap();
            let forget = "DELETE FROM flow_engine_migrations WHERE version = ?";
            let forgotten = diesel::sql_query(forget)
                .bind::<Text, _>(&version)
                .execute(connection);
            assert_eq!(forgotten, Ok(1), "{version} was not recorded");
        }
    }

    #[test]
    fn migrations_run_up_down_and_up_again() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection
            .batch_execute("PRAGMA foreign_keys = ON")
            .unwrap();
        apply_missing(&mut connection).unwrap();
        let first = objects(&mut connection);
        assert!(first.len() >= 16, "{first:?}");
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
                 UPDATE flow_step_runs SET llm_request_id = x'03';
                 INSERT INTO flow_forks (run_id, forked_from) VALUES (x'01', x'04');",
            )
            .unwrap();

        revert_all(&mut connection);
        assert_eq!(objects(&mut connection), []);

        apply_missing(&mut connection).unwrap();
        assert_eq!(objects(&mut connection), first);
    }

    /// The table is made again, and a step names the request that gave its output.
    #[test]
    fn requests_are_kept_when_their_table_is_made_again() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection
            .batch_execute("PRAGMA foreign_keys = ON")
            .unwrap();
        let kept = |connection: &mut SqliteConnection| -> Vec<String> {
            let rows = "SELECT hex(id) || hex(flow_run_id) || hex(step_run_id) || attempt || status
                    || provider || model || operation || response || created_at AS version
                    FROM llm_requests
                UNION ALL
                SELECT hex(id) || hex(llm_request_id) FROM flow_step_runs ORDER BY 1";
            let rows = diesel::sql_query(rows).load::<Version>(connection).unwrap();
            rows.into_iter().map(|row| row.version).collect()
        };
        let mut all = migrations().unwrap();
        let made_again = all.remove("20261124000000").unwrap();
        for (version, migration) in all {
            if version.as_str() < "20261124000000" {
                migration.run(&mut connection).unwrap();
            }
        }
        connection
            .batch_execute(
                "INSERT INTO flow_runs (id, root_run_id, flow_name, inputs)
                     VALUES (x'01', x'01', 'f', '{}');
                 INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, inputs)
                     VALUES (x'02', x'01', 's', 0, '{}'), (x'03', x'01', 's', 1, '{}');
                 INSERT INTO llm_requests (id, flow_run_id, step_run_id, attempt, provider, model,
                     operation, response, created_at)
                     VALUES (x'04', x'01', x'02', 1, 'p', 'm', 'chat', 'no', 7),
                            (x'05', x'01', x'02', 2, 'p', 'm', 'chat', 'yes', 8),
                            (x'06', x'01', x'03', 1, 'p', 'm', 'chat', 'yes', 9);
                 UPDATE flow_step_runs SET llm_request_id = x'05' WHERE id = x'02';
                 UPDATE flow_step_runs SET llm_request_id = x'06' WHERE id = x'03';",
            )
            .unwrap();
        let before = kept(&mut connection);
        assert_eq!(before.len(), 5);

        made_again.run(&mut connection).unwrap();
        assert_eq!(kept(&mut connection), before);
        connection
            .batch_execute("UPDATE llm_requests SET step_run_id = NULL WHERE id = x'04'")
            .unwrap();

        made_again.revert(&mut connection).unwrap();
        let mut left = before;
        left.retain(|row| !row.starts_with("04"));
        assert_eq!(kept(&mut connection), left);
    }

    /// By all rows of the tree, in whatever text they stand, and each once.
    #[test]
    fn artifacts_of_earlier_runs_are_known_by_what_was_recorded() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let naming = "20261124000002";
        let mut all = migrations().unwrap();
        let named = all.remove(naming).unwrap();
        for (version, migration) in all {
            if version.as_str() < naming {
                migration.run(&mut connection).unwrap();
            }
        }
        let hash = |digit: &str| digit.repeat(64);
        let [a, b, c] = ["a", "b", "0"].map(hash);
        let rows = format!(
            r#"INSERT INTO flow_runs (id, root_run_id, flow_name, inputs, outputs)
                VALUES (x'01', x'01', 'f', '{{"is":"artifact:{a}.png","no":"artifact:x.png"}}', NULL),
                       (x'02', x'01', 'f', '{{}}', '["artifact:{b}.jpeg", "artifact:{a}.png"]'),
                       (x'03', x'03', 'f', '["artifact:{a}","artifact:{a}.","artifact:","x"]', '1');
            INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, inputs)
                VALUES (x'04', x'02', 's', 0, '{{}}');
            INSERT INTO llm_requests
                (id, flow_run_id, step_run_id, attempt, provider, model, operation, response)
                VALUES (x'05', x'02', x'04', 1, 'p', 'm', 'image', '"{{\"url\":\"artifact:{c}.png\"}}"');"#
        );
        connection.batch_execute(&rows).unwrap();

        named.run(&mut connection).unwrap();

        let found =
            "SELECT hex(run_id) || ' ' || artifact AS version FROM run_artifacts ORDER BY 1";
        let found = diesel::sql_query(found)
            .load::<Version>(&mut connection)
            .unwrap();
        let found: Vec<String> = found.into_iter().map(|row| row.version).collect();
        let expected = [
            format!("01 {c}.png"),
            format!("01 {a}.png"),
            format!("01 {b}.jpeg"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn each_migration_is_undone_by_its_own_way_down() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let words = |objects: Vec<Object>| -> Vec<String> {
            let words = |object: &Object| object.sql.split_whitespace().collect::<String>();
            objects.iter().map(words).collect()
        };
        for (version, migration) in migrations().unwrap() {
            let before = words(objects(&mut connection));
            migration.run(&mut connection).unwrap();
            migration.revert(&mut connection).unwrap();
            assert_eq!(words(objects(&mut connection)), before, "{version}");
            migration.run(&mut connection).unwrap();
        }
    }
}
