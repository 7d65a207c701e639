//! Steps with effects that must not repeat: what leaves them in doubt, and what ends the doubt.

use flow_engine_db::{
    BackgroundFilter, Lease, NewRun, NewStep, Progress, RunPark, RunReopen, RunStatus, StepFinish,
    StepResolve, StepStatus, Store, StoreError, Write,
};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

/// An effect that has begun.
async fn begun(store: &dyn Store, run: Uuid, key: &str) -> Uuid {
    let step = NewStep {
        once_key: Some(key.to_owned()),
        call_key: Some("aa".to_owned()),
        ..rows::step(run, 1)
    };
    let id = step.id;
    store.tell(vec![step.into()]).await.unwrap();
    id
}

fn parked(run: Uuid) -> Write {
    RunPark::new(run, RunStatus::InDoubt, Progress::default()).into()
}

/// A run in doubt, with a sub-run, and an effect in each.
async fn doubtful(store: &dyn Store) -> (Uuid, Uuid, [Uuid; 2]) {
    let root = rows::started_run(store).await;
    let below = rows::started_sub_run(store, root, root).await;
    let effects = [
        begun(store, root, "a").await,
        begun(store, below, "b").await,
    ];
    store.tell(vec![parked(root)]).await.unwrap();
    (root, below, effects)
}

fn resolve(root: Uuid, step: Uuid, status: StepStatus) -> StepResolve {
    StepResolve {
        id: step,
        root_run_id: root,
        status,
        completed_at: rows::time(60),
        outputs: None,
        step_metadata: Some(r#"{"resolved":"x"}"#.to_owned()),
        error_message: None,
    }
}

async fn resolved(store: &dyn Store, resolve: StepResolve) -> Result<(), StoreError> {
    store
        .submit(Lease::first(resolve.root_run_id), vec![resolve.into()])
        .await
}

/// Status, whether it is in the journal, and the output.
async fn row(store: &dyn Store, root: Uuid, id: Uuid) -> (StepStatus, bool, Option<String>) {
    let steps = store.journal(root).await.unwrap().steps;
    let step = steps.into_iter().find(|step| step.id == id).unwrap();
    assert!(step.once_key.is_some(), "the key stays");
    (step.status, step.call_key.is_some(), step.outputs)
}

const IN_DOUBT: (StepStatus, bool, Option<String>) = (StepStatus::InDoubt, true, None);

pub(crate) async fn whatever_closes_an_effect_leaves_it_in_doubt(db: Fresh) {
    let store = &*db.store;
    let closing: [fn(Uuid) -> Write; 5] = [
        |run| rows::ended(run, RunStatus::Completed).into(),
        |run| rows::ended(run, RunStatus::Cancelled).into(),
        |run| rows::ended(run, RunStatus::Interrupted).into(),
        parked,
        |run| RunReopen::new(run).into(),
    ];
    for (place, close) in closing.into_iter().enumerate() {
        let root = rows::started_run(store).await;
        let below = rows::started_sub_run(store, root, root).await;
        let effects = [
            begun(store, root, "a").await,
            begun(store, below, "b").await,
        ];
        let plain = rows::started_step(store, below, 2).await;
        store.tell(vec![close(root)]).await.unwrap();
        for effect in effects {
            assert_eq!(row(store, root, effect).await, IN_DOUBT, "case {place}");
        }
        let steps = store.steps(below).await.unwrap();
        let plain = steps.iter().find(|step| step.id == plain).unwrap();
        assert_eq!(plain.status, StepStatus::Cancelled, "case {place}");
        assert!(steps.iter().all(|step| step.completed_at.is_some()));
    }
}

pub(crate) async fn an_effect_that_ended_in_doubt_is_closed_by_nothing(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let effect = begun(store, root, "a").await;
    let doubt = StepFinish {
        error_message: Some("no answer".to_owned()),
        ..StepFinish::new(effect, StepStatus::InDoubt)
    };
    store.tell(vec![doubt.clone().into()]).await.unwrap();
    store.tell(vec![doubt.into()]).await.unwrap();
    store.tell(vec![parked(root)]).await.unwrap();
    let late = store.tell(vec![rows::completed(effect).into()]).await;
    assert!(matches!(late, Err(StoreError::NotOpen { .. })), "{late:?}");
    assert_eq!(row(store, root, effect).await, IN_DOUBT);
    let step = store.steps(root).await.unwrap().remove(0);
    assert_eq!(step.error_message.as_deref(), Some("no answer"));
}

pub(crate) async fn a_run_goes_on_after_its_last_doubt(db: Fresh) {
    let store = &*db.store;
    let (root, below, [first, second]) = doubtful(store).await;
    let done = StepResolve {
        outputs: Some("7".to_owned()),
        ..resolve(root, first, StepStatus::Completed)
    };
    resolved(store, done.clone()).await.unwrap();
    let output = Some("7".to_owned());
    let completed = (StepStatus::Completed, true, output);
    assert_eq!(row(store, root, first).await, completed);
    assert_eq!(rows::status_of(store, root).await, RunStatus::InDoubt);
    assert_eq!(rows::status_of(store, below).await, RunStatus::InDoubt);

    let again = resolve(root, second, StepStatus::Cancelled);
    resolved(store, again).await.unwrap();
    let retired = (StepStatus::Cancelled, false, None);
    assert_eq!(row(store, root, second).await, retired);
    let run = store.run(root).await.unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Interrupted);
    assert_eq!((run.lease_owner, run.error_message), (None, None));
    assert_eq!(rows::status_of(store, below).await, RunStatus::Interrupted);
    // Written twice, as after a commit of which nobody knows.
    resolved(store, done).await.unwrap();
    assert_eq!(row(store, root, first).await, completed);
    let step = store.steps(root).await.unwrap().remove(0);
    assert_eq!(step.completed_at, Some(rows::time(60)));
    assert_eq!(step.step_metadata.unwrap()["resolved"], "x");
}

