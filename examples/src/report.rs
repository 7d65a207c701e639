//! What the examples print at their end.

use flow_engine::{Engine, Metadata};
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
    let cost = metadata
        .cost_estimate
        .map_or_else(|| "unknown price".to_owned(), |usd| format!("${usd:.6}"));
    println!("\ntokens    {}", metadata.tokens_used);
    println!("cost      {cost}");
    println!("time      {} ms", metadata.execution_time_ms);
    println!("run       {run_id}");
    println!("database  {}", engine.database());
}
