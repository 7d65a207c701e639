//! How runs go on that were interrupted, and that failed.

use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};
use flow_engine::prelude::*;
use flow_engine::{Error, RunStatus, StepStatus, map};
use uuid::Uuid;

use crate::lab::{Lab, ask, note, noted, questions, refine};

/// Handles two failures, and goes on; `last` decides how it ends.
#[flow]
async fn handles(last: String) -> Result<String> {
    let mut seen = Vec::new();
    for failed in [
        ask("broken".to_owned()).await,
        note("bad text".to_owned()).await,
    ] {
        let error: Error = failed.unwrap_err();
        let at = (
            error.kind(),
            error.flow(),
            error.step(),
            error.run_id().is_some(),
        );
        seen.push(format!(
            "{at:?} {error:#} {:?}",
            error.llm().map(flow_engine::LlmError::kind)
        ));
    }
    seen.push(ask("good".to_owned()).await?);
    seen.push(refine(seen.concat()).await?);
    seen.push(ask(last).await?);
    Ok(seen.join("; "))
}

#[tokio::test]
async fn an_interrupted_run_meets_its_recorded_errors_again_and_sends_nothing_for_them() {
    let lab = Lab::new().await;
    lab.model.fail(&["broken"]);
    lab.model.hold(&["last"]);
    let id = lab
        .interrupted_at(handles("last".to_owned()), 2, &["last"])
        .await;
    let refined = lab.model.asked()[2].clone();
    lab.model.fail(&[]);
    lab.model.hold(&[]);
    let lab = lab.restarted().await;
    lab.resume(id).await.unwrap();
    // Had an error read otherwise, it would have been refined again.
    assert_eq!(
        lab.model.asked(),
        ["broken", "good", &refined, "last", "last"]
    );
    assert_eq!(noted(id), ["bad text"]);
    lab.assert_completed(id).await;
}

/// Asks all, each in a sub-flow, and fails with the first that failed.
#[flow]
pub(crate) async fn one_of_many(item: String) -> Result<String> {
    note(item.clone()).await?;
    Ok(ask(item).await?)
}

#[flow]
pub(crate) async fn asks_many(items: Vec<String>) -> Result<Vec<String>> {
    Ok(map(items, 10, one_of_many).await?)
}

#[tokio::test]
async fn a_failed_run_keeps_successes_and_its_failures_stay_retired_when_it_is_interrupted_again() {
    let lab = Lab::new().await;
    lab.model.fail(&["q1", "q2"]);
    let request = lab.run(asks_many(questions(4)));
    let id = request.id();
    let error = request.execute().await.unwrap_err();
    assert_eq!(lab.run_row(id).await.status, RunStatus::Failed);

    // Interrupted while both run again, then once more after one of them has its answer.
    lab.model.hold(&["q1", "q2"]);
    let both = lab.model.until(|asked| asked.len() == 6);
    // The error names the sub-flow's run, which stands for all of it.
    let part = error.run_id().unwrap();
    assert_ne!(part, id);
    lab.resumed_until(part, both).await;
    assert_eq!(lab.run_row(id).await.status, RunStatus::Interrupted);
    lab.model.fail(&[]);
    lab.model.hold(&["q2"]);
    lab.resumed_until(id, lab.has_recorded(id, 7)).await;
    lab.model.hold(&[]);
    let lab = lab.restarted().await;
    lab.resume(id).await.unwrap();
    let new = lab.model.asked_since(4);
    assert_eq!(new, ["q1", "q1", "q2", "q2", "q2"]);
    assert_eq!(noted(id).len(), 4);
    let runs = lab.tree(id).await;
    assert_eq!(runs.len(), 5, "sub-flows' rows are used again");
    assert!(runs.iter().all(|run| run.status == RunStatus::Completed));
    lab.assert_completed(id).await;
}

