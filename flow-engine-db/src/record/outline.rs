//! [`Outline`]: what there is to show of a run.

use uuid::Uuid;

use super::record;
use crate::{RunStatus, StepStatus};

record! {
    /// A run, for who follows it.
    pub struct OutlineRun, OutlineRunRow in flow_runs {
        /// Primary key.
        pub id: Uuid,
        /// Name of the flow, or of the step used alone.
        pub flow_name: String,
        /// Its [`status`](crate::FlowRun::status).
        pub status: RunStatus,
        /// Its [`progress_percentage`](crate::FlowRun::progress_percentage).
        pub progress_percentage: f64,
    }
}

record! {
    /// A step run, for who follows its run.
    pub struct OutlineStep, OutlineStepRow in flow_step_runs {
        /// Primary key.
        pub id: Uuid,
        /// The run or sub-run that it is a part of.
        pub flow_run_id: Uuid,
        /// Name of the step.
        pub step_name: String,
        /// Its [`status`](crate::FlowStepRun::status).
        pub status: StepStatus,
    }
}

/// A root run with all that is below it, as of one moment.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Outline {
    /// The root run and its sub-runs, in the order in which they began.
    pub runs: Vec<OutlineRun>,
    /// Their step runs, in the order in which they began.
    pub steps: Vec<OutlineStep>,
}
