//! Deleting a run.

use flow_engine_db::{RunFilter, RunStatus, StepFinish, Write};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

pub(crate) async fn a_deleted_run_takes_everything_below_it_along(db: Fresh) {
    let store = &*db.store;
    let kept = rows::started_run(store).await;
    let kept_step = rows::started_step(store, kept, 0).await;
    rows::sent_request(store, kept, kept_step).await;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let grandchild = rows::started_sub_run(store, child, root).await;
    for run in [root, child, grandchild] {
        let step = rows::started_step(store, run, 0).await;
        let request = rows::sent_request(store, run, step).await;
        let finish = StepFinish {
            llm_request_id: Some(request),
            ..rows::completed(step)
        };
        store
            .tell(vec![rows::succeeded(request).into(), finish.into()])
            .await
            .unwrap();
    }

    assert!(store.delete_run(root).await.unwrap());

    let left: Vec<Uuid> = store
        .runs(RunFilter::default())
        .await
        .unwrap()
        .iter()
        .map(|run| run.id)
        .collect();
    assert_eq!(left, [kept]);
    for run in [root, child, grandchild] {
        assert_eq!(store.steps(run).await.unwrap(), []);
        assert_eq!(store.requests(run).await.unwrap(), []);
    }
    assert_eq!(
        (
            store.steps(kept).await.unwrap().len(),
            store.requests(kept).await.unwrap().len()
        ),
        (1, 1)
    );
    assert!(!store.delete_run(root).await.unwrap());
}

pub(crate) async fn a_deleted_sub_run_takes_only_what_is_below_it_along(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let grandchild = rows::started_sub_run(store, child, root).await;
    let sibling = rows::started_sub_run(store, root, root).await;

    assert!(store.delete_run(child).await.unwrap());

    assert_eq!(store.run(grandchild).await.unwrap(), None);
    for run in [root, sibling] {
        assert_eq!(rows::status_of(store, run).await, RunStatus::Running);
    }
}

pub(crate) async fn deleting_takes_its_turn_behind_queued_writes(db: Fresh) {
    let run = rows::run();
    let id = run.id;
    let started = db.store.tell(vec![run.into()]);
    let deleted = db.store.delete_run(id);
    let next = rows::run();
    let next_id = next.id;
    let after = db.store.tell(vec![next.into()]);

    assert!(deleted.await.unwrap());
    started.await.unwrap();
    after.await.unwrap();
    assert_eq!(db.store.run(id).await.unwrap(), None);
    assert_eq!(
        rows::status_of(&*db.store, next_id).await,
        RunStatus::Running
    );
}

pub(crate) async fn a_write_for_a_deleted_run_is_refused(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    store.delete_run(run).await.unwrap();

    let late: [Vec<Write>; 3] = [
        vec![rows::completed(step).into()],
        vec![rows::ended(run, RunStatus::Completed).into()],
        vec![rows::step(run, 1).into()],
    ];
    for unit in late {
        store.tell(unit).await.unwrap_err();
    }
    assert_eq!(store.steps(run).await.unwrap(), []);
}
