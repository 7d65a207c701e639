//! Reading runs back.

use flow_engine::{ErrorKind, RunFilter, RunStatus};
use uuid::Uuid;

use crate::nesting::countdown;
use crate::support::{count_words, engine, greet, review};

#[tokio::test]
async fn runs_are_found_by_id_user_status_and_flow_newest_first() {
    let engine = engine().await;
    let user = Uuid::now_v7();
    let mut ids = Vec::new();
    for n in 0..5 {
        let run = engine.run(count_words("a ".repeat(n))).user(user);
        ids.insert(0, run.id());
        run.execute().await.unwrap();
    }
    let failed = engine
        .execute(greet(""))
        .await
        .unwrap_err()
        .run_id()
        .unwrap();

    let found = async |filter: RunFilter| -> Vec<Uuid> {
        engine
            .runs(filter)
            .await
            .unwrap()
            .into_iter()
            .map(|run| run.id)
            .collect()
    };
    let all = RunFilter::default;
    assert_eq!(
        found(RunFilter {
            user_id: Some(user),
            ..all()
        })
        .await,
        ids
    );
    assert_eq!(
        found(RunFilter {
            user_id: Some(user),
            limit: 2,
            offset: 1,
            ..all()
        })
        .await,
        ids[1..3]
    );
    assert_eq!(
        found(RunFilter {
            status: Some(RunStatus::Failed),
            ..all()
        })
        .await,
        [failed]
    );
    assert_eq!(
        found(RunFilter {
            flow_name: Some("count_words".into()),
            limit: 1,
            ..all()
        })
        .await,
        ids[..1]
    );
    assert_eq!(found(all()).await.len(), 6);
    assert_eq!(engine.find_run(ids[0]).await.unwrap().unwrap().id, ids[0]);
    assert_eq!(engine.find_run(Uuid::now_v7()).await.unwrap(), None);
}

#[tokio::test]
async fn a_deleted_run_takes_its_steps_and_requests_with_it() {
    let engine = engine().await;
    let id = engine.execute(review("rain")).await.unwrap().run_id;
    assert!(engine.delete_run(id).await.unwrap());
    assert_eq!(engine.find_run(id).await.unwrap(), None);
    assert_eq!(engine.steps(id).await, []);
    assert_eq!(engine.requests_of(id).await.unwrap(), []);
    assert!(!engine.delete_run(id).await.unwrap(), "it is gone already");
}

/// A resume finds in it what is done.
#[tokio::test]
async fn a_part_of_a_run_is_not_deleted_alone() {
    let engine = engine().await;
    let root = engine.execute(countdown(2)).await.unwrap().run_id;
    let parts = RunFilter {
        parent_run_id: Some(root),
        ..RunFilter::default()
    };
    let part = engine.runs(parts).await.unwrap()[0].id;
    let error = engine.delete_run(part).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains(&root.to_string()), "{error}");
    assert!(engine.find_run(part).await.unwrap().is_some());
    assert!(engine.delete_run(root).await.unwrap());
    assert!(engine.find_run(part).await.unwrap().is_none());
}

#[tokio::test]
async fn runs_are_there_after_the_engine_is_gone() {
    let first = engine().await;
    let id = first.execute(review("rain")).await.unwrap().run_id;
    first.close().await;
    let error = first.execute(review("rain")).await.unwrap_err();
    assert_eq!(
        error.kind(),
        flow_engine::ErrorKind::Store,
        "a closed engine says so: {error:?}"
    );

    let url = format!("sqlite://{}", first.database());
    let builder = flow_engine::Engine::builder().backend(crate::support::mock());
    let second = builder
        .state(crate::support::Greeting("hi"))
        .database_url(url)
        .build()
        .await
        .unwrap();
    assert_eq!(
        second.find_run(id).await.unwrap().unwrap().status,
        RunStatus::Completed
    );
    assert_eq!(second.steps_of(id).await.unwrap().len(), 3);
}
