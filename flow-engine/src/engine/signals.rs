//! What runs are told from outside, and what they wait for.

use chrono::{DateTime, Utc};
use flow_engine_db::{NewSignal, NewStep, RunStatus, Signal, StepStatus};
use serde::Serialize;
use uuid::Uuid;

use super::Engine;
use super::recovery::refused;
use crate::error::{Error, ErrorKind};
use crate::run::{SLEEP_UNTIL, WAIT_FOR};

/// What a run waits for: [`Engine::waits_of`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Wait {
    /// The run whose flow waits: the root, or one below it.
    pub run_id: Uuid,
    /// The signal, by its name.
    pub signal: Option<String>,
    /// The time. That of a `timeout` around it is in [`FlowRun::wake_at`](crate::FlowRun::wake_at), if the run waits out of memory.
    pub until: Option<DateTime<Utc>>,
    /// Since when it waits, or has waited again after its program began anew.
    pub since: DateTime<Utc>,
}

impl Engine {
    /// Tells a run something, for which it [waits](crate::wait_for) by this name, or will: what nobody waits for yet is kept. Each
    /// signal is taken once, by the wait that comes first; so where a flow waits for the same thing again and again, let the names
    /// differ: `approval-1`, `approval-2`.
    ///
    /// Once this returns it is on disk, and the run goes on: at once if this engine executes it or has a
    /// [worker](crate::Worker), else when the process that does looks for it, within a second. The id of a sub-flow's run stands for
    /// that of its root.
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`] if there is no such run, or it has completed or was cancelled; [`ErrorKind::InvalidInput`] if the
    /// value cannot be written as JSON, or the name is empty; or why the database cannot be written.
    pub async fn signal(
        &self,
        run_id: Uuid,
        name: impl Into<String>,
        value: impl Serialize,
    ) -> Result<(), Error> {
        let name = name.into();
        let invalid = |message: String| Error::new(ErrorKind::InvalidInput, message);
        if name.is_empty() || name.contains('\0') {
            let message = "a signal needs a name, without NUL characters in it";
            return Err(invalid(message.to_owned()));
        }
        let payload = serde_json::to_string(&value);
        let payload = payload.map_err(|error| {
            invalid(format!(
                "the signal `{name}` cannot be written as JSON: {error}"
            ))
        })?;
        let root_run_id = self.root_of(run_id).await?;
        let signal = NewSignal {
            id: Uuid::now_v7(),
            root_run_id,
            name,
            payload,
            created_at: Utc::now(),
        };
        let refuse = |reason: &str| Err(refused(run_id, "told anything", reason));
        match self.services.store.signal(signal).await? {
            None => refuse("there is no such run"),
            Some(RunStatus::Completed) => refuse("it has completed"),
            Some(RunStatus::Cancelled) => refuse("it was cancelled"),
            Some(_) => {
                self.services.signals.ring(root_run_id);
                self.services.queued.notify_one();
                Ok(())
            }
        }
    }

    /// What a run was told, with all below its root, the oldest first: taken already or not.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn signals_of(&self, run_id: Uuid) -> Result<Vec<Signal>, Error> {
        let root = self.root_of(run_id).await?;
        Ok(self.services.store.signals(root).await?)
    }

    /// What a run waits for, with all below its root, the longest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn waits_of(&self, run_id: Uuid) -> Result<Vec<Wait>, Error> {
        let root = self.root_of(run_id).await?;
        let mut recorded = self.store().await.journal(root).await?.steps;
        recorded.retain(|step| step.kind == NewStep::ENGINE && step.status == StepStatus::Running);
        recorded.sort_by_key(|step| (step.created_at, step.id));
        let waits = recorded.into_iter().filter_map(|step| {
            let inputs: serde_json::Value = serde_json::from_str(&step.inputs).ok()?;
            let (signal, until) = match step.step_name.as_str() {
                WAIT_FOR => (Some(inputs["signal"].as_str()?.to_owned()), None),
                SLEEP_UNTIL => (None, Some(inputs["until"].as_str()?.parse().ok()?)),
                _ => return None,
            };
            Some(Wait {
                run_id: step.flow_run_id,
                signal,
                until,
                since: step.created_at,
            })
        });
        Ok(waits.collect())
    }
}
