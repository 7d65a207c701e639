//! Kills at every write, and the figures that they come to.

use std::sync::Arc;

use flow_engine::StepStatus;
use tokio::task::JoinSet;

use crate::database::Kind;
use crate::reference::{Cost, Reference};
use crate::story::{Doom, Plot, Resume, Story, World};

/// What an interrupted run takes from its journal: its failures too.
const ALL: &[StepStatus] = &[StepStatus::Completed, StepStatus::Failed];

pub(crate) fn plot(flow: &'static str, dooms: Vec<Doom>) -> Plot {
    Plot {
        flow,
        undisturbed: 0,
        dooms,
        resume: Resume::ById,
        disk: None,
    }
}

pub(crate) async fn undisturbed(kind: Kind, flow: &'static str) -> (Arc<World>, Arc<Reference>) {
    let world = World::new(kind).await;
    let story = world.tell(plot(flow, Vec::new())).await;
    (Arc::new(world), Arc::new(Reference::new(&story, ALL)))
}

/// Tells stories, and holds each to what an undisturbed one came to.
pub(crate) async fn hold(
    world: &Arc<World>,
    reference: &Arc<Reference>,
    plots: Vec<Plot>,
) -> Vec<Story> {
    let flow = plots[0].flow;
    let mut telling = JoinSet::new();
    for plot in plots {
        let (world, reference) = (Arc::clone(world), Arc::clone(reference));
        telling.spawn(async move {
            let story = world.tell(plot).await;
            let cost = reference.check(&story);
            (story, cost)
        });
    }
    let (stories, costs): (Vec<Story>, Vec<Cost>) = telling.join_all().await.into_iter().unzip();
    let lives: usize = stories.iter().map(|story| story.lives.len()).sum();
    let most = |count: fn(&Cost) -> usize| costs.iter().map(count).max().unwrap_or_default();
    let (distinct, seen) = (costs[0].distinct, most(|cost| cost.requests));
    let lost = most(|cost| cost.most_lost);
    println!(
        "{flow} on {:?}: {} stories of {lives} lives; {distinct} distinct requests, up to {seen} seen, up to {lost} lost with a life",
        world.kind,
        stories.len(),
    );
    if flow == "in_parallel" && stories.len() > 1 {
        assert!(lost > 1, "several requests are in flight at a time");
    }
    stories
}

/// Set to try all kills on a server, too.
const EVERY_KILL: &str = "FLOW_ENGINE_TEST_EVERY_KILL";

/// Of so many kills, one is tried: all of them take minutes on a server, where they are left to SQLite but for these.
fn one_of(kind: Kind, flow: &str) -> usize {
    let all = std::env::var_os(EVERY_KILL).is_some();
    match kind {
        Kind::Sqlite => 1,
        Kind::Postgres if all => 1,
        Kind::Postgres if flow == "in_sequence" => 2,
        Kind::Postgres => 5,
    }
}

/// All moments of the writes up to `last`: `before` one is `after` the last, but for what was sent between.
fn moments(last: u64) -> impl Iterator<Item = Doom> {
    (1..=last).flat_map(|write| {
        let during = (write % 3 == 0).then_some("during");
        let moments = ["before", "after"].into_iter().chain(during);
        moments.map(move |moment| (moment, write))
    })
}

async fn killed_at_every_write(kind: Kind, flow: &'static str) {
    let (world, reference) = undisturbed(kind, flow).await;
    let plots = moments(reference.writes)
        .step_by(one_of(kind, flow))
        .enumerate()
        .map(|(number, doom)| Plot {
            resume: [Resume::ById, Resume::AllInterrupted][number % 2],
            ..plot(flow, vec![doom])
        });
    for story in hold(&world, &reference, plots.collect()).await {
        assert!(story.lives[0].was_killed, "{:?}", story.plot);
    }
    let beyond = plot(flow, vec![("before", reference.writes + 1)]);
    let stories = hold(&world, &reference, vec![beyond]).await;
    assert_eq!(stories[0].lives.len(), 1, "{} writes", reference.writes);
}

/// The first writes of a resumed run are those that clear up what the kill has left.
async fn killed_twice(kind: Kind, flow: &'static str) {
    let (world, reference) = undisturbed(kind, flow).await;
    let firsts = moments(reference.writes)
        .skip(2)
        .step_by(9 * one_of(kind, flow));
    let plots = firsts.enumerate().flat_map(|(number, first)| {
        let next = 2 + number as u64 % 5;
        let seconds = [("after", 1), ("after", next), ("before", 7), ("during", 9)];
        seconds.map(|second| Plot {
            resume: [Resume::ById, Resume::AllInterrupted][number % 2],
            ..plot(flow, vec![first, second])
        })
    });
    let stories = hold(&world, &reference, plots.collect()).await;
    let twice = stories.iter().filter(|story| story.lives.len() == 3);
    assert!(twice.count() > stories.len() / 2);
}

