//! Finding a completed step run of any run by its cache key.

use flow_engine_db::{NewStep, StepFinish, StepStatus, Store};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

fn with_key(run: Uuid) -> NewStep {
    NewStep {
        cache_key: Some("key".to_owned()),
        ..rows::step(run, 0)
    }
}

/// A run with this one step, which ended at `millis`.
async fn ended(
    store: &dyn Store,
    step: impl Fn(Uuid) -> NewStep,
    status: StepStatus,
    millis: i64,
) -> Uuid {
    let step = step(rows::started_run(store).await);
    let id = step.id;
    let finish = StepFinish {
        status,
        completed_at: rows::time(millis),
        ..rows::completed(id)
    };
    store.tell(vec![step.into(), finish.into()]).await.unwrap();
    id
}

async fn cached(store: &dyn Store, since: i64) -> Option<Uuid> {
    let step = store.cached_step("key", rows::time(since)).await.unwrap();
    step.map(|step| step.id)
}

pub(crate) async fn a_cached_step_is_one_that_completed_with_this_key(db: Fresh) {
    let store = &*db.store;
    for status in [StepStatus::Failed, StepStatus::Cancelled] {
        ended(store, with_key, status, 9).await;
    }
    let run = rows::started_run(store).await;
    store.tell(vec![with_key(run).into()]).await.unwrap();
    let another_key = |run| NewStep {
        cache_key: Some("key2".to_owned()),
        ..with_key(run)
    };
    ended(store, another_key, StepStatus::Completed, 9).await;
    ended(store, |run| rows::step(run, 0), StepStatus::Completed, 9).await;
    assert_eq!(cached(store, 0).await, None);

    let step = ended(store, with_key, StepStatus::Completed, 5).await;

    let read = store.cached_step("key", rows::time(0)).await.unwrap();
    let read = read.unwrap();
    assert_eq!(read.id, step);
    assert_eq!(read.outputs.as_deref(), Some(r#"{"n":1}"#));
}

pub(crate) async fn of_several_cached_steps_the_newest_is_read(db: Fresh) {
    let store = &*db.store;
    ended(store, with_key, StepStatus::Completed, 5).await;
    let newest = ended(store, with_key, StepStatus::Completed, 9).await;
    ended(store, with_key, StepStatus::Completed, 7).await;
    assert_eq!(cached(store, 0).await, Some(newest));
}

pub(crate) async fn a_step_that_completed_before_the_given_time_is_not_cached(db: Fresh) {
    let store = &*db.store;
    let step = ended(store, with_key, StepStatus::Completed, 5).await;
    assert_eq!(cached(store, 5).await, Some(step));
    assert_eq!(cached(store, 6).await, None);
}

pub(crate) async fn an_output_taken_from_another_run_is_not_cached_again(db: Fresh) {
    let store = &*db.store;
    let first = ended(store, with_key, StepStatus::Completed, 5).await;
    let taken = |run| NewStep {
        origin_run_id: Some(Uuid::now_v7()),
        ..with_key(run)
    };
    ended(store, taken, StepStatus::Completed, 9).await;
    assert_eq!(cached(store, 0).await, Some(first));
    assert_eq!(cached(store, 6).await, None);
}
