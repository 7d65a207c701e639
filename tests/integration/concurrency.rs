//! Many runs at once on one file.

use std::collections::HashSet;

use flow_engine::prelude::*;
use flow_engine::{RunFilter, RunStatus};
use futures::future::join_all;

use crate::support::{draft, engine, rate};

#[flow(total_steps = 5)]
async fn five_steps(number: usize) -> Result<usize> {
    let text = draft(format!("topic {number}")).await?;
    let (first, second) = tokio::join!(rate(format!("{text} {number}")), rate(text.clone()));
    draft(format!("{} {}", first?.reason, second?.reason)).await?;
    draft("the end").await?;
    Ok(number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_concurrent_flows_lose_no_step_and_write_none_twice() {
    let engine = engine().await;
    let runs = (0..1000).map(|number| tokio::spawn(engine.execute(five_steps(number))));
    let done: Vec<_> = join_all(runs)
        .await
        .into_iter()
        .map(|run| run.unwrap().unwrap())
        .collect();
    assert!(done.iter().map(|run| run.output_content).eq(0..1000));

    let all = RunFilter {
        limit: 10_000,
        ..RunFilter::default()
    };
    let rows = engine.runs(all).await.unwrap();
    assert_eq!(rows.len(), 1000);
    let mut steps = HashSet::new();
    let mut requests = 0;
    for row in rows {
        assert_eq!((row.status, row.step_progress), (RunStatus::Completed, 5));
        let of_run = engine.steps(row.id).await;
        assert_eq!(
            of_run
                .iter()
                .map(|step| step.step_order)
                .collect::<Vec<_>>(),
            [1, 2, 3, 4, 5]
        );
        assert_eq!(
            row.total_tokens,
            of_run.iter().map(|step| step.tokens_used).sum::<i64>()
        );
        requests += engine.requests_of(row.id).await.unwrap().len();
        steps.extend(of_run.into_iter().map(|step| step.id));
    }
    assert_eq!((steps.len(), requests), (5000, 5000));
    engine.assert_nothing_runs().await;
}
