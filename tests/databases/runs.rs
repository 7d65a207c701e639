//! How a test waits for what other tasks and processes do to its runs.

use std::time::{Duration, Instant};

use flow_engine::{Engine, FlowRun};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Until when what is waited for must have come.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until a run, which is there already, stands as `is` says.
pub(crate) async fn until(engine: &Engine, run: Uuid, is: impl Fn(&FlowRun) -> bool) -> FlowRun {
    let begin = Instant::now();
    loop {
        let row = engine.find_run(run).await.unwrap().unwrap();
        if is(&row) {
            return row;
        }
        assert!(begin.elapsed() < PATIENCE, "it does not come: {row:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until something else is so.
pub(crate) async fn eventually<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    let soon = async {
        while !is_so().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, soon).await.expect("it does not come");
}
