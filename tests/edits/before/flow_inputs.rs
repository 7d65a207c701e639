//! Inputs of flows, before.

use flow_engine::prelude::*;

use crate::Start;
use crate::steps::{finish, opening};

pub(crate) fn add(start: &mut Start) {
    start.add(flow_input_removed("rain", "dry"));
    start.add(flow_input_added("rain"));
    start.add(flow_input_required("rain"));
    start.add(flow_input_of_another_type("4"));
    start.add(flow_input_that_still_fits(4));
    start.add(flow_struct_with_another_field(Parcel {
        weight: 2,
        to: "Oslo".to_owned(),
    }));
}

#[flow]
async fn flow_input_removed(text: String, tone: String) -> Result<String> {
    assert_eq!(tone, "dry");
    Ok(finish(opening(text).await?).await?)
}

#[flow]
async fn flow_input_added(text: String) -> Result<String> {
    Ok(finish(opening(text).await?).await?)
}

#[flow]
async fn flow_input_required(text: String) -> Result<String> {
    Ok(finish(opening(text).await?).await?)
}

#[flow]
async fn flow_input_of_another_type(count: String) -> Result<String> {
    Ok(finish(opening(count).await?).await?)
}

#[flow]
async fn flow_input_that_still_fits(count: u8) -> Result<String> {
    Ok(finish(opening(count.to_string()).await?).await?)
}

#[data]
struct Parcel {
    weight: u8,
    to: String,
}

#[flow]
async fn flow_struct_with_another_field(parcel: Parcel) -> Result<String> {
    assert_eq!(parcel.weight, 2);
    Ok(finish(opening(parcel.to).await?).await?)
}
