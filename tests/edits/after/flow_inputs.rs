//! Inputs of flows, after.

use flow_engine::prelude::*;

use crate::steps::{finish, opening};

#[flow]
async fn flow_input_removed(text: String) -> Result<String> {
    Ok(finish(opening(text).await?).await?)
}

#[flow]
async fn flow_input_added(
    text: String,
    #[input(default = "dry")] tone: String,
    note: Option<String>,
) -> Result<String> {
    assert_eq!((tone.as_str(), note), ("dry", None));
    Ok(finish(opening(text).await?).await?)
}

#[flow]
pub(crate) async fn flow_input_required(text: String, tone: String) -> Result<String> {
    Ok(finish(opening(text).await? + &tone).await?)
}

#[flow]
pub(crate) async fn flow_input_of_another_type(count: u8) -> Result<String> {
    Ok(finish(opening(count.to_string()).await?).await?)
}

#[flow]
async fn flow_input_that_still_fits(count: u64) -> Result<String> {
    Ok(finish(opening(count.to_string()).await?).await?)
}

#[data]
struct Parcel {
    to: String,
    #[serde(default)]
    from: String,
}

#[flow]
async fn flow_struct_with_another_field(parcel: Parcel) -> Result<String> {
    assert_eq!(parcel.from, "");
    Ok(finish(opening(parcel.to).await?).await?)
}