/// Each life has time for the writes of a step or two, and is killed.
async fn killed_again_and_again(kind: Kind, flow: &'static str, writes: u64) {
    let (world, reference) = undisturbed(kind, flow).await;
    let dooms = [
        ("after", writes),
        ("before", writes + 1),
        ("during", writes + 2),
    ];
    // Until a server has committed the first write, all these are queued, and lost: such a life may come to nothing.
    let gets_on = |doom: &Doom| kind == Kind::Sqlite || doom.0 != "during";
    let dooms = dooms.into_iter().filter(gets_on);
    let plots = dooms.map(|doom| plot(flow, vec![doom; 40])).collect();
    for story in hold(&world, &reference, plots).await {
        let last = story.lives.last().unwrap();
        assert!(last.doom.is_some(), "it never came to its end by itself");
        assert!(story.lives.len() > 2, "{:?}", story.plot);
    }
}

async fn steps_in_sequence_survive_a_kill_at_every_write(kind: Kind) {
    killed_at_every_write(kind, "in_sequence").await;
}

async fn parallel_steps_survive_a_kill_at_every_write(kind: Kind) {
    killed_at_every_write(kind, "in_parallel").await;
}

async fn flows_in_flows_survive_a_kill_at_every_write(kind: Kind) {
    killed_at_every_write(kind, "nested").await;
}

async fn a_resumed_sequence_survives_another_kill(kind: Kind) {
    killed_twice(kind, "in_sequence").await;
}

async fn resumed_parallel_steps_survive_another_kill(kind: Kind) {
    killed_twice(kind, "in_parallel").await;
}

async fn resumed_flows_in_flows_survive_another_kill(kind: Kind) {
    killed_twice(kind, "nested").await;
}

async fn a_program_that_is_killed_again_and_again_comes_to_its_end(kind: Kind) {
    killed_again_and_again(kind, "in_sequence", 8).await;
    // Until the first answer comes, all that runs beside it has been started.
    killed_again_and_again(kind, "in_parallel", 24).await;
    killed_again_and_again(kind, "nested", 16).await;
}

async fn a_failed_run_that_is_killed_while_it_is_resumed_runs_its_failures_again(kind: Kind) {
    let world = Arc::new(World::new(kind).await);
    let failed = |dooms| Plot {
        undisturbed: 1,
        ..plot("refused_at_first", dooms)
    };
    let story = world.tell(failed(Vec::new())).await;
    let reference = Arc::new(Reference::new(&story, &[StepStatus::Completed]));
    let plots = moments(reference.writes).map(|doom| failed(vec![doom]));
    for story in hold(&world, &reference, plots.collect()).await {
        assert!(story.lives[1].was_killed, "{:?}", story.plot);
    }
}

async fn what_a_kill_left_undone_is_not_said_to_have_changed(kind: Kind) {
    for (flow, writes) in [
        ("in_sequence", 5..40),
        ("in_parallel", 16..46),
        ("nested", 10..60),
    ] {
        let (world, reference) = undisturbed(kind, flow).await;
        let plots = writes
            .step_by(5)
            .map(|write| plot(flow, vec![("before", write)]));
        for story in hold(&world, &reference, plots.collect()).await {
            for step in &story.lives[1].left.steps {
                let reason = step.miss_reason.as_deref();
                let is_so = matches!(reason, None | Some("first time" | "not finished before"));
                assert!(is_so, "{:?}: {reason:?} of {step:?}", story.plot);
            }
        }
    }
}

async fn a_resumed_run_has_made_as_much_progress_as_an_undisturbed_one(kind: Kind) {
    for flow in ["in_sequence", "in_parallel", "nested"] {
        let (world, reference) = undisturbed(kind, flow).await;
        let late = plot(flow, vec![("before", reference.writes)]);
        let story = &hold(&world, &reference, vec![late]).await[0];
        let root = story.lives[1].left.root().unwrap();
        assert_eq!(root.step_progress, reference.progress(), "{flow}");
    }
}

/// Each scenario on both databases.
macro_rules! on_both {
    ($($scenario:ident,)+) => {
        on_both! { @each sqlite Sqlite: $($scenario,)+ }
        on_both! { @each postgres Postgres: $($scenario,)+ }
    };
    (@each $module:ident $kind:ident: $($scenario:ident,)+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    super::$scenario(super::Kind::$kind).await;
                }
            )+
        }
    };
}

on_both! {
    steps_in_sequence_survive_a_kill_at_every_write,
    parallel_steps_survive_a_kill_at_every_write,
    flows_in_flows_survive_a_kill_at_every_write,
    a_resumed_sequence_survives_another_kill,
    resumed_parallel_steps_survive_another_kill,
    resumed_flows_in_flows_survive_another_kill,
    a_program_that_is_killed_again_and_again_comes_to_its_end,
    a_failed_run_that_is_killed_while_it_is_resumed_runs_its_failures_again,
    what_a_kill_left_undone_is_not_said_to_have_changed,
    a_resumed_run_has_made_as_much_progress_as_an_undisturbed_one,
}
