//! A million runs on a server:
//!
//! ```sh
//! scripts/postgres run cargo test --release -p flow-engine-db --features postgres --test store \
//!     postgres::million -- --ignored --nocapture
//! ```

use std::time::Instant;

use flow_engine_db::connect;

use super::Database;
use crate::million;

/// Without its foreign keys, whose checks are most of the time otherwise. `ANALYZE` is what autovacuum does in a minute or so.
const RUNS: &str = "
    SET search_path TO flow_engine;
    SET session_replication_role TO replica;
    CREATE FUNCTION pg_temp.id(i bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
        SELECT lpad(to_hex(i), 32, '0')::uuid $$;
    INSERT INTO flow_runs (id, root_run_id, parent_run_id, user_id, flow_name, status, inputs, outputs,
        created_at, completed_at)
    SELECT pg_temp.id(i), pg_temp.id(i - i % 5),
        CASE WHEN i % 5 > 0 THEN pg_temp.id(i - i % 5) END,
        pg_temp.id(CASE WHEN i / 5 % 2 > 0 THEN 0 ELSE i / 5 % 1000 END),
        'flow' || (CASE WHEN i % 5 > 0 THEN 5 + i % 15 ELSE i / 5 % 5 END),
        CASE WHEN i * 7919 % 100 < 6 THEN 'failed' ELSE 'completed' END,
        '{\"topic\":\"a text of the usual length, which says what the run is about\"}', '{\"title\":\"x\"}',
        to_timestamp(i), to_timestamp(i)
    FROM generate_series(5::bigint, 900004) AS i;
    INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, status, inputs, outputs, call_key)
    SELECT gen_random_uuid(), id, 'step' || n, n, 'completed', inputs, outputs, id::text
    FROM flow_runs, generate_series(0, 1) AS n;
    INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, status, inputs, outputs, call_key)
    SELECT gen_random_uuid(), pg_temp.id(500000), 'step' || i, i, 'completed', '{}', '{}', i::text
    FROM generate_series(2, 999) AS i;
    INSERT INTO flow_runs (id, root_run_id, parent_run_id, user_id, flow_name, status, inputs)
    SELECT pg_temp.id(i), pg_temp.id(1000000), CASE WHEN i > 1000000 THEN pg_temp.id(1000000) END,
        pg_temp.id(0), 'flow5', 'completed', '{}' FROM generate_series(1000000::bigint, 1100000) AS i;
    INSERT INTO flow_runs (id, root_run_id, flow_name, status, execution_mode, inputs, priority, start_at)
    SELECT pg_temp.id(i), pg_temp.id(i), 'flow1', 'pending', 'background', '{}', i % 3,
        CASE WHEN i % 2 > 0 THEN '2100-01-01'::timestamptz END FROM generate_series(2000000::bigint, 2001999) AS i;
    ANALYZE;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it fills a database of a million runs, and shows numbers"]
async fn lists_and_leases_of_a_million_runs() {
    let database = Database::new();
    let store = connect(&database.url()).await.unwrap();
    let begun = Instant::now();
    database.run(RUNS);
    println!("filled in {:.0?}", begun.elapsed());

    million::reads(&*store).await;
    million::leases(&*store).await;
    let drop_indexes = || {
        let drop = million::DROP_INDEXES_OF_LISTS;
        database.run(&format!("SET search_path TO flow_engine; {drop}"));
    };
    million::writes(&store, drop_indexes).await;
}
