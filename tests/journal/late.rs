//! Several processes that resume what was interrupted, at the same time: who comes too late leaves it alone.

use std::sync::Arc;
use std::time::Duration;

use flow_engine::{ErrorKind, RunStatus};
use flow_engine_db::{Lease, Progress, RunFinish, RunReopen, Store};
use uuid::Uuid;

use crate::endings::asks_many;
use crate::lab::{Lab, questions};
use crate::leases::{half_done, other};

#[tokio::test]
async fn each_run_is_in_the_list_of_who_has_resumed_it() {
    let lab = Lab::new().await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(half_done(&lab).await);
    }
    let second = lab.leasing(Duration::from_secs(10)).await;

    let (first, second) = tokio::join!(lab.resume_interrupted(), second.resume_interrupted());

    let mut resumed: Vec<Uuid> = Vec::new();
    for run in first.unwrap().into_iter().chain(second.unwrap()) {
        run.result.expect("who came too late says nothing of it");
        resumed.push(run.run_id);
    }
    resumed.sort();
    assert_eq!(resumed, ids);
}

/// Another process resumes a run, and ends it while its lease is waited for here.
async fn ended_elsewhere(lab: &Lab, id: Uuid, status: RunStatus) -> (Arc<dyn Store>, Lease) {
    let (store, term) = other(lab, Duration::from_mins(1)).await;
    let lease = store.acquire(id, term).await.unwrap().unwrap();
    let reopen = RunReopen::new(id);
    store.submit(lease, vec![reopen.into()]).await.unwrap();
    let (ending, end) = (
        Arc::clone(&store),
        RunFinish::new(id, status, Progress::default()),
    );
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        ending.submit(lease, vec![end.into()]).await.unwrap();
    });
    (store, lease)
}

#[tokio::test]
async fn a_run_that_ends_while_its_lease_is_waited_for_stays_as_it_ended() {
    for (status, told) in [
        (RunStatus::Completed, "it has completed"),
        (RunStatus::Cancelled, "it is cancelled"),
        (
            RunStatus::Failed,
            "it has failed meanwhile, in another process",
        ),
    ] {
        let lab = Lab::new().await;
        let id = half_done(&lab).await;
        let asked = lab.model.asked().len();
        let (_store, _lease) = ended_elsewhere(&lab, id, status).await;

        let error = lab.resume(id).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::NotResumable);
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(lab.model.asked().len(), asked, "nothing is executed");
        let row = lab.run_row(id).await;
        assert_eq!(row.status, status);
        let is_free = row
            .lease_until
            .is_none_or(|until| until <= chrono::Utc::now());
        assert!(is_free, "{row:?}");
        if status != RunStatus::Failed {
            assert_eq!((row.lease_owner, row.lease_epoch), (None, 2));
            continue;
        }
        // To try a failure again is to be said.
        lab.resume_with(id, asks_many(questions(2))).await.unwrap();
    }
}
