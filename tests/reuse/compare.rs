//! Two runs side by side.

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, map};
use serde_json::json;
use uuid::Uuid;

use crate::support::{TestEngine, World, ask, conclude, note, report};

#[tokio::test]
async fn a_run_and_its_fork_are_compared_in_outputs_tokens_and_what_was_paid() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap();
    let fork = engine.fork(source.run_id).from("conclude").with_model("m2");
    let fork = fork.execute().await.unwrap();
    let both = engine.compare(source.run_id, fork.run_id).await.unwrap();
    let (before, after) = (&both.before, &both.after);
    assert_eq!((before.run_id, after.run_id), (source.run_id, fork.run_id));
    assert_eq!(before.output, Some(json!(source.output_content)));
    assert_eq!(after.output, Some(fork.output_content));
    assert_eq!((before.tokens, before.paid_tokens), (30, 30));
    assert_eq!(
        (after.tokens, after.paid_tokens),
        (30, 15),
        "a half of it is shared"
    );
    assert_eq!((before.cost, before.paid_cost), (None, None));
    assert_eq!((after.cost, after.paid_cost), (None, None));
    let shown: Vec<_> = both
        .steps
        .iter()
        .map(|pair| {
            let (one, other) = (pair.before.as_ref().unwrap(), pair.after.as_ref().unwrap());
            let models = (one.model.as_deref(), other.model.as_deref());
            assert!(!one.is_shared);
            (
                pair.step_name.as_str(),
                other.is_shared,
                one.output == other.output,
                models,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("ask", true, true, (Some("m1"), Some("m1"))),
            ("note", true, true, (None, None)),
            ("conclude", false, false, (Some("m1"), Some("m2"))),
        ]
    );
    let shown = both.to_string();
    let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
    assert_eq!(
        lines,
        [
            "                                before                         after",
            "ask           15 tokens, unknown price  15 tokens, unknown price, shared",
            "note                 0 tokens, $0.0000     0 tokens, $0.0000, shared",
            "conclude      15 tokens, unknown price      15 tokens, unknown price",
            "total         30 tokens, unknown price      30 tokens, unknown price",
            "paid          30 tokens, unknown price      15 tokens, unknown price",
            "value: \"facts of rain by m1 #1; noted rain; end of rain by m1 #2\" → \
             \"facts of rain by m1 #1; noted rain; end of rain by m2 #3\"",
        ],
        "{shown}"
    );
}

#[tokio::test]
async fn known_prices_are_summed_and_what_is_shared_is_not_paid() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    let price = "UPDATE flow_step_runs SET cost_estimate = 0.25 WHERE tokens_used > 0; \
                 UPDATE flow_runs SET total_cost = 0.5, unpriced_requests = 0";
    engine.sql(price).await;
    let fork = engine.fork(source).execute().await.unwrap().run_id;
    let both = engine.compare(source, fork).await.unwrap();
    assert_eq!(
        (both.before.cost, both.before.paid_cost),
        (Some(0.5), Some(0.5))
    );
    assert_eq!(
        (both.after.cost, both.after.paid_cost),
        (Some(0.5), Some(0.0))
    );
    assert!(both.changes.is_empty());
    assert!(
        both.to_string().contains("15 tokens, $0.2500, shared"),
        "{both}"
    );
}

#[flow]
async fn edited_story(#[state] world: World) -> Result<String> {
    let first = ask("first").await?;
    if world.is_edited("longer") {
        note("new").await?;
    } else {
        conclude("old").await?;
    }
    Ok(first)
}

#[tokio::test]
async fn steps_that_only_one_run_has_stand_alone() {
    let engine = TestEngine::new().await;
    let source = engine.execute(edited_story()).await.unwrap().run_id;
    engine.world.edit("longer");
    let fork = engine.fork(source).execute().await.unwrap().run_id;
    let both = engine.compare(source, fork).await.unwrap();
    let shown: Vec<_> = both
        .steps
        .iter()
        .map(|pair| {
            (
                pair.step_name.as_str(),
                pair.before.is_some(),
                pair.after.is_some(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("ask", true, true),
            ("conclude", true, false),
            ("note", false, true)
        ]
    );
    let shown = both.to_string();
    let line = shown.lines().nth(2).unwrap();
    assert!(line.ends_with('-'), "{line}");
}

#[flow]
async fn polish(text: String) -> Result<String> {
    Ok(conclude(format!("polish {text}")).await?)
}

#[flow]
async fn polished() -> Result<Vec<String>> {
    let draft = ask("draft").await?;
    let one = polish(draft.clone()).await?;
    let mut all = map([draft], 2, note).await?;
    all.push(one);
    Ok(all)
}

#[tokio::test]
async fn steps_of_sub_flows_and_branches_are_matched_although_what_they_work_on_differs() {
    let engine = TestEngine::new().await;
    let source = engine.execute(polished()).await.unwrap().run_id;
    let fork = engine
        .fork(source)
        .with_model("m2")
        .execute()
        .await
        .unwrap()
        .run_id;
    let both = engine.compare(source, fork).await.unwrap();
    let shown: Vec<_> = both
        .steps
        .iter()
        .map(|pair| {
            (
                pair.step_name.as_str(),
                pair.before.is_some(),
                pair.after.is_some(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("ask", true, true),
            ("conclude", true, true),
            ("note", true, true)
        ],
        "\n{both}"
    );
}

#[tokio::test]
async fn a_run_that_did_not_complete_has_no_output_and_one_that_is_not_there_is_an_error() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    engine.world.fail(&["end of rain"]);
    let fork = engine.fork(source).from("conclude");
    let id = fork.id();
    fork.execute().await.unwrap_err();
    let both = engine.compare(source, id).await.unwrap();
    assert_eq!(both.after.output, None);
    assert!(both.changes.is_empty());
    assert_eq!(both.steps[2].after.as_ref().unwrap().output, None);
    let error = engine.compare(source, Uuid::now_v7()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
    let message = format!("{error:#}");
    assert!(
        message.contains("there is no such root run") && !message.contains("resumed"),
        "{message}"
    );
}

#[tokio::test]
async fn the_model_of_a_shared_step_is_known_when_the_run_it_came_from_is_gone() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    let one = engine.fork(source).execute().await.unwrap().run_id;
    let other = engine.fork(one).execute().await.unwrap().run_id;
    engine.delete_run(source).await.unwrap();
    let both = engine.compare(one, other).await.unwrap();
    let ask = both.steps[0].after.as_ref().unwrap();
    assert_eq!((ask.tokens, ask.model.as_deref()), (15, Some("m1")));
}
