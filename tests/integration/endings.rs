//! However a run ends, the database says so, and nothing stays open.

use std::error::Error as _;
use std::sync::Mutex;
use std::time::Duration;

use flow_engine::llm::{LlmError, LlmErrorKind, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RequestStatus, RunFilter, RunStatus, StepStatus};

use crate::support::{count_words, draft, engine, engine_with, explode, greet, mock, rate, review};

#[flow]
async fn greets_nobody() -> Result<String> {
    count_words("a").await?;
    Ok(greet("").await?)
}

#[tokio::test]
async fn a_task_s_error_fails_its_step_and_its_run_and_names_both() {
    let engine = engine().await;
    let error = engine.execute(greets_nobody()).await.unwrap_err();
    assert_eq!(
        (error.flow(), error.step()),
        (Some("greets_nobody"), Some("greet"))
    );
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert_eq!(
        error.to_string(),
        "step `greet` of flow `greets_nobody` failed"
    );
    assert_eq!(
        error.source().unwrap().to_string(),
        "there is nobody to greet"
    );

    let run = engine.row(error.run_id().unwrap()).await;
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(
        run.error_message.as_deref(),
        Some("step `greet` of flow `greets_nobody` failed: there is nobody to greet")
    );
    assert!(run.completed_at.is_some() && run.progress_percentage < 100.0);
    let steps = engine.steps(run.id).await;
    assert_eq!(
        (steps[0].status, steps[1].status),
        (StepStatus::Completed, StepStatus::Failed)
    );
    assert_eq!(
        steps[1].error_message.as_deref(),
        Some("there is nobody to greet")
    );
    engine.assert_nothing_runs().await;
}

#[tokio::test]
async fn a_model_s_error_keeps_its_kind_for_the_caller_and_its_row_in_the_ledger() {
    let down =
        LlmError::new(LlmErrorKind::Transient, "the server is down").with_answer(503, "try later");
    let engine = engine_with(mock().fail("rate", down)).await;
    let error = engine.execute(review("rain")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.flow(), error.step()),
        (ErrorKind::Llm, Some("review"), Some("rate"))
    );
    assert_eq!(
        error.llm().map(LlmError::kind),
        Some(LlmErrorKind::Transient)
    );
    assert_eq!(error.llm().and_then(LlmError::http_status), Some(503));

    let run = engine.row(error.run_id().unwrap()).await;
    let request = engine.requests_of(run.id).await.unwrap().pop().unwrap();
    assert_eq!(
        (request.status, request.http_status),
        (RequestStatus::Failed, Some(503))
    );
    assert_eq!(request.error_kind.as_deref(), Some("transient"));
    assert_eq!(request.response.as_deref(), Some("try later"));
    let steps = engine.steps(run.id).await;
    assert_eq!(steps[1].llm_request_id, Some(request.id));
    assert_eq!(
        steps[1].step_metadata.as_ref().unwrap()["error"]["kind"],
        "llm"
    );
    engine.assert_nothing_runs().await;
}

#[tokio::test]
async fn an_answer_that_does_not_fit_says_where_and_is_paid_for() {
    let cases = [
        (
            "not json",
            r#"the answer is not JSON: expected ident at line 1 column 2; it begins "not json""#,
        ),
        (
            r#"{"stars": "four", "reason": "x"}"#,
            "the answer does not fit `Rating`: at `stars`: invalid type: string \"four\", expected u8",
        ),
    ];
    for (answer, message) in cases {
        let engine = engine_with(mock().on("rate", move |_| {
            Ok(LlmResponse::text(answer).with_usage(5, 2))
        }))
        .await;
        let error = engine.execute(review("rain")).await.unwrap_err();
        let cause = error.llm().unwrap();
        assert_eq!(
            (cause.kind(), cause.to_string().as_str()),
            (LlmErrorKind::InvalidOutput, message)
        );
        assert_eq!(cause.partial(), Some(answer), "what the model said is kept");

        let run = engine.row(error.run_id().unwrap()).await;
        assert_eq!(run.status, RunStatus::Failed);
        let steps = engine.steps(run.id).await;
        assert_eq!(
            (steps[1].status, steps[1].tokens_used),
            (StepStatus::Failed, 7)
        );
        assert_eq!(steps[1].error_message.as_deref(), Some(message));
        assert_eq!(run.total_tokens, steps[0].tokens_used + 7);
        let request = engine.requests_of(run.id).await.unwrap().pop().unwrap();
        assert_eq!(
            (request.status, request.response.as_deref()),
            (RequestStatus::Failed, Some(answer))
        );
        assert_eq!(request.error_kind.as_deref(), Some("invalid_output"));
        engine.assert_nothing_runs().await;
    }
}

