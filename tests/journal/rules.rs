//! Cases that break simpler rules of identity.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{Error, StepStatus, map, timeout};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::lab::{Lab, ask, note, noted, questions, refine};
use crate::sweep::loses_nothing;

#[flow]
async fn reviewed(text: String, label: String) -> Result<String> {
    let answer = ask(text).await?;
    let better = refine(answer).await?;
    Ok(format!("{label}: {}", note(better).await?))
}

#[flow]
async fn reviewed_all(texts: Vec<String>, label: String, limit: usize) -> Result<Vec<String>> {
    Ok(map(texts, limit, |text| reviewed(text, label.clone())).await?)
}

#[tokio::test]
async fn a_sub_flow_whose_unrelated_input_changed_keeps_its_steps() {
    for limit in [1, 3] {
        let lab = Lab::new().await;
        lab.model.hold(&["q2"]);
        let call = |label: &str| reviewed_all(questions(3), label.to_owned(), limit);
        let id = lab.interrupted_at(call("old"), 6, &["q2"]).await;
        lab.model.hold(&[]);
        let sent = lab.model.asked().len();
        let done = lab.resume_with(id, call("new")).await.unwrap();
        let new = lab.model.asked().split_off(sent);
        assert_eq!(new.len(), 2, "{new:?}");
        assert!(new[0] == "q2" && new[1].starts_with("[q2 #"), "{new:?}");
        assert_eq!(noted(id).len(), 3);
        assert!(
            done.output_content
                .iter()
                .all(|text| text.starts_with("new: noted"))
        );
        lab.assert_completed(id).await;
    }
}

/// A call that is too late, and then a second chance.
#[flow]
async fn second_chance(question: String, last: String) -> Result<String> {
    let limit = Duration::from_millis(20);
    let answer = match timeout(limit, ask(question.clone())).await {
        Ok(answer) => answer?,
        Err(_) => ask(question).await?,
    };
    let better = refine(answer).await?;
    ask(last).await?;
    Ok(better)
}

#[tokio::test]
async fn a_call_that_timed_out_and_was_made_again_is_not_paid_again() {
    let lab = Lab::new().await;
    lab.model.hold(&["q", "last"]);
    let asked_twice = async {
        let twice = |asked: &[String]| asked.iter().filter(|asked| *asked == "q").count() == 2;
        lab.model.until(twice).await;
        lab.model.hold(&["last"]);
        lab.model.was_asked(&["last"]).await;
    };
    let call = second_chance("q".to_owned(), "last".to_owned());
    let id = lab.interrupted(call, asked_twice).await;
    assert_eq!(lab.model.asked()[..2], ["q", "q"]);
    lab.model.hold(&[]);
    let sent = lab.model.asked().len();
    let lab = lab.restarted().await;
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked().split_off(sent), ["last"]);
    assert_eq!(done.output_content, "[q #2] #3");
    lab.assert_completed(id).await;
}

/// Two equal calls at the same time, of which the answers are used.
#[flow]
async fn equal_pair(first_is_slow: bool, last: String) -> Result<String> {
    let branch = |turns: usize| async move {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        refine(ask("same".to_owned()).await?).await
    };
    let (turns, others) = if first_is_slow { (30, 0) } else { (0, 30) };
    let (one, two) = tokio::try_join!(branch(turns), branch(others))?;
    ask(last).await?;
    Ok(format!("{one} and {two}"))
}

#[tokio::test]
async fn two_equal_calls_in_joined_blocks_resume_in_either_order() {
    for (before, after) in [(false, true), (true, false), (true, true), (false, false)] {
        let lab = Lab::new().await;
        lab.model.hold(&["last"]);
        let call = |is_slow| equal_pair(is_slow, "last".to_owned());
        let id = lab.interrupted_at(call(before), 4, &["last"]).await;
        lab.model.hold(&[]);
        let done = lab.resume_with(id, call(after)).await.unwrap();
        assert_eq!(lab.model.asked_since(5), ["last"]);
        // In which order they were asked before is chance; each answer is used once.
        let output = done.output_content;
        let answers: Vec<&str> = output.split("same #").skip(1).collect();
        assert_eq!(answers.len(), 2, "{output}");
        assert_ne!(answers[0][..1], answers[1][..1], "{output}");
        assert_eq!(lab.recorded(id).await.len(), 5);
    }
}

/// All ways to do things at the same time, in one flow.
#[flow]
async fn all_at_once() -> Result<usize> {
    let both = |item: &str| {
        let item = item.to_owned();
        async move { refine(ask(item).await?).await }
    };
    let joined = async {
        let (one, two) = tokio::join!(both("join"), both("join"));
        Ok::<_, Error>(vec![one?, two?])
    };
    let all = futures::future::try_join_all(["all", "all", "other"].map(&both));
    let unordered = async {
        let calls: FuturesUnordered<_> = ["un", "ordered"].into_iter().map(&both).collect();
        let ends: Vec<_> = calls.collect().await;
        ends.into_iter().collect::<Result<Vec<_>, Error>>()
    };
    let spawned = async {
        let call = tokio::spawn(ask("call".to_owned()).into_future());
        let block = flow_engine::spawn(both("block"));
        let carried = tokio::spawn(flow_engine::in_current_run(both("carried")));
        let mut outputs = Vec::new();
        for task in [call, block, carried] {
            outputs.push(task.await.unwrap()?);
        }
        Ok::<_, Error>(outputs)
    };
    let (joined, all, unordered, spawned) = tokio::try_join!(joined, all, unordered, spawned)?;
    Ok([joined, all, unordered, spawned].concat().len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_way_to_do_things_at_the_same_time_loses_nothing() {
    loses_nothing(all_at_once, 19, 18).await;
}

/// Steps called by a task.
#[step]
async fn asks_inside(item: String) -> Result<String> {
    let answer = ask(item).await?;
    Ok(refine(answer).await?)
}

#[flow]
async fn with_a_task_that_asks() -> Result<String> {
    let first = asks_inside("one".to_owned()).await?;
    Ok(asks_inside(first).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn steps_inside_of_a_task_are_not_run_again_when_the_task_is() {
    loses_nothing(with_a_task_that_asks, 6, 4).await;
}

/// A loop that tries until it has an answer.
#[flow]
async fn tries(last: String) -> Result<String> {
    let mut errors = 0;
    let answer = loop {
        match ask("q".to_owned()).await {
            Ok(answer) => break answer,
            Err(_) => errors += 1,
        }
    };
    ask(last).await?;
    Ok(format!("{answer} after {errors} errors"))
}

#[tokio::test]
async fn a_call_that_failed_and_was_made_again_meets_both_ends_again() {
    let lab = Lab::new().await;
    lab.model.fail(&["q"]);
    lab.model.hold(&["last"]);
    let when = async {
        lab.model.until(|asked| asked.len() >= 3).await;
        lab.model.fail(&[]);
        lab.model.was_asked(&["last"]).await;
    };
    let id = lab.interrupted(tries("last".to_owned()), when).await;
    let failures = lab.steps(id).await;
    let failures = failures
        .iter()
        .filter(|step| step.status == StepStatus::Failed)
        .count();
    assert!(failures >= 2);
    lab.model.hold(&[]);
    let sent = lab.model.asked().len();
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked().split_off(sent), ["last"]);
    let output = done.output_content.as_str().unwrap().to_owned();
    assert!(
        output.ends_with(&format!("after {failures} errors")),
        "{output}"
    );
}
