//! What there is to show of a run.

use flow_engine_db::{NewStep, Progress, RunFinish, RunStatus, StepFinish, StepStatus};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

pub(crate) async fn an_outline_shows_the_whole_tree_and_nothing_else(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let sub = rows::started_sub_run(store, root, root).await;
    let other = rows::started_run(store).await;
    let at = |run, order, millis| NewStep {
        created_at: rows::time(millis),
        ..rows::step(run, order)
    };
    // The engine's own is none of the flow's steps.
    let draw = NewStep {
        kind: NewStep::ENGINE.to_owned(),
        ..at(root, 2, 2)
    };
    let (last, first, inner) = (at(root, 3, 3), at(root, 1, 1), at(sub, 1, 2));
    let steps = [&first, &inner, &last].map(|step| (step.id, step.flow_run_id));
    let failed = StepFinish::new(inner.id, StepStatus::Failed);
    for step in [last, first, inner, draw, at(other, 1, 1)] {
        store.tell(vec![step.into()]).await.unwrap();
    }
    store.tell(vec![failed.into()]).await.unwrap();
    let progress = Progress {
        progress_percentage: 50.0,
        ..Progress::default()
    };
    let end = RunFinish::new(sub, RunStatus::Failed, progress);
    store.tell(vec![end.into()]).await.unwrap();

    let outline = store.outline(root).await.unwrap();
    let runs: Vec<_> = outline
        .runs
        .iter()
        .map(|run| {
            (
                run.id,
                run.flow_name.as_str(),
                run.status,
                run.progress_percentage,
            )
        })
        .collect();
    assert_eq!(
        runs,
        [
            (root, "article", RunStatus::Running, 0.0),
            (sub, "article", RunStatus::Failed, 50.0)
        ]
    );
    let found: Vec<_> = outline
        .steps
        .iter()
        .map(|step| (step.id, step.flow_run_id))
        .collect();
    assert_eq!(found, steps);
    let stands: Vec<_> = outline
        .steps
        .iter()
        .map(|step| (step.step_name.as_str(), step.status))
        .collect();
    let running = ("summarize", StepStatus::Running);
    assert_eq!(
        stands,
        [running, ("summarize", StepStatus::Failed), running]
    );
}

pub(crate) async fn an_outline_is_read_by_its_root_only(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let sub = rows::started_sub_run(store, root, root).await;
    for none in [sub, Uuid::now_v7()] {
        let outline = store.outline(none).await.unwrap();
        assert_eq!((outline.runs.len(), outline.steps.len()), (0, 0));
    }
}
