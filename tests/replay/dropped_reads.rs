//! What reads the database can be dropped at any moment, on every runtime.

use flow_engine::RunFilter;
use tokio::task::yield_now;

use crate::held::Held;
use crate::program::inquire;

#[tokio::test]
async fn a_read_may_be_dropped_at_any_moment() {
    let held = Held::new().await;
    held.model.hold_back(false);
    let id = held.engine.execute(inquire("who")).await.unwrap().run_id;
    for turns in 0..200 {
        // Where it is after so many turns of the runtime.
        let reads = async {
            held.engine.runs(RunFilter::default()).await.unwrap();
            held.engine.steps_of(id).await.unwrap();
            held.engine.requests_of(id).await.unwrap();
            // Reads the journal, too; it has completed.
            held.engine.resume(id).await.unwrap_err();
        };
        tokio::select! {
            biased;
            () = reads => {}
            () = turn(turns) => {}
        }
    }
    held.engine.find_run(id).await.unwrap();
}

async fn turn(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}
