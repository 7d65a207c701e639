//! What equal calls at the same time, or one after the other, may take from each other on a resume.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{BoxFuture, ErrorKind, Uuid, map, race, spawn, timeout, uuid};
use futures::FutureExt;
use tokio::try_join;

use crate::held::{Held, inquire};

#[flow]
async fn style_and_language(items: Vec<String>) -> Result<usize> {
    let styled = async {
        let style = inquire("style").await?;
        map(items.clone(), 8, |item| inquire(format!("{style} {item}"))).await
    };
    let translated = async {
        let language = inquire("language").await?;
        map(items.clone(), 8, |item| {
            inquire(format!("{language} {item}"))
        })
        .await
    };
    let (styled, translated) = try_join!(styled, translated)?;
    Ok(styled.len() + translated.len())
}

#[tokio::test]
async fn two_maps_over_the_same_items_do_not_keep_each_others_results_from_each_other() {
    let mut held = Held::new().await;
    let run = held.start(style_and_language(vec!["a".to_owned()]));
    held.answer("language").await;
    held.answer("language #2 a").await;
    held.answer("style").await;
    held.asked("style #1 a").await;
    let resumed = held.restarted(run).await;
    // Recorded: `style`, `language` and `language #2 a`.
    held.answer("style #1 a").await;
    held.finished(resumed).await;
    assert_eq!(
        held.sent(),
        [
            "style",
            "language",
            "language #2 a",
            "style #1 a",
            "style #1 a"
        ]
    );
}

#[flow]
async fn tries_twice() -> Result<String> {
    let attempt = || async { inquire(format!("check {}", inquire("draft").await?)).await };
    let checked = match timeout(Duration::from_millis(200), attempt()).await {
        Err(error) if error.kind() == ErrorKind::TimedOut => attempt().await?,
        in_time => in_time??,
    };
    Ok(inquire(format!("publish {checked}")).await?)
}

#[tokio::test]
async fn a_call_that_was_too_late_does_not_take_the_place_of_the_equal_one_after_it() {
    let mut held = Held::new().await;
    let run = held.start(tries_twice());
    held.answer("draft").await;
    held.asked("check draft #1").await;
    // Now it is too late, and it tries again.
    held.answer("draft").await;
    held.answer("check draft #3").await;
    held.asked("publish check draft #3 #4").await;
    let before = held.sent().len();
    let resumed = held.restarted(run).await;
    held.answer("publish check draft #3 #4").await;
    held.finished(resumed).await;
    assert_eq!(held.sent()[before..], ["publish check draft #3 #4"]);
}

#[flow]
async fn races_a_spawned_call() -> Result<String> {
    let spawned = async { Ok(spawn(inquire("slow")).await??) };
    let plain = async { Ok(inquire("fast").await?) };
    let branches: [BoxFuture<'static, Result<String>>; 2] = [spawned.boxed(), plain.boxed()];
    let (_, first) = race(branches).await?;
    Ok(inquire(format!("go on with {}", first?)).await?)
}

#[tokio::test]
async fn what_lost_a_race_is_not_asked_again_although_it_was_spawned() {
    let mut held = Held::new().await;
    let run = held.start(races_a_spawned_call());
    held.asked("slow").await;
    held.answer("fast").await;
    held.asked("go on with fast #1").await;
    let before = held.sent().len();
    let resumed = held.restarted(run).await;
    held.answer("go on with fast #1").await;
    held.finished(resumed).await;
    assert_eq!(held.sent()[before..], ["go on with fast #1"]);
}

#[flow]
async fn asks_inside() -> Result<String> {
    Ok(inquire("question").await?)
}

#[flow]
async fn asks_outside_and_inside() -> Result<String> {
    let outside = async {
        inquire("preface").await?;
        inquire("question").await
    };
    let inside = async {
        let answer = asks_inside().await?;
        inquire(format!("check {answer}")).await
    };
    let (one, other) = try_join!(outside, inside)?;
    Ok(format!("{one}, {other}"))
}

#[tokio::test]
async fn a_call_leaves_to_a_sub_flow_what_that_has_recorded() {
    let mut held = Held::new().await;
    let run = held.start(asks_outside_and_inside());
    held.answer("question").await;
    held.answer("check question #2").await;
    held.answer("preface").await;
    held.asked("question").await;
    let before = held.sent().len();
    let resumed = held.restarted(run).await;
    held.answer("question").await;
    held.finished(resumed).await;
    assert_eq!(held.sent()[before..], ["question"]);
}

#[step]
pub(crate) async fn charge(order: String, id: Uuid, #[state] model: crate::model::Model) -> String {
    model.note(&format!("{order} {id}"))
}

#[flow]
async fn charges_two() -> Result<String> {
    let one = |order: &'static str| async move {
        inquire(format!("price of {order}")).await?;
        let id = uuid().await?;
        charge(order, id).await
    };
    try_join!(one("a"), one("b"))?;
    Ok(inquire("thanks").await?)
}

