//! Several processes on one database.

use super::Database;
use crate::process::{RUNS, child, open_and_write, runs_in};

#[tokio::test]
async fn processes_that_start_at_once_make_the_tables_once() {
    for _round in 0..20 {
        let database = Database::new();
        let url = database.url();
        let writers = [(); 4].map(|()| child("process::a_process_that_writes", &url));
        for writer in writers {
            let output = writer.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        assert_eq!(runs_in(&url).await, 4 * RUNS);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_stores_of_one_process_open_a_new_database_at_once() {
    let database = Database::new();
    let mut stores = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let url = database.url();
        stores.spawn(async move { open_and_write(&url).await });
    }
    stores.join_all().await;
    assert_eq!(runs_in(&database.url()).await, 8 * RUNS);
}
