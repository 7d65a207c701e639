//! The tables, up and down.

use diesel::{
    QueryableByName, RunQueryDsl as _, connection::SimpleConnection as _, sql_types::Text,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Connection, Database};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

#[derive(Debug, PartialEq, QueryableByName)]
struct Object {
    #[diesel(sql_type = Text)]
    object: String,
}

/// Every column, index and foreign key, as text.
const OBJECTS: &str = "
    SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) AS object
        FROM information_schema.columns WHERE table_schema = 'flow_engine'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'flow_engine'
    UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'flow_engine'::regnamespace
    ORDER BY 1";

fn objects(connection: &mut Connection) -> Vec<Object> {
    let objects: Vec<Object> = diesel::sql_query(OBJECTS).load(connection).unwrap();
    let ours = |object: &Object| !object.object.contains("__diesel_schema_migrations");
    objects.into_iter().filter(ours).collect()
}

#[test]
fn migrations_run_up_down_and_up_again() {
    let database = Database::new();
    let mut connection = <Connection as diesel::Connection>::establish(&database.url()).unwrap();
    connection
        .batch_execute("CREATE SCHEMA flow_engine; SET search_path TO flow_engine;")
        .unwrap();
    connection.run_pending_migrations(MIGRATIONS).unwrap();
    let first = objects(&mut connection);
    assert!(first.len() > 100, "{first:?}");
    // Rows that refer to each other do not stand in the way.
    let id = |n: u32| format!("'00000000-0000-0000-0000-00000000000{n}'");
    let (run, step, request) = (id(1), id(2), id(3));
    connection
        .batch_execute(&format!(
            "INSERT INTO flow_runs (id, root_run_id, flow_name, inputs) VALUES ({run}, {run}, 'f', '{{}}');
             INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, inputs)
                 VALUES ({step}, {run}, 's', 0, '{{}}');
             INSERT INTO llm_requests (id, flow_run_id, step_run_id, attempt, provider, model, operation)
                 VALUES ({request}, {run}, {step}, 1, 'p', 'm', 'chat');
             UPDATE flow_step_runs SET llm_request_id = {request};
             INSERT INTO flow_forks (run_id, forked_from) VALUES ({run}, {step});"
        ))
        .unwrap();

    connection.revert_all_migrations(MIGRATIONS).unwrap();
    assert_eq!(objects(&mut connection), []);

    connection.run_pending_migrations(MIGRATIONS).unwrap();
    assert_eq!(objects(&mut connection), first);
}
