//! Output types of tasks, after.

use flow_engine::prelude::*;

use crate::steps::finish;

#[data]
#[derive(Default)]
struct Measured {
    length: u64,
    #[serde(default)]
    unit: String,
}

#[step]
async fn measure(text: String) -> Measured {
    serde_json::from_str(&text).unwrap()
}

#[flow]
async fn task_output_compatible() -> Result<String> {
    let measured = measure(r#"{"length": 4, "unit": "m"}"#).await?;
    Ok(finish(format!("{}", measured.length)).await?)
}

#[data]
#[derive(Default)]
struct MeasuredLess {
    length: usize,
}

#[step]
async fn measure_less(text: String) -> MeasuredLess {
    serde_json::from_str(&text).unwrap()
}

#[flow]
async fn task_output_lost_a_field() -> Result<String> {
    let measured = measure_less(r#"{"length": 4, "unit": "m"}"#).await?;
    Ok(finish(format!("{}", measured.length)).await?)
}

#[data]
#[derive(Default)]
struct MeasuredOther {
    length: String,
}

#[step]
async fn measure_other(text: String) -> MeasuredOther {
    MeasuredOther { length: text }
}

#[flow]
async fn task_output_incompatible() -> Result<String> {
    let measured = measure_other(r#"{"length": 4}"#).await?;
    Ok(finish(measured.length).await?)
}
