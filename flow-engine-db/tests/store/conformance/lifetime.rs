//! Closing, dropping and opening again.

use flow_engine_db::{RunFilter, StoreError, connect};

use super::{Fresh, rows, tell::Tell as _};

pub(crate) async fn a_closed_store_refuses_writes_and_goes_on_reading(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    tokio::join!(store.close(), store.close());
    store.close().await;

    let refused = store
        .tell(vec![rows::step(run, 0).into()])
        .await
        .unwrap_err();
    assert!(refused.is_closed(), "{refused}");
    assert!(matches!(
        store.delete_run(run).await,
        Err(StoreError::Closed)
    ));

    assert_eq!(store.run(run).await.unwrap().unwrap().id, run);
}

pub(crate) async fn what_was_queued_before_closing_is_written(db: Fresh) {
    let run = rows::started_run(&*db.store).await;
    for order in 0..3000 {
        drop(db.store.tell(vec![rows::step(run, order).into()]));
    }
    db.store.close().await;
    assert_eq!(db.store.steps(run).await.unwrap().len(), 3000);
}

pub(crate) async fn what_was_queued_before_dropping_is_written(db: Fresh) {
    let Fresh { store, url, keep } = db;
    let run = rows::started_run(&*store).await;
    for order in 0..3000 {
        drop(store.tell(vec![rows::step(run, order).into()]));
    }
    drop(store);

    let reopened = connect(&url).await.unwrap();
    assert_eq!(reopened.steps(run).await.unwrap().len(), 3000);
    reopened.close().await;
    drop(keep);
}

pub(crate) async fn what_was_written_is_there_after_reopening(db: Fresh) {
    let Fresh { store, url, keep } = db;
    let run = rows::started_run(&*store).await;
    let step = rows::started_step(&*store, run, 0).await;
    store
        .tell(vec![rows::completed(step).into()])
        .await
        .unwrap();
    let before = (
        store.run(run).await.unwrap(),
        store.steps(run).await.unwrap(),
    );
    store.close().await;
    drop(store);

    let store = connect(&url).await.unwrap();
    assert_eq!(
        (
            store.run(run).await.unwrap(),
            store.steps(run).await.unwrap()
        ),
        before
    );
    assert_eq!(store.runs(RunFilter::default()).await.unwrap().len(), 1);
    rows::started_step(&*store, run, 1).await;
    assert_eq!(store.steps(run).await.unwrap().len(), 2);
    drop(keep);
}

pub(crate) async fn a_store_is_dropped_outside_a_runtime(db: Fresh) {
    let Fresh { store, url, keep } = db;
    let run = rows::started_run(&*store).await;
    store.run(run).await.unwrap();
    drop(store.tell(vec![rows::step(run, 0).into()]));
    std::thread::spawn(move || drop(store)).join().unwrap();

    let store = connect(&url).await.unwrap();
    assert_eq!(store.steps(run).await.unwrap().len(), 1);
    drop(keep);
}
