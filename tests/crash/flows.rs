//! The flows that are killed.
//!
//! The model's server reads the questions: one that begins with `never` is never answered, one with `refused` is refused.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{DateTime, Utc, map, now, race, random, timeout};

/// Asks the model; the prompt is the question.
#[step(prompt = "./prompts/ask.md")]
async fn ask(question: String) -> String;

/// What the model thinks of a text.
#[data]
pub(crate) struct Verdict {
    /// From 0 to 9
    score: u32,
}

#[step(prompt = "./prompts/judge.md")]
async fn judge(text: String) -> Verdict;

#[step]
async fn polish(text: String, score: u32) -> String {
    format!("{text}+{score}")
}

#[step]
async fn break_off(text: String) -> Result<String> {
    Err(format!("`{text}` is not to be had").into())
}

/// Reads what no two executions agree on, unless it is recorded.
#[step]
async fn stamp(at: DateTime<Utc>, seed: u64) -> String {
    format!("{at} {seed}")
}

/// One after the other, with errors that are handled.
#[flow(total_steps = 11)]
pub(crate) async fn in_sequence(topic: String) -> Result<String> {
    let at = now().await?;
    let draft = ask(format!("draft {topic}")).execute().await?;
    let tokens = draft.metadata.tokens_used;
    let mut text = draft.output_content;
    let refused = ask("refused").await.unwrap_err();
    for _ in 0..2 {
        let verdict = judge(text.clone()).await?;
        text = polish(text, verdict.score).await?;
    }
    let broken = break_off("the moon").await.unwrap_err();
    stamp(at, random().await?).await?;
    let late = timeout(Duration::from_millis(5), ask("never in time")).await;
    let same = [ask("same").await?, ask("same").await?].concat();
    Ok(format!(
        "{text} {tokens} {same} {} / {refused:#} / {broken:#}",
        late.is_err()
    ))
}

/// Branches, a race and a limit, at the same time.
#[flow]
pub(crate) async fn in_parallel(topic: String) -> Result<String> {
    let items = ["a", "b", "b", "c"].map(|item| format!("{topic} {item}"));
    let (branches, verdict, (first, won), in_time) = tokio::join!(
        map(items, 3, |item| async move {
            let found = ask(item).await?;
            let shared = ask("same").await?;
            Ok::<_, flow_engine::Error>(polish(found, 1).await? + &shared)
        }),
        judge(topic.clone()),
        async {
            race([ask("never wins"), ask("quick")])
                .await
                .expect("a race has an end")
        },
        timeout(Duration::from_mins(1), ask("in time")),
    );
    let same = ask("same").await?;
    let branches = branches?.join(",");
    let (score, won, in_time) = (verdict?.score, won?, in_time??);
    Ok(format!("{branches} {score} {first} {won} {in_time} {same}"))
}

/// A flow below the flow below.
#[flow]
async fn leaf(text: String) -> Result<String> {
    let at = now().await?;
    stamp(at, 0).await?;
    let asked = ask(format!("leaf {text}")).await?;
    Ok(polish(asked, 2).await?)
}

#[flow]
async fn branch(topic: String) -> Result<String> {
    let leaves = map(["x", "x"], 2, leaf).await?;
    let asked = ask(format!("branch {topic}")).await?;
    Ok(format!("{asked}{}", leaves.concat()))
}

/// Flows in flows, equal ones among them, and branches below.
#[flow]
pub(crate) async fn nested(topic: String) -> Result<String> {
    let (one, two) = tokio::try_join!(branch(topic.clone()).execute(), branch("wind").execute())?;
    let tokens = one.metadata.tokens_used + two.metadata.tokens_used;
    let again = leaf("x").await?;
    let sum = one.output_content + &two.output_content + &again;
    Ok(format!("{} {tokens}", polish(sum, 3).await?))
}

/// Fails as long as the model refuses, after all that it could do.
#[flow]
pub(crate) async fn refused_at_first(topic: String) -> Result<String> {
    let questions = ["a", "refused at first", "refused at first", "b"];
    let answers = map(questions, 4, ask).await;
    let draft = leaf(topic).await?;
    Ok(format!("{draft} {}", answers?.concat()))
}
