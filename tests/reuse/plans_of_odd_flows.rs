//! Plans of flows that fail by themselves, wait, choose, spawn, or were cut off; and of runs that have none.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, MissReason, now, race, spawn, timeout};
use uuid::Uuid;

use crate::plans::{failed, hits, misses, plan_of};
use crate::support::{Seen, TestEngine, ask, conclude, interrupted, note, report};

#[flow]
async fn grumbles() -> Result<()> {
    ask("anything").await?;
    Err("it did not like the answer".into())
}

#[tokio::test]
async fn a_flow_that_would_fail_by_itself_has_a_plan() {
    let engine = TestEngine::new().await;
    let id = engine
        .execute(grumbles())
        .await
        .unwrap_err()
        .run_id()
        .unwrap();
    let plan = plan_of(&engine, id).await;
    assert_eq!(hits(&plan), ["ask"]);
    assert!(plan.misses.is_empty());
}

#[flow]
async fn patient() -> Result<()> {
    ask("first").await?;
    tokio::time::sleep(Duration::from_millis(400)).await;
    conclude("end").await?;
    Ok(())
}

#[tokio::test]
async fn a_flow_that_waits_for_a_time_is_waited_for() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, patient(), "end").await;
    let plan = plan_of(&engine, id).await;
    assert_eq!(hits(&plan), ["ask"]);
    assert_eq!(misses(&plan), [("conclude", MissReason::FailedBefore)]);
}

#[flow]
async fn choosy() -> Result<String> {
    now().await?;
    timeout(Duration::from_hours(1), note("in time")).await??;
    let (_, first) = race([ask("slow").into_future(), note("fast").into_future()]).await?;
    Ok(first?)
}

#[tokio::test]
async fn a_choice_that_was_not_made_shows_all_of_its_branches() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["slow", "fast"]);
    let both = |seen: &Seen| seen.asked.len() + seen.done.len() == 3;
    let id = interrupted(&engine, choosy(), both).await;
    let plan = plan_of(&engine, id).await;
    assert_eq!(hits(&plan), ["note"]);
    let unfinished = MissReason::NotFinished;
    let mut misses = misses(&plan);
    misses.sort_by_key(|(step, _)| *step);
    assert_eq!(misses, [("ask", unfinished), ("note", unfinished)]);
}

#[tokio::test]
async fn what_a_kill_cut_off_differs_in_nothing() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["end of rain"]);
    let id = interrupted(&engine, report("rain"), |seen| seen.asked.len() == 2).await;
    engine
        .sql(
            "UPDATE flow_runs SET status = 'running', completed_at = NULL; \
             UPDATE llm_requests SET status = 'sent', completed_at = NULL WHERE status = 'cancelled'; \
             UPDATE flow_step_runs SET status = 'running', completed_at = NULL, llm_request_id = NULL \
             WHERE status = 'cancelled'",
        )
        .await;
    let plan = plan_of(&engine, id).await;
    assert_eq!(misses(&plan), [("conclude", MissReason::NotFinished)]);
    assert!(plan.misses[0].changes.is_empty(), "{plan}");
    engine.world.hold(&[]);
    engine.resume(id).await.unwrap();
    let why = engine.why(id, "conclude").await.unwrap();
    assert_eq!(why.len(), 1);
    assert_eq!(why[0].to_string(), "conclude: not finished before");
}

#[tokio::test]
async fn a_run_that_is_executed_has_completed_or_is_not_there_has_no_plan() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["end of rain"]);
    let request = engine.run(report("rain"));
    let id = request.id();
    let driver = async {
        engine.world.until(|seen| seen.asked.len() == 2).await;
        let error = engine.resume_plan(id).await.unwrap_err();
        engine.world.hold(&[]);
        error
    };
    let (end, executing) = tokio::join!(request.execute(), driver);
    end.unwrap();
    let completed = engine.resume_plan(id).await.unwrap_err();
    let unknown = engine.resume_plan(Uuid::now_v7()).await.unwrap_err();
    for (error, says) in [
        (executing, "executed"),
        (completed, "completed"),
        (unknown, "no such run"),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotResumable);
        assert!(format!("{error:#}").contains(says), "{error:#}");
    }
}

#[tokio::test]
async fn a_run_may_be_planned_twice_at_the_same_time() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, report("rain"), "end of rain").await;
    let (one, other) = tokio::join!(engine.resume_plan(id), engine.resume_plan(id));
    assert_eq!(hits(&one.unwrap()), hits(&other.unwrap()));
}

#[flow]
async fn spawns() -> Result<String> {
    let task = spawn(ask("spawned"));
    Ok(task.await??)
}

#[tokio::test]
async fn a_plan_leaves_no_task_behind() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, spawns(), "spawned").await;
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    plan_of(&engine, id).await;
    let before = alive();
    for _ in 0..5 {
        let plan = plan_of(&engine, id).await;
        assert_eq!(misses(&plan), [("ask", MissReason::FailedBefore)]);
    }
    assert!(alive() < before + 5, "{before} tasks, then {}", alive());
    assert!(engine.delete_run(id).await.unwrap());
}
