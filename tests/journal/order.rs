//! What the journal says a call came after, by which equal calls are told apart.

use flow_engine::prelude::*;
use flow_engine::{FlowStepRun, map, spawn};
use tokio::sync::Notify;
use tokio::try_join;

use crate::lab::{Lab, ask, refine};

#[step]
async fn asks_in_a_task(question: String) -> Result<String> {
    let answer = ask(question).await?;
    Ok(refine(answer).await?)
}

#[flow]
async fn does_all_kinds_of_things(items: Vec<String>) -> Result<String> {
    ask("first".to_owned()).await?;
    map(items, 2, ask).await?;
    ask("after a map".to_owned()).await?;
    asks_in_a_task("in a task".to_owned()).await?;
    ask("after a task".to_owned()).await?;
    spawn(async {
        ask("spawned".to_owned()).await?;
        ask("second spawned".to_owned()).await
    })
    .await??;
    Ok(ask("after what was spawned".to_owned()).await?)
}

#[tokio::test]
async fn a_call_comes_after_what_the_code_around_it_waited_for() {
    let lab = Lab::new().await;
    for items in [vec!["a", "b"], vec!["c"]] {
        let items = items.into_iter().map(str::to_owned).collect();
        let done = lab.execute(does_all_kinds_of_things(items)).await.unwrap();
        let steps = lab.steps(done.run_id).await;
        let row = |question: &str| -> &FlowStepRun {
            let is_it = |step: &&FlowStepRun| step.inputs["question"] == question;
            steps.iter().find(is_it).unwrap()
        };
        let key = |question| row(question).call_key.as_deref();
        let previous = |question| row(question).previous_key.as_deref();
        let task = steps.iter().find(|step| step.kind == "task").unwrap();

        assert_eq!(previous("first"), None);
        // Whatever its items are.
        assert_eq!(previous("after a map"), Some("map"));
        assert_eq!(previous("in a task"), key("after a map"));
        assert_eq!(previous("after a task"), task.call_key.as_deref());
        assert_eq!(previous("spawned"), key("after a task"));
        assert_eq!(previous("second spawned"), key("spawned"));
        assert_eq!(previous("after what was spawned"), key("after a task"));
    }
}

static ASKED_INSIDE: Notify = Notify::const_new();
static ASKED_BESIDE: Notify = Notify::const_new();

#[step]
async fn asks_and_waits(question: String) -> Result<String> {
    let answer = ask(question).await?;
    ASKED_INSIDE.notify_one();
    ASKED_BESIDE.notified().await;
    Ok(answer)
}

#[flow]
async fn asks_beside_a_task() -> Result<String> {
    ask("before".to_owned()).await?;
    let beside = async {
        ASKED_INSIDE.notified().await;
        let answer = ask("beside".to_owned()).await;
        ASKED_BESIDE.notify_one();
        answer
    };
    let (_, answer) = try_join!(asks_and_waits("inside".to_owned()), beside)?;
    Ok(answer)
}

/// On a replay the task gives what is recorded, and asks nothing.
#[tokio::test]
async fn a_call_does_not_come_after_what_a_task_beside_it_called() {
    let lab = Lab::new().await;
    let done = lab.execute(asks_beside_a_task()).await.unwrap();
    let steps = lab.steps(done.run_id).await;
    let row = |question: &str| {
        let is_it =
            |step: &&FlowStepRun| step.kind != "task" && step.inputs["question"] == question;
        steps.iter().find(is_it).unwrap()
    };
    assert_eq!(row("beside").previous_key, row("before").call_key);
}
