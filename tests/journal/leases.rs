//! Runs that another process has: by its lease, which it holds as long as it says that it is alive.

use std::sync::Arc;
use std::time::Duration;

use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RequestStatus, RunStatus};
use flow_engine_db::{LeaseTerm, Store};
use uuid::Uuid;

use crate::endings::asks_many;
use crate::lab::{Lab, questions};

/// Another process on the lab's database.
pub(crate) async fn other(lab: &Lab, duration: Duration) -> (Arc<dyn Store>, LeaseTerm) {
    let url = format!("sqlite://{}", lab.path().display());
    let store = flow_engine_db::connect(&url).await.unwrap();
    let term = LeaseTerm {
        owner: Uuid::now_v7(),
        duration,
    };
    (store, term)
}

pub(crate) async fn half_done(lab: &Lab) -> Uuid {
    lab.model.hold(&["q1"]);
    let id = lab
        .interrupted_at(asks_many(questions(2)), 3, &["q1"])
        .await;
    lab.model.hold(&[]);
    // Its end is on disk when it can be read.
    assert_eq!(lab.run_row(id).await.lease_owner, None);
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
    assert!((5..=10).contains(&left), "{left} s");
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

#[tokio::test]
async fn only_runs_of_dead_processes_are_resumed_with_all_others() {
    let lab = Lab::new().await;
    let [of_dead, of_living] = [half_done(&lab).await, half_done(&lab).await];
    let (store, dead) = other(&lab, Duration::from_millis(500)).await;
    store.acquire(of_dead, dead).await.unwrap().unwrap();
    let (store, living) = other(&lab, Duration::from_mins(10)).await;
    let lease = store.acquire(of_living, living).await.unwrap().unwrap();
    let alive = async {
        loop {
            assert_eq!(store.renew(vec![lease], living).await.unwrap(), []);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let resumed = tokio::select! {
        resumed = lab.resume_interrupted() => resumed.unwrap(),
        () = alive => unreachable!("it goes on"),
    };
    let ids: Vec<Uuid> = resumed.iter().map(|resumed| resumed.run_id).collect();
    assert_eq!(ids, [of_dead]);
    lab.assert_completed(of_dead).await;
    assert_eq!(lab.run_row(of_living).await.lease_epoch, lease.epoch);
}

#[tokio::test]
async fn runs_of_a_dead_process_are_resumed_whatever_becomes_of_one_of_them() {
    let lab = Lab::new().await;
    let [left, deleted] = [half_done(&lab).await, half_done(&lab).await];
    let (store, dead) = other(&lab, Duration::from_secs(2)).await;
    for id in [left, deleted] {
        store.acquire(id, dead).await.unwrap().unwrap();
    }
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(store.delete_run(deleted).await.unwrap());
    };

    let (resumed, ()) = tokio::join!(lab.resume_interrupted(), meanwhile);

    let ids: Vec<Uuid> = resumed.unwrap().iter().map(|run| run.run_id).collect();
    assert_eq!(ids, [left]);
    lab.assert_completed(left).await;
}

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_run_keeps_its_lease_however_long_it_takes() {
    let lab = Lab::new().await;
    lab.model.hold(&["q0"]);
    let engine = lab.leasing(SHORT).await;
    let request = engine.run(asks_many(questions(1)));
    let id = request.id();
    let (store, term) = other(&lab, SHORT).await;
    let meanwhile = async {
        lab.model.was_asked(&["q0"]).await;
        for _ in 0..20 {
            let taken = store.acquire(id, term).await.unwrap();
            assert_eq!(taken, None);
            tokio::time::sleep(SHORT / 4).await;
        }
        lab.model.hold(&[]);
    };
    let (end, ()) = tokio::join!(request.execute(), meanwhile);
    end.unwrap();
    assert_eq!(lab.run_row(id).await.lease_epoch, 1);
}

/// The executor is not what says that a process is alive.
#[tokio::test]
async fn a_flow_that_computes_for_long_keeps_its_lease() {
    let lab = Lab::new().await;
    let engine = lab.leasing(SHORT).await;
    let request = engine.run(computes(4));
    let id = request.id();
    let path = lab.path();
    let taker = std::thread::spawn(move || {
        std::thread::sleep(3 * SHORT);
        let mut database = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        let open = "UPDATE flow_runs SET error_message = 'free' WHERE lease_until < unixepoch('subsec') * 1000000";
        sql_query(open).execute(&mut database).unwrap()
    });
    request.execute().await.unwrap();
    assert_eq!(taker.join().unwrap(), 0, "its lease was over");
    assert_eq!(lab.run_row(id).await.lease_epoch, 1);
}

#[flow]
async fn computes(leases: u32) -> Result<()> {
    flow_engine::uuid().await?;
    std::thread::sleep(leases * SHORT);
    Ok(())
}

/// As if this process had been stopped for a while, and another one had gone on with its run.
fn taken_over(lab: &Lab) {
    let mut database = SqliteConnection::establish(lab.path().to_str().unwrap()).unwrap();
    sql_query("PRAGMA busy_timeout = 10000")
        .execute(&mut database)
        .unwrap();
    let take = "UPDATE flow_runs SET lease_owner = 'another', lease_epoch = lease_epoch + 1 WHERE id = root_run_id";
    let taken = sql_query(take).execute(&mut database).unwrap();
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn a_run_that_another_process_has_taken_ends_here_without_a_word_in_the_journal() {
    let lab = Lab::new().await;
    lab.model.hold(&["q0", "q1"]);
    let engine = lab.leasing(SHORT).await;
    let request = engine.run(asks_many(questions(2)));
    let id = request.id();
    let meanwhile = async {
        lab.model.was_asked(&["q0", "q1"]).await;
        lab.has_recorded(id, 2).await;
        taken_over(&lab);
        (lab.tree(id).await, lab.steps(id).await)
    };

    let (end, before) = tokio::join!(request.execute(), meanwhile);

    assert_eq!(end.unwrap_err().kind(), ErrorKind::LeaseLost);
    assert_eq!((lab.tree(id).await, lab.steps(id).await), before);
    lab.model.hold(&[]);
}

/// The lease of this process ends while it waits for an answer, as if it had been stopped for a while.
#[tokio::test]
async fn a_run_that_another_process_has_taken_writes_nothing_more_than_what_it_paid_for() {
    let lab = Lab::new().await;
    lab.model.hold(&["q0", "q1"]);
    let request = lab.run(asks_many(questions(2)));
    let id = request.id();
    let meanwhile = async {
        lab.model.was_asked(&["q0", "q1"]).await;
        lab.has_recorded(id, 2).await;
        taken_over(&lab);
        let before = (lab.tree(id).await, lab.steps(id).await);
        lab.model.hold(&[]);
        before
    };

    let (end, before) = tokio::join!(request.execute(), meanwhile);

    assert_eq!(end.unwrap_err().kind(), ErrorKind::LeaseLost);
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
