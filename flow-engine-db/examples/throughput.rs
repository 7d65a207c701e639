//! How many steps a second a database takes: flows that start a step, and wait until its end is on disk.
//!
//! ```sh
//! cargo run --release -p flow-engine-db --features postgres --example throughput -- postgres://… 1 8 64 512
//! ```
//!
//! It leaves its runs in the database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use flow_engine_db::{
    Lease, LeaseTerm, NewRun, NewStep, Progress, RunProgress, StepFinish, StepStatus, Store,
    connect,
};
use tokio::task::JoinSet;
use uuid::Uuid;

const TIME: Duration = Duration::from_secs(4);

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: throughput URL FLOWS…")?;
    let store = connect(&url).await?;
    let outputs = format!(
        r#"{{"text":"{}"}}"#,
        "Lorem ipsum dolor sit amet. ".repeat(68)
    );
    for flows in arguments {
        let flows: u32 = flows.parse()?;
        let steps = Arc::new(AtomicU32::new(0));
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..flows {
            tasks.spawn(flow(
                store.clone(),
                outputs.clone(),
                begun + TIME,
                steps.clone(),
            ));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        let rate = f64::from(steps.load(Relaxed)) / begun.elapsed().as_secs_f64();
        println!("{flows:>4} flows: {rate:>7.0} steps/s");
    }
    store.close().await;
    Ok(())
}

/// Steps one after the other, each with its progress, as the runtime writes them.
async fn flow(
    store: Arc<dyn Store>,
    outputs: String,
    until: Instant,
    steps: Arc<AtomicU32>,
) -> Result<(), Failure> {
    let run = Uuid::now_v7();
    let lease = Lease::first(run);
    let term = LeaseTerm {
        owner: Uuid::now_v7(),
        duration: Duration::from_secs(30),
    };
    let new = NewRun {
        lease: Some(term),
        ..NewRun::new(run, "bench", "{}")
    };
    store.submit(lease, vec![new.into()]).await?;
    let mut order = 0;
    while Instant::now() < until {
        let id = Uuid::now_v7();
        drop(store.submit(lease, vec![NewStep::new(id, run, "step", order).into()]));
        order += 1;
        let finish = StepFinish {
            outputs: Some(outputs.clone()),
            ..StepFinish::new(id, StepStatus::Completed)
        };
        let progress = RunProgress {
            id: run,
            progress: Progress {
                step_progress: order,
                ..Progress::default()
            },
            last_heartbeat: chrono::Utc::now(),
        };
        store
            .submit(lease, vec![finish.into(), progress.into()])
            .await?;
        steps.fetch_add(1, Relaxed);
    }
    Ok(())
}
