//! A million runs in a file:
//!
//! ```sh
//! cargo test --release -p flow-engine-db --test store million -- --ignored --nocapture
//! ```

use std::time::Instant;

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};

use super::fresh;
use crate::million;

const RUNS: &str = "
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -500000;
    BEGIN;
    WITH RECURSIVE n (i) AS (SELECT 5 UNION ALL SELECT i + 1 FROM n WHERE i < 900004)
    INSERT INTO flow_runs (id, root_run_id, parent_run_id, user_id, flow_name, status, inputs, outputs,
        created_at, completed_at)
    SELECT unhex(printf('%032x', i)), unhex(printf('%032x', i - i % 5)),
        CASE WHEN i % 5 > 0 THEN unhex(printf('%032x', i - i % 5)) END,
        unhex(printf('%032x', CASE WHEN i / 5 % 2 > 0 THEN 0 ELSE i / 5 % 1000 END)),
        'flow' || (CASE WHEN i % 5 > 0 THEN 5 + i % 15 ELSE i / 5 % 5 END),
        CASE WHEN i * 7919 % 100 < 6 THEN 'failed' ELSE 'completed' END,
        '{\"topic\":\"a text of the usual length, which says what the run is about\"}', '{\"title\":\"x\"}', i, i
    FROM n;
    INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, status, inputs, outputs, call_key)
    SELECT randomblob(16), id, 'step' || n.value, n.value, 'completed', inputs, outputs, hex(id)
    FROM flow_runs, json_each('[0,1]') AS n;
    WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
    INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, status, inputs, outputs, call_key)
    SELECT randomblob(16), unhex(printf('%032x', 500000)), 'step' || i, i, 'completed', '{}', '{}', hex(i) FROM n;
    WITH RECURSIVE n (i) AS (SELECT 1000000 UNION ALL SELECT i + 1 FROM n WHERE i < 1100000)
    INSERT INTO flow_runs (id, root_run_id, parent_run_id, user_id, flow_name, status, inputs)
    SELECT unhex(printf('%032x', i)), unhex(printf('%032x', 1000000)),
        CASE WHEN i > 1000000 THEN unhex(printf('%032x', 1000000)) END,
        unhex(printf('%032x', 0)), 'flow5', 'completed', '{}' FROM n;
    WITH RECURSIVE n (i) AS (SELECT 2000000 UNION ALL SELECT i + 1 FROM n WHERE i < 2001999)
    INSERT INTO flow_runs (id, root_run_id, flow_name, status, execution_mode, inputs, priority, start_at)
    SELECT unhex(printf('%032x', i)), unhex(printf('%032x', i)), 'flow1', 'pending', 'background', '{}', i % 3,
        CASE WHEN i % 2 > 0 THEN 4102444800000000 END FROM n;
    COMMIT;
    PRAGMA wal_checkpoint(TRUNCATE);";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it fills a file of a million runs, and shows numbers"]
async fn lists_and_leases_of_a_million_runs() {
    let db = fresh().await;
    let begun = Instant::now();
    let mut connection = SqliteConnection::establish(db.store.location()).unwrap();
    connection.batch_execute(RUNS).unwrap();
    println!("filled in {:.0?}", begun.elapsed());

    million::reads(&*db.store).await;
    million::leases(&*db.store).await;
    let drop_indexes = || {
        let dropped = connection.batch_execute(million::DROP_INDEXES_OF_LISTS);
        dropped.unwrap();
    };
    million::writes(&db.store, drop_indexes).await;
}
