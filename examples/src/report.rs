//! What the examples print at their end.

use flow_engine::{Engine, FlowRun, Metadata};
use uuid::Uuid;

use crate::articles::Summary;

/// A summary, as a reader wants it.
pub fn summary(summary: &Summary) {
    println!("\n{}\n\n{}\n", summary.title, summary.summary);
    for point in &summary.key_points {
        println!("- {point}");
    }
}

/// What a run took, and where to find it.
pub fn run(engine: &Engine, run_id: Uuid, metadata: &Metadata) {
    let time = i64::try_from(metadata.execution_time_ms).ok();
    took(metadata.tokens_used, metadata.cost_estimate, time);
    found(engine, run_id);
}

/// The same of a run that somebody else has executed: what its row says.
pub fn stored(engine: &Engine, run: &FlowRun) {
    let cost = (run.unpriced_requests == 0).then_some(run.total_cost);
    took(run.total_tokens.unsigned_abs(), cost, run.execution_time_ms);
    found(engine, run.id);
}

fn took(tokens: u64, cost: Option<f64>, time: Option<i64>) {
    let cost = cost.map_or_else(|| "unknown price".to_owned(), |usd| format!("${usd:.6}"));
    println!("\ntokens    {tokens}");
    println!("cost      {cost}");
    println!("time      {} ms", time.unwrap_or_default());
}

fn found(engine: &Engine, run_id: Uuid) {
    println!("run       {run_id}");
    println!("database  {}", engine.database());
}
