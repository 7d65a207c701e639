//! The program after the edits.

pub(crate) mod calls;
pub(crate) mod failures;
pub(crate) mod flow_inputs;
pub(crate) mod inputs;
pub(crate) mod names;
pub(crate) mod outputs;
pub(crate) mod prompts;
pub(crate) mod task_outputs;
pub(crate) mod tasks;
