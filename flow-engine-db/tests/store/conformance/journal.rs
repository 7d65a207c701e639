//! Reading everything that was recorded in a tree of runs.

use flow_engine_db::{
    HitNote, Journal, NewRequest, NewRun, NewStep, RequestStatus, RunStatus, StepFinish,
    StepStatus, Store, Write,
};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

async fn run_ids(store: &dyn Store, root: Uuid) -> Vec<Uuid> {
    let journal = store.journal(root).await.unwrap();
    journal.runs.iter().map(|run| run.id).collect()
}

/// A started step that is finished in the same unit, `millis` after the fixed time.
async fn step_at(store: &dyn Store, run: Uuid, millis: i64) -> Uuid {
    let step = NewStep {
        created_at: rows::time(millis),
        ..rows::step(run, 0)
    };
    let id = step.id;
    store
        .tell(vec![step.into(), rows::completed(id).into()])
        .await
        .unwrap();
    id
}

pub(crate) async fn a_journal_holds_the_whole_tree_and_nothing_else(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let other = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let of_other = rows::started_sub_run(store, other, other).await;
    let grandchild = rows::started_sub_run(store, child, root).await;
    let mut steps = Vec::new();
    for run in [root, child, grandchild] {
        let step = rows::started_step(store, run, 0).await;
        rows::sent_request(store, run, step).await;
        steps.push((run, step));
    }
    for run in [other, of_other] {
        let step = rows::started_step(store, run, 0).await;
        rows::sent_request(store, run, step).await;
    }
    store
        .tell(vec![rows::ended(grandchild, RunStatus::Completed).into()])
        .await
        .unwrap();

    let journal = store.journal(root).await.unwrap();

    assert_eq!(run_ids(store, root).await, [root, child, grandchild]);
    for read in &journal.runs {
        assert_eq!(Some(read), store.run(read.id).await.unwrap().as_ref());
    }
    let read: Vec<_> = journal
        .steps
        .iter()
        .map(|step| (step.flow_run_id, step.id))
        .collect();
    assert_eq!(read, steps);
    let open: Vec<_> = journal
        .open_requests
        .iter()
        .map(|request| request.flow_run_id)
        .collect();
    assert_eq!(open, [root, child], "the steps of the third run are closed");
}

pub(crate) async fn a_journal_is_read_by_its_root_only(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    rows::started_step(store, child, 0).await;
    for id in [child, Uuid::now_v7()] {
        assert_eq!(store.journal(id).await.unwrap(), Journal::default());
    }
}

pub(crate) async fn steps_of_a_journal_are_in_the_order_they_started(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let child = rows::started_sub_run(store, root, root).await;
    let third = step_at(store, root, 20).await;
    let first = step_at(store, child, 0).await;
    let second = step_at(store, root, 10).await;
    let fourth = step_at(store, child, 20).await;

    let steps = store.journal(root).await.unwrap().steps;

    let ids: Vec<_> = steps.iter().map(|step| step.id).collect();
    assert_eq!(ids, [first, second, third, fourth]);
}

pub(crate) async fn every_column_of_a_journal_step_is_read_back(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let new = NewStep {
        kind: "structured".to_owned(),
        inputs: "1".to_owned(),
        created_at: rows::time(0),
        call_key: Some("aa".to_owned()),
        key_algorithm: Some("v1".to_owned()),
        content_hash: Some("bb".to_owned()),
        schema_hash: Some("cc".to_owned()),
        code_hash: Some("dd".to_owned()),
        scope: Some("map[3]".to_owned()),
        origin_run_id: Some(Uuid::from_u128(8)),
        once_key: Some("charge-7".to_owned()),
        ..rows::step(run, 5)
    };
    let finish = StepFinish {
        completed_at: rows::time(9),
        execution_time_ms: Some(7),
        outputs: Some("2".to_owned()),
        step_metadata: Some("3".to_owned()),
        tokens_used: 3_000_000_000,
        cost_estimate: Some(0.25),
        ..rows::completed(new.id)
    };
    let note = HitNote {
        id: new.id,
        note: "code changed".to_owned(),
    };
    let id = new.id;
    let unit: Vec<Write> = vec![new.into(), finish.into(), note.into()];
    store.tell(unit).await.unwrap();

    let step = store.journal(run).await.unwrap().steps.remove(0);

    assert_eq!((step.id, step.flow_run_id), (id, run));
    assert_eq!((step.step_name.as_str(), step.step_order), ("summarize", 5));
    assert_eq!(step.status, StepStatus::Completed);
    assert_eq!(step.inputs, "1");
    assert_eq!(step.outputs.as_deref(), Some("2"));
    assert_eq!(step.step_metadata.as_deref(), Some("3"));
    assert_eq!(
        (step.tokens_used, step.cost_estimate, step.execution_time_ms),
        (3_000_000_000, Some(0.25), Some(7))
    );
    assert_eq!(step.created_at, rows::time(0));
    assert_eq!(step.completed_at, Some(rows::time(9)));
    assert_eq!(step.kind, "structured");
    let texts = [
        step.call_key,
        step.key_algorithm,
        step.content_hash,
        step.schema_hash,
        step.code_hash,
        step.scope,
        step.hit_note,
        step.once_key,
    ];
    let expected = [
        "aa",
        "v1",
        "bb",
        "cc",
        "dd",
        "map[3]",
        "code changed",
        "charge-7",
    ];
    assert_eq!(texts.map(Option::unwrap), expected);
    assert_eq!(step.origin_run_id, Some(Uuid::from_u128(8)));
    assert_eq!(step.llm_request_id, None);
    assert_eq!(
        (step.prompt_id, step.provider, step.model),
        (None, None, None)
    );
}

