//! A spawned run is on disk, is executed at once, and needs nobody who waits for it.

use flow_engine::{ErrorKind, ExecutionMode, RunFilter, RunStatus};

use crate::flows::{doubled, held, noted, open, secretive};
use crate::{Lab, end, eventually, name, on_both, output, until};

on_both!(
    a_spawned_run_is_on_disk_and_taken_when_its_handle_is_there,
    the_handle_gives_what_the_run_gave,
    a_step_is_spawned_too,
    a_run_goes_on_when_its_handle_is_dropped,
    a_run_goes_on_when_its_spawning_is_dropped,
    a_key_that_is_there_gives_a_handle_on_its_run,
    what_is_for_queued_runs_is_refused,
    secret_inputs_are_refused,
    a_worker_goes_on_with_the_run_of_a_program_that_ended,
);

async fn a_spawned_run_is_on_disk_and_taken_when_its_handle_is_there(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let name = name("on disk");
    let handle = engine.run(held(name.clone())).spawn().await.unwrap();

    let row = other.find_run(handle.id()).await.unwrap().unwrap();
    assert_eq!(row.execution_mode, ExecutionMode::Background);
    assert!(
        matches!(row.status, RunStatus::Pending | RunStatus::Running),
        "{row:?}"
    );
    assert!(row.lease_owner.is_some() && row.lease_until.is_some());

    // Nobody waits for it, and it is executed.
    let row = until(&other, handle.id(), |row| row.step_progress == 1).await;
    assert_eq!((row.status, row.lease_epoch), (RunStatus::Running, 1));
    assert!(row.started_at.is_some());
    assert_eq!(handle.status().await.unwrap(), RunStatus::Running);
    open(&name);
    assert_eq!(output(&other, handle.id()).await, format!("{name}: after"));
    assert_eq!(handle.status().await.unwrap(), RunStatus::Completed);
}

async fn the_handle_gives_what_the_run_gave(lab: &Lab) {
    let engine = lab.engine().await;
    let name = name("given");
    let request = engine.run(held(name.clone())).metadata("mine");
    let id = request.id();
    let handle = request.spawn().await.unwrap();
    assert_eq!(handle.id(), id);
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { end(&handle).await }
    });
    open(&name);
    let given = waiting.await.unwrap().unwrap();
    assert_eq!(
        (given.run_id, given.flow_name, given.output_content.as_str()),
        (id, "held", format!("{name}: after").as_str())
    );
    // Again, from what is recorded.
    assert_eq!(end(&handle).await.unwrap(), given);
    let row = engine.find_run(id).await.unwrap().unwrap();
    assert_eq!(row.flow_metadata, Some("mine".into()));
    assert_eq!(noted(&format!("{name}: after")), 1);
}

async fn a_step_is_spawned_too(lab: &Lab) {
    let engine = lab.engine().await;
    let handle = engine.run(doubled(21)).spawn().await.unwrap();
    let given = end(&handle).await.unwrap();
    assert_eq!((given.step_name, given.output_content), ("doubled", 42));
    let steps = engine.steps_of(handle.id()).await.unwrap();
    assert_eq!(given.step_run_id, steps[0].id);
}

async fn a_run_goes_on_when_its_handle_is_dropped(lab: &Lab) {
    let engine = lab.engine().await;
    let name = name("forgotten");
    let id = {
        let handle = engine.run(held(name.clone())).spawn().await.unwrap();
        handle.id()
    };
    until(&engine, id, |row| row.step_progress == 1).await;
    open(&name);
    assert_eq!(output(&engine, id).await, format!("{name}: after"));
}

async fn a_run_goes_on_when_its_spawning_is_dropped(lab: &Lab) {
    let engine = lab.engine().await;
    let name = name("dropped");
    open(&name);
    let request = engine.run(held(name.clone()));
    let id = request.id();
    let mut spawning = request.spawn();
    assert!(futures::poll!(&mut spawning).is_pending());
    drop(spawning);
    let filter = || RunFilter::default();
    eventually(|| async { !engine.runs(filter()).await.unwrap().is_empty() }).await;
    assert_eq!(output(&engine, id).await, format!("{name}: after"));
    // By who spawned it, and not by who takes over what was lost.
    let row = engine.find_run(id).await.unwrap().unwrap();
    assert_eq!(row.lease_epoch, 1);
}

async fn a_key_that_is_there_gives_a_handle_on_its_run(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let name = name("keyed");
    let request = |engine: &flow_engine::Engine| {
        let request = engine.run(held(name.clone()));
        request.idempotency_key("evt_1").spawn()
    };
    let handles = [
        request(&engine).await.unwrap(),
        request(&other).await.unwrap(),
    ];
    assert_eq!(handles[0].id(), handles[1].id());
    open(&name);
    for handle in handles {
        let given = end(&handle).await.unwrap();
        assert_eq!(given.output_content, format!("{name}: after"));
    }
    assert_eq!(engine.runs(RunFilter::default()).await.unwrap().len(), 1);
    assert_eq!(noted(&format!("{name}: before")), 1);

    let other_inputs = engine
        .run(held("other".to_owned()))
        .idempotency_key("evt_1");
    let refused = other_inputs.spawn().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

async fn what_is_for_queued_runs_is_refused(lab: &Lab) {
    let engine = lab.engine().await;
    let call = || engine.run(held("refused".to_owned()));
    for (request, named) in [
        (call().priority(1), "`priority`"),
        (call().start_at(flow_engine::Utc::now()), "`start_at`"),
    ] {
        let refused = request.spawn().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert!(format!("{refused:#}").contains(named), "{refused:#}");
    }
    assert!(engine.runs(RunFilter::default()).await.unwrap().is_empty());
}

async fn secret_inputs_are_refused(lab: &Lab) {
    let engine = lab.engine().await;
    let spawned = engine.run(secretive("hush".to_owned())).spawn().await;
    let refused = spawned.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(
        format!("{refused:#}").contains("`token` is secret"),
        "{refused:#}"
    );
    assert!(engine.runs(RunFilter::default()).await.unwrap().is_empty());
}

/// Its runtime ends in the middle of a step.
async fn a_worker_goes_on_with_the_run_of_a_program_that_ended(lab: &Lab) {
    let name = name("ended");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let engine = lab.engine().await;
    let (of_runtime, call) = (engine.clone(), held(name.clone()));
    let spawned = runtime.spawn(async move { of_runtime.run(call).spawn().await });
    let handle = spawned.await.unwrap().unwrap();
    let id = handle.id();
    until(&engine, id, |row| row.step_progress == 1).await;
    drop((handle, engine));
    runtime.shutdown_background();

    let program = lab.program().await;
    open(&name);
    // Interrupted before the worker takes it, perhaps.
    let row = until(&program.engine, id, |row| {
        row.status == RunStatus::Completed
    })
    .await;
    assert_eq!(row.outputs.unwrap(), format!("{name}: after"));
    assert_eq!(noted(&format!("{name}: before")), 1);
}
