//! Equal calls whose answers differ: each draw is used once, by who goes on with it, wherever a run is interrupted.

use flow_engine::map;
use flow_engine::prelude::*;

use crate::lab::{Lab, ask, note, refine};
use crate::sweep::{loses_nothing, loses_nothing_at_any_poll};

/// The best of several draws: equal calls, and a step on each draw.
#[flow]
async fn n_best(count: u32, limit: usize, is_numbered: bool) -> Result<Vec<String>> {
    let branch = |number: u32| async move {
        let draw = ask("same".to_owned()).await?;
        let judged = if is_numbered {
            format!("{number} {draw}")
        } else {
            draw
        };
        note(refine(judged).await?).await
    };
    Ok(map(0..count, limit, branch).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn draws_of_equal_calls_are_never_lost_wherever_a_run_is_interrupted() {
    loses_nothing(|| n_best(4, 10, false), 12, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn draws_of_equal_calls_stay_with_the_branch_whose_next_step_used_them() {
    loses_nothing(|| n_best(4, 10, true), 12, 8).await;
    loses_nothing(|| n_best(4, 2, true), 12, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn draws_of_equal_calls_are_never_lost_at_whatever_poll_a_run_is_dropped() {
    loses_nothing_at_any_poll(|| n_best(3, 10, true), 9).await;
}

#[tokio::test]
async fn on_one_thread_too_runs_and_resumes_may_be_dropped_at_any_poll() {
    loses_nothing_at_any_poll(|| n_best(2, 10, true), 6).await;
}

#[tokio::test]
async fn a_branch_without_its_draw_takes_none_of_a_branch_that_goes_on_with_its_own() {
    let lab = Lab::new().await;
    lab.model.hold_numbers(&[1]);
    let request = lab.run(n_best(3, 10, true));
    let id = request.id();
    tokio::select! {
        end = request.execute() => panic!("the first draw is held: {end:?}"),
        () = lab.has_recorded(id, 6) => {}
    }
    lab.model.hold_numbers(&[]);
    let sent = lab.model.asked().len();
    lab.resume(id).await.unwrap();
    let new = lab.model.asked().split_off(sent);
    assert_eq!(new.len(), 2, "{new:?}");
    assert!(
        new[0] == "same" && new[1].starts_with("[0 same #"),
        "{new:?}"
    );
    assert_eq!(lab.recorded(id).await.len(), 9);
}

#[tokio::test]
async fn a_branch_whose_draw_failed_takes_none_of_a_branch_that_has_not_begun() {
    let lab = Lab::new().await;
    lab.model.fail_numbers(&[1]);
    let request = lab.run(n_best(3, 1, true));
    let id = request.id();
    request.execute().await.unwrap_err();
    let sent = lab.model.asked().len();
    lab.resume(id).await.unwrap();
    let new = lab.model.asked().split_off(sent);
    assert_eq!(new.len(), 2, "{new:?}");
    assert!(
        new[0] == "same" && new[1].starts_with("[0 same #"),
        "{new:?}"
    );
    assert_eq!(lab.recorded(id).await.len(), 9);
}

/// Draws of equal sub-flow calls.
#[flow]
async fn draw(of: String) -> Result<String> {
    let draw = ask(of).await?;
    Ok(note(refine(draw).await?).await?)
}

#[flow]
async fn equal_sub_flows(count: usize) -> Result<Vec<String>> {
    let draws = (0..count).map(|_| draw("same".to_owned()).into_future());
    Ok(futures::future::try_join_all(draws).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn equal_sub_flow_calls_lose_nothing() {
    loses_nothing(|| equal_sub_flows(3), 9, 6).await;
    loses_nothing_at_any_poll(|| equal_sub_flows(2), 6).await;
}
