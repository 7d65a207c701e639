//! In which order calls return on a replay, and what equal ones keep because of that.

use flow_engine::prelude::*;
use flow_engine::{BoxFuture, race, uuid};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, TryStreamExt};
use tokio::try_join;

use crate::found::charge;
use crate::held::{Held, inquire};

#[flow]
async fn charges_after_a_join() -> Result<String> {
    let slow = async { inquire("slow").await };
    // Polls them in their order; tokio's `try_join!` takes turns.
    futures::future::try_join(slow, async { uuid().await }).await?;
    let id = uuid().await?;
    let other = uuid().await?;
    charge(format!("order {other}"), id).await?;
    Ok(inquire("thanks").await?)
}

#[tokio::test]
async fn recorded_values_one_after_the_other_keep_their_order_after_a_join() {
    let mut held = Held::new().await;
    let run = held.start(charges_after_a_join());
    held.asked("slow").await;
    held.recorded("flow_engine::uuid").await;
    held.answer("slow").await;
    held.resumed_at_thanks(run).await;
    assert_eq!(held.model.counts().notes, 1, "it is charged once");
}

#[flow]
async fn charges_in_a_branch_and_after_it() -> Result<String> {
    let slow = async {
        inquire("slow").await?;
        charge("inside".to_owned(), uuid().await?).await
    };
    let quick = async { inquire("quick").await };
    try_join!(slow, quick)?;
    charge("after".to_owned(), uuid().await?).await?;
    Ok(inquire("thanks").await?)
}

/// The branch draws when nothing else is out, as what follows the join does.
#[tokio::test]
async fn a_value_of_the_branch_that_is_last_is_not_that_of_what_follows_the_join() {
    let mut held = Held::new().await;
    let run = held.start(charges_in_a_branch_and_after_it());
    held.asked("slow").await;
    held.answer("quick").await;
    held.returned("quick #2").await;
    held.answer("slow").await;
    held.resumed_at_thanks(run).await;
    assert_eq!(held.model.counts().notes, 2, "each is charged once");
}

#[flow]
async fn charges_after_a_race() -> Result<String> {
    let quick = async { inquire("quick").await };
    let slow = async {
        uuid().await?;
        inquire("slow").await
    };
    let (_, quick) = race([quick.boxed(), slow.boxed()]).await?;
    inquire(format!("about {}", quick?)).await?;
    let id = uuid().await?;
    inquire("between").await?;
    let other = uuid().await?;
    charge(format!("order {other}"), id).await?;
    Ok(inquire("thanks").await?)
}

#[tokio::test]
async fn what_was_taken_from_elsewhere_stays_where_it_was_taken() {
    let mut held = Held::new().await;
    let run = held.start(charges_after_a_race());
    held.recorded("flow_engine::uuid").await;
    held.answer("quick").await;
    held.asked("about quick #1").await;
    // From here on the value that lost the race is free, and `id` takes it.
    let resumed = held.restarted(run).await;
    held.answer("about quick #1").await;
    held.answer("between").await;
    held.resumed_at_thanks(resumed).await;
    assert_eq!(held.model.counts().notes, 1, "it is charged once");
}

#[flow]
async fn sums_up_as_answers_come() -> Result<String> {
    let calls: FuturesUnordered<_> = ["a", "b", "c"]
        .map(|question| inquire(question.to_owned()).into_future())
        .into_iter()
        .collect();
    let answers: Vec<String> = calls.try_collect().await?;
    inquire(format!("sum of {}", answers.join(", "))).await?;
    Ok(inquire("thanks").await?)
}

#[tokio::test]
async fn what_was_collected_in_the_order_of_the_answers_is_collected_in_that_order_again() {
    let mut held = Held::new().await;
    let run = held.start(sums_up_as_answers_come());
    held.asked("c").await;
    for (question, answer) in [("c", "c #3"), ("a", "a #1"), ("b", "b #2")] {
        held.answer(question).await;
        held.returned(answer).await;
    }
    held.answer("sum of c #3, a #1, b #2").await;
    assert_eq!(held.resumed_at_thanks(run).await, ["thanks"]);
}

#[flow]
async fn part_of_a_sum(question: String) -> Result<String> {
    Ok(inquire(question).await?)
}

#[flow]
async fn sums_up_a_sub_flow() -> Result<String> {
    let calls: FuturesUnordered<BoxFuture<'static, Result<String>>> = FuturesUnordered::new();
    calls.push(async { Ok(inquire("slow".to_owned()).await?) }.boxed());
    calls.push(async { Ok(part_of_a_sum("quick".to_owned()).await?) }.boxed());
    let answers: Vec<String> = calls.try_collect().await?;
    Ok(inquire(format!("sum of {}", answers.join(", "))).await?)
}

