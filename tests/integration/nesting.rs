//! Flows inside flows.

use flow_engine::RunFilter;
use flow_engine::prelude::*;

use crate::support::{count_words, engine, review};

#[flow(total_steps = 2)]
async fn outer(topic: String) -> Result<u64> {
    let executed = review(topic).execute().await?;
    count_words("a b").await?;
    Ok(executed.metadata.tokens_used)
}

#[tokio::test]
async fn a_flow_inside_a_flow_is_a_run_below_its_parent_whose_sums_hold_it() {
    let engine = engine().await;
    let done = engine.execute(outer("rain")).await.unwrap();
    let parent = engine.row(done.run_id).await;
    let below = RunFilter {
        parent_run_id: Some(done.run_id),
        ..RunFilter::default()
    };
    let children = engine.runs(below).await.unwrap();
    let [child] = children.as_slice() else {
        panic!("one run below, not {}", children.len())
    };
    assert_eq!(
        (child.flow_name.as_str(), child.root_run_id),
        ("review", done.run_id)
    );
    assert_eq!(engine.steps(child.id).await.len(), 3);
    assert_eq!(engine.steps(done.run_id).await.len(), 1);
    assert_eq!(
        child.total_tokens,
        i64::try_from(done.output_content).unwrap()
    );
    assert_eq!(
        (parent.total_tokens, parent.unpriced_requests),
        (child.total_tokens, 2)
    );
    assert_eq!(
        parent.step_progress, 2,
        "a sub-flow counts as a step of its parent"
    );
}

#[flow]
pub(crate) async fn countdown(from: u32) -> Result<u32> {
    match from {
        0 => Ok(0),
        _ => Ok(1 + countdown(from - 1).await?),
    }
}

#[tokio::test]
async fn a_flow_may_call_itself() {
    let engine = engine().await;
    let done = engine.execute(countdown(5)).await.unwrap();
    assert_eq!(done.output_content, 5);
    assert_eq!(engine.runs(RunFilter::default()).await.unwrap().len(), 6);
}
