//! What has to be written for a batch of units: writes of one row that follow each other become
//! one.

mod lineage;

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

pub(crate) use lineage::Lineage;

use crate::{
    Lease, NewRequest, NewStep, RequestFinish, RunPark, RunReopen, StepFinish, Write, unit::Unit,
};

/// One statement, or for [`Write::FinishRun`] and [`Write::ReopenRun`] a few.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Action<'a> {
    /// Whether this is the newest lease of its root run: before the first unit that is written under it.
    Check(Lease),
    /// As it was submitted.
    Single(&'a Write),
    /// A step run that starts and ends in this batch: one insert.
    WholeStep(&'a NewStep, &'a StepFinish),
    /// An attempt that is sent and ends in this batch: one insert.
    WholeRequest(&'a NewRequest, &'a RequestFinish),
}

/// Plans the units of a batch, one after the other. Applying the plan gives the rows that applying the
/// writes one by one would give, as long as none fails.
pub(crate) fn coalesce<'a>(units: &'a [Unit], lineage: &mut Lineage) -> Vec<Action<'a>> {
    let mut plan = Plan::default();
    for unit in units {
        if unit.is_fenced() && plan.checked.insert(unit.lease) {
            plan.actions.push(Some(Action::Check(unit.lease)));
        }
        for write in &unit.writes {
            plan.add(write, lineage);
        }
    }
    plan.actions.into_iter().flatten().collect()
}

