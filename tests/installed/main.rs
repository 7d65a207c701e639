//! An installed engine. A binary of its own: a program has one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use flow_engine::ErrorKind;
use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;

#[step]
async fn double(number: u32) -> u32 {
    number * 2
}

#[tokio::test]
async fn calls_outside_of_a_run_start_one_on_the_installed_engine_but_a_bare_await_never_does() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let builder = Engine::builder().backend(MockBackend::new());
    let engine = builder.database_url(url).build().await.unwrap();
    engine.install().unwrap();

    let done = double(21).execute().await.unwrap();
    assert_eq!(done.output_content, 42);
    assert_eq!(
        engine
            .find_run(done.run_id)
            .await
            .unwrap()
            .unwrap()
            .flow_name,
        "double"
    );

    let error = double(21).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutsideRun);
    let runs = engine
        .runs(flow_engine::RunFilter::default())
        .await
        .unwrap();
    assert_eq!(runs.len(), 1, "the bare await left no run");

    let error = engine.install().unwrap_err();
    assert_eq!(
        error.to_string(),
        "an engine is already installed; install one, at the start of the program"
    );
}
