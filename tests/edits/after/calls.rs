//! What a flow calls, after.

use flow_engine::prelude::*;
use flow_engine::{map, now, random, uuid};

use crate::steps::{closing, finish, middle, opening};

#[flow]
async fn inserted() -> Result<String> {
    let first = opening("rain").await?;
    let between = middle(first.clone()).await?;
    let last = closing("snow").await?;
    Ok(finish(format!("{first} {between} {last}")).await?)
}

#[flow]
async fn inserted_beside() -> Result<String> {
    let (between, first, last) =
        tokio::try_join!(middle("hail"), opening("rain"), closing("snow"))?;
    Ok(finish(format!("{first} {between} {last}")).await?)
}

#[flow]
async fn values_inserted() -> Result<String> {
    let (_time, _chance) = tokio::try_join!(now(), random())?;
    let id = uuid().await?;
    assert_ne!(id, uuid().await?);
    let _opened = opening(id.to_string()).await?;
    Ok(finish("done").await?)
}

#[flow]
async fn removed() -> Result<String> {
    let first = opening("rain").await?;
    let last = closing("snow").await?;
    Ok(finish(format!("{first} {last}")).await?)
}

#[flow]
async fn reordered() -> Result<String> {
    let third = closing("snow").await?;
    let second = middle("hail").await?;
    let first = opening("rain").await?;
    Ok(finish(format!("{first} {second} {third}")).await?)
}

#[flow]
async fn made_parallel() -> Result<String> {
    let (last, first) = tokio::try_join!(opening("snow"), opening("rain"))?;
    Ok(finish(format!("{first} {last}")).await?)
}

#[flow]
async fn asked_more_often() -> Result<String> {
    let first = opening("rain").await?;
    let again = opening("rain").await?;
    assert_eq!(first, again);
    Ok(finish(first).await?)
}

#[flow]
async fn asked_less_often() -> Result<String> {
    Ok(finish(opening("rain").await?).await?)
}

#[flow]
async fn other_inputs() -> Result<String> {
    let (first, last) = tokio::try_join!(opening("hail"), closing("sleet"))?;
    Ok(finish(format!("{first} {last}")).await?)
}

#[flow]
async fn item_inserted() -> Result<String> {
    let all = map(vec!["hail", "rain", "snow"], 4, opening).await?;
    Ok(finish(all.join(" ")).await?)
}

#[flow]
async fn item_changed() -> Result<String> {
    let all = map(vec!["rain", "hail"], 4, opening).await?;
    Ok(finish(all.join(" ")).await?)
}

#[flow]
async fn sub_flow_inlined() -> Result<String> {
    let first = middle(opening("rain").await?).await?;
    Ok(finish(first).await?)
}

#[flow]
async fn second_part(text: String) -> Result<String> {
    Ok(middle(opening(text).await?).await?)
}

#[flow]
async fn sub_flow_extracted() -> Result<String> {
    Ok(finish(second_part("rain").await?).await?)
}

#[flow]
async fn growing_part(text: String, #[input(default = "dry")] tone: String) -> Result<String> {
    assert_eq!(tone, "wet");
    Ok(middle(opening(text).await?).await?)
}

#[flow]
async fn sub_flow_given_an_input() -> Result<String> {
    Ok(finish(growing_part("rain").tone("wet").await?).await?)
}
