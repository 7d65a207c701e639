//! What the examples share: the flow of articles, and how a program with flows starts and reports.
//!
//! The programs are in `src/bin/`, one file each; the prompts are in `prompts/` at the workspace's root.

pub mod articles;
pub mod input;
pub mod program;
pub mod report;

#[cfg(test)]
mod tests {
    flow_engine::contract_tests!();
}
