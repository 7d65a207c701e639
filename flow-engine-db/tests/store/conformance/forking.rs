//! Where a run was forked from.

use flow_engine_db::{NewFork, Store};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

fn fork(run: Uuid, origin: Uuid) -> NewFork {
    NewFork {
        run_id: run,
        forked_from: origin,
        from_step: Some("summarize".to_owned()),
        model: Some("gpt-5".to_owned()),
        inherited_model: Some("gpt-4".to_owned()),
    }
}

async fn forked_run(store: &dyn Store, origin: Uuid) -> Uuid {
    let run = rows::run();
    let id = run.id;
    store
        .tell(vec![run.into(), fork(id, origin).into()])
        .await
        .unwrap();
    id
}

pub(crate) async fn where_a_run_was_forked_from_is_read_back(db: Fresh) {
    let store = &*db.store;
    let origin = rows::started_run(store).await;
    let run = forked_run(store, origin).await;
    let plain = rows::started_run(store).await;
    let options = NewFork {
        from_step: None,
        model: None,
        inherited_model: None,
        ..fork(plain, origin)
    };
    store.tell(vec![options.into()]).await.unwrap();

    let read = store.fork(run).await.unwrap().unwrap();
    assert_eq!((read.run_id, read.forked_from), (run, origin));
    assert_eq!(read.from_step.as_deref(), Some("summarize"));
    assert_eq!(read.model.as_deref(), Some("gpt-5"));
    assert_eq!(read.inherited_model.as_deref(), Some("gpt-4"));
    let read = store.fork(plain).await.unwrap().unwrap();
    assert_eq!(
        (read.run_id, read.from_step, read.model),
        (plain, None, None)
    );
    assert_eq!(store.fork(origin).await.unwrap(), None);
}

pub(crate) async fn recording_a_fork_twice_leaves_it_as_it_is(db: Fresh) {
    let store = &*db.store;
    let origin = rows::started_run(store).await;
    let run = forked_run(store, origin).await;
    let other = fork(run, Uuid::now_v7());
    store.tell(vec![other.into()]).await.unwrap();
    let read = store.fork(run).await.unwrap().unwrap();
    assert_eq!(read.forked_from, origin);
}

pub(crate) async fn a_fork_of_a_run_that_is_not_there_is_refused(db: Fresh) {
    let store = &*db.store;
    let gone = Uuid::now_v7();
    let origin = rows::started_run(store).await;
    store
        .tell(vec![fork(gone, origin).into()])
        .await
        .unwrap_err();
    assert_eq!(store.fork(gone).await.unwrap(), None);
}

pub(crate) async fn a_fork_outlives_the_run_it_was_forked_from(db: Fresh) {
    let store = &*db.store;
    let origin = rows::started_run(store).await;
    let run = forked_run(store, origin).await;
    assert!(store.delete_run(origin).await.unwrap());
    let read = store.fork(run).await.unwrap().unwrap();
    assert_eq!(read.forked_from, origin);
}

pub(crate) async fn a_fork_is_deleted_with_its_own_run(db: Fresh) {
    let store = &*db.store;
    let origin = rows::started_run(store).await;
    let run = forked_run(store, origin).await;
    assert!(store.delete_run(run).await.unwrap());
    assert_eq!(store.fork(run).await.unwrap(), None);
    assert!(store.run(origin).await.unwrap().is_some());
}
