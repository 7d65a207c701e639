//! Why a step ran again: which argument, field, message or parameter.

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, Explanation, map};
use uuid::Uuid;

use crate::plans::failed;
use crate::support::{TestEngine, World, ask, conclude, note, report};

#[data]
struct Style {
    tone: String,
    words: u32,
}

#[step(prompt = "./prompts/compose.md")]
async fn compose(style: Style, text: String) -> String;

#[flow]
async fn composed(#[state] world: World) -> Result<String> {
    let tone = world.text("tone", "dry", "warm");
    let text = world.text("text", "rain", "snow");
    let written = compose(Style { tone, words: 9 }, text).await?;
    conclude("end").await?;
    Ok(written)
}

fn lines(explanation: &Explanation) -> Vec<String> {
    explanation
        .changes
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[tokio::test]
async fn a_field_of_an_argument_and_the_message_it_went_into_are_named() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, composed(), "end").await;
    engine.world.edit("tone");
    let why = engine.why(id, "compose").await.unwrap();
    let [one] = &why[..] else { panic!("{why:#?}") };
    let row = engine.rows(id, "compose").await.remove(0);
    assert_eq!((one.step_run_id, one.compared_with), (None, Some(row.id)));
    assert_eq!(
        one.to_string(),
        "compose: input content changed\n  inputs.style.tone: \"dry\" → \"warm\"\n  request.messages[0].content: \"You \
         write in a dry tone.\" → \"You write in a warm tone.\""
    );
}

#[tokio::test]
async fn after_the_resume_the_same_is_told_of_the_row() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, composed(), "end").await;
    engine.world.edit("text");
    let before = engine.why(id, "compose").await.unwrap();
    engine.resume(id).await.unwrap();
    let engine = engine.restarted().await;
    let after = engine.why(id, "compose").await.unwrap();
    let rows = engine.rows(id, "compose").await;
    let [one] = &after[..] else {
        panic!("{after:#?}")
    };
    assert_eq!(
        (one.step_run_id, one.compared_with),
        (Some(rows[1].id), Some(rows[0].id))
    );
    let changes = [
        r#"inputs.text: "rain" → "snow""#,
        r#"request.messages[1].content: "rain" → "snow""#,
    ];
    assert_eq!(lines(one), changes);
    assert_eq!(lines(&before[0]), changes);
    assert_eq!(before[0].reason, one.reason);
}

#[tokio::test]
async fn a_parameter_of_the_prompt_is_named() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, composed(), "end").await;
    // As if the prompt's front matter had been another one.
    engine
        .sql(
            "UPDATE llm_requests SET prompt_id = 'old', request = json_set(request, '$.parameters.temperature', 0.1) \
             WHERE step_run_id IN (SELECT id FROM flow_step_runs WHERE step_name = 'compose'); \
             UPDATE flow_step_runs SET call_key = 'old', content_hash = 'old' WHERE step_name = 'compose'",
        )
        .await;
    for resumed in [false, true] {
        if resumed {
            engine.resume(id).await.unwrap();
        }
        let why = engine.why(id, "compose").await.unwrap();
        assert_eq!(why.len(), 1);
        assert_eq!(why[0].reason, "prompt changed");
        assert_eq!(
            lines(&why[0]),
            ["request.parameters.temperature: 0.1 → 0.5"]
        );
    }
}

#[tokio::test]
async fn the_model_is_named() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, report("rain"), "end of rain").await;
    let engine = engine.restarted_with("m9").await;
    for resumed in [false, true] {
        if resumed {
            engine.resume(id).await.unwrap();
        }
        let why = engine.why(id, "ask").await.unwrap();
        assert_eq!(why.len(), 1);
        assert_eq!(why[0].reason, "model changed");
        assert_eq!(lines(&why[0]), [r#"request.model: "m1" → "m9""#]);
        assert!(
            engine.why(id, "note").await.unwrap().is_empty(),
            "a task asks no model"
        );
    }
}

#[flow]
async fn questions(#[state] world: World) -> Result<()> {
    let all = [
        "q1".to_owned(),
        world.text("q2", "q2", "q2 again"),
        "q3".to_owned(),
    ];
    map(all, 3, ask).await?;
    conclude("end").await?;
    Ok(())
}

#[tokio::test]
async fn of_several_equal_steps_the_one_that_differs_is_compared_with_its_like() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, questions(), "end").await;
    engine.world.edit("q2");
    let like = engine.rows(id, "ask").await[1].id;
    for resumed in [false, true] {
        if resumed {
            engine.resume(id).await.unwrap();
        }
        let why = engine.why(id, "ask").await.unwrap();
        let [one] = &why[..] else { panic!("{why:#?}") };
        assert_eq!(one.compared_with, Some(like));
        assert_eq!(lines(one)[0], r#"inputs.question: "q2" → "q2 again""#);
    }
}

#[flow]
async fn part(#[state] world: World) -> Result<String> {
    Ok(note(world.text("part", "old", "new")).await?)
}

#[flow]
async fn parts() -> Result<String> {
    let one = part().await?;
    conclude("end").await?;
    Ok(one)
}

#[tokio::test]
async fn a_step_of_a_sub_flow_is_explained_by_the_root_run() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, parts(), "end").await;
    engine.world.edit("part");
    for resumed in [false, true] {
        if resumed {
            engine.resume(id).await.unwrap();
        }
        let why = engine.why(id, "note").await.unwrap();
        assert_eq!(why.len(), 1, "{why:#?}");
        assert_eq!(lines(&why[0]), [r#"inputs.text: "old" → "new""#]);
        assert_eq!(why[0].step_run_id.is_some(), resumed);
    }
}

#[tokio::test]
async fn a_failure_that_ran_again_differs_in_nothing() {
    let engine = TestEngine::new().await;
    let id = failed(&engine, report("rain"), "end of rain").await;
    for resumed in [false, true] {
        if resumed {
            engine.resume(id).await.unwrap();
        }
        let why = engine.why(id, "conclude").await.unwrap();
        assert_eq!(why.len(), 1, "{why:#?}");
        assert_eq!(
            (why[0].reason.as_str(), lines(&why[0])),
            ("failed before", vec![])
        );
        assert!(engine.why(id, "ask").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_fork_is_explained_by_the_run_that_it_was_forked_from() {
    let engine = TestEngine::new().await;
    let source = engine.execute(report("rain")).await.unwrap().run_id;
    assert!(engine.why(source, "ask").await.unwrap().is_empty());
    let fork = engine
        .fork(source)
        .with_model("m2")
        .execute()
        .await
        .unwrap()
        .run_id;
    let why = engine.why(fork, "conclude").await.unwrap();
    assert_eq!(lines(&why[0]), [r#"request.model: "m1" → "m2""#]);
    let fork = engine
        .fork(source)
        .from("note")
        .execute()
        .await
        .unwrap()
        .run_id;
    let why = engine.why(fork, "note").await.unwrap();
    assert_eq!(why[0].to_string(), "note: left out of the fork");
}

#[tokio::test]
async fn a_run_that_is_not_there_has_no_reasons() {
    let engine = TestEngine::new().await;
    let error = engine.why(Uuid::now_v7(), "ask").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
}
