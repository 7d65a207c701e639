//! A spawned run that only waits leaves memory, and goes on without a worker.

use std::time::Duration;

use flow_engine::{RunStatus, Uuid};
use futures::future::join_all;

use crate::flows::{noted, sleeper, told};
use crate::{Lab, end, name, on_both, output, parked};

on_both!(
    a_spawned_run_sleeps_out_of_memory_and_goes_on_without_a_worker,
    a_signal_of_another_program_wakes_a_spawned_run,
    a_spawned_run_that_waits_is_executed_by_one_of_many,
    many_spawned_runs_wake_at_the_same_time,
    a_worker_goes_on_with_a_waiting_run_whose_engine_is_gone,
);

async fn a_spawned_run_sleeps_out_of_memory_and_goes_on_without_a_worker(lab: &Lab) {
    let engine = lab.engine().await;
    let name = name("asleep");
    let request = engine.run(sleeper(name.clone(), 1_500));
    let handle = request.spawn().await.unwrap();
    let row = parked(&engine, handle.id()).await;
    assert!(row.wake_at.is_some());
    assert_eq!(handle.status().await.unwrap(), RunStatus::Waiting);
    let given = end(&handle).await.unwrap();
    assert_eq!(given.output_content, format!("{name}: after"));
    let counts = ["before", "after"].map(|what| noted(&format!("{name}: {what}")));
    assert_eq!(counts, [1, 1]);
}

async fn a_signal_of_another_program_wakes_a_spawned_run(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let name = name("told");
    let handle = engine.run(told(name.clone())).spawn().await.unwrap();
    parked(&engine, handle.id()).await;
    other.signal(handle.id(), "answer", "yes").await.unwrap();
    let given = end(&handle).await.unwrap();
    assert_eq!(given.output_content, format!("{name}: yes"));
    assert_eq!(noted(&format!("{name}: before")), 1);
}

/// Its own engine and the workers of three others want it.
async fn a_spawned_run_that_waits_is_executed_by_one_of_many(lab: &Lab) {
    let mut programs = [
        lab.program().await,
        lab.program().await,
        lab.program().await,
    ];
    let engine = &programs[0].engine;
    let names: Vec<String> = (0..10).map(|_| name("wanted")).collect();
    let spawned = names
        .iter()
        .map(|name| engine.run(sleeper(name.clone(), 1_200)).spawn());
    let handles = join_all(spawned).await;
    let ends = join_all(handles.iter().map(|handle| end(handle.as_ref().unwrap()))).await;
    for (name, given) in names.iter().zip(ends) {
        assert_eq!(given.unwrap().output_content, format!("{name}: after"));
        let counts = ["before", "after"].map(|what| noted(&format!("{name}: {what}")));
        assert_eq!(counts, [1, 1]);
    }
    for program in &mut programs {
        program.stop().await;
    }
}

async fn many_spawned_runs_wake_at_the_same_time(lab: &Lab) {
    let engine = lab.engine().await;
    let spawned = (0..100_u32).map(|number| {
        let call = sleeper(format!("many {number} {}", Uuid::now_v7()), 1_500);
        engine.run(call).spawn()
    });
    let handles = join_all(spawned).await;
    let ends = handles.iter().map(|handle| end(handle.as_ref().unwrap()));
    for given in join_all(ends).await {
        let text = given.unwrap().output_content;
        assert_eq!(noted(&text), 1, "{text}");
        assert_eq!(noted(&text.replace("after", "before")), 1, "{text}");
    }
}

async fn a_worker_goes_on_with_a_waiting_run_whose_engine_is_gone(lab: &Lab) {
    let engine = lab.engine().await;
    let name = name("left");
    let handle = engine.run(told(name.clone())).spawn().await.unwrap();
    let id = handle.id();
    parked(&engine, id).await;
    engine.close().await;
    drop((engine, handle));

    let program = lab.program().await;
    program.engine.signal(id, "answer", "late").await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(output(&program.engine, id).await, format!("{name}: late"));
}
