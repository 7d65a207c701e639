//! What a flow calls, before.

use flow_engine::prelude::*;
use flow_engine::{map, uuid};

use crate::Start;
use crate::steps::{closing, finish, middle, opening};

pub(crate) fn add(start: &mut Start) {
    start.add(inserted());
    start.add(inserted_beside());
    start.add(values_inserted());
    start.add(removed());
    start.add(reordered());
    start.add(made_parallel());
    start.add(asked_more_often());
    start.add(asked_less_often());
    start.add(other_inputs());
    start.add(item_inserted());
    start.add(item_changed());
    start.add(sub_flow_inlined());
    start.add(sub_flow_extracted());
    start.add(sub_flow_given_an_input());
}

#[flow]
async fn inserted() -> Result<String> {
    let first = opening("rain").await?;
    let last = closing("snow").await?;
    Ok(finish(format!("{first} {last}")).await?)
}

#[flow]
async fn inserted_beside() -> Result<String> {
    let (first, last) = tokio::try_join!(opening("rain"), closing("snow"))?;
    Ok(finish(format!("{first} {last}")).await?)
}

#[flow]
async fn values_inserted() -> Result<String> {
    let id = uuid().await?;
    let _opened = opening(id.to_string()).await?;
    Ok(finish("done").await?)
}

#[flow]
async fn removed() -> Result<String> {
    let first = opening("rain").await?;
    let _unused = middle("hail").await?;
    let last = closing("snow").await?;
    Ok(finish(format!("{first} {last}")).await?)
}

#[flow]
async fn reordered() -> Result<String> {
    let first = opening("rain").await?;
    let second = middle("hail").await?;
    let third = closing("snow").await?;
    Ok(finish(format!("{first} {second} {third}")).await?)
}

#[flow]
async fn made_parallel() -> Result<String> {
    let first = opening("rain").await?;
    let last = opening("snow").await?;
    Ok(finish(format!("{first} {last}")).await?)
}

#[flow]
async fn asked_more_often() -> Result<String> {
    Ok(finish(opening("rain").await?).await?)
}

#[flow]
async fn asked_less_often() -> Result<String> {
    let first = opening("rain").await?;
    let again = opening("rain").await?;
    assert_eq!(first, again);
    Ok(finish(first).await?)
}

#[flow]
async fn other_inputs() -> Result<String> {
    let (first, last) = tokio::try_join!(opening("rain"), closing("snow"))?;
    Ok(finish(format!("{first} {last}")).await?)
}

#[flow]
async fn item_inserted() -> Result<String> {
    let all = map(vec!["rain", "snow"], 4, opening).await?;
    Ok(finish(all.join(" ")).await?)
}

#[flow]
async fn item_changed() -> Result<String> {
    let all = map(vec!["rain", "snow"], 4, opening).await?;
    Ok(finish(all.join(" ")).await?)
}

#[flow]
async fn first_part(text: String) -> Result<String> {
    Ok(middle(opening(text).await?).await?)
}

#[flow]
async fn sub_flow_inlined() -> Result<String> {
    Ok(finish(first_part("rain").await?).await?)
}

#[flow]
async fn sub_flow_extracted() -> Result<String> {
    let first = middle(opening("rain").await?).await?;
    Ok(finish(first).await?)
}

#[flow]
async fn growing_part(text: String) -> Result<String> {
    Ok(middle(opening(text).await?).await?)
}

#[flow]
async fn sub_flow_given_an_input() -> Result<String> {
    Ok(finish(growing_part("rain").await?).await?)
}
