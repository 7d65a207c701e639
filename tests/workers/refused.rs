//! What no worker could execute is refused when it is queued.

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RunStatus};

use crate::{Kind, Lab};

#[flow]
async fn unlocks(#[input(secret)] password: String) -> Result<usize> {
    Ok(password.len())
}

pub(crate) async fn what_cannot_be_kept_for_a_worker_is_not_queued(kind: Kind) {
    let lab = Lab::new(kind).await;
    let error = lab.engine.run(unlocks("swordfish")).enqueue().await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("`password` is secret"),
        "{error}"
    );
    assert_eq!(lab.count(RunStatus::Pending).await, 0);
}
