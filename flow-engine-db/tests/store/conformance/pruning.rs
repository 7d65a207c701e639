//! Old runs and their artifacts.

use std::time::Duration;

use flow_engine_db::{
    LeaseTerm, NamedArtifact, PruneFilter, RunFilter, RunFinish, RunStatus, Store, StoreError,
    Write,
};
use uuid::Uuid;

use super::{Fresh, leases::other, rows, tell::Tell as _};

/// A root run with a sub-run and a step below each, which ended `millis` after the fixed time.
async fn ended(store: &dyn Store, status: RunStatus, millis: i64) -> Uuid {
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    for run in [root, child] {
        let step = rows::started_step(store, run, 0).await;
        rows::sent_request(store, run, step).await;
    }
    for run in [child, root] {
        let finish = RunFinish {
            completed_at: rows::time(millis),
            ..rows::ended(run, status)
        };
        store.tell(vec![finish.into()]).await.unwrap();
    }
    root
}

fn before(millis: i64, statuses: &[RunStatus]) -> PruneFilter {
    PruneFilter {
        ended_before: rows::time(millis),
        statuses: statuses.to_vec(),
        limit: 100,
    }
}

async fn roots(store: &dyn Store) -> Vec<Uuid> {
    let roots = RunFilter {
        roots_only: true,
        ..RunFilter::default()
    };
    let mut ids: Vec<Uuid> = store
        .runs(roots)
        .await
        .unwrap()
        .iter()
        .map(|run| run.id)
        .collect();
    ids.reverse();
    ids
}

const ALL: [RunStatus; 4] = [
    RunStatus::Completed,
    RunStatus::Failed,
    RunStatus::Cancelled,
    RunStatus::Interrupted,
];

pub(crate) async fn runs_that_ended_before_a_time_are_pruned_with_all_below(db: Fresh) {
    let store = &*db.store;
    let old = ended(store, RunStatus::Completed, 1).await;
    let at_the_time = ended(store, RunStatus::Completed, 5).await;
    let young = ended(store, RunStatus::Completed, 9).await;
    let failed = ended(store, RunStatus::Failed, 1).await;
    let running = rows::started_run(store).await;

    let pruned = store.prune(before(5, &[RunStatus::Completed])).await;

    assert_eq!(pruned.unwrap(), 1, "a tree counts once");
    assert_eq!(
        roots(store).await,
        [at_the_time, young, failed, running],
        "{old} is gone"
    );
    assert_eq!(store.runs(RunFilter::default()).await.unwrap().len(), 7);
    assert_eq!(store.steps(old).await.unwrap(), []);
    assert_eq!(store.requests(old).await.unwrap(), []);
    let again = store.prune(before(5, &[RunStatus::Completed])).await;
    assert_eq!(again.unwrap(), 0);
    assert_eq!(store.prune(before(100, &[])).await.unwrap(), 0);
    assert_eq!(store.prune(before(100, &ALL)).await.unwrap(), 3);
    assert_eq!(roots(store).await, [running]);
}

pub(crate) async fn runs_are_pruned_a_few_at_a_time(db: Fresh) {
    let store = &*db.store;
    for status in ALL.into_iter().cycle().take(10) {
        ended(store, status, 1).await;
    }
    let few = PruneFilter {
        limit: 4,
        ..before(5, &ALL)
    };
    for expected in [4, 4, 2, 0] {
        assert_eq!(store.prune(few.clone()).await.unwrap(), expected);
    }
    assert_eq!(store.runs(RunFilter::default()).await.unwrap(), []);
}

pub(crate) async fn a_sub_run_that_ended_is_not_pruned_without_its_root(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let finish = RunFinish {
        completed_at: rows::time(1),
        ..rows::ended(child, RunStatus::Completed)
    };
    store.tell(vec![finish.into()]).await.unwrap();
    assert_eq!(store.prune(before(5, &ALL)).await.unwrap(), 0);
    assert!(store.run(child).await.unwrap().is_some());
}

