//! A run that did not come to its end goes on, and nothing that it recorded is executed again.

use flow_engine::prelude::*;
use flow_engine::{RunStatus, map};

use crate::lab::{Lab, ask, questions};

#[flow]
async fn asks_all(questions: Vec<String>) -> Result<usize> {
    Ok(map(questions, 10, ask).await?.len())
}

#[tokio::test]
async fn of_102_parallel_calls_2_fail_and_exactly_2_run_again() {
    let lab = Lab::new().await;
    lab.model.fail(&["q7", "q99"]);
    let error = lab.execute(asks_all(questions(102))).await.unwrap_err();
    let id = error.run_id().unwrap();
    assert_eq!(lab.model.asked().len(), 102, "every branch came to its end");
    lab.model.fail(&[]);

    let lab = lab.restarted().await;
    let done = lab.resume(id).await.unwrap();
    assert_eq!(done.output_content, 102);
    assert_eq!(lab.model.asked_since(102), ["q7", "q99"]);
    assert_eq!(lab.run_row(id).await.status, RunStatus::Completed);
}