#[flow]
async fn explodes() -> Result<String> {
    Ok(explode("boiler").await?)
}

#[flow]
async fn panics_itself() -> Result<String> {
    count_words("a").await?;
    panic!("no way out")
}

#[tokio::test]
async fn a_panic_is_a_recorded_failure() {
    let engine = engine().await;
    let error = engine.execute(explodes()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.step()),
        (ErrorKind::Panicked, Some("explode"))
    );
    assert_eq!(
        error.source().unwrap().to_string(),
        "panicked: the boiler exploded"
    );
    let steps = engine.steps(error.run_id().unwrap()).await;
    assert_eq!(steps[0].status, StepStatus::Failed);
    assert_eq!(
        steps[0].error_message.as_deref(),
        Some("panicked: the boiler exploded")
    );

    let error = engine.execute(panics_itself()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.flow(), error.step()),
        (ErrorKind::Panicked, Some("panics_itself"), None)
    );
    let run = engine.row(error.run_id().unwrap()).await;
    assert_eq!(
        run.error_message.as_deref(),
        Some("flow `panics_itself` failed: panicked: no way out")
    );
    engine.assert_nothing_runs().await;
}

/// A model that never answers.
fn slow() -> MockBackend {
    mock().delay(Duration::from_hours(1))
}

#[flow]
async fn outer_of_slow(topic: String) -> Result<String> {
    count_words("a").await?;
    Ok(inner_slow(topic).await?)
}

#[flow]
async fn inner_slow(topic: String) -> Result<String> {
    Ok(draft(topic).await?)
}

/// Starts a run, waits until its request is out, and drops it.
async fn drop_half_way<C: Call>(engine: &crate::support::TestEngine, mock: &MockBackend, call: C) {
    let mut running = engine.execute(call);
    tokio::select! {
        _ = &mut running => panic!("the model never answers"),
        () = requests(mock, 1) => {}
    }
    drop(running);
}

/// Waits until so many requests are out.
async fn requests(mock: &MockBackend, count: usize) {
    let sent = async {
        while mock.requests().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), sent)
        .await
        .expect("they are out");
}

#[tokio::test]
async fn a_dropped_run_is_interrupted_and_its_open_step_cancelled() {
    let mock = slow();
    let engine = engine_with(mock.clone()).await;
    drop_half_way(&engine, &mock, outer_of_slow("rain")).await;
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    let of = |name: &str| runs.iter().find(|run| run.flow_name == name).unwrap();
    let (outer, inner) = (of("outer_of_slow"), of("inner_slow"));
    assert_eq!(
        (outer.status, inner.status),
        (RunStatus::Interrupted, RunStatus::Interrupted)
    );
    assert!(outer.completed_at.is_some());
    let done = engine.steps(outer.id).await;
    assert_eq!(
        done[0].status,
        StepStatus::Completed,
        "what was finished stays"
    );
    let open = engine.steps(inner.id).await;
    assert_eq!((open.len(), open[0].status), (1, StepStatus::Cancelled));
    let request = engine.requests_of(inner.id).await.unwrap().pop().unwrap();
    assert_eq!(request.status, RequestStatus::Cancelled);
    engine.assert_nothing_runs().await;
}

