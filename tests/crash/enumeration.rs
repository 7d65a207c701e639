//! Kills at every write, and the figures that they come to.

use std::sync::Arc;

use flow_engine::StepStatus;
use tokio::task::JoinSet;

use crate::reference::{Cost, Reference};
use crate::story::{Doom, Plot, Resume, Story, World};

/// What an interrupted run takes from its journal: its failures too.
const ALL: &[StepStatus] = &[StepStatus::Completed, StepStatus::Failed];

fn plot(flow: &'static str, dooms: Vec<Doom>) -> Plot {
    Plot {
        flow,
        undisturbed: 0,
        dooms,
        resume: Resume::ById,
    }
}

async fn undisturbed(flow: &'static str) -> (Arc<World>, Arc<Reference>) {
    let world = World::new().await;
    let story = world.tell(plot(flow, Vec::new())).await;
    (Arc::new(world), Arc::new(Reference::new(&story, ALL)))
}

/// Tells stories, and holds each to what an undisturbed one came to.
async fn hold(world: &Arc<World>, reference: &Arc<Reference>, plots: Vec<Plot>) -> Vec<Story> {
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
        "{flow}: {} stories of {lives} lives; {distinct} distinct requests, up to {seen} seen, up to {lost} lost with a life",
        stories.len(),
    );
    if flow == "in_parallel" && stories.len() > 1 {
        assert!(lost > 1, "several requests are in flight at a time");
    }
    stories
}

/// All moments of the writes up to `last`: `before` one is `after` the last, but for what was sent between.
fn moments(last: u64) -> impl Iterator<Item = Doom> {
    (1..=last).flat_map(|write| {
        let during = (write % 3 == 0).then_some("during");
        let moments = ["before", "after"].into_iter().chain(during);
        moments.map(move |moment| (moment, write))
    })
}

async fn killed_at_every_write(flow: &'static str) {
    let (world, reference) = undisturbed(flow).await;
    let plots = moments(reference.writes)
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
async fn killed_twice(flow: &'static str) {
    let (world, reference) = undisturbed(flow).await;
    let firsts = moments(reference.writes).skip(2).step_by(9);
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
async fn killed_again_and_again(flow: &'static str, writes: u64) {
    let (world, reference) = undisturbed(flow).await;
    let dooms = [
        ("after", writes),
        ("before", writes + 1),
        ("during", writes + 2),
    ];
    let plots = dooms.map(|doom| plot(flow, vec![doom; 40])).to_vec();
    for story in hold(&world, &reference, plots).await {
        let last = story.lives.last().unwrap();
        assert!(last.doom.is_some(), "it never came to its end by itself");
        assert!(story.lives.len() > 3, "{:?}", story.plot);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_in_sequence_survive_a_kill_at_every_write() {
    killed_at_every_write("in_sequence").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_steps_survive_a_kill_at_every_write() {
    killed_at_every_write("in_parallel").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flows_in_flows_survive_a_kill_at_every_write() {
    killed_at_every_write("nested").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_sequence_survives_another_kill() {
    killed_twice("in_sequence").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resumed_parallel_steps_survive_another_kill() {
    killed_twice("in_parallel").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resumed_flows_in_flows_survive_another_kill() {
    killed_twice("nested").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_killed_again_and_again_comes_to_its_end() {
    killed_again_and_again("in_sequence", 8).await;
    // Until the first answer comes, all that runs beside it has been started.
    killed_again_and_again("in_parallel", 24).await;
    killed_again_and_again("nested", 16).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_run_that_is_killed_while_it_is_resumed_runs_its_failures_again() {
    let world = Arc::new(World::new().await);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_kill_left_undone_is_not_said_to_have_changed() {
    for (flow, writes) in [
        ("in_sequence", 5..40),
        ("in_parallel", 16..46),
        ("nested", 10..60),
    ] {
        let (world, reference) = undisturbed(flow).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_run_has_made_as_much_progress_as_an_undisturbed_one() {
    for flow in ["in_sequence", "in_parallel", "nested"] {
        let (world, reference) = undisturbed(flow).await;
        let late = plot(flow, vec![("before", reference.writes)]);
        let story = &hold(&world, &reference, vec![late]).await[0];
        let root = story.lives[1].left.root().unwrap();
        assert_eq!(root.step_progress, reference.progress(), "{flow}");
    }
}
