//! A plan says what a resume would do; it sends nothing and writes nothing.

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, MissReason, ResumePlan, map, now};
use uuid::Uuid;

use crate::support::{TestEngine, World, ask, conclude, note, report};

/// A plan, that has left no trace.
pub(crate) async fn plan_of(engine: &TestEngine, run: Uuid) -> ResumePlan {
    let before = engine.dump().await;
    let (asked, done) = (engine.world.asked(), engine.world.done());
    let plan = engine.resume_plan(run).await.unwrap();
    assert_eq!(
        (engine.world.asked(), engine.world.done()),
        (asked, done),
        "nothing is sent"
    );
    assert_eq!(engine.dump().await, before, "nothing is written");
    assert_eq!(plan.run_id, run);
    plan
}

pub(crate) fn hits(plan: &ResumePlan) -> Vec<&str> {
    plan.hits.iter().map(|hit| hit.step_name.as_str()).collect()
}

pub(crate) fn misses(plan: &ResumePlan) -> Vec<(&str, MissReason)> {
    let miss = |miss: &flow_engine::PlannedMiss| miss.reason;
    let misses = plan.misses.iter();
    misses
        .map(|one| (one.step_name.as_str(), miss(one)))
        .collect()
}

fn unasked(plan: &ResumePlan) -> Vec<(&str, u64)> {
    let unasked = plan.unasked.iter();
    unasked
        .map(|step| (step.step_name.as_str(), step.tokens))
        .collect()
}

pub(crate) async fn failed<C: Call>(engine: &TestEngine, call: C, text: &str) -> Uuid {
    engine.world.fail(&[text]);
    let request = engine.run(call);
    let id = request.id();
    assert!(request.execute().await.is_err());
    engine.world.fail(&[]);
    id
}

#[flow]
async fn survey(questions: Vec<String>) -> Result<usize> {
    note("begin").await?;
    let answers = map(questions, 10, ask).await?;
    conclude("end").await?;
    Ok(answers.len())
}

#[tokio::test]
async fn parallel_branches_give_all_their_misses_and_all_their_hits() {
    let engine = TestEngine::new().await;
    engine.world.fail(&["q2", "q4"]);
    let questions: Vec<String> = (1..=5).map(|number| format!("q{number}")).collect();
    let error = engine.execute(survey(questions)).await.unwrap_err();
    let id = error.run_id().unwrap();
    let plan = plan_of(&engine, id).await;
    assert_eq!(hits(&plan), ["note", "ask", "ask", "ask"]);
    let failed = ("ask", MissReason::FailedBefore);
    assert_eq!(misses(&plan), [failed, failed]);
    let rows = engine.rows(id, "ask").await;
    // Both are asked for at the same time.
    let mut like: Vec<_> = plan
        .misses
        .iter()
        .map(|miss| miss.compared_with.unwrap())
        .collect();
    like.sort();
    assert_eq!(like, [rows[1].id, rows[3].id]);
    let taken: Vec<_> = plan.hits[1..].iter().map(|hit| hit.step_run_id).collect();
    assert_eq!(taken, [rows[0].id, rows[2].id, rows[4].id]);
    assert!(
        plan.misses.iter().all(|miss| miss.changes.is_empty()),
        "{plan:#?}"
    );
    assert_eq!(
        (plan.predicted_tokens, plan.predicted_cost),
        (Some(30), None),
        "each as many as those of its name that succeeded, on average"
    );
    assert!(plan.unasked.is_empty());
    assert!(
        engine
            .resume(id)
            .await
            .is_err_and(|error| error.kind() == ErrorKind::Llm)
    );
}

#[tokio::test]
async fn what_a_step_takes_of_which_none_has_succeeded_is_not_known() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, report("rain"), "facts of rain").await;
    let plan = plan_of(&engine, id).await;
    assert_eq!(misses(&plan), [("ask", MissReason::FailedBefore)]);
    assert_eq!((plan.predicted_tokens, plan.predicted_cost), (None, None));
    let shown = plan.to_string();
    assert!(
        shown.ends_with("what it will take is not known, unknown price\n"),
        "{shown}"
    );
}

#[flow]
async fn edited(#[state] world: World) -> Result<String> {
    note("begin").await?;
    let first = ask(world.text("question", "old", "new")).await?;
    note("after").await?;
    now().await?;
    conclude("end").await?;
    Ok(first)
}