#[flow]
async fn gives_up_on_its_steps() -> Result<String> {
    let wait = Duration::from_millis(50);
    assert!(
        tokio::time::timeout(wait, draft("rain").into_future())
            .await
            .is_err()
    );
    assert!(
        tokio::time::timeout(wait, inner_slow("rain").into_future())
            .await
            .is_err()
    );
    // What was dropped is recorded now, not when the flow ends: so the flow goes on.
    Ok(draft("the third").await?)
}

#[tokio::test]
async fn what_a_flow_drops_is_cancelled_at_once_and_the_flow_goes_on() {
    let mock = slow();
    let engine = engine_with(mock.clone()).await;
    let mut running = engine.execute(gives_up_on_its_steps());
    tokio::select! {
        _ = &mut running => panic!("the model never answers"),
        () = requests(&mock, 3) => {}
    }
    let of = async |flow: &str| {
        let flow_name = Some(flow.to_owned());
        engine
            .runs(RunFilter {
                flow_name,
                ..RunFilter::default()
            })
            .await
            .unwrap()
            .remove(0)
    };
    let (outer, inner) = (of("gives_up_on_its_steps").await, of("inner_slow").await);
    assert_eq!(
        (outer.status, inner.status),
        (RunStatus::Running, RunStatus::Cancelled)
    );
    let steps = engine.steps(outer.id).await;
    assert_eq!(
        (steps[0].status, steps[1].status),
        (StepStatus::Cancelled, StepStatus::Running)
    );
    assert_eq!(
        engine.steps(inner.id).await[0].status,
        StepStatus::Cancelled
    );
    let sent = engine.requests_of(outer.id).await.unwrap();
    assert_eq!(
        (sent[0].status, sent[1].status),
        (RequestStatus::Cancelled, RequestStatus::Sent)
    );
}

#[flow]
async fn leaves_a_step_behind() -> Result<String> {
    drop(tokio::spawn(draft("rain").into_future()));
    // Until the step has started.
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok("ended first".to_owned())
}

#[tokio::test]
async fn a_run_that_ends_closes_what_it_left_running() {
    let engine = engine_with(slow()).await;
    let done = engine.execute(leaves_a_step_behind()).await.unwrap();
    let steps = engine.steps(done.run_id).await;
    assert_eq!((steps.len(), steps[0].status), (1, StepStatus::Cancelled));
    engine.assert_nothing_runs().await;
}

#[flow]
async fn leaves_calls_for_later(topic: String) -> Result<String> {
    let step = draft(topic.as_str()).into_future();
    let flow = inner_slow(topic.as_str()).into_future();
    let task = count_words(topic).into_future();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let errors = [
            step.await.unwrap_err(),
            flow.await.unwrap_err(),
            task.await.unwrap_err(),
        ];
        LATE.lock().unwrap().extend(errors);
    });
    Ok("ended first".to_owned())
}

static LATE: Mutex<Vec<flow_engine::Error>> = Mutex::new(Vec::new());

#[tokio::test]
async fn what_starts_after_its_run_has_ended_sends_nothing() {
    let mock = mock();
    let engine = engine_with(mock.clone()).await;
    let done = engine
        .execute(leaves_calls_for_later("rain"))
        .await
        .unwrap();
    let late = async {
        while LATE.lock().unwrap().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), late)
        .await
        .unwrap();
    for error in LATE.lock().unwrap().iter() {
        assert_eq!(error.kind(), ErrorKind::OutsideRun);
        let said = format!("{error:#}");
        assert!(said.ends_with("the run of `leaves_calls_for_later` has ended; await what a flow spawns before it returns"), "{said}");
    }
    assert_eq!(mock.requests().len(), 0);
    assert_eq!(engine.steps(done.run_id).await, []);
}

#[tokio::test]
async fn a_run_that_was_never_polled_leaves_nothing() {
    let engine = engine().await;
    drop(engine.execute(rate("x")));
    let done = engine.execute(count_words("")).await.unwrap();
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    assert_eq!(
        runs.iter().map(|run| run.id).collect::<Vec<_>>(),
        [done.run_id]
    );
}
