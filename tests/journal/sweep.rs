//! A run that is interrupted anywhere, any number of times, loses nothing that it recorded.

use flow_engine::FlowStepRun;
use flow_engine::prelude::*;

use crate::lab::{Lab, polled};

/// Executes a call again and again, each time interrupted after another number of answers, in an order of answers that differs, and
/// resumes it in so many rounds. In the end the flow has what an undisturbed run records, and not one step more: what was
/// recorded and not used would have been executed once more.
pub(crate) async fn loses_nothing<C: Call<Executed: std::fmt::Debug>>(
    call: impl Fn() -> C,
    steps: usize,
    requests: usize,
) {
    for seed in 0..5 {
        for first in 0..requests {
            let lab = Lab::new().await;
            let model = &lab.model;
            model.shuffle(seed * 31 + first as u64);
            model.hold_after(Some(first));
            let id = lab.interrupted(call(), model.is_holding()).await;
            // A second interruption, two answers later.
            if lab.recorded(id).await.len() + 3 < steps {
                model.hold_after(Some(2));
                tokio::select! {
                    end = lab.resume(id) => { end.unwrap(); }
                    () = model.is_holding() => {}
                }
            }
            let lab = lab.restarted().await;
            let (sent, before) = (lab.model.asked().len(), lab.recorded(id).await);
            lab.model.hold_after(None);
            if lab.run_row(id).await.status != flow_engine::RunStatus::Completed {
                lab.resume(id).await.unwrap();
            }
            let after = lab.recorded(id).await;
            let context = format!("seed {seed}, interrupted after {first} answers");
            assert_all_stay(&before, &after, &context);
            assert_eq!(after.len(), steps, "{context}: each recorded step is used");
            let asks = |rows: &[FlowStepRun]| rows.iter().filter(|row| row.kind != "task").count();
            assert_eq!(
                lab.model.asked().len() - sent,
                asks(&after) - asks(&before),
                "{context}: nothing is paid that was recorded"
            );
            lab.assert_completed(id).await;
        }
    }
}

/// The same at any poll, not only at requests.
pub(crate) async fn loses_nothing_at_any_poll<C: Call<Executed: std::fmt::Debug>>(
    call: impl Fn() -> C,
    steps: usize,
) {
    for polls in 0.. {
        let lab = Lab::new().await;
        let request = lab.run(call());
        let id = request.id();
        let ended = polled(request.execute(), polls).await;
        lab.assert_nothing_is_open().await;
        if ended.is_some() {
            assert!(polls > 3, "a run takes a few polls");
            return;
        }
        if lab.find_run(id).await.unwrap().is_none() {
            continue;
        }
        let before = lab.recorded(id).await;
        let mut rounds = 0;
        while polled(lab.resume(id), polls + rounds).await.is_none() {
            rounds += 1;
            lab.assert_nothing_is_open().await;
        }
        let after = lab.recorded(id).await;
        assert_all_stay(&before, &after, &format!("dropped after {polls} polls"));
        assert_eq!(
            after.len(),
            steps,
            "dropped after {polls} polls, resumed {rounds} times"
        );
        lab.assert_completed(id).await;
    }
}

/// But for what a step was called after: that is chance between tasks.
fn assert_all_stay(before: &[FlowStepRun], after: &[FlowStepRun], context: &str) {
    let anywhere = |row: &FlowStepRun| {
        let mut row = row.clone();
        row.previous_key = None;
        row
    };
    let after: Vec<_> = after.iter().map(anywhere).collect();
    for row in before {
        assert!(
            after.contains(&anywhere(row)),
            "{context}: a recorded step stays as it is"
        );
    }
}