pub(crate) async fn open_runs_are_not_pruned(db: Fresh) {
    let store = &*db.store;
    let run = ended(store, RunStatus::Completed, 1).await;
    for open in RunStatus::ALL.iter().filter(|status| status.is_open()) {
        let both = before(5, &[RunStatus::Completed, *open]);
        let error = store.prune(both).await.unwrap_err();
        assert!(matches!(error, StoreError::NotEnded { status } if status == *open));
        let expected = format!("runs that are {open} have not ended: they cannot be pruned");
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(roots(store).await, [run]);
}

/// It was taken to be resumed, and its row is not open yet.
pub(crate) async fn a_run_that_was_taken_is_not_pruned(db: Fresh) {
    let store = &*db.store;
    let run = ended(store, RunStatus::Failed, 1).await;
    store.acquire(run, other()).await.unwrap().unwrap();
    assert_eq!(store.prune(before(5, &ALL)).await.unwrap(), 0);
    let over = LeaseTerm {
        duration: Duration::ZERO,
        ..other()
    };
    store.acquire(run, over).await.unwrap().unwrap();
    assert_eq!(store.prune(before(5, &ALL)).await.unwrap(), 1);
}

fn named(run: Uuid, artifact: &str) -> Write {
    NamedArtifact {
        root_run_id: run,
        artifact: artifact.to_owned(),
    }
    .into()
}

async fn free(store: &dyn Store) -> Vec<String> {
    store.free_artifacts("", 100).await.unwrap()
}

pub(crate) async fn an_artifact_is_free_when_no_run_is_left_that_names_it(db: Fresh) {
    let store = &*db.store;
    let old = ended(store, RunStatus::Completed, 1).await;
    let other = rows::started_run(store).await;
    for (run, artifact) in [
        (old, "a.png"),
        (old, "a.png"),
        (old, "b.png"),
        (old, "c.png"),
        (other, "b.png"),
        (other, "d.png"),
    ] {
        store.tell(vec![named(run, artifact)]).await.unwrap();
    }
    assert_eq!(free(store).await, [""; 0]);

    store.prune(before(5, &ALL)).await.unwrap();

    assert_eq!(free(store).await, ["a.png", "c.png"]);
    assert_eq!(store.free_artifacts("a.png", 9).await.unwrap(), ["c.png"]);
    assert_eq!(store.free_artifacts("", 1).await.unwrap(), ["a.png"]);
    let newer = rows::started_run(store).await;
    store.tell(vec![named(newer, "c.png")]).await.unwrap();
    assert_eq!(free(store).await, ["a.png"], "it is named again");
    store
        .forget_artifacts(vec!["a.png".to_owned()])
        .await
        .unwrap();
    assert_eq!(free(store).await, [""; 0]);
    assert!(store.delete_run(newer).await.unwrap());
    assert!(store.delete_run(other).await.unwrap());
    assert_eq!(free(store).await, ["b.png", "c.png", "d.png"]);
}

/// What is forgotten are the names of deleted runs.
pub(crate) async fn a_name_of_a_run_that_is_there_is_not_forgotten(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    store.tell(vec![named(run, "a.png")]).await.unwrap();
    store
        .forget_artifacts(vec!["a.png".to_owned()])
        .await
        .unwrap();
    store.delete_run(run).await.unwrap();
    assert_eq!(free(store).await, ["a.png"]);
}

/// An answer that names an image was paid for, whoever has the run by now.
pub(crate) async fn a_name_is_written_with_its_request_under_a_lost_lease(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    let request = rows::sent_request(store, run, step).await;
    store.acquire(run, rows::term()).await.unwrap().unwrap();
    let unit = vec![rows::succeeded(request).into(), named(run, "a.png")];
    store.tell(unit).await.unwrap();
    store.delete_run(run).await.unwrap();
    assert_eq!(free(store).await, ["a.png"]);
}
