//! What time decides once, a replay decides in the same way: races and time limits.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{race, timeout};
use futures::FutureExt;

use crate::lab::{Lab, ask, note, noted, refine};

/// Two single calls; and a step after it, at which tests interrupt the run.
#[flow]
async fn races(one: String, two: String) -> Result<String> {
    let (first, answer) = race([ask(one), ask(two)]).await?;
    let answer = answer?;
    ask("last".to_owned()).await?;
    Ok(format!("{first}: {answer}"))
}

#[tokio::test]
async fn a_race_has_the_same_winner_again_and_asks_nothing_of_the_loser() {
    for (held, winner) in [("b", 0), ("a", 1)] {
        let lab = Lab::new().await;
        lab.model.hold(&[held, "last"]);
        let call = races("a".to_owned(), "b".to_owned());
        let id = lab.interrupted_at(call, 1, &["last"]).await;
        let answer = lab.recorded(id).await.remove(0).outputs.unwrap();
        // The winner would lose now, if it were asked again.
        lab.model.hold(&["a", "b"]);
        let lab = lab.restarted().await;
        let done = lab.resume(id).await.unwrap();
        assert_eq!(lab.model.asked_since(3), ["last"]);
        let answer = answer.as_str().unwrap();
        assert_eq!(done.output_content, format!("{winner}: {answer}"));
        lab.assert_completed(id).await;
    }
}

#[tokio::test]
async fn a_run_interrupted_inside_of_a_race_goes_on_with_all_branches() {
    let lab = Lab::new().await;
    lab.model.hold(&["a", "b"]);
    let call = races("a".to_owned(), "b".to_owned());
    let id = lab.interrupted_at(call, 0, &["a", "b"]).await;
    lab.model.hold(&["a"]);
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked_since(2), ["a", "b", "last"]);
    assert!(done.output_content.as_str().unwrap().starts_with("1: b #"));
    lab.assert_completed(id).await;
}

/// Several races between equal calls, one after another.
#[flow]
async fn races_again(times: usize) -> Result<Vec<String>> {
    let mut ends = Vec::new();
    for _ in 0..times {
        let (first, answer) = race([ask("same".to_owned()), ask("same".to_owned())]).await?;
        ends.push(format!("{first} {}", answer?));
        ends.push(refine(ends.concat()).await?);
    }
    ask("last".to_owned()).await?;
    Ok(ends)
}

#[tokio::test]
async fn equal_races_have_their_winners_again() {
    let lab = Lab::new().await;
    lab.model.shuffle(3);
    lab.model.hold(&["last"]);
    let id = lab.interrupted_at(races_again(4), 8, &["last"]).await;
    let (sent, before) = (lab.model.asked().len(), lab.recorded(id).await);
    lab.model.hold(&[]);
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked().split_off(sent), ["last"]);
    let ends = done.output_content.to_string();
    for row in before.iter().filter(|row| row.step_name == "refine") {
        assert!(ends.contains(row.outputs.as_ref().unwrap().as_str().unwrap()));
    }
}

#[flow]
async fn branch_flow(name: String) -> Result<String> {
    let answer = ask(name).await?;
    Ok(note(refine(answer).await?).await?)
}

/// Branches of several steps, one of them a sub-flow.
#[flow]
async fn races_of_blocks() -> Result<String> {
    let block = async {
        let answer = ask("a".to_owned()).await?;
        refine(answer).await
    };
    let (first, output) = race([block.boxed(), branch_flow("b".to_owned()).into_future()]).await?;
    let output = output?;
    // What the loser asked too.
    let again = ask("b".to_owned()).await?;
    let again = refine(format!("again {again}")).await?;
    ask("last".to_owned()).await?;
    Ok(format!("{first}: {output}, {again}"))
}

#[tokio::test]
async fn what_a_loser_recorded_does_not_displace_what_the_flow_asked_later() {
    let lab = Lab::new().await;
    // The block wins once the loser has recorded its first step.
    lab.model.hold(&["a", "last", "[b #2]"]);
    let when = async {
        lab.model.was_asked(&["[b #2]"]).await;
        lab.model.hold(&["last", "[b #2]"]);
        lab.model.was_asked(&["last"]).await;
    };
    let id = lab.interrupted(races_of_blocks(), when).await;
    let sent = lab.model.asked().len();
    lab.model.hold(&[]);
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked().split_off(sent), ["last"]);
    assert!(
        done.output_content
            .as_str()
            .unwrap()
            .starts_with("0: [a #1]")
    );
    assert!(noted(id).is_empty());
    lab.assert_completed(id).await;
}

