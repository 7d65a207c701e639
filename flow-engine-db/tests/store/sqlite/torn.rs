//! A log that ends in the middle of a write, as a crash of the machine leaves it.

use std::{fs, path::Path};

use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection, sql_query};
use flow_engine_db::{StepStatus, Store, connect};
use tempfile::TempDir;
use uuid::Uuid;

use super::fresh;
use crate::conformance::{rows, tell::Tell as _};

/// What of a log is read at once.
const FRAME: usize = 24 + 4096;

/// Files as they were when a number of steps had been acknowledged.
struct Stopped {
    database: Vec<u8>,
    log: Vec<u8>,
    run: Uuid,
    /// Each acknowledged step, and how long the log was then.
    acknowledged: Vec<(Uuid, usize)>,
}

async fn stopped() -> Stopped {
    let db = fresh().await;
    let path = Path::new(db.store.location());
    let log = || fs::read(path.with_file_name("runs.db-wal")).unwrap();
    let run = rows::started_run(&*db.store).await;
    let mut acknowledged = Vec::new();
    for order in 0..20 {
        let step = rows::step(run, order);
        let id = step.id;
        let unit = vec![step.into(), rows::completed(id).into()];
        db.store.tell(unit).await.unwrap();
        acknowledged.push((id, log().len()));
    }
    Stopped {
        database: fs::read(path).unwrap(),
        log: log(),
        run,
        acknowledged,
    }
}

impl Stopped {
    /// In a folder of its own, with so much of the log.
    fn cut(&self, length: usize) -> (TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        fs::write(&path, &self.database).unwrap();
        fs::write(folder.path().join("runs.db-wal"), &self.log[..length]).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (folder, path)
    }

    /// What must be there with so much of the log.
    fn there(&self, length: usize) -> Vec<Uuid> {
        let whole = self.acknowledged.iter().filter(|(_, end)| *end <= length);
        whole.map(|(id, _)| *id).collect()
    }
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::Text)]
    integrity_check: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    steps: i64,
}

#[tokio::test]
async fn a_log_that_is_cut_anywhere_in_its_last_writes_is_sound_and_has_all_before() {
    let stopped = stopped().await;
    let whole = stopped.log.len();
    assert_eq!(whole % FRAME, 32, "the log has a head and frames");
    // Every byte of the last frame and of the head of the one before, and some of many.
    let every = whole - FRAME - 24..=whole;
    let from = stopped.acknowledged[5].1;
    let some = (from..whole).step_by(997);
    for length in every.chain(some) {
        let (_folder, path) = stopped.cut(length);
        let mut database = SqliteConnection::establish(&path).unwrap();
        let check = "SELECT integrity_check, (SELECT count(*) FROM flow_step_runs WHERE status = 'completed') AS steps
            FROM pragma_integrity_check";
        let found: Found = sql_query(check).get_result(&mut database).unwrap();
        assert_eq!(found.integrity_check, "ok", "{length} of {whole}");
        let there = i64::try_from(stopped.there(length).len()).unwrap();
        assert_eq!(found.steps, there, "{length} of {whole}");
    }
}

#[tokio::test]
async fn a_store_opens_a_log_that_was_cut_and_goes_on() {
    let stopped = stopped().await;
    let from = stopped.acknowledged[0].1;
    for length in (from..stopped.log.len()).step_by(8_009) {
        let (_folder, path) = stopped.cut(length);
        let store = connect(&format!("sqlite://{path}")).await.unwrap();
        let there = stopped.there(length);
        assert_eq!(completed(&*store, stopped.run).await, there);
        let next = rows::step(stopped.run, 99);
        let id = next.id;
        store
            .tell(vec![next.into(), rows::completed(id).into()])
            .await
            .unwrap();
        assert_eq!(
            completed(&*store, stopped.run).await,
            [there, vec![id]].concat()
        );
        store.close().await;
    }
}

async fn completed(store: &dyn Store, run: Uuid) -> Vec<Uuid> {
    let steps = store.steps(run).await.unwrap();
    assert!(
        steps
            .iter()
            .all(|step| step.status == StepStatus::Completed)
    );
    steps.iter().map(|step| step.id).collect()
}
