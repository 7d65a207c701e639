use futures::FutureExt;
use futures::future::join;

use super::*;

fn minute(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(minute * 60, 0).unwrap()
}

/// Those that an earlier execution recorded, one in each minute.
fn recorded(minutes: &[i64]) -> Arc<Returns> {
    let ends = minutes.iter().map(|at| (minute(*at), Uuid::nil()));
    Arc::new(Returns::new(ends, Activity::default()))
}

async fn returns(turn: Turn, name: &'static str, order: &Mutex<Vec<&'static str>>) {
    turn.comes().await;
    lock(order).push(name);
}

#[tokio::test]
async fn what_ended_first_returns_first_whoever_is_polled_first() {
    let all = Arc::new(Returns::default());
    let order = Mutex::new(Vec::new());
    let (first, second) = (all.ended(), all.ended());
    assert!(first.ended_at() < second.ended_at());
    let second = returns(second, "second", &order);
    join(second, returns(first, "first", &order)).await;
    assert_eq!(order.into_inner().unwrap(), ["first", "second"]);
}

#[tokio::test]
async fn what_is_recorded_returns_as_it_ended_and_before_what_is_new() {
    let all = recorded(&[1, 2]);
    let order = Mutex::new(Vec::new());
    let new = returns(all.ended(), "new", &order);
    let later = returns(all.recorded(minute(2), Uuid::nil()), "later", &order);
    let earlier = async {
        // It is asked for after others.
        for _ in 0..CALM {
            tokio::task::yield_now().await;
        }
        returns(all.recorded(minute(1), Uuid::nil()), "earlier", &order).await;
    };
    join(new, join(later, earlier)).await;
    assert_eq!(order.into_inner().unwrap(), ["earlier", "later", "new"]);
}

#[tokio::test]
async fn nobody_waits_for_what_is_not_asked_for_or_given_up() {
    let all = recorded(&[1, 2, 3, 4]);
    all.without([(minute(1), Uuid::nil())]);
    let second = all.recorded(minute(2), Uuid::nil());
    assert!(second.comes().now_or_never().is_some());
    let fourth = all.recorded(minute(4), Uuid::nil());
    assert!(fourth.comes().now_or_never().is_none());
    drop(second);
    // The third is not asked for.
    fourth.comes().await;
    // And if it is asked for now, it returns at once.
    let third = all.recorded(minute(3), Uuid::nil());
    assert!(third.comes().now_or_never().is_some());
}

#[tokio::test]
async fn nobody_waits_for_ever_for_what_nobody_polls() {
    let all = recorded(&[1, 2, 3]);
    let second = all.recorded(minute(2), Uuid::nil());
    let mut second = Box::pin(second.comes());
    // It has come, and is the next one.
    assert!(second.as_mut().now_or_never().is_none());
    all.recorded(minute(3), Uuid::nil()).comes().await;
    second.await;
}

#[tokio::test]
async fn those_that_are_late_keep_their_order() {
    let all = recorded(&[1, 2, 3]);
    let order = Mutex::new(Vec::new());
    let [first, second] = [1, 2].map(|at| all.recorded(minute(at), Uuid::nil()));
    all.recorded(minute(3), Uuid::nil()).comes().await;
    let second = returns(second, "second", &order);
    join(second, returns(first, "first", &order)).await;
    assert_eq!(order.into_inner().unwrap(), ["first", "second"]);
}

/// As `while let Some(one) = all.next().await { other(one).await }` does. Without a timer, so that none is waited for.
#[test]
fn a_flow_that_holds_several_and_polls_one_is_not_held_up() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let all = recorded(&(1..100).collect::<Vec<_>>());
        let held: Vec<_> = (2..99)
            .map(|at| all.recorded(minute(at), Uuid::nil()))
            .collect();
        let mut held: Vec<_> = held.iter().map(|turn| Box::pin(turn.comes())).collect();
        for one in &mut held {
            // The first one of these looks, and the last one: the others wait.
            assert!(one.as_mut().now_or_never().is_none());
        }
        let last = all.recorded(minute(99), Uuid::nil());
        last.comes().await;
    });
}

#[tokio::test]
async fn what_is_in_flight_is_waited_for() {
    let all = recorded(&[1, 2]);
    let first = all.recorded(minute(1), Uuid::nil());
    let second = all.recorded(minute(2), Uuid::nil());
    let order = Mutex::new(Vec::new());
    let slow = async {
        let in_flight = first.in_flight();
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(in_flight);
        returns(first, "first", &order).await;
    };
    join(returns(second, "second", &order), slow).await;
    assert_eq!(order.into_inner().unwrap(), ["first", "second"]);
}

#[tokio::test]
async fn what_is_given_up_lets_the_next_one_go() {
    let all = recorded(&[1, 2]);
    let first = all.recorded(minute(1), Uuid::nil());
    let second = all.recorded(minute(2), Uuid::nil());
    let order = Mutex::new(Vec::new());
    let given_up = async {
        tokio::task::yield_now().await;
        drop(first);
        lock(&order).push("given up");
    };
    join(returns(second, "second", &order), given_up).await;
    assert_eq!(order.into_inner().unwrap(), ["given up", "second"]);
}

#[test]
fn no_two_calls_end_at_the_same_time_whatever_the_clock_says() {
    let future = Utc::now() + TimeDelta::days(1);
    let all = Arc::new(Returns::new([(future, Uuid::nil())], Activity::default()));
    let ends: Vec<_> = (0..100).map(|_| all.ended().ended_at()).collect();
    assert!(ends[0] > future);
    assert!(ends.is_sorted_by(|earlier, later| earlier < later));
}
