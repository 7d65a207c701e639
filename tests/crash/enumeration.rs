//! Kills at every write, and the figures that they come to.

use std::sync::Arc;

use flow_engine::StepStatus;
use tokio::task::JoinSet;

use crate::reference::{Cost, Reference};
use crate::story::{Doom, Resume, Story, World};

const MOMENTS: [&str; 3] = ["before", "during", "after"];

/// An interrupted run meets its failures again.
const ALL: &[StepStatus] = &[StepStatus::Completed, StepStatus::Failed];

/// Tells stories, and checks each.
async fn hold(
    world: &Arc<World>,
    reference: &Arc<Reference>,
    flow: &'static str,
    dooms: impl IntoIterator<Item = Vec<Doom>>,
) -> Vec<Story> {
    let mut telling = JoinSet::new();
    for (number, dooms) in dooms.into_iter().enumerate() {
        let (world, reference) = (Arc::clone(world), Arc::clone(reference));
        telling.spawn(async move {
            let resume = [Resume::ById, Resume::AllInterrupted][number % 2];
            let story = world.tell(flow, &dooms, resume).await;
            let cost = reference.check(&story);
            (story, cost)
        });
    }
    let (stories, costs): (Vec<Story>, Vec<Cost>) = telling.join_all().await.into_iter().unzip();
    let lives: usize = stories.iter().map(|story| story.lives.len()).sum();
    println!(
        "{flow}: {} stories of {lives} lives; {} distinct requests, at most {} seen; at most {} lost with one life",
        stories.len(),
        costs[0].distinct,
        costs.iter().map(|cost| cost.requests).max().unwrap(),
        costs.iter().map(|cost| cost.most_lost).max().unwrap(),
    );
    stories
}

async fn undisturbed(flow: &'static str) -> (Arc<World>, Arc<Reference>) {
    let world = World::new().await;
    let story = world.tell(flow, &[], Resume::ById).await;
    (Arc::new(world), Arc::new(Reference::new(&story, ALL)))
}

async fn killed_at_every_write(flow: &'static str) {
    let (world, reference) = undisturbed(flow).await;
    let writes = reference.writes;
    let dooms = (1..=writes).flat_map(|write| MOMENTS.map(|moment| vec![(moment, write)]));
    let stories = hold(&world, &reference, flow, dooms).await;
    for story in stories {
        assert!(story.lives[0].was_killed, "{}", story.name);
    }
    let beyond = vec![vec![("before", writes + 1)]];
    let stories = hold(&world, &reference, flow, beyond).await;
    assert_eq!(stories[0].lives.len(), 1, "{writes} writes are all of them");
}

/// The first writes of a resumed run are tried after each of some kills: there its rows are in doubt.
async fn killed_twice(flow: &'static str) {
    let (world, reference) = undisturbed(flow).await;
    let firsts = (2..=reference.writes).step_by(3);
    let dooms = firsts.enumerate().flat_map(|(number, first)| {
        let moment = MOMENTS[number % 3];
        let seconds = [
            ("before", 1),
            ("after", 1),
            ("after", 2),
            ("before", 5),
            ("after", 9),
        ];
        seconds.map(|second| vec![(moment, first), second])
    });
    let stories = hold(&world, &reference, flow, dooms).await;
    let twice = stories.iter().filter(|story| story.lives.len() == 3);
    assert!(twice.count() > stories.len() / 2);
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
