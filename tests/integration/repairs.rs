//! Answers with something around their JSON, and answers whose end is not known.

use std::sync::atomic::{AtomicBool, Ordering};

use flow_engine::llm::{LlmError, LlmErrorKind, LlmRequest, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use flow_engine::step::{Answer, StepCall, StepKind, Structured};
use flow_engine::{BoxFuture, Error, FlowStepRun, StepStatus, Uuid};
use serde_json::json;

use crate::support::{TestEngine, engine_with};

#[data]
#[derive(PartialEq)]
struct Grade {
    #[check(custom = is_in_use)]
    grade: u8,
}

static SIX_IS_IN_USE: AtomicBool = AtomicBool::new(true);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "checks take references")]
fn is_in_use(grade: &u8) -> Result<(), String> {
    if *grade == 6 && !SIX_IS_IN_USE.load(Ordering::Relaxed) {
        return Err("nobody gives that".to_owned());
    }
    Ok(())
}

#[step(cache = "7d", prompt = "./prompts/rate.md")]
async fn assess(text: String) -> Grade;

const DRESSED: &str = "<think>Hm.</think>\n```json\n{\"grade\": 4,}\n```";

async fn graded(engine: &TestEngine, user: Uuid) -> FlowStepRun {
    let request = engine.run(assess("x")).user(user);
    let done = request.execute().await.unwrap();
    assert_eq!(done.output_content, Grade { grade: 4 });
    engine.steps(done.run_id).await.remove(0)
}

#[tokio::test]
async fn what_was_repaired_is_kept_with_the_step_and_the_answer_stays_raw() {
    let mock = MockBackend::new().answer("assess", DRESSED);
    let engine = engine_with(mock.clone()).await;
    let user = Uuid::now_v7();
    let step = graded(&engine, user).await;
    let repaired = json!(["thinking", "code_fence", "trailing_comma"]);
    assert_eq!(step.step_metadata.as_ref().unwrap()["repaired"], repaired);
    let requests = engine.requests_of(step.flow_run_id).await.unwrap();
    assert_eq!(requests[0].response.as_deref(), Some(DRESSED));
    // Another run that takes the result keeps it as well.
    let taken = graded(&engine, user).await;
    assert_eq!(taken.origin_run_id, Some(step.flow_run_id));
    assert_eq!(taken.step_metadata, step.step_metadata);
    assert_eq!(mock.requests().len(), 1);
}

/// A structured step whose schema is edited, for its name is part of that.
struct Edited;

impl StepKind for Edited {
    fn name(&self) -> &'static str {
        if SIX_IS_IN_USE.load(Ordering::Relaxed) {
            "with_six"
        } else {
            "without_six"
        }
    }

    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
        Structured.request(call)
    }

    fn read<'a>(
        &'a self,
        call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Answer, LlmError>> {
        Structured.read(call, response)
    }
}

#[step(kind = Edited, prompt = "./prompts/rate.md")]
async fn judge_strictly(text: String) -> Grade;

/// What becomes of an answer that does not fit at first, and fits when the run goes on; with how often it was asked for.
async fn edited(finish_reason: Option<&'static str>) -> (FlowStepRun, usize) {
    let mock = MockBackend::new().on("judge_strictly", move |_| {
        let mut response = LlmResponse::text("It is {\"grade\": 6}.");
        response.finish_reason = finish_reason.map(Into::into);
        Ok(response)
    });
    let engine = engine_with(mock.clone()).await;
    SIX_IS_IN_USE.store(false, Ordering::Relaxed);
    let error = engine.execute(judge_strictly("y")).await.unwrap_err();
    assert_eq!(error.llm().unwrap().kind(), LlmErrorKind::InvalidOutput);
    let id = error.run_id().unwrap();
    let failed = engine.steps(id).await.remove(0);
    assert_eq!(failed.step_metadata.unwrap().get("repaired"), None);
    SIX_IS_IN_USE.store(true, Ordering::Relaxed);
    let _ = engine.resume(id).await;
    let step = engine.steps(id).await.pop().unwrap();
    (step, mock.requests().len())
}

#[tokio::test]
async fn an_answer_that_is_read_again_is_repaired_again_if_it_was_whole() {
    let (step, asked) = edited(Some("stop")).await;
    assert_eq!((step.status, asked), (StepStatus::Completed, 1));
    let kept = step.step_metadata.unwrap();
    assert_eq!(kept["repaired"], json!(["surrounding_text"]));

    let (step, asked) = edited(None).await;
    assert_eq!((step.status, asked), (StepStatus::Failed, 2));
}

/// A mock whose answers never say how they ended.
fn endless(answer: &str) -> MockBackend {
    let answer = answer.to_owned();
    MockBackend::new().on("assess", move |_| {
        let mut response = LlmResponse::text(&*answer);
        response.finish_reason = None;
        Ok(response)
    })
}

#[tokio::test]
async fn an_answer_whose_end_is_not_known_is_taken_only_if_it_is_whole_as_it_stands() {
    let dressed = engine_with(endless(DRESSED)).await;
    let error = dressed.execute(assess("z")).await.unwrap_err();
    assert_eq!(error.llm().unwrap().kind(), LlmErrorKind::InvalidOutput);

    let whole = engine_with(endless("{\"grade\": 4}")).await;
    graded(&whole, Uuid::now_v7()).await;

    let cut = engine_with(endless("{\"grade\": 4")).await;
    let error = cut.execute(assess("z")).await.unwrap_err();
    assert_eq!(error.llm().unwrap().kind(), LlmErrorKind::Transient);
}