#[tokio::test]
async fn a_fork_s_sub_flow_returns_where_that_of_its_origin_did() {
    let held = Held::new().await;
    let run = held.start(sums_up_a_sub_flow());
    let id = run.id();
    held.asked("slow").await;
    held.answer("quick").await;
    held.returned("quick #2").await;
    held.answer("slow").await;
    held.answer("sum of quick #2, slow #1").await;
    held.finished(run).await;
    let before = held.sent().len();
    held.engine.fork(id).execute().await.unwrap();
    assert_eq!(held.sent().len(), before);
}

#[flow]
async fn asks_the_same_twice_at_once() -> Result<String> {
    let one = |usage: &'static str| async move {
        let answer = inquire("question").await?;
        inquire(format!("{usage} {answer}")).await
    };
    try_join!(one("check"), one("print"))?;
    Ok(inquire("thanks").await?)
}

#[tokio::test]
async fn of_equal_calls_at_the_same_time_the_second_keeps_its_answer_while_the_first_has_none() {
    let mut held = Held::new().await;
    let run = held.start(asks_the_same_twice_at_once());
    held.until("both", |held| held.sent().len() == 2).await;
    held.model.release(1);
    held.answer("print question #2").await;
    held.returned("print question #2 #3").await;
    // The first call is asked again, and cut off again.
    let run = held.restarted(run).await;
    held.until("the first", |held| held.sent().len() == 4).await;
    let run = held.restarted(run).await;
    held.until("the first again", |held| held.sent().len() == 5)
        .await;
    held.answer("question").await;
    held.answer("check question #5").await;
    held.resumed_at_thanks(run).await;
    assert_eq!(
        held.sent()[3..],
        [
            "question",
            "question",
            "check question #5",
            "thanks",
            "thanks"
        ]
    );
}

#[flow]
async fn asks_the_same_again_and_again() -> Result<String> {
    let ask = || inquire("question");
    try_join!(ask(), ask())?;
    let first = ask().await?;
    inquire(format!("check {first}")).await?;
    try_join!(ask(), ask())?;
    let second = ask().await?;
    inquire(format!("print {second}")).await?;
    Ok(inquire("thanks").await?)
}

#[tokio::test]
async fn a_call_is_not_taken_for_one_that_was_cut_off_elsewhere() {
    let mut held = Held::new().await;
    let run = held.start(asks_the_same_again_and_again());
    held.until("both", |held| held.sent().len() == 2).await;
    let run = held.restarted(run).await;
    for _ in 0..3 {
        held.answer("question").await;
    }
    held.answer("check question #5").await;
    held.until("both again", |held| held.sent().len() == 8)
        .await;
    let run = held.restarted(run).await;
    for _ in 0..3 {
        held.answer("question").await;
    }
    held.answer("print question #11").await;
    held.asked("thanks").await;
    let steps = held.engine.steps_of(run.id()).await.unwrap();
    let second = steps
        .iter()
        .find(|step| step.outputs == Some("question #11".into()));
    let reason = second.and_then(|step| step.miss_reason.as_deref());
    assert_eq!(reason, Some("first time"), "no call was cut off there");
    assert_eq!(held.resumed_at_thanks(run).await, ["thanks"]);
}

#[flow]
async fn refines_as_answers_come(count: usize) -> Result<String> {
    let mut all: FuturesUnordered<_> = (0..count)
        .map(|number| inquire(format!("q{number}")).into_future())
        .collect();
    let mut refined = Vec::new();
    while let Some(answer) = all.next().await {
        refined.push(inquire(format!("refine {}", answer?)).await?);
    }
    Ok(inquire(format!("sum of {}", refined.join(", "))).await?)
}

/// While one is refined nobody polls the others.
#[tokio::test]
async fn what_was_refined_as_it_came_is_not_refined_again() {
    let mut held = Held::new().await;
    let run = held.start(refines_as_answers_come(50));
    held.until("all", |held| held.sent().len() == 50).await;
    for number in (0..50).rev().chain(50..100) {
        held.until("one more", |held| held.sent().len() > number.max(49))
            .await;
        let waiting = held.model.waiting();
        held.model
            .release(if number % 3 == 0 { 0 } else { waiting - 1 });
    }
    let is_last = |question: &String| question.starts_with("sum of");
    held.until("the sum", |held| held.sent().iter().any(is_last))
        .await;
    let before = held.sent().len();
    let resumed = held.restarted(run).await;
    held.until("the sum again", |held| held.sent().len() > before)
        .await;
    let sent = held.sent();
    assert_eq!(sent[before..], sent[before - 1..before]);
    held.finished(resumed).await;
}
