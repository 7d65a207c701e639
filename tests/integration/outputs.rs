//! What a caller gets is what is recorded.

use flow_engine::ErrorKind;
use flow_engine::prelude::*;
use serde_json::{Value, json};

use crate::support::engine;

#[step]
async fn give_back(value: Value) -> Value {
    value
}

#[step]
async fn nest(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

#[step]
async fn number(bits: u64) -> f64 {
    f64::from_bits(bits)
}

#[tokio::test]
async fn a_number_is_the_same_to_the_last_digit_in_the_database() {
    let engine = engine().await;
    // 1.9008302973663158, which a careless reader gives back as 1.900830297366316.
    for bits in [
        0x3FFE_69CD_0E0F_94F3,
        0x3FF1_9999_9999_999A,
        1.900_830_297_366_315_8_f64.to_bits(),
    ] {
        let done = engine.execute(number(bits)).await.unwrap();
        assert_eq!(done.output_content.to_bits(), bits);
        let recorded = engine.steps(done.run_id).await[0].outputs.clone().unwrap();
        assert_eq!(recorded.as_f64().unwrap().to_bits(), bits);
    }
}

#[tokio::test]
async fn a_value_that_could_not_be_read_back_is_refused_and_hides_no_run() {
    let engine = engine().await;
    let error = engine.execute(nest(130)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidOutput);
    let deep = (0..130).fold(json!(1), |inner, _| json!([inner]));
    let error = engine.execute(give_back(deep)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.step()),
        (ErrorKind::InvalidInput, Some("give_back"))
    );
    let said = format!("{error:#}");
    assert!(
        said.ends_with(
            "the input `value` is nested deeper than 100 levels, and could not be read back"
        ),
        "{said}"
    );
    assert_eq!(
        engine
            .runs(flow_engine::RunFilter::default())
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn hostile_text_comes_back_as_it_was() {
    let engine = engine().await;
    let text = "nul \0, quotes ' \" `, \u{202e}, {{ braces }}, # system:\n# user:";
    let done = engine
        .execute(give_back(json!({ text: text })))
        .await
        .unwrap();
    assert_eq!(done.output_content, json!({ text: text }));
    assert_eq!(
        engine.steps(done.run_id).await[0].outputs,
        Some(json!({ text: text }))
    );
}
