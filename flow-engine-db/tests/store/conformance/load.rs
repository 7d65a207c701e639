//! Many tasks at once.

use flow_engine_db::{RunStatus, StepStatus};
use tokio::task::JoinSet;

use super::{Fresh, rows, tell::Tell as _};

const TASKS: usize = 64;
const STEPS: i32 = 313;

/// 20 032 steps: each task posts its starts and waits for its finishes, as a flow does, and reads
/// what it was told.
pub(crate) async fn no_step_of_many_concurrent_tasks_is_lost(db: Fresh) {
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let store = db.store.clone();
        tasks.spawn(async move {
            let run = rows::started_run(&*store).await;
            for order in 0..STEPS {
                let step = rows::step(run, order);
                let id = step.id;
                drop(store.tell(vec![step.into()]));
                store.tell(vec![rows::completed(id).into()]).await.unwrap();
                if order % 100 == 0 {
                    let last = store.steps(run).await.unwrap().pop().unwrap();
                    assert_eq!(
                        (last.id, last.status),
                        (id, StepStatus::Completed),
                        "acknowledged, but not to be seen"
                    );
                }
            }
            store
                .tell(vec![rows::ended(run, RunStatus::Completed).into()])
                .await
                .unwrap();
            run
        });
    }
    while let Some(run) = tasks.join_next().await {
        let run = run.unwrap();
        let steps = db.store.steps(run).await.unwrap();
        let completed: Vec<i32> = steps
            .iter()
            .filter(|step| step.status == StepStatus::Completed)
            .map(|step| step.step_order)
            .collect();
        assert_eq!(completed, (0..STEPS).collect::<Vec<_>>());
        assert_eq!(rows::status_of(&*db.store, run).await, RunStatus::Completed);
    }
}
