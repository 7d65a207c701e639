//! A run that did not come to its end goes on, and nothing that it recorded is executed again.

use flow_engine::prelude::*;
use flow_engine::{RunStatus, map};

use crate::support::{TestEngine, ask};

#[flow]
async fn asks_all(questions: Vec<String>) -> Result<usize> {
    Ok(map(questions, 10, ask).await?.len())
}

#[tokio::test]
async fn of_102_parallel_calls_2_fail_and_exactly_2_run_again() {
    let engine = TestEngine::new().await;
    engine.model.fail(&["q7", "q99"]);
    let questions: Vec<String> = (0..102).map(|number| format!("q{number}")).collect();
    let error = engine.execute(asks_all(questions)).await.unwrap_err();
    let id = error.run_id().unwrap();
    assert_eq!(
        engine.model.asked().len(),
        102,
        "every branch came to its end"
    );
    engine.model.fail(&[]);

    let engine = engine.restarted().await;
    let done = engine.resume(id).await.unwrap();
    assert_eq!(done.output_content, 102);
    let mut again = engine.model.asked().split_off(102);
    again.sort();
    assert_eq!(again, ["q7", "q99"]);
    assert_eq!(engine.run(id).await.status, RunStatus::Completed);
}