#[tokio::test]
async fn a_task_that_was_given_a_recorded_id_is_not_executed_again() {
    let mut held = Held::new().await;
    let run = held.start(charges_two());
    held.asked("price of a").await;
    held.answer("price of b").await;
    held.executed(1).await;
    held.answer("price of a").await;
    held.resumed_at_thanks(run).await;
    assert_eq!(held.model.counts().notes, 2, "each order is charged once");
}

#[flow]
async fn asks_the_same_in_a_join_and_after_it() -> Result<String> {
    inquire("question").await?;
    let other = async { inquire("other").await };
    let inside = async { inquire("question").await };
    try_join!(other, inside)?;
    let after = inquire("question").await?;
    inquire(format!("check {after}")).await?;
    Ok(inquire("thanks").await?)
}

#[tokio::test]
async fn a_call_after_a_join_does_not_change_places_with_an_equal_one_inside() {
    let mut held = Held::new().await;
    let run = held.start(asks_the_same_in_a_join_and_after_it());
    held.answer("question").await;
    held.asked("other").await;
    held.answer("question").await;
    held.returned("question #3").await;
    held.answer("other").await;
    held.answer("question").await;
    held.answer("check question #4").await;
    assert_eq!(held.resumed_at_thanks(run).await, ["thanks"]);
}

#[flow]
async fn asks_the_same_in_two_branches() -> Result<String> {
    inquire("question").await?;
    let one = |usage: &'static str| async move {
        let answer = inquire("question").await?;
        inquire(format!("{usage} {answer}")).await
    };
    let between = async { inquire("between").await };
    try_join!(one("check"), between, one("print"))?;
    Ok(inquire("thanks").await?)
}

/// Equal calls at the same time are told apart by their order, so it must be that of the calls.
async fn branches_keep_their_answers(is_between_recorded: bool) {
    let mut held = Held::new().await;
    let run = held.start(asks_the_same_in_two_branches());
    held.answer("question").await;
    held.asked("between").await;
    if is_between_recorded {
        held.answer("between").await;
        held.returned("between #3").await;
    }
    let run = held.restarted(run).await;
    if !is_between_recorded {
        held.answer("between").await;
    }
    for _ in 0..2 {
        held.answer("question").await;
    }
    for usage in ["check", "print"] {
        let is_asked = |question: &String| question.starts_with(usage);
        let asked = |held: &Held| held.sent().iter().any(is_asked);
        held.until(usage, asked).await;
        let question = held.sent().into_iter().find(is_asked);
        held.answer(&question.unwrap()).await;
    }
    held.asked("thanks").await;
    let before = held.sent().len();
    let resumed = held.restarted(run).await;
    held.finished(resumed).await;
    assert_eq!(held.sent()[before..], ["thanks"]);
}

#[tokio::test]
async fn equal_calls_that_a_resumed_run_makes_start_in_their_order() {
    branches_keep_their_answers(false).await;
}

#[tokio::test]
async fn equal_calls_that_a_resumed_run_makes_start_in_their_order_around_a_recorded_one() {
    branches_keep_their_answers(true).await;
}
