//! What is executed.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{sleep, wait_for};

/// How often `note` was executed, by its text.
static NOTES: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);
static OPEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

pub(crate) fn noted(text: &str) -> usize {
    NOTES.lock().unwrap().get(text).copied().unwrap_or(0)
}

/// Lets what is held by this name go on.
pub(crate) fn open(name: &str) {
    OPEN.lock().unwrap().insert(name.to_owned());
}

#[step]
async fn note(text: String) -> String {
    *NOTES.lock().unwrap().entry(text.clone()).or_default() += 1;
    text
}

/// Waits in memory until it is let go on.
#[step]
async fn hold(name: String) -> String {
    while !OPEN.lock().unwrap().contains(&name) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    name
}

/// Notes, is held, and notes again.
#[flow]
pub(crate) async fn held(name: String) -> Result<String> {
    note(format!("{name}: before")).await?;
    hold(name.clone()).await?;
    Ok(note(format!("{name}: after")).await?)
}

#[flow]
pub(crate) async fn around(name: String) -> Result<String> {
    Ok(held(name).await?)
}

#[flow]
pub(crate) async fn failing(name: String) -> Result<String> {
    Err(format!("{name} went wrong").into())
}

#[flow]
pub(crate) async fn sleeper(name: String, millis: u64) -> Result<String> {
    note(format!("{name}: before")).await?;
    sleep(Duration::from_millis(millis)).await?;
    Ok(note(format!("{name}: after")).await?)
}

/// Waits to be told something.
#[flow]
pub(crate) async fn told(name: String) -> Result<String> {
    note(format!("{name}: before")).await?;
    let answer: String = wait_for("answer").await?;
    Ok(note(format!("{name}: {answer}")).await?)
}

#[flow]
pub(crate) async fn secretive(#[input(secret)] token: String) -> Result<usize> {
    Ok(token.len())
}

#[step]
pub(crate) async fn doubled(number: u32) -> u32 {
    number * 2
}