/// A number that no machine type holds, and spaces that no serializer would write.
pub(crate) async fn json_in_a_journal_is_the_text_that_was_stored(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let text = |name: &str| {
        format!(r#"{{ "{name}" :123456789012345678901234567890, "b":1.10,"a":"\u00e9" }}"#)
    };
    let step = NewStep {
        inputs: text("in"),
        ..rows::step(run, 0)
    };
    let finish = StepFinish {
        outputs: Some(text("out")),
        step_metadata: Some(text("meta")),
        ..rows::completed(step.id)
    };
    store.tell(vec![step.into(), finish.into()]).await.unwrap();

    let step = store.journal(run).await.unwrap().steps.remove(0);

    assert_eq!(step.inputs, text("in"));
    assert_eq!(step.outputs, Some(text("out")));
    assert_eq!(step.step_metadata, Some(text("meta")));
}

pub(crate) async fn a_journal_step_names_the_attempt_that_gave_its_output(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    rows::sent_request(store, run, step).await;
    let request = NewRequest {
        prompt_id: Some("ab12".to_owned()),
        provider: "local".to_owned(),
        model: "qwen".to_owned(),
        attempt: 2,
        ..rows::request(run, step)
    };
    let finish = StepFinish {
        llm_request_id: Some(request.id),
        ..rows::completed(step)
    };
    let id = request.id;
    let unit: Vec<Write> = vec![request.into(), rows::succeeded(id).into(), finish.into()];
    store.tell(unit).await.unwrap();

    let read = store.journal(run).await.unwrap().steps;

    assert_eq!(read.len(), 1);
    assert_eq!(read[0].llm_request_id, Some(id));
    assert_eq!(read[0].prompt_id.as_deref(), Some("ab12"));
    assert_eq!(read[0].provider.as_deref(), Some("local"));
    assert_eq!(read[0].model.as_deref(), Some("qwen"));
}

pub(crate) async fn open_requests_are_the_attempts_of_open_steps(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let done = rows::started_step(store, run, 0).await;
    let of_done = rows::sent_request(store, run, done).await;
    let ended: Vec<Write> = vec![
        rows::succeeded(of_done).into(),
        rows::completed(done).into(),
    ];
    store.tell(ended).await.unwrap();
    let running = rows::started_step(store, run, 1).await;
    let pending = NewStep {
        status: StepStatus::Pending,
        ..rows::step(run, 2)
    };
    let pending_id = pending.id;
    store.tell(vec![pending.into()]).await.unwrap();
    let mut sent = Vec::new();
    for (step, millis) in [(running, 20), (pending_id, 10), (running, 0)] {
        let request = NewRequest {
            created_at: rows::time(millis),
            ..rows::request(run, step)
        };
        sent.push(request.id);
        store.tell(vec![request.into()]).await.unwrap();
    }
    store
        .tell(vec![rows::succeeded(sent[2]).into()])
        .await
        .unwrap();

    let open = store.journal(run).await.unwrap().open_requests;

    let read: Vec<_> = open
        .iter()
        .map(|request| (request.id, request.status))
        .collect();
    assert_eq!(
        read,
        [
            (sent[2], RequestStatus::Succeeded),
            (sent[1], RequestStatus::Sent),
            (sent[0], RequestStatus::Sent),
        ]
    );
}

/// Each unit writes a run, its step and its request: no journal has one without the others.
pub(crate) async fn a_journal_is_of_one_moment(db: Fresh) {
    let root = rows::started_run(&*db.store).await;
    let store = db.store.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..500 {
            let run: NewRun = rows::sub_run(root, root);
            let step = rows::step(run.id, 0);
            let request = rows::request(run.id, step.id);
            store
                .tell(vec![run.into(), step.into(), request.into()])
                .await
                .unwrap();
        }
    });
    loop {
        let last = writing.is_finished();
        let journal = db.store.journal(root).await.unwrap();
        let counts = (journal.steps.len(), journal.open_requests.len());
        let sub_runs = journal.runs.len() - 1;
        assert_eq!(counts, (sub_runs, sub_runs));
        if last {
            assert_eq!(sub_runs, 500);
            break;
        }
    }
    writing.await.unwrap();
}
