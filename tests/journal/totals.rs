//! What a run came to is the same, resumed or undisturbed, plus what was paid twice.

use std::sync::Mutex;

use flow_engine::prelude::*;
use flow_engine::{FlowRun, RequestStatus, RunStatus, StepStatus, map, race};
use flow_engine_db::{Lease, NewRequest, RequestFinish};
use futures::FutureExt;
use uuid::Uuid;

use crate::lab::{Lab, ask, note, questions, refine};

#[flow(total_steps = 2)]
async fn part(item: String) -> Result<String> {
    let answer = ask(item).await?;
    Ok(refine(answer).await?)
}

#[flow(total_steps = 5)]
async fn whole(items: Vec<String>) -> Result<usize> {
    let parts = map(items, 2, part).await?;
    let _ = ask("broken".to_owned()).await;
    note("done".to_owned()).await?;
    Ok(parts.len())
}

type Totals = (String, RunStatus, i64, i64, i32, f64, Option<String>, bool);

fn totals(runs: &[FlowRun]) -> Vec<Totals> {
    let totals = |run: &FlowRun| {
        (
            format!("{} {}", run.flow_name, run.inputs),
            run.status,
            run.total_tokens,
            run.unpriced_requests,
            run.step_progress,
            run.progress_percentage,
            run.current_step.clone(),
            run.execution_time_ms.is_some(),
        )
    };
    runs.iter().map(totals).collect()
}

#[tokio::test]
async fn totals_and_statuses_are_those_of_an_undisturbed_run_plus_what_was_paid_twice() {
    let undisturbed = Lab::new().await;
    undisturbed.model.fail(&["broken"]);
    let id = undisturbed
        .execute(whole(questions(3)))
        .await
        .unwrap()
        .run_id;
    let mut expected = totals(&undisturbed.tree(id).await);
    assert_eq!(expected[0].4, 5);

    let lab = Lab::new().await;
    lab.model.fail(&["broken"]);
    lab.model.hold(&["q2", "[q1 #2]"]);
    let id = lab
        .interrupted_at(whole(questions(3)), 3, &["q2", "[q1 #2]"])
        .await;
    lab.model.hold(&["[q1 #2]", "[q2 #6]"]);
    let lab = lab.restarted().await;
    lab.resumed_until(id, lab.has_recorded(id, 4)).await;
    lab.model.hold(&[]);
    let done = lab.resume(id).await.unwrap();
    // Cut off: `q2` once, `[q1 #2]` twice, and `[q2 …]` if it was sent by then.
    let twice = i64::try_from(lab.model.asked().len()).unwrap() - 7;
    expected[0].3 += twice;
    let resumed = totals(&lab.tree(id).await);
    assert_eq!(resumed[0], expected[0]);
    for (mut resumed, expected) in resumed.into_iter().zip(expected).skip(1) {
        assert!(resumed.3 >= expected.3);
        resumed.3 = expected.3;
        assert_eq!(resumed, expected);
    }
    let tokens = u64::try_from(lab.run_row(id).await.total_tokens).unwrap();
    assert_eq!(done.metadata.tokens_used, tokens);
    let steps = lab.steps(id).await;
    let with = |status| steps.iter().filter(|step| step.status == status).count();
    assert_eq!(
        (with(StepStatus::Completed), with(StepStatus::Failed)),
        (7, 1)
    );
    assert_eq!(i64::try_from(with(StepStatus::Cancelled)).unwrap(), twice);
    lab.assert_completed(id).await;
}

#[tokio::test]
async fn a_completed_sub_flow_s_row_is_untouched_by_a_replay() {
    let lab = Lab::new().await;
    lab.model.hold(&["broken"]);
    let id = lab
        .interrupted_at(whole(questions(3)), 6, &["broken"])
        .await;
    let before = lab.tree(id).await;
    lab.model.hold(&[]);
    let lab = lab.restarted().await;
    lab.resume(id).await.unwrap();
    let after = lab.tree(id).await;
    assert_eq!(before[1..], after[1..]);
    assert_eq!(after.len(), 4);
    lab.assert_completed(id).await;
}

#[flow]
async fn losing(item: String) -> Result<String> {
    let loser = async { refine(ask(format!("slow {item}")).await?).await };
    let winner = ask(format!("quick {item}")).into_future();
    Ok(race([loser.boxed(), winner]).await?.1?)
}

static SEEN: Mutex<Vec<(Uuid, String)>> = Mutex::new(Vec::new());