/// The same with blocks only, and with a time limit.
#[flow]
async fn falls_back(is_race: bool) -> Result<String> {
    let block = async {
        let answer = ask("x".to_owned()).await?;
        refine(answer).await
    };
    if is_race {
        race([block.boxed(), ask("quick".to_owned()).into_future()])
            .await?
            .1?;
    } else {
        assert!(timeout(Duration::from_secs(1), block).await.is_err());
    }
    let again = ask("x".to_owned()).await?;
    let better = refine(format!("better {again}")).await?;
    ask("last".to_owned()).await?;
    Ok(better)
}

#[tokio::test]
async fn what_was_recorded_before_a_limit_does_not_displace_what_was_asked_after_it() {
    for is_race in [true, false] {
        let lab = Lab::new().await;
        let number = "[x #1]";
        lab.model.hold(&["quick", number, "last"]);
        let when = async {
            lab.model.was_asked(&[number]).await;
            lab.model.hold(&[number, "last"]);
            lab.model.was_asked(&["last"]).await;
        };
        let id = lab.interrupted(falls_back(is_race), when).await;
        let sent = lab.model.asked().len();
        let better = lab.recorded(id).await;
        let better = better.iter().find(|row| row.step_name == "refine").unwrap();
        lab.model.hold(&[]);
        let done = lab.resume(id).await.unwrap();
        assert_eq!(
            lab.model.asked().split_off(sent),
            ["last"],
            "race: {is_race}"
        );
        assert_eq!(Some(done.output_content), better.outputs);
    }
}

/// A limit around several steps, kept or not.
#[flow]
async fn limited(seconds: u64) -> Result<String> {
    let block = async { refine(ask("q".to_owned()).await?).await };
    let output = match timeout(Duration::from_millis(seconds * 1000 + 500), block).await {
        Ok(output) => output?,
        Err(late) => format!("{:?} {late}", late.kind()),
    };
    ask("last".to_owned()).await?;
    Ok(output)
}

#[tokio::test]
async fn a_limit_that_was_not_kept_is_not_kept_again_and_nothing_is_asked_for() {
    let lab = Lab::new().await;
    lab.model.hold(&["[q #1]", "last"]);
    let id = lab.interrupted_at(limited(0), 1, &["last"]).await;
    lab.model.hold(&[]);
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked_since(3), ["last"]);
    assert_eq!(done.output_content, "TimedOut it took longer than 500ms");
}

#[tokio::test]
async fn a_limit_that_was_kept_is_kept_again() {
    let lab = Lab::new().await;
    lab.model.hold(&["last"]);
    let id = lab.interrupted_at(limited(60), 2, &["last"]).await;
    lab.model.hold(&[]);
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked_since(3), ["last"]);
    assert_eq!(done.output_content, "[q #1] #2");
}

#[tokio::test]
async fn a_run_interrupted_before_the_limit_keeps_the_steps_inside_of_it() {
    let lab = Lab::new().await;
    lab.model.hold(&["[q #1]"]);
    let id = lab.interrupted_at(limited(60), 1, &["[q #1]"]).await;
    lab.model.hold(&[]);
    lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked_since(2), ["[q #1]", "last"]);
}

/// A limit, and a race, around what fails.
#[flow]
async fn fails_in_a_choice(is_race: bool) -> Result<String> {
    let primary = ask("primary".to_owned());
    if is_race {
        return Ok(race([primary, ask("backup".to_owned())]).await?.1?);
    }
    Ok(timeout(Duration::from_secs(1), primary).await??)
}

#[tokio::test]
async fn when_a_failed_run_is_resumed_what_was_decided_by_a_failure_is_open_again() {
    for is_race in [true, false] {
        let lab = Lab::new().await;
        lab.model.fail(&["primary"]);
        lab.model.hold(&["backup"]);
        let error = lab.execute(fails_in_a_choice(is_race)).await.unwrap_err();
        let id = error.run_id().unwrap();
        lab.model.fail(&[]);
        lab.model.hold(&["primary"]);
        let resumed = tokio::time::timeout(Duration::from_secs(5), lab.resume(id)).await;
        let end = resumed.expect("it waits for the one that failed, without a limit");
        assert_eq!(end.is_ok(), is_race);
    }
}
