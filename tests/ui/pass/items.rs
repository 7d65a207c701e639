//! The forms of an item: its arguments, where it stands and who sees it.

#![deny(missing_docs, dead_code, unused_variables)]

use flow_engine::prelude::*;

/// All arguments of a model step.
#[step(kind = "unstructured", prompt = "./beside.md", model = "gpt-5-mini", version = 2, type = Given)]
pub async fn all_arguments(content: String) -> String;

/// All arguments of a flow.
#[flow(total_steps = 2, version = 3, type = GivenFlow)]
pub(crate) async fn all_arguments_of_a_flow(content: String) -> Result<String> {
    Ok(all_arguments(content).await?)
}

/// All arguments of a task.
#[step(kind = "task", version = 4, type = GivenTask,)]
pub async fn all_arguments_of_a_task(content: String) -> String {
    content
}

/// The kind is of this crate, the name of the prompt is that of the fn.
#[step(kind = flow_engine::step::Structured)]
async fn echo(content: String) -> String;

/// A flow that calls itself is a run in a run.
#[flow]
async fn countdown(from: u32) -> Result<u32> {
    match from.checked_sub(1) {
        Some(next) => Ok(countdown(next).await?),
        None => Ok(0),
    }
}

#[cfg(any())]
#[step(prompt = "not there.md")]
async fn left_out(content: Nothing) -> Nothing;

#[cfg_attr(all(), step)]
#[allow(clippy::missing_panics_doc)]
async fn kept(content: String) -> String {
    content
}

/// A module of its own.
mod nested {
    pub(super) mod deeper {
        #[flow_engine::step(prompt = "echo.md")]
        pub(crate) async fn echo_again(content: String) -> String;
    }
}

#[test]
fn arguments_name_the_type_and_the_version() {
    let _: (Given, GivenFlow, GivenTask) = (
        all_arguments(""),
        all_arguments_of_a_flow(""),
        all_arguments_of_a_task(""),
    );
    assert_eq!(Given::definition().version(), 2);
    assert_eq!(GivenFlow::definition().version(), 3);
    assert_eq!(GivenTask::definition().version(), 4);
    assert_eq!(
        Given::definition().prompt().unwrap().name(),
        "tests/ui/pass/beside.md"
    );
    assert_eq!(
        Echo::definition().prompt().unwrap().name(),
        "tests/ui/pass/prompts/echo.md"
    );
}

#[test]
fn the_kind_is_given_or_follows_from_body_and_output() {
    let kinds = [
        Given::definition(),
        GivenFlow::definition(),
        GivenTask::definition(),
        Echo::definition(),
    ];
    assert_eq!(
        kinds.map(flow_engine::Definition::kind),
        ["unstructured", "flow", "task", "structured"]
    );
    assert_eq!(Kept::definition().kind(), "task");
}

#[test]
fn an_item_may_stand_in_a_module_or_in_a_fn() {
    #[flow_engine::step(prompt = "echo.md")]
    async fn echo_in_a_fn(content: String) -> String;

    #[flow]
    async fn all(content: String) -> Result<String> {
        let echoed = nested::deeper::echo_again(content).await?;
        Ok(echo_in_a_fn(echoed).await?)
    }

    assert_eq!(all("x").to_inputs().unwrap()["content"], "x");
    assert_eq!(nested::deeper::EchoAgain::definition().name(), "echo_again");
    assert_eq!(countdown(3).from, 3);
}

#[test]
fn the_docs_are_those_of_the_fn() {
    assert_eq!(
        Countdown::definition().docs(),
        "A flow that calls itself is a run in a run."
    );
}