pub(crate) async fn a_doubt_is_decided_once(db: Fresh) {
    let store = &*db.store;
    let (root, _, [first, _]) = doubtful(store).await;
    let fail = || resolve(root, first, StepStatus::Failed);
    resolved(store, fail()).await.unwrap();
    resolved(store, fail()).await.unwrap();
    let done = StepResolve {
        outputs: Some("7".to_owned()),
        ..resolve(root, first, StepStatus::Completed)
    };
    let late = resolved(store, done.clone()).await;
    assert!(matches!(late, Err(StoreError::NotOpen { .. })), "{late:?}");
    let failed = (StepStatus::Failed, true, None);
    assert_eq!(row(store, root, first).await, failed);
    // What counts as failed may run again after all, and then nothing else becomes of it.
    let again = resolve(root, first, StepStatus::Cancelled);
    resolved(store, again).await.unwrap();
    assert!(resolved(store, fail()).await.is_err());
    assert!(resolved(store, done).await.is_err());
    let retired = (StepStatus::Cancelled, false, None);
    assert_eq!(row(store, root, first).await, retired);
}

pub(crate) async fn only_an_effect_in_doubt_is_decided(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let open = begun(store, root, "open").await;
    let ended = begun(store, root, "ended").await;
    let plain = rows::started_step(store, root, 3).await;
    let failed = StepFinish::new(plain, StepStatus::Failed);
    let ends: Vec<Write> = vec![rows::completed(ended).into(), failed.into()];
    store.tell(ends).await.unwrap();
    for step in [open, ended, plain, Uuid::now_v7()] {
        for status in [StepStatus::Failed, StepStatus::Cancelled] {
            let refused = resolved(store, resolve(root, step, status)).await;
            let is_refused = matches!(refused, Err(StoreError::NotOpen { .. }));
            assert!(is_refused, "{step} {status}: {refused:?}");
        }
    }
    let statuses: Vec<StepStatus> = store
        .steps(root)
        .await
        .unwrap()
        .iter()
        .map(|step| step.status)
        .collect();
    let expected = [
        StepStatus::Running,
        StepStatus::Completed,
        StepStatus::Failed,
    ];
    assert_eq!(statuses, expected);
    let run = store.run(root).await.unwrap().unwrap();
    assert!(run.lease_owner.is_some(), "nothing was given back");
}

pub(crate) async fn a_run_that_has_ended_stays_so_when_its_doubt_ends(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let effect = begun(store, root, "a").await;
    let end = rows::ended(root, RunStatus::Cancelled);
    store.tell(vec![end.into()]).await.unwrap();
    let fail = resolve(root, effect, StepStatus::Failed);
    resolved(store, fail).await.unwrap();
    assert_eq!(rows::status_of(store, root).await, RunStatus::Cancelled);
}

pub(crate) async fn an_effect_that_failed_stays_in_the_journal_of_a_failed_run(db: Fresh) {
    let store = &*db.store;
    let (root, _, [first, second]) = doubtful(store).await;
    for step in [first, second] {
        let fail = resolve(root, step, StepStatus::Failed);
        resolved(store, fail).await.unwrap();
    }
    let reopen = RunReopen {
        retire_failed: true,
        ..RunReopen::new(root)
    };
    store.tell(vec![reopen.into()]).await.unwrap();
    for step in [first, second] {
        let failed = (StepStatus::Failed, true, None);
        assert_eq!(row(store, root, step).await, failed);
    }
}

pub(crate) async fn a_background_run_in_doubt_is_taken_when_that_is_over(db: Fresh) {
    let store = &*db.store;
    let run = NewRun {
        execution_mode: flow_engine_db::ExecutionMode::Background,
        ..rows::run()
    };
    let root = run.id;
    store.tell(vec![run.into()]).await.unwrap();
    let effect = begun(store, root, "a").await;
    store.tell(vec![parked(root)]).await.unwrap();
    let taken = async || {
        let wanted = BackgroundFilter {
            concurrency: std::collections::BTreeMap::new(),
            flow_names: vec!["article".to_owned()],
            except: Vec::new(),
            limit: 5,
        };
        let taken = store.acquire_background(wanted, rows::term()).await;
        taken.unwrap().len()
    };
    assert_eq!(taken().await, 0);
    let fail = resolve(root, effect, StepStatus::Failed);
    resolved(store, fail).await.unwrap();
    assert_eq!(taken().await, 1);
}
