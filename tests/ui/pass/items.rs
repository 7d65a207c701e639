//! The forms of an item: its arguments, where it stands and who sees it.

#![deny(missing_docs, dead_code, unused_variables)]

use flow_engine::prelude::*;

/// All arguments of a model step.
#[step(
    kind = "unstructured",
    prompt = "./beside.md",
    model = "gpt-5-mini",
    name = "given by a model",
    version = 2,
    cache = "1w",
    type = "Given"
)]
pub async fn all_arguments(content: String) -> String;

/// All arguments of a flow.
#[flow(total_steps = 2, name = "given_flow", version = 3, type = "GivenFlow")]
pub(crate) async fn all_arguments_of_a_flow(content: String) -> Result<String> {
    Ok(all_arguments(content).await?)
}

/// All arguments of a task.
#[step(
    kind = "task",
    name = "given::task",
    version = 4,
    cache = "1h 30m",
    type = "GivenTask"
)]
pub async fn all_arguments_of_a_task(content: String) -> String {
    content
}

/// No argument.
#[step]
async fn all_arguments_left_out(content: String) -> String {
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
fn arguments_give_the_recorded_name_and_how_long_an_answer_is_reused() {
    let given = [
        Given::definition(),
        GivenFlow::definition(),
        GivenTask::definition(),
        AllArgumentsLeftOut::definition(),
    ];
    assert_eq!(
        given.map(flow_engine::Definition::name),
        [
            "given by a model",
            "given_flow",
            "given::task",
            "all_arguments_left_out"
        ]
    );
    assert_eq!(
        given.map(|definition| definition.cache),
        [Some(604_800), None, Some(5400), None]
    );
    assert_eq!(Given::input_schema()["title"], "given by a model");
}

#[test]
fn code_is_the_same_in_other_whitespace_and_other_with_another_token() {
    #[step]
    async fn sum(xs: Vec<Vec<u8>>) -> usize {
        let all: Vec<u8> = xs.concat(); // all of them
        let (few, many) = (&all, &all);
        few.len() << many.len()
    }

    #[rustfmt::skip]
    mod written_otherwise {
        #[flow_engine::step]
        pub(super) async fn sum_again(xs: Vec<Vec<u8>>) -> usize {
            let all:Vec<u8>=xs.concat();let(few,many)=(&all,&all); few.len()<<many.len() }
    }

    #[step]
    async fn other_sum(xs: Vec<Vec<u8>>) -> usize {
        let all: Vec<u8> = xs.concat();
        let (few, many) = (&all, &all);
        few.len() >> many.len()
    }

    let _ = (
        sum(Vec::new()),
        written_otherwise::sum_again(Vec::new()),
        other_sum(Vec::new()),
    );
    let code = Sum::definition().code.unwrap();
    assert_eq!(code.len(), 64);
    assert_eq!(written_otherwise::SumAgain::definition().code, Some(code));
    assert_ne!(OtherSum::definition().code, Some(code));
    assert_eq!(Given::definition().code, None);
    assert!(GivenFlow::definition().code.is_some());
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

/// All that an effect takes.
#[step(once, key = "charge-{order_id}-{{{attempt}}}", timeout = "5s")]
async fn charge(order_id: flow_engine::Uuid, attempt: u8, cents: u64) -> Result<u64> {
    Ok(cents)
}

/// Known by its step alone.
#[step(once, key = "welcome")]
async fn welcome() {}

/// An input that only the key uses.
#[step(once, key = "{type}", kind = "task")]
async fn announce(r#type: String) {}

#[test]
fn an_effect_is_known_by_what_its_key_says() {
    let call = charge(flow_engine::Uuid::nil(), 3, 500);
    let key = "charge-00000000-0000-0000-0000-000000000000-{3}";
    assert_eq!(call.effect_key().as_deref(), Some(key));
    assert_eq!(welcome().effect_key().as_deref(), Some("welcome"));
    assert_eq!(announce("x").effect_key().as_deref(), Some("x"));
    assert_eq!(Announce::definition().once(), Some("{type}"));
    assert_eq!(all_arguments("x").effect_key(), None);
}
