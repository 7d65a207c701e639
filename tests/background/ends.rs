//! What a handle says of how a run ended, whoever executed it.

use std::time::Duration;

use flow_engine::{ErrorKind, RunStatus, Uuid};

use crate::flows::{Around, Failing, Held, around, failing, held, noted, open};
use crate::{Lab, Program, end, eventually, name, on_both, until};

on_both!(
    a_handle_gives_what_another_program_has_executed,
    a_failure_is_told_in_the_words_of_the_row,
    a_handle_cancels_its_run,
    who_waits_is_told_that_another_program_has_cancelled,
    a_run_that_was_deleted_is_waited_for_no_longer,
    an_interrupted_run_that_nobody_goes_on_with_is_not_waited_for,
    a_handle_is_of_a_run_of_its_flow,
);

async fn a_handle_gives_what_another_program_has_executed(lab: &Lab) {
    let Program { engine: other, .. } = &lab.program().await;
    let engine = lab.engine().await;
    let name = name("elsewhere");
    let id = engine.run(held(name.clone())).enqueue().await.unwrap();
    let handle = engine.handle::<Held>(id).await.unwrap();
    let waiting = tokio::spawn(async move { end(&handle).await });
    until(other, id, |row| row.step_progress == 1).await;
    open(&name);
    let given = waiting.await.unwrap().unwrap();
    assert_eq!(
        (given.run_id, given.output_content),
        (id, format!("{name}: after"))
    );
    assert_eq!(noted(&format!("{name}: before")), 1);
}

async fn a_failure_is_told_in_the_words_of_the_row(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let spawned = engine.run(failing("all".to_owned())).spawn();
    let handle = spawned.await.unwrap();
    let error = end(&handle).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(format!("{error:#}").contains("all went wrong"), "{error:#}");
    assert_eq!(error.run_id(), Some(handle.id()));
    let elsewhere = other.handle::<Failing>(handle.id()).await.unwrap();
    let same = end(&elsewhere).await.unwrap_err();
    assert_eq!(format!("{same:#}"), format!("{error:#}"));
    assert_eq!(handle.status().await.unwrap(), RunStatus::Failed);
}

async fn a_handle_cancels_its_run(lab: &Lab) {
    let engine = lab.engine().await;
    let name = name("cancelled");
    let handle = engine.run(held(name.clone())).spawn().await.unwrap();
    until(&engine, handle.id(), |row| row.step_progress == 1).await;
    handle.cancel().await.unwrap();
    assert_eq!(handle.status().await.unwrap(), RunStatus::Cancelled);
    open(&name);
    let error = end(&handle).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(noted(&format!("{name}: after")), 0);
}

async fn who_waits_is_told_that_another_program_has_cancelled(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let id = engine.run(held(name("queued"))).enqueue().await.unwrap();
    let handle = engine.handle::<Held>(id).await.unwrap();
    let mut waiting = Box::pin(end(&handle));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
    assert!(early.is_err(), "it is queued");
    other.cancel(id).await.unwrap();
    assert_eq!(waiting.await.unwrap_err().kind(), ErrorKind::Cancelled);
}

async fn a_run_that_was_deleted_is_waited_for_no_longer(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let id = engine.run(held(name("deleted"))).enqueue().await.unwrap();
    let handle = engine.handle::<Held>(id).await.unwrap();
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { end(&handle).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(other.delete_run(id).await.unwrap());
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
    assert!(format!("{error:#}").contains("no such run"), "{error:#}");
    assert!(handle.status().await.is_err());
}

async fn an_interrupted_run_that_nobody_goes_on_with_is_not_waited_for(lab: &Lab) {
    let engine = lab.engine().await;
    let name = name("interrupted");
    let request = engine.run(held(name.clone()));
    let id = request.id();
    let executed = tokio::spawn(request.execute());
    eventually(|| async { engine.find_run(id).await.unwrap().is_some() }).await;
    until(&engine, id, |row| row.step_progress == 1).await;
    let handle = engine.handle::<Held>(id).await.unwrap();
    executed.abort();
    let error = end(&handle).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
    assert!(format!("{error:#}").contains("`resume`"), "{error:#}");

    open(&name);
    let resumed = tokio::spawn(engine.resume(id));
    until(&engine, id, |row| row.status != RunStatus::Interrupted).await;
    assert_eq!(
        end(&handle).await.unwrap().output_content,
        format!("{name}: after")
    );
    resumed.await.unwrap().unwrap();
}

async fn a_handle_is_of_a_run_of_its_flow(lab: &Lab) {
    let engine = lab.engine().await;
    let name = name("around");
    open(&name);
    let done = engine.execute(around(name)).await.unwrap();
    let id = done.run_id;
    let handle = engine.handle::<Around>(id).await.unwrap();
    assert_eq!(end(&handle).await.unwrap(), done);
    let below = engine
        .runs(flow_engine::RunFilter::default())
        .await
        .unwrap();
    let below = below.iter().find(|run| !run.is_root()).unwrap();
    let refusals = [
        (
            engine.handle::<Held>(id).await,
            "it is of `around`, not of `held`".to_owned(),
        ),
        (
            engine.handle::<Held>(below.id).await,
            format!("a part of the run {id}"),
        ),
        (
            engine.handle::<Held>(Uuid::now_v7()).await,
            "there is no such run".to_owned(),
        ),
    ];
    for (refused, reason) in refusals {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotResumable);
        assert!(format!("{error:#}").contains(&reason), "{error:#}");
    }
}
