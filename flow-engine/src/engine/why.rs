//! Why a step ran again.

use std::fmt;

use flow_engine_db::{FlowStepRun, RunStatus};
use uuid::Uuid;

use super::Engine;
use super::plan::differences;
use crate::difference::Change;
use crate::error::Error;

/// Why a step ran, although something like it was recorded: see [`Engine::why`]. `{}` prints it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// Its row; `None` if it would run on a resume.
    pub step_run_id: Option<Uuid>,
    /// The step's name.
    pub step_name: String,
    /// The reason, in the words of [`MissReason`](crate::MissReason).
    pub reason: String,
    /// The recorded step that it was compared with.
    pub compared_with: Option<Uuid>,
    /// In what the two differ: `inputs.style`, `request.messages[0].content`.
    pub changes: Vec<Change>,
}

impl Engine {
    /// Why the steps of this name in a run were executed, or would be on a resume, although something like them was
    /// recorded: which input, which message, which parameter is another. Empty if nothing of it was executed twice.
    ///
    /// # Errors
    /// As for [`resume_plan`](Self::resume_plan), if the run has not completed.
    pub async fn why(&self, run_id: Uuid, step: &str) -> Result<Vec<Explanation>, Error> {
        let run_id = self.root_of(run_id).await?;
        let mut all = self.recorded_reasons(run_id, step).await?;
        let completed = self
            .find_run(run_id)
            .await?
            .is_some_and(|run| run.status == RunStatus::Completed);
        if !completed {
            let plan = self.resume_plan(run_id).await?;
            let planned = plan
                .misses
                .into_iter()
                .filter(|miss| miss.step_name == step);
            all.extend(planned.map(|miss| Explanation {
                step_run_id: None,
                step_name: miss.step_name,
                reason: miss.reason.to_string(),
                compared_with: miss.compared_with,
                changes: miss.changes,
            }));
        }
        Ok(all)
    }

    /// The reasons that stand in the rows of a run.
    async fn recorded_reasons(&self, run_id: Uuid, step: &str) -> Result<Vec<Explanation>, Error> {
        let store = self.store().await;
        let mut steps = self.steps_of_tree(run_id).await?;
        if let Some(fork) = store.fork(run_id).await? {
            steps.extend(self.steps_of_tree(fork.forked_from).await?);
        }
        let mut explained = Vec::new();
        for row in steps.iter().filter(|row| row.step_name == step) {
            let (Some(reason), Some(like)) = (&row.miss_reason, row.compared_with) else {
                continue;
            };
            let like = steps.iter().find(|other| other.id == like);
            let changes = match like {
                Some(like) => {
                    let before = self.request_body(like.llm_request_id).await?;
                    let after = self.request_body(row.llm_request_id).await?;
                    differences(
                        (&like.inputs, before.as_ref()),
                        (&row.inputs, after.as_ref()),
                    )
                }
                None => Vec::new(),
            };
            explained.push(Explanation {
                step_run_id: Some(row.id),
                step_name: row.step_name.clone(),
                reason: reason.clone(),
                compared_with: row.compared_with,
                changes,
            });
        }
        Ok(explained)
    }

    async fn steps_of_tree(&self, root: Uuid) -> Result<Vec<FlowStepRun>, Error> {
        let mut steps = Vec::new();
        for run in self.services.store.journal(root).await?.runs {
            steps.extend(self.services.store.steps(run.id).await?);
        }
        Ok(steps)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step_name, self.reason)?;
        for change in &self.changes {
            write!(f, "\n  {change}")?;
        }
        Ok(())
    }
}