#[derive(Default)]
struct Plan<'a> {
    actions: Vec<Option<Action<'a>>>,
    checked: HashSet<Lease>,
    started_steps: HashMap<Uuid, (usize, &'a NewStep)>,
    sent_requests: HashMap<Uuid, (usize, &'a NewRequest)>,
    last_progress: HashMap<Uuid, usize>,
}

impl<'a> Plan<'a> {
    fn add(&mut self, write: &'a Write, lineage: &mut Lineage) {
        let here = self.actions.len();
        let mut action = Some(Action::Single(write));
        match write {
            Write::StartRun(run) => lineage.learn(run),
            Write::UpdateRun(progress) => {
                if let Some(earlier) = self.last_progress.insert(progress.id, here) {
                    self.actions[earlier] = None;
                }
            }
            Write::FinishRun(finish) => {
                self.last_progress.remove(&finish.id);
                // A step that this closes must be a row by now, and a finish that comes after it
                // must fail.
                self.started_steps
                    .retain(|_, (_, step)| !lineage.may_close(finish.id, step.flow_run_id));
                lineage.forget(finish.id);
            }
            // It closes what is below it as an end does, and so is the same barrier. Who stands above
            // it does not change: what is known of that stays true.
            Write::ReopenRun(RunReopen { id, .. }) | Write::ParkRun(RunPark { id, .. }) => {
                self.last_progress.remove(id);
                self.started_steps
                    .retain(|_, (_, step)| !lineage.may_close(*id, step.flow_run_id));
            }
            // A fork sets columns of its own; the others come after the row of their step, which is written where it starts.
            Write::Fork(_)
            | Write::NoteHit(_)
            | Write::MoveStep(_)
            | Write::RetireStep(_)
            | Write::TakeSignal(_)
            // The end that left it in doubt was committed, and whoever resolves it has read it.
            | Write::ResolveStep(_)
            | Write::NameArtifact(_) => {}
            Write::StartStep(step) => {
                self.started_steps.insert(step.id, (here, step));
            }
            Write::FinishStep(finish) => {
                if let Some((start, step)) = self.started_steps.remove(&finish.id) {
                    self.actions[start] = Some(Action::WholeStep(step, finish));
                    action = None;
                }
            }
            Write::SendRequest(request) => {
                self.sent_requests.insert(request.id, (here, request));
            }
            // The end of a run does not stand between: an answer is taken after it all the same.
            Write::FinishRequest(finish) => {
                if let Some((sent, request)) = self.sent_requests.remove(&finish.id) {
                    self.actions[sent] = Some(Action::WholeRequest(request, finish));
                    action = None;
                }
            }
        }
        self.actions.push(action);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        HitNote, NewRun, Progress, RequestStatus, RunFinish, RunProgress, RunReopen, RunStatus,
        StepMove, StepRetire, StepStatus,
    };

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn start_run(run: u128, root: u128) -> Write {
        NewRun {
            root_run_id: id(root),
            ..NewRun::new(id(run), "flow", "{}")
        }
        .into()
    }

    fn start_sub_run(run: u128, parent: u128, root: u128) -> Write {
        NewRun {
            root_run_id: id(root),
            parent_run_id: Some(id(parent)),
            ..NewRun::new(id(run), "flow", "{}")
        }
        .into()
    }

    fn start(step: u128, run: u128) -> Write {
        NewStep::new(id(step), id(run), "step", 0).into()
    }

    fn finish(step: u128) -> Write {
        StepFinish::new(id(step), StepStatus::Completed).into()
    }

    fn end(run: u128) -> Write {
        RunFinish::new(id(run), RunStatus::Completed, Progress::default()).into()
    }

    fn reopen(run: u128) -> Write {
        RunReopen::new(id(run)).into()
    }

    fn progress(run: u128, steps: i32) -> Write {
        let progress = Progress {
            step_progress: steps,
            ..Progress::default()
        };
        RunProgress {
            id: id(run),
            progress,
            last_heartbeat: chrono::Utc::now(),
        }
        .into()
    }

    /// The plan in short: `WholeStep` and `WholeRequest` by name, the rest by the place it was
    /// submitted at.
    fn plan(writes: &[Write]) -> Vec<String> {
        let units = [Unit {
            lease: Lease::first(id(0)),
            writes: writes.to_vec(),
        }];
        let place = |write: &Write| {
            units[0]
                .writes
                .iter()
                .position(|other| std::ptr::eq(other, write))
                .unwrap()
                .to_string()
        };
        let mut actions = coalesce(&units, &mut Lineage::default());
        actions.retain(|action| !matches!(action, Action::Check(_)));
        let name = |action: &Action<'_>| match action {
            Action::Check(_) => unreachable!("they are left out"),
            Action::Single(write) => place(write),
            Action::WholeStep(step, _) => format!("step {}", step.id.as_u128()),
            Action::WholeRequest(request, _) => format!("request {}", request.id.as_u128()),
        };
        actions.iter().map(name).collect()
    }

    /// A lease is checked before the first unit under it, and once: nothing changes it within a batch.
    #[test]
    fn a_lease_is_checked_once_before_what_is_written_under_it() {
        let unit = |root, writes: Vec<Write>| Unit {
            lease: Lease::first(id(root)),
            writes,
        };
        let sent = || NewRequest::new(id(5), id(9), id(1), "p", "m", "chat").into();
        let units = [
            unit(8, vec![sent()]),
            unit(9, vec![start_run(9, 9)]),
            unit(9, vec![start(1, 9), sent()]),
            unit(7, vec![finish(2)]),
            unit(9, vec![finish(3)]),
            unit(6, Vec::new()),
        ];
        let actions = coalesce(&units, &mut Lineage::default());
        let checks: Vec<_> = actions
            .iter()
            .enumerate()
            .filter_map(|(place, action)| match action {
                Action::Check(lease) => Some((place, lease.root_run_id)),
                _ => None,
            })
            .collect();
        assert_eq!(checks, [(2, id(9)), (5, id(7))]);
    }

    #[test]
    fn a_start_and_its_finish_become_one_at_the_place_of_the_start() {
        let writes = [start(1, 9), start(2, 9), finish(2), finish(1), finish(3)];
        assert_eq!(plan(&writes), ["step 1", "step 2", "4"]);
    }

    #[test]
    fn only_the_last_progress_of_a_run_is_written() {
        let writes = [
            progress(1, 1),
            progress(2, 1),
            progress(1, 2),
            progress(1, 3),
        ];
        assert_eq!(plan(&writes), ["1", "3"]);
    }

    #[test]
    fn progress_does_not_jump_over_the_end_of_its_run() {
        assert_eq!(
            plan(&[progress(1, 1), end(1), progress(1, 2)]),
            ["0", "1", "2"]
        );
    }

    #[test]
    fn a_finish_does_not_jump_over_the_end_of_its_run() {
        assert_eq!(plan(&[start(1, 9), end(9), finish(1)]), ["0", "1", "2"]);
    }

    #[test]
    fn a_finish_does_not_jump_over_the_end_of_its_root() {
        let writes = [start_run(8, 9), start(1, 8), end(9), finish(1)];
        assert_eq!(plan(&writes), ["0", "1", "2", "3"]);
    }

    #[test]
    fn a_finish_does_not_jump_over_an_end_that_may_be_of_its_root() {
        assert_eq!(plan(&[start(1, 8), end(9), finish(1)]), ["0", "1", "2"]);
    }

    #[test]
    fn the_end_of_another_tree_does_not_stand_between() {
        let writes = [start_run(8, 8), start(1, 8), end(9), finish(1)];
        assert_eq!(plan(&writes), ["0", "step 1", "2"]);
    }

    #[test]
    fn a_finish_does_not_jump_over_the_end_of_a_run_that_called_its_own() {
        let writes = [
            start_run(9, 9),
            start_sub_run(8, 9, 9),
            start_sub_run(7, 8, 9),
            start_sub_run(6, 7, 9),
            start(1, 6),
            end(8),
            finish(1),
        ];
        assert_eq!(plan(&writes), ["0", "1", "2", "3", "4", "5", "6"]);
    }

    #[test]
    fn the_end_of_another_branch_of_the_tree_does_not_stand_between() {
        let writes = [
            start_run(9, 9),
            start_sub_run(8, 9, 9),
            start_sub_run(7, 9, 9),
            start_sub_run(6, 7, 9),
            start(1, 9),
            start(2, 7),
            end(8),
            end(6),
            finish(1),
            finish(2),
        ];
        assert_eq!(
            plan(&writes),
            ["0", "1", "2", "3", "step 1", "step 2", "6", "7"]
        );
    }

    #[test]
    fn the_search_ends_in_a_run_that_is_its_own_parent() {
        let writes = [start_sub_run(8, 8, 9), start(1, 8), end(7), finish(1)];
        assert_eq!(plan(&writes), ["0", "1", "2", "3"]);
    }

    #[test]
    fn an_attempt_becomes_one_whatever_ends_meanwhile() {
        let sent = NewRequest::new(id(1), id(9), id(2), "p", "m", "chat");
        let answered = RequestFinish::new(id(1), RequestStatus::Succeeded);
        assert_eq!(
            plan(&[sent.into(), end(9), answered.into()]),
            ["request 1", "1"]
        );
    }

    #[test]
    fn progress_does_not_jump_over_the_reopening_of_its_run() {
        assert_eq!(
            plan(&[progress(1, 1), reopen(1), progress(1, 2), progress(1, 3)]),
            ["0", "1", "3"]
        );
    }

    #[test]
    fn a_finish_does_not_jump_over_the_reopening_of_its_run_or_one_above() {
        assert_eq!(plan(&[start(1, 9), reopen(9), finish(1)]), ["0", "1", "2"]);
        let below = [
            start_run(9, 9),
            start_sub_run(8, 9, 9),
            start(1, 8),
            reopen(9),
            finish(1),
        ];
        assert_eq!(plan(&below), ["0", "1", "2", "3", "4"]);
    }

    #[test]
    fn a_step_of_a_reopened_run_becomes_one() {
        let writes = [end(9), reopen(9), start(1, 9), finish(1)];
        assert_eq!(plan(&writes), ["0", "1", "step 1"]);
    }

    /// A reopened run is not forgotten: it has the same runs above it.
    #[test]
    fn the_end_of_another_tree_does_not_stand_between_in_a_reopened_run() {
        let writes = [start_run(8, 8), reopen(8), start(1, 8), end(9), finish(1)];
        assert_eq!(plan(&writes), ["0", "1", "step 1", "3"]);
    }

    #[test]
    fn what_is_said_of_a_step_does_not_stand_between() {
        let note = HitNote {
            id: id(1),
            note: "code changed".to_owned(),
        };
        let to = StepMove {
            id: id(1),
            scope: None,
            previous_key: None,
        };
        let retire = StepRetire { id: id(1) };
        for said in [note.into(), to.into(), retire.into()] {
            assert_eq!(plan(&[start(1, 9), said, finish(1)]), ["step 1", "1"]);
        }
    }
}
