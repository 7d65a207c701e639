//! What waits.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{
    BoxFuture, DateTime, ErrorKind, Utc, race, sleep, sleep_until, spawn, timeout, wait_for,
};
use uuid::Uuid;

/// How often `note` was executed, by its text.
static NOTES: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);

pub(crate) fn noted(text: &str) -> usize {
    NOTES.lock().unwrap().get(text).copied().unwrap_or(0)
}

#[step]
async fn note(text: String) -> String {
    *NOTES.lock().unwrap().entry(text.clone()).or_default() += 1;
    text
}

#[data]
#[derive(PartialEq)]
pub(crate) struct Verdict {
    pub(crate) approved: bool,
    pub(crate) comment: String,
}

/// Notes, waits, and notes again.
#[flow]
pub(crate) async fn approval(name: String) -> Result<String> {
    note(format!("{name}: before")).await?;
    let verdict: Verdict = wait_for("approval").await?;
    note(format!("{name}: after")).await?;
    Ok(format!("{}: {}", verdict.approved, verdict.comment))
}

#[flow]
pub(crate) async fn outer_approval(name: String) -> Result<String> {
    Ok(approval(name).await?)
}

#[flow]
pub(crate) async fn two_texts() -> Result<Vec<String>> {
    Ok(vec![wait_for("text").await?, wait_for("text").await?])
}

/// Waits for two at the same time.
#[flow]
pub(crate) async fn both_texts() -> Result<Vec<String>> {
    let (one, two) =
        tokio::try_join!(wait_for::<String>("text"), wait_for::<String>("other text"))?;
    Ok(vec![one, two])
}

#[flow]
pub(crate) async fn patient(name: String) -> Result<String> {
    match wait_for::<u8>("number").await {
        Ok(number) => Ok(format!("{number}")),
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            note(format!("{name}: {}", root_cause(&error))).await?;
            let number: u8 = wait_for("number").await?;
            Ok(format!("at last {number}"))
        }
        Err(error) => Err(error.into()),
    }
}

fn root_cause(error: &flow_engine::Error) -> String {
    format!("{error:#}")
}

#[flow]
pub(crate) async fn sleeper(name: String, millis: u64) -> Result<String> {
    note(format!("{name}: before")).await?;
    sleep(Duration::from_millis(millis)).await?;
    Ok(note(format!("{name}: after")).await?)
}

/// Whether a signal came in time.
#[flow]
pub(crate) async fn in_time(millis: u64) -> Result<String> {
    let limit = Duration::from_millis(millis);
    match timeout(limit, wait_for::<String>("answer")).await {
        Ok(answer) => Ok(answer?),
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok("nobody answered".to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// What comes first.
#[flow]
pub(crate) async fn first_of(millis: u64) -> Result<String> {
    let answered: BoxFuture<'_, Result<String>> = Box::pin(async { Ok(wait_for("answer").await?) });
    let slept: BoxFuture<'_, Result<String>> = Box::pin(async move {
        sleep(Duration::from_millis(millis)).await?;
        Ok("time".to_owned())
    });
    let (_, first) = race([answered, slept]).await?;
    first
}

#[step]
async fn work(name: String, millis: u64) -> Uuid {
    *NOTES.lock().unwrap().entry(name).or_default() += 1;
    tokio::time::sleep(Duration::from_millis(millis)).await;
    Uuid::now_v7()
}

/// Works and waits at the same time.
#[flow]
pub(crate) async fn busy(name: String, millis: u64) -> Result<String> {
    let (_, answer) = tokio::try_join!(
        work(name, millis).into_future(),
        wait_for::<String>("answer"),
    )?;
    Ok(answer)
}

/// Works in a task of its own, and waits.
#[flow]
pub(crate) async fn spawning(name: String, millis: u64) -> Result<String> {
    let working = spawn(async move { work(name, millis).await });
    let answer: String = wait_for("answer").await?;
    working.await??;
    Ok(answer)
}

/// Waits as often as it is told to.
#[flow]
pub(crate) async fn rounds(count: u32) -> Result<u32> {
    let mut sum = 0;
    for round in 0..count {
        sum += wait_for::<u32>(format!("round-{round}")).await?;
    }
    Ok(sum)
}

/// Waits for an answer, or for a time.
#[flow]
pub(crate) async fn one_of_many(number: u32, until: Option<DateTime<Utc>>) -> Result<u32> {
    let found = draw(number).await?;
    match until {
        Some(until) => sleep_until(until).await?,
        None => wait_for("answer").await?,
    }
    Ok(found)
}

#[step]
async fn draw(number: u32) -> u32 {
    *NOTES
        .lock()
        .unwrap()
        .entry(format!("draw {number}"))
        .or_default() += 1;
    number
}

/// Asks day after day, and is told on the second one.
#[flow]
pub(crate) async fn reminded(name: String, millis: u64) -> Result<String> {
    for day in 1..=3 {
        let limit = Duration::from_millis(millis);
        match timeout(limit, wait_for::<String>("answer")).await {
            Ok(answer) => return Ok(format!("{} after {day} days", answer?)),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                note(format!("{name}: reminder {day}")).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok("nobody answered".to_owned())
}

/// Fails when nobody answers in time.
#[flow]
pub(crate) async fn strict(millis: u64) -> Result<String> {
    let answer = timeout(Duration::from_millis(millis), wait_for::<String>("answer")).await?;
    Ok(answer?)
}

/// Holds a wait that it does not poll while it waits for something else.
#[flow]
pub(crate) async fn holding() -> Result<String> {
    let mut held = std::pin::pin!(wait_for::<String>("answer"));
    tokio::select! {
        biased;
        _ = &mut held => return Ok("answered".to_owned()),
        slept = sleep(Duration::from_millis(1_200)) => slept?,
    }
    sleep(Duration::from_millis(1_500)).await?;
    Ok("slept".to_owned())
}
