//! A fork takes over what another run recorded, pays nothing for it, and leaves that run as it is.

use flow_engine::prelude::*;
use flow_engine::{DateTime, ErrorKind, RunStatus, StepStatus, Utc, now, race, random, uuid};
use serde_json::json;
use uuid::Uuid;

use crate::support::{TestEngine, ask, blob, interrupted, note, report};

#[tokio::test]
async fn a_fork_of_a_completed_run_pays_nothing_and_leaves_it_byte_for_byte() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap();
    let before = engine.dump().await;
    engine.world.forget();

    let fork = engine.fork(source.run_id);
    let id = fork.id();
    let done = fork.execute().await.unwrap();
    assert_eq!((done.run_id, done.flow_name), (id, "report"));
    assert_ne!(id, source.run_id);
    assert_eq!(done.output_content, json!(source.output_content));
    assert_eq!(
        (engine.world.asked(), engine.world.done()),
        (vec![], vec![])
    );
    let after = engine.dump().await;
    let lost: Vec<_> = before.difference(&after).collect();
    assert!(
        lost.is_empty(),
        "rows of the source have changed: {lost:#?}"
    );
    // The run, its fork and three steps; no request.
    assert_eq!(after.len() - before.len(), 5, "{after:#?}");
}

#[tokio::test]
async fn rows_of_a_fork_say_where_they_come_from_and_what_they_took_and_its_totals_what_it_paid() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap();
    let done = engine.fork(source.run_id).execute().await.unwrap();
    assert_eq!(done.metadata.tokens_used, 0);
    assert_eq!(done.metadata.cost_estimate, Some(0.0));
    let run = engine.record(done.run_id).await;
    assert_eq!(
        (run.total_tokens, run.unpriced_requests, run.status),
        (0, 0, RunStatus::Completed)
    );
    assert_eq!(run.step_progress, 3);
    assert!(engine.requests_of(done.run_id).await.unwrap().is_empty());
    let theirs = engine.steps_of(source.run_id).await.unwrap();
    let ours = engine.steps_of(done.run_id).await.unwrap();
    assert_eq!(ours.len(), 3);
    for (one, other) in theirs.iter().zip(&ours) {
        assert_eq!(other.origin_run_id, Some(source.run_id));
        assert_ne!(other.id, one.id);
        assert_eq!(other.status, StepStatus::Completed);
        assert_eq!(
            (
                &other.step_name,
                &other.kind,
                other.step_order,
                &other.inputs,
                &other.outputs
            ),
            (
                &one.step_name,
                &one.kind,
                one.step_order,
                &one.inputs,
                &one.outputs
            )
        );
        assert_eq!(
            (
                other.tokens_used,
                other.cost_estimate,
                other.execution_time_ms
            ),
            (one.tokens_used, one.cost_estimate, one.execution_time_ms)
        );
        assert_eq!(
            (
                &other.call_key,
                &other.content_hash,
                &other.code_hash,
                &other.step_metadata
            ),
            (
                &one.call_key,
                &one.content_hash,
                &one.code_hash,
                &one.step_metadata
            )
        );
        assert_eq!((&other.miss_reason, &other.hit_note), (&None, &None));
    }
    assert_eq!((ours[0].tokens_used, ours[0].cost_estimate), (15, None));
}

#[tokio::test]
async fn a_fork_of_a_failed_run_shares_its_successes_and_runs_its_failure_again() {
    let engine = TestEngine::new().await;
    engine.world.fail(&["end of rain"]);
    let error = engine.execute(report("rain")).await.unwrap_err();
    let source = error.run_id().unwrap();
    let before = engine.dump().await;
    engine.world.fail(&[]);
    engine.world.forget();

    let done = engine.fork(source).execute().await.unwrap();
    assert_eq!(engine.world.asked(), ["end of rain @ m1"]);
    assert!(engine.world.done().is_empty());
    assert_eq!(
        done.metadata.tokens_used, 15,
        "what it paid, not what it shares"
    );
    assert_eq!(engine.record(done.run_id).await.total_tokens, 15);
    assert!(before.is_subset(&engine.dump().await));
    assert_eq!(engine.record(source).await.status, RunStatus::Failed);
}

#[tokio::test]
async fn a_fork_of_an_interrupted_run_shares_what_it_recorded() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["end of rain"]);
    let source = interrupted(&engine, report("rain"), |seen| seen.asked.len() == 2).await;
    let before = engine.dump().await;
    engine.world.hold(&[]);
    engine.world.forget();

    let done = engine.fork(source).execute().await.unwrap();
    assert_eq!(engine.world.asked(), ["end of rain @ m1"]);
    assert!(engine.world.done().is_empty());
    assert_eq!(engine.record(done.run_id).await.total_tokens, 15);
    assert!(before.is_subset(&engine.dump().await));
    assert_eq!(engine.record(source).await.status, RunStatus::Interrupted);
}

