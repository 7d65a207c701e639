//! Brings the tables up to date, or refuses a database that is newer than this build.
//!
//! Everything of ours is in the schema `flow_engine`, also the table of versions: the database may be that of an
//! application that has diesel migrations too.

use std::collections::BTreeMap;

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _,
    connection::SimpleConnection as _,
    migration::{self, Migration, MigrationSource as _},
    pg::Pg,
    result::{DatabaseErrorKind, Error as DieselError},
    sql_types::Text,
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::{Connection, target::Target};
use crate::{StoreError, error::Cause};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Of several processes that start at once, one makes the tables and the others find them: `CREATE … IF NOT EXISTS` alone
/// fails when two make the same. The number is ours; the lock ends with the transaction.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7235519026)";

const SCHEMA: &str =
    "SELECT nspname::text AS version FROM pg_namespace WHERE nspname = 'flow_engine'";

const VERSIONS: &str = "SELECT relname::text AS version FROM pg_class
    WHERE oid = to_regclass('flow_engine.flow_engine_migrations')";

/// The same, for who may not use the schema.
const ANY_VERSIONS: &str = "SELECT relname::text AS version FROM pg_class JOIN pg_namespace AS schema ON schema.oid = relnamespace
    WHERE nspname = 'flow_engine' AND relname = 'flow_engine_migrations'";

const CREATE_VERSIONS: &str = "
    CREATE TABLE flow_engine.flow_engine_migrations (
        version text        NOT NULL PRIMARY KEY,
        run_on  timestamptz NOT NULL DEFAULT now()
    );";

/// By version, oldest first.
type Migrations = BTreeMap<String, Box<dyn Migration<Pg>>>;

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Applies what is missing, in one transaction.
pub(super) fn run(connection: &mut Connection, target: &Target) -> Result<(), StoreError> {
    let mut brings_up_to_date = false;
    let outcome = connection.transaction(|connection| {
        connection.batch_execute(LOCK)?;
        let known = migrations().map_err(DieselError::QueryBuilderError)?;
        let applied = applied_versions(connection)?;
        let unknown = applied.iter().find(|version| !known.contains_key(*version));
        if let Some(migration) = unknown {
            return Ok(Err(StoreError::NewerDatabase {
                location: target.location.clone(),
                migration: migration.clone(),
            }));
        }
        brings_up_to_date = !applied.is_empty() && applied.len() < known.len();
        apply_missing(connection, known, &applied).map_err(DieselError::QueryBuilderError)?;
        // A database that cannot be written is found here and not at the first step.
        connection.batch_execute("UPDATE flow_engine.flow_runs SET id = id WHERE false")?;
        Ok(Ok(()))
    });
    outcome.map_err(|error: DieselError| {
        let rights = if brings_up_to_date {
            Rights::ChangeTables
        } else {
            missing_rights(connection)
        };
        explain(target, error, rights)
    })?
}

/// What a user lacks who is told `permission denied`.
#[derive(Clone, Copy)]
enum Rights {
    CreateSchema,
    CreateTables,
    UseTables,
    ChangeTables,
}

impl Rights {
    /// What is missing, and who can do what about it.
    fn advice(self, user: &str) -> String {
        match self {
            Self::CreateSchema => format!(
                "the user {user} may not create its schema flow_engine; an administrator can say: \
                 CREATE SCHEMA flow_engine AUTHORIZATION \"{user}\""
            ),
            Self::CreateTables => format!(
                "the user {user} may not create tables in the schema flow_engine; its owner can say: \
                 GRANT USAGE, CREATE ON SCHEMA flow_engine TO \"{user}\""
            ),
            Self::UseTables => format!(
                "the user {user} may not use what is in the schema flow_engine; its owner can say: \
                 GRANT USAGE ON SCHEMA flow_engine TO \"{user}\"; \
                 GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA flow_engine TO \"{user}\""
            ),
            Self::ChangeTables => format!(
                "its tables are those of an older version, and the user {user} may not change them; start this version once \
                 as the user that owns them"
            ),
        }
    }
}

/// What is there says what is missing: catalogs are for everybody.
fn missing_rights(connection: &mut Connection) -> Rights {
    let is_there = |connection: &mut Connection, query| {
        versions_in(connection, query).is_ok_and(|found| !found.is_empty())
    };
    if is_there(connection, ANY_VERSIONS) {
        Rights::UseTables
    } else if is_there(connection, SCHEMA) {
        Rights::CreateTables
    } else {
        Rights::CreateSchema
    }
}

fn migrations() -> migration::Result<Migrations> {
    let migrations = MIGRATIONS.migrations()?.into_iter();
    Ok(migrations
        .map(|migration: Box<dyn Migration<Pg>>| {
            (migration.name().version().to_string(), migration)
        })
        .collect())
}

fn apply_missing(
    connection: &mut Connection,
    migrations: Migrations,
    applied: &[String],
) -> migration::Result<()> {
    // Looked at first: who may use a schema that is there need not be allowed to create one.
    if versions_in(connection, SCHEMA)?.is_empty() {
        connection.batch_execute("CREATE SCHEMA flow_engine")?;
    }
    if versions_in(connection, VERSIONS)?.is_empty() {
        connection.batch_execute(CREATE_VERSIONS)?;
    }
    for (version, migration) in migrations {
        if applied.contains(&version) {
            continue;
        }
        migration.run(connection)?;
        diesel::sql_query("INSERT INTO flow_engine.flow_engine_migrations (version) VALUES ($1)")
            .bind::<Text, _>(version)
            .execute(connection)?;
    }
    Ok(())
}

fn applied_versions(connection: &mut Connection) -> Result<Vec<String>, DieselError> {
    if versions_in(connection, VERSIONS)?.is_empty() {
        return Ok(Vec::new());
    }
    versions_in(
        connection,
        "SELECT version FROM flow_engine.flow_engine_migrations ORDER BY version",
    )
}

fn versions_in(connection: &mut Connection, query: &str) -> Result<Vec<String>, DieselError> {
    let rows = diesel::sql_query(query).load::<Version>(connection)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

/// What an error says about the database, when it comes from a connection that has just been opened.
fn explain(target: &Target, error: DieselError, rights: Rights) -> StoreError {
    let is_read_only = matches!(
        &error,
        DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _)
    );
    let source: Cause = match error {
        // Of a migration, or of a statement beside it.
        DieselError::QueryBuilderError(source) => source,
        other => other.into(),
    };
    // The error of a migration is a type of its own, which is not to be had.
    let said = source.to_string();
    let reason = if is_read_only || said.contains("in a read-only transaction") {
        "it is read-only: a standby, or set so".to_owned()
    } else if said.contains("permission denied") || said.contains("must be owner") {
        rights.advice(target.user())
    } else {
        return failed(target, source);
    };
    StoreError::CannotOpen {
        location: target.location.clone(),
        reason,
        source: Some(source),
    }
}

fn failed(target: &Target, source: Cause) -> StoreError {
    StoreError::Migration {
        location: target.location.clone(),
        source,
    }
}
