//! The program that the crash tests kill: `crashing DATABASE (FLOW | resume [RUN]) [MOMENT WRITE]`.
//!
//! It runs or resumes a flow and says on its output what came of it, unless it kills itself at a write.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod doomed;
mod flows;

use std::sync::Arc;

use doomed::{Doom, Doomed};
use flow_engine::{Engine, FlowResult, json};
use flow_engine_db::Store;
use flows::{in_parallel, in_sequence, nested, refused_at_first};
use serde_json::Value;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments = arguments.iter().map(String::as_str);
    let database = arguments.next().expect("a database");
    let task = arguments.next().expect("a flow, or `resume`");
    let run = arguments.next().filter(|run| *run != "-");
    let doom = arguments.next().map(|moment| Doom {
        moment: moment.parse().expect("a moment"),
        write: arguments.next().unwrap().parse().expect("a number"),
    });

    let real = flow_engine_db::connect(database).await.unwrap();
    let store = Arc::new(Doomed::new(real, doom));
    let builder = Engine::builder()
        // Killed processes are waited for.
        .lease(std::time::Duration::from_millis(200))
        .policy(flow_engine::Policy::once())
        .store(Arc::clone(&store) as Arc<dyn Store>);
    let engine = builder.model("test-model").build().await.unwrap();
    let result = match task {
        "in_sequence" => Some(said(engine.execute(in_sequence("rain")).await)),
        "in_parallel" => Some(said(engine.execute(in_parallel("rain")).await)),
        "nested" => Some(said(engine.execute(nested("rain")).await)),
        "refused_at_first" => Some(said(engine.execute(refused_at_first("rain")).await)),
        "resume" => {
            if let Some(run) = run {
                Some(said(engine.resume(run.parse().unwrap()).await))
            } else {
                let mut resumed = engine.resume_interrupted().await.unwrap();
                assert!(resumed.len() < 2, "{resumed:?}");
                resumed.pop().map(|resumed| said(resumed.result))
            }
        }
        other => panic!("there is no flow `{other}`"),
    };
    engine.close().await;
    println!("{}", json!({ "end": result, "writes": store.writes() }));
}

fn said<T: Into<Value>>(result: Result<FlowResult<T>, flow_engine::Error>) -> Value {
    match result {
        Ok(done) => json!({
            "run": done.run_id,
            "output": done.output_content.into(),
            "tokens": done.metadata.tokens_used,
        }),
        Err(error) => json!({ "run": error.run_id(), "error": format!("{error:#}") }),
    }
}
