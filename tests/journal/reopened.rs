//! Choices that a failure had made, when the failed run is resumed: they are open again, on every level, and for good.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, race, timeout};

use crate::lab::{Lab, ask};

const LIMIT: Duration = Duration::from_millis(300);

#[flow]
async fn gives_up_on_a_slow_one() -> Result<String> {
    Ok(timeout(LIMIT, ask("slow".to_owned())).await??)
}

#[tokio::test]
async fn a_run_that_failed_by_its_limit_tries_again() {
    let lab = Lab::new().await;
    lab.model.hold(&["slow"]);
    let error = lab.execute(gives_up_on_a_slow_one()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    lab.model.hold(&[]);
    let done = lab.resume(error.run_id().unwrap()).await.unwrap();
    assert_eq!(done.output_content, "slow #2");
}

/// Fails if the primary fails; goes on if it is late.
#[flow]
async fn falls_back_if_late() -> Result<String> {
    let answer = match timeout(LIMIT, ask("primary".to_owned())).await {
        Ok(answer) => answer?,
        Err(_late) => ask("fallback".to_owned()).await?,
    };
    ask("last".to_owned()).await?;
    Ok(answer)
}

#[tokio::test]
async fn an_outcome_that_holds_no_longer_is_not_met_again() {
    let lab = Lab::new().await;
    lab.model.fail(&["primary"]);
    let error = lab.execute(falls_back_if_late()).await.unwrap_err();
    let id = error.run_id().unwrap();
    lab.model.fail(&[]);
    lab.model.hold(&["primary", "last"]);
    lab.resumed_until(id, lab.model.was_asked(&["last"])).await;
    let sent = lab.model.asked().len();
    lab.model.hold(&[]);
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked_since(sent), ["last"]);
    assert!(
        done.output_content
            .as_str()
            .unwrap()
            .starts_with("fallback")
    );
}

#[flow]
async fn limits_a_race() -> Result<String> {
    let raced = race([ask("primary".to_owned())]);
    Ok(timeout(LIMIT, raced).await??.1?)
}

#[tokio::test]
async fn a_limit_around_a_race_that_runs_again_holds() {
    let lab = Lab::new().await;
    lab.model.fail(&["primary"]);
    let error = lab.execute(limits_a_race()).await.unwrap_err();
    lab.model.fail(&[]);
    lab.model.hold(&["primary"]);
    let resumed = lab.resume(error.run_id().unwrap());
    let end = tokio::time::timeout(Duration::from_secs(10), resumed).await;
    let error = end.expect("the limit holds").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
