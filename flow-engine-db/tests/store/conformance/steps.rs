//! A step run from its start to its end.

use flow_engine_db::{
    HitNote, Lease, NewStep, StepFinish, StepMove, StepStatus, StoreError, Write,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

/// A step run with every column set, and what is read back of it.
fn full(run: Uuid, request: Option<Uuid>) -> (NewStep, StepFinish, Value) {
    let new = NewStep {
        status: StepStatus::Pending,
        kind: "structured".to_owned(),
        inputs: r#"{"style":"short"}"#.to_owned(),
        created_at: rows::time(0),
        call_key: Some("aa".to_owned()),
        key_algorithm: Some("v1".to_owned()),
        content_hash: Some("bb".to_owned()),
        schema_hash: Some("cc".to_owned()),
        code_hash: Some("dd".to_owned()),
        scope: Some("map[3]".to_owned()),
        miss_reason: Some("first run".to_owned()),
        compared_with: Some(Uuid::from_u128(7)),
        origin_run_id: Some(Uuid::from_u128(8)),
        cache_key: Some("ee".to_owned()),
        previous_key: Some("ff".to_owned()),
        once_key: Some("charge-7".to_owned()),
        ..rows::step(run, 5)
    };
    let finish = StepFinish {
        completed_at: rows::time(9),
        execution_time_ms: Some(9),
        outputs: Some(r#"{"title":"x"}"#.to_owned()),
        step_metadata: Some(r#"{"repaired":["fence"]}"#.to_owned()),
        tokens_used: 3_000_000_000,
        cost_estimate: Some(0.25),
        llm_request_id: request,
        error_message: Some("almost".to_owned()),
        ..StepFinish::new(new.id, StepStatus::Completed)
    };
    let read = json!({
        "id": new.id,
        "flow_run_id": run,
        "llm_request_id": request,
        "step_name": "summarize",
        "step_order": 5,
        "status": "completed",
        "inputs": {"style": "short"},
        "outputs": {"title": "x"},
        "step_metadata": {"repaired": ["fence"]},
        "tokens_used": 3_000_000_000_i64,
        "cost_estimate": 0.25,
        "execution_time_ms": 9,
        "error_message": "almost",
        "created_at": rows::time(0),
        "completed_at": rows::time(9),
        "kind": "structured",
        "call_key": "aa",
        "key_algorithm": "v1",
        "content_hash": "bb",
        "schema_hash": "cc",
        "code_hash": "dd",
        "scope": "map[3]",
        "miss_reason": "first run",
        "hit_note": null,
        "compared_with": Uuid::from_u128(7),
        "origin_run_id": Uuid::from_u128(8),
        "cache_key": "ee",
        "previous_key": "ff",
        "once_key": "charge-7",
    });
    (new, finish, read)
}

pub(crate) async fn every_column_of_a_step_is_read_back(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let other = rows::started_step(store, run, 6).await;
    let request = rows::sent_request(store, run, other).await;
    let (new, finish, expected) = full(run, Some(request));

    store.tell(vec![new.into()]).await.unwrap();
    let open = store.steps(run).await.unwrap().remove(0);
    assert_eq!(
        (open.status, open.tokens_used, open.cost_estimate),
        (StepStatus::Pending, 0, Some(0.0))
    );
    assert_eq!(
        (open.outputs, open.completed_at, open.llm_request_id),
        (None, None, None)
    );

    store.tell(vec![finish.into()]).await.unwrap();
    let read = store.steps(run).await.unwrap().remove(0);
    assert_eq!(serde_json::to_value(read).unwrap(), expected);
}

pub(crate) async fn a_step_started_and_finished_at_once_is_the_same_row(db: Fresh) {
    let run = rows::started_run(&*db.store).await;
    let (new, finish, expected) = full(run, None);

    db.store
        .tell(vec![new.into(), finish.into()])
        .await
        .unwrap();

    let read = db.store.steps(run).await.unwrap().remove(0);
    assert_eq!(serde_json::to_value(read).unwrap(), expected);
}

pub(crate) async fn steps_are_read_in_the_order_they_started(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let elsewhere = rows::started_run(store).await;
    rows::started_step(store, elsewhere, 0).await;
    for order in [2, 0, 3, 1] {
        rows::started_step(store, run, order).await;
    }
    let orders: Vec<i32> = store
        .steps(run)
        .await
        .unwrap()
        .iter()
        .map(|step| step.step_order)
        .collect();
    assert_eq!(orders, [0, 1, 2, 3]);
}

pub(crate) async fn an_unknown_cost_is_none_and_not_zero(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let unknown = |step| StepFinish {
        cost_estimate: None,
        ..rows::completed(step)
    };

    let step = rows::started_step(store, run, 0).await;
    store.tell(vec![unknown(step).into()]).await.unwrap();
    let new = rows::step(run, 1);
    let finish = unknown(new.id);
    store.tell(vec![new.into(), finish.into()]).await.unwrap();

    let costs: Vec<_> = store
        .steps(run)
        .await
        .unwrap()
        .iter()
        .map(|step| step.cost_estimate)
        .collect();
    assert_eq!(costs, [None, None]);
}

pub(crate) async fn a_step_is_finished_once(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    store
        .tell(vec![rows::completed(step).into()])
        .await
        .unwrap();

    let again = StepFinish {
        outputs: Some("2".to_owned()),
        ..rows::completed(step)
    };
    store
        .tell(vec![again.into()])
        .await
        .expect("the same finish twice is harmless");
    let other = StepFinish::new(step, StepStatus::Failed);
    let error = store.tell(vec![other.into()]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("step run {step} is not open in the database")
    );
    let nowhere = store
        .submit(
            Lease::first(run),
            vec![rows::completed(Uuid::now_v7()).into()],
        )
        .await
        .unwrap_err();
    assert!(matches!(
        nowhere,
        StoreError::NotOpen {
            what: "step run",
            ..
        }
    ));

    let read = store.steps(run).await.unwrap().remove(0);
    assert_eq!(
        (read.status, read.outputs),
        (StepStatus::Completed, Some(json!({"n": 1})))
    );
}

pub(crate) async fn a_step_may_name_a_request_sent_later_in_its_unit(db: Fresh) {
    let run = rows::started_run(&*db.store).await;
    let step = rows::step(run, 0);
    let request = rows::request(run, step.id);
    let (step_id, request_id) = (step.id, request.id);
    let finish = StepFinish {
        llm_request_id: Some(request_id),
        ..rows::completed(step_id)
    };
    let unit: Vec<Write> = vec![
        step.into(),
        finish.into(),
        request.into(),
        rows::succeeded(request_id).into(),
    ];

    db.store.tell(unit).await.unwrap();

    let read = db.store.steps(run).await.unwrap().remove(0);
    assert_eq!(read.llm_request_id, Some(request_id));
    assert_eq!(db.store.requests(run).await.unwrap().len(), 1);
}

pub(crate) async fn a_note_is_kept_whatever_the_status_of_the_step(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let note = |step, text: &str| HitNote {
        id: step,
        note: text.to_owned(),
    };
    rows::started_step(store, run, 0).await;
    for (order, status) in [
        StepStatus::Completed,
        StepStatus::Failed,
        StepStatus::Cancelled,
    ]
    .into_iter()
    .enumerate()
    {
        let step = rows::started_step(store, run, i32::try_from(order).unwrap() + 1).await;
        let finish = StepFinish::new(step, status);
        store.tell(vec![finish.into()]).await.unwrap();
    }
    let before = store.steps(run).await.unwrap();
    for step in &before {
        let notes = [note(step.id, "moved"), note(step.id, "code changed")];
        store.tell(notes.map(Write::from).into()).await.unwrap();
    }
    let after = store.steps(run).await.unwrap();

    assert_eq!(after.len(), 4);
    for (mut noted, before) in after.into_iter().zip(before) {
        assert_eq!(noted.hit_note.take().as_deref(), Some("code changed"));
        assert_eq!(noted, before, "only the note has changed");
    }
}

pub(crate) async fn a_note_between_a_start_and_its_finish_is_kept(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::step(run, 0);
    let id = step.id;
    let note = HitNote {
        id,
        note: "code changed".to_owned(),
    };
    let unit: Vec<Write> = vec![step.into(), note.into(), rows::completed(id).into()];

    store.tell(unit).await.unwrap();

    let read = store.steps(run).await.unwrap().remove(0);
    assert_eq!(
        (read.status, read.hit_note.as_deref()),
        (StepStatus::Completed, Some("code changed"))
    );
}

pub(crate) async fn a_note_for_a_step_that_is_gone_is_refused(db: Fresh) {
    let gone = Uuid::now_v7();
    let note = HitNote {
        id: gone,
        note: "code changed".to_owned(),
    };
    let run = rows::started_run(&*db.store).await;
    let unit = vec![note.into()];
    let error = db.store.submit(Lease::first(run), unit).await.unwrap_err();
    assert!(matches!(error, StoreError::NotOpen { what: "step run", id } if id == gone));
}

pub(crate) async fn a_moved_step_is_where_its_call_is_made_now(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let place = |scope: Option<&str>, previous: Option<&str>| {
        (scope.map(str::to_owned), previous.map(str::to_owned))
    };
    let (scope, previous_key) = place(Some("map(aa)"), Some("01"));
    let step = NewStep {
        scope,
        previous_key,
        ..rows::step(run, 0)
    };
    let id = step.id;
    let other = rows::started_step(store, run, 1).await;
    // Before it has ended, as what was recorded earlier in the same batch.
    let (scope, previous_key) = place(None, Some("02"));
    let to = StepMove {
        id,
        scope,
        previous_key,
    };
    let unit: Vec<Write> = vec![step.into(), to.into(), rows::completed(id).into()];
    store.tell(unit).await.unwrap();
    let before = store.journal(run).await.unwrap().steps;
    assert_eq!(before[0].id, id);
    assert_eq!(
        (before[0].scope.clone(), before[0].previous_key.clone()),
        place(None, Some("02"))
    );

    let (scope, previous_key) = place(Some("race#2"), None);
    let to = StepMove {
        id,
        scope: scope.clone(),
        previous_key: previous_key.clone(),
    };
    store.tell(vec![to.into()]).await.unwrap();
    let mut after = store.journal(run).await.unwrap().steps;
    assert_eq!((&after[0].scope, &after[0].previous_key), (&scope, &None));
    after[0].scope = None;
    after[0].previous_key = Some("02".to_owned());
    assert_eq!(after, before, "only its place has changed");
    assert_eq!(after[1].id, other);
}

pub(crate) async fn a_move_of_a_step_that_is_gone_is_refused(db: Fresh) {
    let gone = Uuid::now_v7();
    let to = StepMove {
        id: gone,
        scope: None,
        previous_key: None,
    };
    let run = rows::started_run(&*db.store).await;
    let unit = vec![to.into()];
    let error = db.store.submit(Lease::first(run), unit).await.unwrap_err();
    assert!(matches!(error, StoreError::NotOpen { what: "step run", id } if id == gone));
}