#[tokio::test]
async fn a_fork_of_a_resumed_run_shares_what_its_executions_have_come_to() {
    let engine = TestEngine::new().await;
    engine.world.fail(&["rain"]);
    let error = engine.execute(report("rain")).await.unwrap_err();
    let source = error.run_id().unwrap();
    engine.world.fail(&[]);
    let resumed = engine.resume(source).await.unwrap();
    engine.world.forget();
    let done = engine.fork(source).execute().await.unwrap();
    assert_eq!(done.output_content, resumed.output_content);
    assert!(engine.world.asked().is_empty() && engine.world.done().is_empty());
    assert_eq!(engine.steps_of(done.run_id).await.unwrap().len(), 3);
    engine
        .fork(source)
        .from("conclude")
        .execute()
        .await
        .unwrap();
    assert_eq!(engine.world.asked(), ["end of rain @ m1"]);
    assert!(engine.world.done().is_empty());
}

#[tokio::test]
async fn a_fork_is_for_the_same_user_with_the_same_metadata_and_inputs() {
    let engine = TestEngine::new().await;
    let (user, metadata) = (Uuid::now_v7(), json!({ "ticket": 7 }));
    let request = engine.run(report("rain")).user(user).metadata(&metadata);
    let source = request.execute().await.unwrap().run_id;
    let done = engine.fork(source).from("ask").execute().await.unwrap();
    let run = engine.record(done.run_id).await;
    assert_eq!(
        (run.user_id, run.flow_metadata),
        (Some(user), Some(metadata))
    );
    assert_eq!(run.inputs, json!({ "topic": "rain" }));
    assert_eq!((run.root_run_id, run.parent_run_id), (done.run_id, None));
}

#[tokio::test]
async fn a_step_used_alone_is_forked_like_a_flow() {
    let engine = TestEngine::new().await;
    let source = engine.execute(ask("alone")).await.unwrap();
    let done = engine.fork(source.run_id).execute().await.unwrap();
    assert_eq!(done.output_content, json!(source.output_content));
    let done = engine
        .fork(source.run_id)
        .with_model("m2")
        .execute()
        .await
        .unwrap();
    assert_eq!(done.output_content, "alone by m2 #2");
    assert_eq!(engine.world.asked(), ["alone @ m1", "alone @ m2"]);
}

#[tokio::test]
async fn a_fork_of_a_fork_shares_what_the_fork_has_and_names_where_it_was_recorded_first() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap();
    let first = engine
        .fork(source.run_id)
        .from("conclude")
        .execute()
        .await
        .unwrap();
    engine.world.forget();
    let second = engine.fork(first.run_id).execute().await.unwrap();
    assert!(engine.world.asked().is_empty() && engine.world.done().is_empty());
    assert_eq!(second.output_content, first.output_content);
    let steps = engine.steps_of(second.run_id).await.unwrap();
    let origins: Vec<_> = steps
        .iter()
        .map(|step| step.origin_run_id.unwrap())
        .collect();
    assert_eq!(origins, [source.run_id, source.run_id, first.run_id]);
    assert_eq!(engine.record(second.run_id).await.total_tokens, 0);
}

#[tokio::test]
async fn two_forks_of_one_run_may_be_executed_at_the_same_time() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    let (one, other) = tokio::join!(
        engine.fork(source).with_model("m2").execute(),
        engine.fork(source).with_model("m3").execute(),
    );
    assert!(one.unwrap().output_content.to_string().contains("m2"));
    assert!(other.unwrap().output_content.to_string().contains("m3"));
}

#[tokio::test]
async fn a_run_that_is_being_executed_is_not_forked_nor_one_that_is_not_there() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["end of rain"]);
    let request = engine.run(report("rain"));
    let id = request.id();
    let driver = async {
        engine.world.until(|seen| seen.asked.len() == 2).await;
        let error = engine.fork(id).execute().await.unwrap_err();
        engine.world.hold(&[]);
        error
    };
    let (end, error) = tokio::join!(request.execute(), driver);
    end.unwrap();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
    assert_eq!(
        format!("{error:#}"),
        format!("the run {id} cannot be forked: it is being executed")
    );

    let nobody = Uuid::now_v7();
    let error = engine.fork(nobody).execute().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
    assert_eq!(
        format!("{error:#}"),
        format!("the run {nobody} cannot be forked: there is no such root run")
    );

    let rename = format!(
        "UPDATE flow_runs SET flow_name = 'gone' WHERE id = {}",
        blob(id)
    );
    engine.sql(&rename).await;
    let error = engine.fork(id).execute().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
    assert!(
        format!("{error:#}").contains("no flow or step `gone`"),
        "{error:#}"
    );
}

#[flow]
async fn draws() -> Result<(DateTime<Utc>, Uuid, u64, usize)> {
    let (time, id, bits) = (now().await?, uuid().await?, random().await?);
    let (first, noted) = race([note("slow"), note("fast")]).await?;
    noted?;
    Ok((time, id, bits, first))
}

#[tokio::test]
async fn times_ids_chance_and_races_are_shared() {
    let engine = TestEngine::new().await;
    engine.world.hold(&["slow"]);
    let source = engine.execute(draws()).await.unwrap();
    assert_eq!(source.output_content.3, 1, "the fast one was first");
    engine.world.hold(&[]);
    engine.world.forget();
    let done = engine.fork(source.run_id).execute().await.unwrap();
    assert_eq!(done.output_content, json!(source.output_content));
    assert!(
        engine.world.done().is_empty(),
        "nothing is asked of the loser"
    );
}