#[tokio::test]
async fn failures_of_a_second_execution_are_met_again_when_that_is_interrupted() {
    let lab = Lab::new().await;
    lab.model.fail(&["broken", "last"]);
    let error = lab.execute(handles("last".to_owned())).await.unwrap_err();
    let id = error.run_id().unwrap();
    lab.model.fail(&["broken"]);
    lab.model.hold(&["last"]);
    let sent = lab.model.asked().len();
    let when = lab.model.until(|asked| asked.len() == sent + 2);
    lab.resumed_until(id, when).await;
    lab.model.hold(&[]);
    lab.model.fail(&[]);
    lab.resume(id).await.unwrap();
    assert_eq!(
        lab.model.asked().split_off(sent),
        ["broken", "last", "last"]
    );
    assert_eq!(noted(id).len(), 2, "it failed in two executions");
    lab.assert_completed(id).await;
}

#[tokio::test]
async fn all_interrupted_runs_are_resumed_and_failed_and_live_ones_are_left_alone() {
    let lab = Lab::new().await;
    lab.model.fail(&["failing"]);
    let failing = asks_many(vec!["failing".to_owned()]);
    let failing = lab.run(failing);
    let failed = failing.id();
    failing.execute().await.unwrap_err();
    let completed = lab.execute(ask("fine".to_owned())).await.unwrap().run_id;
    lab.model.hold(&["q1", "alone", "live"]);
    let mut interrupted = Vec::new();
    for _ in 0..40 {
        let id = lab.interrupted(
            asks_many(questions(2)),
            lab.model.until({
                let sent = lab.model.asked().len();
                move |asked| asked.len() == sent + 2
            }),
        );
        interrupted.push(id.await);
    }
    interrupted.push(
        lab.interrupted_at(ask("alone".to_owned()), 0, &["alone"])
            .await,
    );
    // One as a killed process leaves it.
    let killed = interrupted[3];
    lab.find_run(killed).await.unwrap();
    let mut database = SqliteConnection::establish(lab.path().to_str().unwrap()).unwrap();
    sql_query("UPDATE flow_runs SET status = 'running', completed_at = NULL WHERE id = ?")
        .bind::<diesel::sql_types::Binary, _>(killed.as_bytes().to_vec())
        .execute(&mut database)
        .unwrap();
    assert_eq!(lab.run_row(killed).await.status, RunStatus::Running);

    let live = lab.run(ask("live".to_owned()));
    let live_id = live.id();
    let meanwhile = async {
        lab.model.was_asked(&["live"]).await;
        lab.model.hold(&["live"]);
        let resumed = lab.resume_interrupted().await.unwrap();
        let ids: Vec<Uuid> = resumed.iter().map(|run| run.run_id).collect();
        assert_eq!(ids, interrupted, "all, the oldest first");
        assert!(resumed.iter().all(|run| run.result.is_ok()));
        assert_eq!(resumed.last().unwrap().flow_name, "ask");
        assert_eq!(lab.run_row(failed).await.status, RunStatus::Failed);
        assert_eq!(lab.run_row(live_id).await.status, RunStatus::Running);
        lab.model.hold(&[]);
    };
    let (end, ()) = tokio::join!(live.execute(), meanwhile);
    end.unwrap();
    assert!(lab.resume_interrupted().await.unwrap().is_empty());
    assert_eq!(lab.run_row(completed).await.status, RunStatus::Completed);
    lab.assert_nothing_is_open().await;
}

#[tokio::test]
async fn a_step_used_alone_is_resumed_as_a_run() {
    let lab = Lab::new().await;
    lab.model.hold(&["alone"]);
    let id = lab
        .interrupted_at(ask("alone".to_owned()), 0, &["alone"])
        .await;
    lab.model.hold(&[]);
    let typed = lab.resume_with(id, ask("alone".to_owned())).await.unwrap();
    assert_eq!(typed.output_content, "alone #2");
    lab.model.fail(&["failing"]);
    let error = lab.execute(ask("failing".to_owned())).await.unwrap_err();
    lab.model.fail(&[]);
    let id = error.run_id().unwrap();
    let done = lab.resume(id).await.unwrap();
    assert_eq!(done.output_content, "failing #4");
    let statuses: Vec<StepStatus> = lab.steps(id).await.iter().map(|step| step.status).collect();
    assert_eq!(statuses, [StepStatus::Failed, StepStatus::Completed]);
    lab.assert_completed(id).await;
}
