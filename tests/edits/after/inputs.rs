//! Inputs of steps, after.

use std::collections::{BTreeSet, HashMap, HashSet};

use flow_engine::prelude::*;

use crate::steps::{finish, opening};

#[data]
struct Added {
    name: String,
    #[serde(default)]
    age: u8,
}

#[step]
async fn describe_added(of: Added) -> String {
    format!("{} {}", of.name, of.age)
}

#[step(prompt = "../prompts_after/name.md")]
async fn ask_added(of: Added) -> String;

#[flow]
async fn field_added() -> Result<String> {
    let of = Added {
        name: "Ann".to_owned(),
        age: 4,
    };
    let asked = ask_added(of.clone()).await?;
    let described = describe_added(of).await?;
    Ok(finish(format!("{asked} {described}")).await?)
}

#[data]
struct Renamed {
    full_name: String,
}

#[step]
async fn describe_renamed(of: Renamed) -> String {
    of.full_name
}

#[flow]
async fn field_renamed() -> Result<String> {
    let of = Renamed {
        full_name: "Ann".to_owned(),
    };
    Ok(finish(describe_renamed(of).await?).await?)
}

#[data]
struct RenamedInRust {
    #[serde(rename = "name")]
    full_name: String,
}

#[step]
async fn describe_renamed_in_rust(of: RenamedInRust) -> String {
    of.full_name
}

#[flow]
async fn field_renamed_in_rust() -> Result<String> {
    let of = RenamedInRust {
        full_name: "Ann".to_owned(),
    };
    Ok(finish(describe_renamed_in_rust(of).await?).await?)
}

#[data]
struct Reordered {
    also: Option<Box<Reordered>>,
    age: u8,
    name: String,
}

#[step]
async fn describe_reordered(of: Reordered) -> String {
    format!("{} {}", of.name, of.age)
}

#[step(prompt = "../prompts_after/name.md")]
async fn ask_reordered(of: Reordered) -> String;

#[flow]
async fn fields_reordered() -> Result<String> {
    let of = |also| Reordered {
        name: "Ann".to_owned(),
        age: 4,
        also,
    };
    let of = of(Some(Box::new(of(None))));
    let asked = ask_reordered(of.clone()).await?;
    Ok(finish(asked + &describe_reordered(of).await?).await?)
}

#[data]
struct Printed {
    age: u8,
    name: String,
}

#[step(prompt = "../prompts_after/all.md")]
async fn print_all(of: Printed) -> String;

#[flow]
async fn printed_fields_reordered() -> Result<String> {
    let of = Printed {
        name: "Ann".to_owned(),
        age: 4,
    };
    Ok(finish(print_all(of).await?).await?)
}

#[step(prompt = "../prompts_after/all.md")]
async fn print_map(of: HashMap<String, u8>) -> String;

#[step]
async fn read_map(of: HashMap<String, u8>) -> usize {
    of.len()
}

#[flow]
async fn printed_map() -> Result<String> {
    let of: HashMap<_, _> = ('a'..='j').map(|c| (c.to_string(), 1)).collect();
    let count = read_map(of.clone()).await?;
    let _printed = print_map(of).await?;
    Ok(finish(count.to_string()).await?)
}

#[step]
async fn read_set(of: BTreeSet<String>) -> usize {
    of.len()
}

#[flow]
async fn sorted_set() -> Result<String> {
    let of: BTreeSet<_> = ('a'..='j').rev().map(String::from).collect();
    Ok(finish(read_set(of).await?.to_string()).await?)
}

#[step]
async fn read_hash_set(of: HashSet<String>) -> usize {
    of.len()
}

#[flow]
async fn unsorted_set() -> Result<String> {
    let of: HashSet<_> = ('a'..='j').map(String::from).collect();
    Ok(finish(read_hash_set(of).await?.to_string()).await?)
}

#[data]
struct Skipped {
    name: String,
    #[serde(skip)]
    cached: String,
}

#[step]
async fn describe_skipped(of: Skipped) -> String {
    assert_ne!(of.name, of.cached);
    of.name
}

#[flow]
async fn field_skipped() -> Result<String> {
    let of = Skipped {
        name: "Ann".to_owned(),
        cached: "something".to_owned(),
    };
    Ok(finish(describe_skipped(of).await?).await?)
}

#[data]
struct LeftOut {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age: Option<u8>,
}

#[step]
async fn describe_left_out(of: LeftOut) -> String {
    of.name
}

#[flow]
async fn option_left_out() -> Result<String> {
    let of = LeftOut {
        name: "Ann".to_owned(),
        age: None,
    };
    Ok(finish(describe_left_out(of).await?).await?)
}

#[step]
async fn show_number(number: u64) -> String {
    format!("{number}")
}

#[flow]
async fn number_widened() -> Result<String> {
    Ok(finish(show_number(3).await?).await?)
}

#[step]
async fn show_float(number: f64) -> String {
    format!("{number:.1}")
}

#[flow]
async fn number_made_float() -> Result<String> {
    Ok(finish(show_float(3.0).await?).await?)
}

#[step]
async fn greet(name: String, #[input(default = "Hi")] word: String) -> String {
    format!("{word}, {name}")
}

#[step(prompt = "../prompts/text.md")]
async fn ask_unused(text: String, #[input(unused, default = "dry")] tone: String) -> String;

#[step(prompt = "../prompts_after/tone.md")]
async fn ask_used(text: String, tone: Option<String>) -> String;

#[flow]
async fn step_input_added() -> Result<String> {
    let unused = ask_unused("rain").await?;
    let used = ask_used("rain").await?;
    let greeting = greet("Ann").await?;
    Ok(finish(format!("{unused} {used} {greeting}")).await?)
}

#[step]
async fn tell(text: String, #[input(default = "wet")] tone: String) -> String {
    format!("{text}, {tone}")
}

#[flow]
async fn default_of_a_step_changed() -> Result<String> {
    Ok(finish(tell("rain").await?).await?)
}

#[flow]
async fn default_of_a_flow_changed(#[input(default = "wet")] tone: String) -> Result<String> {
    Ok(finish(opening(tone).await?).await?)
}

#[step]
async fn join(right: String, left: String) -> String {
    left + &right
}

#[flow]
async fn step_inputs_reordered() -> Result<String> {
    Ok(finish(join("b", "a").await?).await?)
}

#[step]
async fn say(words: String) -> String {
    words
}

#[flow]
async fn step_input_renamed() -> Result<String> {
    Ok(finish(say("rain").await?).await?)
}