#[tokio::test]
async fn an_edited_call_is_compared_and_predicted_and_what_comes_after_it_is_unasked() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, edited(), "end").await;
    engine.world.edit("question");
    let plan = plan_of(&engine, id).await;
    assert_eq!(hits(&plan), ["note"]);
    assert_eq!(misses(&plan), [("ask", MissReason::InputChanged)]);
    let [row] = &engine.rows(id, "ask").await[..] else {
        panic!()
    };
    assert_eq!(plan.misses[0].compared_with, Some(row.id));
    let changes: Vec<_> = plan.misses[0]
        .changes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        changes,
        [
            r#"inputs.question: "old" → "new""#,
            r#"request.messages[0].content: "old" → "new""#
        ]
    );
    assert_eq!(
        (plan.predicted_tokens, plan.predicted_cost),
        (Some(15), None)
    );
    assert_eq!(
        unasked(&plan),
        [("ask", 15), ("note", 0)],
        "without what the engine records for itself"
    );
    assert_eq!(
        (plan.unasked[0].cost, plan.unasked[1].cost),
        (None, Some(0.0))
    );
    assert_eq!(
        plan.to_string(),
        format!(
            "run {id}\n  recorded  note\n  to run    ask({{\"question\":\"new\"}}): input content changed\n              inputs.question: \"old\" → \
             \"new\"\n              request.messages[0].content: \"old\" → \"new\"\n  unasked   ask (15 tokens)\n  \
             unasked   note (0 tokens)\n  will take 15 tokens or more, unknown price\n"
        )
    );
}

#[tokio::test]
async fn a_known_price_is_predicted() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, edited(), "end").await;
    engine.world.edit("question");
    engine
        .sql("UPDATE flow_step_runs SET cost_estimate = 0.25 WHERE tokens_used > 0")
        .await;
    let plan = plan_of(&engine, id).await;
    assert_eq!(
        (plan.predicted_tokens, plan.predicted_cost),
        (Some(15), Some(0.25))
    );
    assert_eq!(plan.misses[0].predicted_cost, Some(0.25));
    assert!(
        plan.to_string()
            .ends_with("will take 15 tokens or more, $0.2500\n"),
        "{plan}"
    );
}

#[tokio::test]
async fn a_task_that_has_to_run_takes_no_tokens() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, report("rain"), "rain").await;
    let plan = plan_of(&engine, id).await;
    assert_eq!(misses(&plan), [("note", MissReason::FailedBefore)]);
    assert_eq!(
        (plan.predicted_tokens, plan.predicted_cost),
        (Some(0), Some(0.0))
    );
}

#[tokio::test]
async fn another_default_model_is_a_reason() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, report("rain"), "end of rain").await;
    let engine = engine.restarted_with("m9").await;
    let plan = plan_of(&engine, id).await;
    assert_eq!(misses(&plan), [("ask", MissReason::ModelChanged)]);
    let changes: Vec<_> = plan.misses[0]
        .changes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(changes, [r#"request.model: "m1" → "m9""#]);
    assert_eq!(plan.predicted_tokens, Some(15));
}

#[tokio::test]
async fn code_that_is_not_as_it_was_recorded_is_noted_at_the_hit() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, report("rain"), "end of rain").await;
    engine
        .sql("UPDATE flow_step_runs SET code_hash = 'other' WHERE step_name = 'note'")
        .await;
    let plan = plan_of(&engine, id).await;
    let notes: Vec<_> = plan.hits.iter().map(|hit| hit.note).collect();
    assert_eq!(notes, [None, Some("code changed")]);
    assert!(
        plan.to_string().contains("recorded  note (code changed)\n"),
        "{plan}"
    );
}

#[tokio::test]
async fn a_flow_that_would_complete_has_hits_only() {
    let engine = TestEngine::new().await;
    let id = engine.execute(report("rain")).await.unwrap().run_id;
    let killed = "UPDATE flow_runs SET status = 'running', completed_at = NULL, outputs = NULL";
    engine.sql(killed).await;
    let plan = plan_of(&engine, id).await;
    assert_eq!(hits(&plan), ["ask", "note", "conclude"]);
    assert!(plan.misses.is_empty() && plan.unasked.is_empty());
    assert_eq!(
        (plan.predicted_tokens, plan.predicted_cost),
        (Some(0), Some(0.0))
    );
}