#[flow]
async fn looks(with_race: bool) -> Result<String> {
    let step = ask("step".to_owned()).execute().await?;
    let failed = ask("broken".to_owned()).execute().await;
    let flow = part("part".to_owned()).execute().await?;
    let mut seen = format!(
        "{:?} {:?} {:?} {:?}",
        step.metadata, step.step_run_id, flow.metadata, flow.run_id
    );
    if with_race {
        let raced = losing("item".to_owned()).execute().await?;
        seen.extend([format!("{:?} {:?}", raced.metadata, raced.output_content)]);
    }
    assert!(failed.is_err());
    let id = flow_engine::current().unwrap().run_id();
    SEEN.lock().unwrap().push((id, seen));
    ask("last".to_owned()).await?;
    Ok(String::new())
}

/// What the flow saw, live and on two replays.
async fn seen(with_race: bool) -> Vec<String> {
    let lab = Lab::new().await;
    lab.model.fail(&["broken"]);
    lab.model
        .hold(&["[slow item #6]", "[slow item #5]", "quick item", "last"]);
    let when = async {
        if with_race {
            lab.model
                .until(|asked| asked.iter().any(|asked| asked.starts_with("[slow")))
                .await;
            lab.model
                .hold(&["[slow item #6]", "[slow item #5]", "last"]);
        }
        lab.model.was_asked(&["last"]).await;
    };
    let id = lab.interrupted(looks(with_race), when).await;
    let sent = lab.model.asked().len();
    let when = lab.model.until(|asked| asked.len() > sent);
    lab.resumed_until(id, when).await;
    lab.model.hold(&[]);
    let lab = lab.restarted().await;
    lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked().len(), sent + 2);
    let seen = SEEN.lock().unwrap();
    let seen: Vec<String> = seen
        .iter()
        .filter(|(run, _)| *run == id)
        .map(|(_, seen)| seen.clone())
        .collect();
    assert_eq!(seen.len(), 3);
    seen
}

#[tokio::test]
async fn what_a_flow_sees_of_its_steps_and_sub_flows_is_the_same_live_and_on_a_replay() {
    let seen = seen(false).await;
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn what_a_flow_sees_of_a_sub_flow_with_a_lost_race_is_the_same_live_and_on_a_replay() {
    let seen = seen(true).await;
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[flow]
async fn too_slow(is_race: bool) -> Result<String> {
    if is_race {
        losing("item".to_owned()).await?;
    }
    Ok(ask("last".to_owned()).await?)
}

#[tokio::test]
async fn a_lost_race_leaves_the_same_progress_resumed_as_undisturbed() {
    let mut progress = Vec::new();
    for is_interrupted in [false, true] {
        let lab = Lab::new().await;
        lab.model.hold(&["slow item", "last"]);
        let id = if is_interrupted {
            let id = lab.interrupted_at(too_slow(true), 1, &["last"]).await;
            lab.model.hold(&[]);
            lab.resume(id).await.unwrap();
            id
        } else {
            lab.model.hold(&["slow item"]);
            lab.execute(too_slow(true)).await.unwrap().run_id
        };
        let runs = lab.tree(id).await;
        progress.push(runs.iter().map(|run| run.step_progress).collect::<Vec<_>>());
    }
    assert_eq!(progress[0], progress[1]);
}

/// A request of a step whose start was lost, paid for all the same.
async fn paid_for_nothing(lab: &Lab, run: Uuid) {
    let url = format!("sqlite://{}", lab.path().display());
    let store = flow_engine_db::connect(&url).await.unwrap();
    let sent = NewRequest::new(Uuid::now_v7(), run, Uuid::now_v7(), "p", "m", "chat");
    let answered = RequestFinish {
        input_tokens: Some(1000),
        output_tokens: Some(200),
        cost_nano_usd: Some(5_000_000_000),
        ..RequestFinish::new(sent.id, RequestStatus::Succeeded)
    };
    let unit = vec![sent.into(), answered.into()];
    store.submit(Lease::first(run), unit).await.unwrap();
}

#[tokio::test]
async fn what_was_paid_behind_a_gap_is_in_the_sums_once_of_a_run_that_is_taken_again() {
    let lab = Lab::new().await;
    lab.model.hold(&["[q1 #1]"]);
    let id = lab
        .interrupted_at(part("q1".to_owned()), 1, &["[q1 #1]"])
        .await;
    let before = lab.run_row(id).await;
    paid_for_nothing(&lab, id).await;
    // Taken twice: what was added once is not added again.
    let lab = lab.restarted().await;
    lab.resumed_until(id, lab.model.is_holding()).await;
    lab.model.hold(&[]);
    lab.resume(id).await.unwrap();

    let after = lab.run_row(id).await;
    let known = lab.requests_of(id).await.unwrap();
    let tokens = |count: Option<i64>| count.unwrap_or(0);
    let ledger: i64 = known
        .iter()
        .map(|row| tokens(row.input_tokens) + tokens(row.output_tokens))
        .sum();
    assert_eq!((after.total_tokens, after.total_cost), (ledger, 5.0));
    assert!(after.total_tokens >= before.total_tokens + 1200);
}
