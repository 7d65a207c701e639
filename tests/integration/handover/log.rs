//! What a worker says by `tracing`.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{FlowRun, RunStatus};
use tokio::time::{sleep, timeout};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Lab, doubles_and_stands_still, quadruple};

/// Keeps the events of flow-engine as lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until something is told.
    async fn until(&self, part: &str) {
        let told = async {
            while self.of(part).is_empty() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let is_told = timeout(super::STUCK, told).await.is_ok();
        assert!(is_told, "nothing of `{part}` in {:?}", self.all());
    }

    fn of(&self, part: &str) -> Vec<String> {
        let mut lines = self.all();
        lines.retain(|line| line.contains(part));
        lines
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("flow_engine")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[step]
async fn reads_a_file(path: String) -> Result<String> {
    let failed = || Report(std::io::Error::other("no such file"));
    std::fs::read_to_string(path).map_err(|_| failed().into())
}

#[derive(Debug)]
struct Report(std::io::Error);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the report cannot be read")
    }
}

impl std::error::Error for Report {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn a_failure_is_told_with_its_causes() {
    let lines = Lines::default();
    let _told = tracing::subscriber::set_default(lines.clone());
    let lab = Lab::new().await;
    let call = reads_a_file("/no/such/report");
    let id = lab.engine.run(call).enqueue().await.unwrap();
    let told = async {
        lab.until_status(id, RunStatus::Failed).await;
        lines.until("a background run failed").await;
    };
    lab.at_work(told).await;
    let told = lines.of("a background run failed");
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("WARN"), "{told:?}");
    assert!(told[0].contains(&id.to_string()), "{told:?}");
    let why = "the report cannot be read: no such file";
    assert!(told[0].contains(why), "{told:?}");
}

#[tokio::test]
async fn a_takeover_is_told_with_run_and_flow() {
    let lines = Lines::default();
    let _told = tracing::subscriber::set_default(lines.clone());
    let lab = Lab::new().await;
    let id = lab.engine.run(quadruple(1_u32)).enqueue().await.unwrap();
    lab.change(
        1,
        "UPDATE flow_runs SET status = 'running', lease_owner = 'dead', lease_until = 0",
    );
    lab.at_work(lab.until_status(id, RunStatus::Completed))
        .await;
    let told = lines.of("is taken over from a process that is gone");
    assert_eq!(told.len(), 1, "{:?}", lines.all());
    assert!(told[0].starts_with("INFO"), "{told:?}");
    assert!(told[0].contains(&id.to_string()), "{told:?}");
    assert!(told[0].contains(r#"flow="quadruple""#), "{told:?}");
}

#[tokio::test]
async fn a_run_that_goes_on_elsewhere_is_no_failure() {
    let lines = Lines::default();
    let _told = tracing::subscriber::set_default(lines.clone());
    let lab = Lab::new().await;
    let engine = lab
        .another(|builder| builder.lease(Duration::from_millis(300)))
        .await;
    let call = doubles_and_stands_still(1_u32);
    let id = engine.run(call).enqueue().await.unwrap();
    let told = async {
        let stands = |run: &FlowRun| run.current_step.as_deref() == Some("stands_still");
        lab.until(id, stands).await;
        lab.change(
            1,
            "UPDATE flow_runs SET lease_owner = 'another', lease_epoch = lease_epoch + 1, lease_until = 9e17",
        );
        lines.until("goes on in another process").await;
    };
    tokio::select! {
        () = engine.worker().run() => {}
        () = told => {}
    }
    let told = lines.of(&id.to_string());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("INFO"), "{told:?}");
}

#[tokio::test]
async fn a_run_that_does_not_fit_is_told_once_with_what_to_do() {
    let lines = Lines::default();
    let _told = tracing::subscriber::set_default(lines.clone());
    let lab = Lab::new().await;
    let id = lab.engine.run(quadruple(1_u32)).enqueue().await.unwrap();
    lab.change(
        1,
        r#"UPDATE flow_runs SET inputs = '{"number":1,"colour":"red"}'"#,
    );
    let next = async {
        for _ in 0..3 {
            let next = lab.engine.run(quadruple(1_u32)).enqueue().await.unwrap();
            lab.until_status(next, RunStatus::Completed).await;
        }
        lines.until("does not fit this version").await;
    };
    lab.at_work(next).await;
    let told = lines.of(&id.to_string());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("WARN"), "{told:?}");
    assert!(told[0].contains("there is no input `colour`"), "{told:?}");
    assert!(told[0].contains("`resume_with`"), "{told:?}");
}
