//! A bank that says what it was asked, and does what a test wants it to do.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, pending};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{Doubt, Error, ErrorKind, FlowStepRun, RunStatus, current};
use uuid::Uuid;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Pays,
    Refuses,
    Panics,
    Hangs,
}

#[derive(Debug, Default)]
struct Account {
    acts: VecDeque<Act>,
    requests: Vec<(u64, Option<String>)>,
}

static ACCOUNTS: LazyLock<Mutex<HashMap<String, Account>>> = LazyLock::new(Mutex::default);

/// An order of its own for a test: the bank does this at each request for it, and then pays.
pub(super) fn order(acts: &[Act]) -> String {
    let order = Uuid::now_v7().simple().to_string();
    let account = Account {
        acts: acts.iter().copied().collect(),
        ..Account::default()
    };
    ACCOUNTS.lock().unwrap().insert(order.clone(), account);
    order
}

/// What the bank was asked for an order: amounts and tokens.
pub(super) fn requests(order: &str) -> Vec<(u64, Option<String>)> {
    ACCOUNTS.lock().unwrap()[order].requests.clone()
}

pub(super) fn amounts(order: &str) -> Vec<u64> {
    requests(order)
        .into_iter()
        .map(|(amount, _)| amount)
        .collect()
}

#[data]
#[derive(PartialEq)]
pub(super) struct Receipt {
    pub(super) number: u64,
    pub(super) cents: u64,
}

pub(super) fn receipt(number: u64) -> Receipt {
    Receipt { number, cents: 500 }
}

pub(super) async fn pay(order: &str, cents: u64) -> Result<Receipt> {
    let (act, number) = {
        let mut accounts = ACCOUNTS.lock().unwrap();
        let account = accounts.get_mut(order).unwrap();
        let token = current().and_then(|current| current.idempotency_token());
        account.requests.push((cents, token));
        let act = account.acts.pop_front().unwrap_or(Act::Pays);
        (act, account.requests.len() as u64)
    };
    match act {
        Act::Pays => Ok(Receipt { number, cents }),
        Act::Refuses => Err("no answer from the bank".into()),
        Act::Panics => panic!("the bank is on fire"),
        Act::Hangs => pending().await,
    }
}

/// Pays for an order, once.
#[step(once, key = "charge-{order}")]
pub(super) async fn charge(order: String, cents: u64) -> Result<Receipt> {
    pay(&order, cents).await
}

/// As `charge`, and gives up soon.
#[step(once, key = "charge-{order}", timeout = "30ms")]
pub(super) async fn charge_soon(order: String, cents: u64) -> Result<Receipt> {
    pay(&order, cents).await
}

/// An effect of another kind, with the same key.
#[step(once, key = "charge-{order}")]
pub(super) async fn book(order: String) -> Result<Receipt> {
    pay(&order, 1).await
}

/// A step that may repeat.
#[step]
pub(super) async fn pack(order: String) -> Result<String> {
    pay(&order, 7).await?;
    Ok(format!("packed {order}"))
}

pub(super) fn key(order: &str) -> String {
    format!("charge-{order}")
}

/// Waits for what comes, or fails.
pub(super) async fn until<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    let soon = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), soon)
        .await
        .expect("it never came");
}

pub(super) async fn asked(order: &str, times: usize) {
    until(|| async { requests(order).len() >= times }).await;
}

pub(super) async fn status(engine: &Engine, run: Uuid) -> RunStatus {
    engine.find_run(run).await.unwrap().unwrap().status
}

/// The rows of a run's effects, those of its sub-flows too.
pub(super) async fn rows(engine: &Engine, run: Uuid) -> Vec<FlowStepRun> {
    let filter = flow_engine::RunFilter {
        limit: 1000,
        ..Default::default()
    };
    let mut rows = Vec::new();
    let mut runs = engine.runs(filter).await.unwrap();
    runs.retain(|row| row.root_run_id == run);
    for row in runs {
        rows.extend(engine.steps_of(row.id).await.unwrap());
    }
    rows.retain(|row| row.once_key.is_some());
    rows.sort_by_key(|row| row.id);
    rows
}

/// The one effect in doubt of a run that has stopped for it.
pub(super) async fn in_doubt(engine: &Engine, run: Uuid, order: &str) -> Doubt {
    let row = engine.find_run(run).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::InDoubt);
    says_the_way_out(row.error_message.as_deref().unwrap(), run, order);
    let refused = engine.resume(run).await.unwrap_err();
    is_doubt(&refused, run, order);
    let listed = engine.interrupted().await.unwrap();
    assert!(listed.iter().all(|row| row.id != run));
    let doubts = engine.in_doubt(run).await.unwrap();
    let [doubt] = <[Doubt; 1]>::try_from(doubts).unwrap();
    assert_eq!(doubt.key, key(order));
    assert_eq!(doubt.inputs["order"], order);
    doubt
}

pub(super) fn is_doubt(error: &Error, run: Uuid, order: &str) {
    assert_eq!(error.kind(), ErrorKind::InDoubt, "{error:#}");
    says_the_way_out(&format!("{error:#}"), run, order);
}

fn says_the_way_out(message: &str, run: Uuid, order: &str) {
    let way_out = format!("`engine.resolve({run}, \"charge-{order}\", Resolution::Done(output))`");
    for part in [&run.to_string(), "the step `charge", &key(order), &way_out] {
        assert!(message.contains(part), "{part} is missing in: {message}");
    }
}
