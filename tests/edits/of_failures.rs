//! Edits after a failure that the flow has handled. An interrupted run meets it again; a failed run tries it again.

use crate::edited::{Edited, End};
use crate::steps::Fate;

const CUT_OFF: [End; 2] = [End::Interrupted, End::Killed];

impl Edited {
    /// Why this program ran steps, but for the last one: `step: reason`.
    async fn reasons(&self) -> Vec<String> {
        let rows = self.rows().await.steps;
        let reason = |row: &flow_engine::FlowStepRun| {
            let reason = row.miss_reason.as_deref()?;
            Some(format!("{}: {reason}", row.step_name))
        };
        let all = rows.iter().filter(|row| row.step_name != "finish");
        // The first is the one that the program before the edits ran.
        all.filter_map(reason).skip(1).collect()
    }

    /// What the plan has to run, but for the last step: `step: reason`.
    async fn planned(&self) -> Vec<String> {
        let plan = self.resume_plan(self.run).await.unwrap();
        let misses = plan.misses.iter();
        let misses = misses.filter(|miss| miss.step_name != "finish");
        misses
            .map(|miss| format!("{}: {}", miss.step_name, miss.reason))
            .collect()
    }

    async fn resumed(&self) -> String {
        let done = self.resume(self.run).await.unwrap();
        done.output_content.as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_recorded_failure_is_met_again_after_an_interruption() {
    for end in CUT_OFF {
        let edited = Edited::after("failure_handled", end).await;
        assert_eq!(edited.planned().await, [""; 0], "{end:?}");
        assert_eq!(edited.resumed().await, "Llm", "{end:?}");
        assert_eq!(edited.sent(), [""; 0], "{end:?}");
    }
}

#[tokio::test]
async fn a_recorded_failure_is_tried_again_after_the_run_failed() {
    let edited = Edited::after("failure_handled", End::Failed).await;
    assert_eq!(edited.planned().await, ["try_it: failed before"]);
    assert_eq!(edited.resumed().await, "it works");
    assert_eq!(edited.sent(), ["try_it"]);
    assert_eq!(edited.reasons().await, ["try_it: failed before"]);
}

#[tokio::test]
async fn a_failure_of_another_prompt_is_not_met_again() {
    for end in End::ALL {
        let edited = Edited::after("reworded_after_a_failure", end).await;
        assert_eq!(edited.planned().await, ["try_reworded: prompt changed"]);
        assert_eq!(edited.resumed().await, "it works", "{end:?}");
        assert_eq!(edited.sent(), ["try_reworded"], "{end:?}");
        assert_eq!(edited.reasons().await, ["try_reworded: prompt changed"]);
    }
}

#[tokio::test]
async fn a_failure_without_an_answer_has_none_for_another_schema() {
    let reason = "try_typed: output schema changed";
    for end in End::ALL {
        let edited = Edited::after("typed_after_a_failure", end).await;
        assert_eq!(edited.planned().await, [reason], "{end:?}");
        assert_eq!(edited.resumed().await, "Some(4)", "{end:?}");
        assert_eq!(edited.sent(), ["try_typed"], "{end:?}");
        assert_eq!(edited.reasons().await, [reason], "{end:?}");
    }
}

#[tokio::test]
async fn an_answer_that_did_not_fit_before_is_read_as_the_type_that_it_fits() {
    for end in CUT_OFF {
        let edited = Edited::after("handled_answer_fits_now", end).await;
        let plan = edited.resume_plan(edited.run).await.unwrap();
        assert_eq!(plan.hits[0].step_name, "rate_badly", "{plan}");
        assert_eq!(plan.hits[0].note, Some("output schema changed"));
        assert_eq!(edited.resumed().await, "four stars", "{end:?}");
        assert_eq!(edited.sent(), [""; 0], "{end:?}: it was paid for");
    }
}

#[tokio::test]
async fn an_answer_that_was_read_again_after_a_failure_is_not_lost_when_the_run_fails_later() {
    let edited = Edited::after("handled_answer_fits_now", End::Interrupted).await;
    let edited = edited.restarted(Fate::Fails).await;
    edited.resume(edited.run).await.unwrap_err();
    assert_eq!(edited.sent(), [""; 0]);
    let edited = edited.restarted(Fate::Works).await;
    assert_eq!(edited.resumed().await, "four stars");
    assert_eq!(edited.sent(), [""; 0], "it was paid for");
}
