//! Runs that another process has: by its lease, which it holds as long as it says that it is alive.

use std::sync::Arc;
use std::time::Duration;

use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};
use flow_engine::{ErrorKind, RequestStatus, RunStatus};
use flow_engine_db::{LeaseTerm, Store};
use uuid::Uuid;

use crate::endings::asks_many;
use crate::lab::{Lab, questions};

/// Another process on the lab's database.
async fn other(lab: &Lab, duration: Duration) -> (Arc<dyn Store>, LeaseTerm) {
    let url = format!("sqlite://{}", lab.path().display());
    let store = flow_engine_db::connect(&url).await.unwrap();
    let term = LeaseTerm {
        owner: Uuid::now_v7(),
        duration,
    };
    (store, term)
}

async fn half_done(lab: &Lab) -> Uuid {
    lab.model.hold(&["q1"]);
    let id = lab
        .interrupted_at(asks_many(questions(2)), 3, &["q1"])
        .await;
    lab.model.hold(&[]);
    id
}

#[tokio::test]
async fn a_run_is_held_by_its_engine_until_it_ends() {
    let lab = Lab::new().await;
    let id = half_done(&lab).await;
    let row = lab.run_row(id).await;
    assert_eq!((row.lease_owner, row.lease_epoch), (None, 1));
    lab.model.hold(&["q1"]);
    let seen = async {
        lab.model.until(|asked| asked.len() == 3).await;
        let held = lab.run_row(id).await;
        lab.model.hold(&[]);
        held
    };
    // If the run ends before that, nothing is seen.
    let both = async { tokio::join!(lab.resume(id), seen) };
    let (done, held) = tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .unwrap();
    done.unwrap();
    assert_eq!(held.lease_epoch, 2);
    assert!(held.lease_owner.is_some());
    let left = (held.lease_until.unwrap() - chrono::Utc::now()).num_seconds();
    assert!((20..=30).contains(&left), "{left} s");
    let row = lab.run_row(id).await;
    assert_eq!((row.lease_owner, row.lease_epoch), (None, 2));
}

#[tokio::test]
async fn a_run_of_a_living_process_is_refused_and_left_to_it() {
    let lab = Lab::new().await;
    let id = half_done(&lab).await;
    let (store, term) = other(&lab, Duration::from_secs(20)).await;
    let lease = store.acquire(id, term).await.unwrap().unwrap();
    let alive = async {
        loop {
            let lost = store.renew(vec![lease], term).await.unwrap();
            assert_eq!(lost, [], "it is left to its process");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let resumed = async {
        let with = lab.resume_with(id, asks_many(questions(2))).await;
        [lab.resume(id).await.unwrap_err(), with.unwrap_err()]
    };
    let errors = tokio::select! {
        errors = resumed => errors,
        () = alive => unreachable!("it goes on"),
    };

    for error in errors {
        assert_eq!(error.kind(), ErrorKind::NotResumable);
        let text = error.to_string();
        let why = "it is being executed by another process; its lease ends at 2";
        assert!(text.contains(why), "{text}");
    }
    assert_eq!(lab.model.asked().len(), 2, "nothing is executed");
    assert_eq!(lab.run_row(id).await.lease_epoch, lease.epoch);
}

#[tokio::test]
async fn a_run_of_a_process_that_says_nothing_more_is_waited_for() {
    let lab = Lab::new().await;
    let id = half_done(&lab).await;
    let (store, term) = other(&lab, Duration::from_millis(500)).await;
    store.acquire(id, term).await.unwrap().unwrap();

    lab.resume(id).await.unwrap();

    let row = lab.run_row(id).await;
    assert_eq!((row.status, row.lease_epoch), (RunStatus::Completed, 3));
}

/// The lease of this process ends while it waits for an answer, as if it had been stopped for a while.
#[tokio::test]
async fn a_run_that_another_process_has_taken_writes_nothing_more_than_what_it_paid_for() {
    let lab = Lab::new().await;
    lab.model.hold(&["q0", "q1"]);
    let request = lab.run(asks_many(questions(2)));
    let id = request.id();
    let (store, term) = other(&lab, Duration::from_secs(20)).await;
    let meanwhile = async {
        lab.model.was_asked(&["q0", "q1"]).await;
        lab.has_recorded(id, 2).await;
        let mut database = SqliteConnection::establish(lab.path().to_str().unwrap()).unwrap();
        sql_query("UPDATE flow_runs SET lease_until = 0 WHERE id = root_run_id")
            .execute(&mut database)
            .unwrap();
        store.acquire(id, term).await.unwrap().unwrap();
        let before = (lab.tree(id).await, lab.steps(id).await);
        lab.model.hold(&[]);
        before
    };

    let (end, before) = tokio::join!(request.execute(), meanwhile);

    assert!(end.is_err(), "{end:?}");
    assert_eq!((lab.tree(id).await, lab.steps(id).await), before);
    let mut answered = 0;
    for run in lab.tree(id).await {
        let requests = lab.requests_of(run.id).await.unwrap();
        let of_run = requests.iter();
        answered += of_run
            .filter(|request| request.status == RequestStatus::Succeeded)
            .count();
    }
    assert_eq!(answered, 2, "what was paid is recorded");
}
