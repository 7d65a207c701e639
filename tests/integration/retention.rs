//! Old runs are deleted, and images that only they named.

use std::time::Duration;

use flow_engine::llm::{GeneratedImage, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, Image, RunFilter, RunStatus};

use crate::support::{TestEngine, engine, engine_with};
use tokio::sync::RwLock;

/// Fails if it is told to.
#[step]
async fn put_on_scales(grams: i64) -> anyhow::Result<i64> {
    anyhow::ensure!(grams > 0, "nothing is there");
    Ok(grams)
}

#[flow]
async fn on_scales(grams: i64) -> anyhow::Result<i64> {
    Ok(put_on_scales(grams).await?)
}

/// A poster for something.
#[step(kind = "image")]
async fn advertise(prompt: String) -> Image;

/// Takes an image of another run.
#[step]
async fn hang_up(image: Image) -> anyhow::Result<String> {
    Ok(image.media_type.unwrap_or_default())
}

const NONE: [RunStatus; 0] = [];

async fn roots(engine: &TestEngine) -> Vec<RunStatus> {
    let roots = RunFilter {
        roots_only: true,
        limit: 1000,
        ..RunFilter::default()
    };
    let runs = engine.runs(roots).await.unwrap();
    runs.iter().map(|run| run.status).collect()
}

#[tokio::test]
async fn runs_that_ended_are_pruned_by_their_status_and_age() {
    let engine = engine().await;
    for grams in 1..=120 {
        engine.execute(on_scales(grams)).await.unwrap();
    }
    engine.execute(on_scales(0)).await.unwrap_err();

    let pruned = engine.prune(Duration::from_mins(1), RunStatus::ALL[5..].iter().copied());
    assert_eq!(pruned.await.unwrap().runs, 0, "they are young");
    let pruned = engine.prune(Duration::MAX, [RunStatus::Completed]);
    assert_eq!(pruned.await.unwrap().runs, 0, "they are not that old");
    let pruned = engine.prune(Duration::ZERO, [RunStatus::Completed]);
    assert_eq!(pruned.await.unwrap().runs, 120);

    assert_eq!(roots(&engine).await, [RunStatus::Failed]);
    let open = engine.prune(Duration::ZERO, [RunStatus::Failed, RunStatus::Running]);
    let error = open.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    let text = format!("{error:#}");
    assert!(
        text.contains("runs that are running have not ended"),
        "{text}"
    );
    assert_eq!(roots(&engine).await.len(), 1);
}

fn painter() -> MockBackend {
    MockBackend::new().on("advertise", |_| {
        let image = GeneratedImage::bytes(MockBackend::PNG);
        Ok(LlmResponse::of_images(vec![image]))
    })
}

#[tokio::test]
async fn an_image_goes_with_the_last_run_that_names_it() {
    let engine = engine_with(painter()).await;
    let first = engine.execute(advertise("a cat")).await.unwrap();
    let image = first.output_content.clone();
    let same = engine.execute(advertise("a dog")).await.unwrap();
    assert_eq!(same.output_content.url, image.url);
    let taken = engine.execute(hang_up(image.clone())).await.unwrap();

    for run in [first.run_id, same.run_id] {
        assert!(engine.delete_run(run).await.unwrap());
        let pruned = engine.prune(Duration::ZERO, NONE).await.unwrap();
        assert_eq!(pruned.artifacts, 0, "an input of a run names it");
        assert_eq!(engine.artifact(&image).await.unwrap(), MockBackend::PNG);
    }
    assert!(engine.delete_run(taken.run_id).await.unwrap());
    let pruned = engine.prune(Duration::from_mins(1), NONE).await.unwrap();
    assert_eq!(pruned.artifacts, 0, "it was written a moment ago");
    assert_eq!(engine.artifact(&image).await.unwrap(), MockBackend::PNG);

    let pruned = engine.prune(Duration::ZERO, NONE).await.unwrap();

    assert_eq!((pruned.runs, pruned.artifacts), (0, 1));
    let error = engine.artifact(&image).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Artifact);
    let pruned = engine.prune(Duration::ZERO, NONE).await.unwrap();
    assert_eq!(pruned.artifacts, 0, "it is forgotten");
    // It is drawn again, and kept.
    let again = engine.execute(advertise("a cat")).await.unwrap();
    engine.prune(Duration::ZERO, NONE).await.unwrap();
    let bytes = engine.artifact(&again.output_content).await.unwrap();
    assert_eq!(bytes, MockBackend::PNG);
}

#[tokio::test]
async fn an_image_is_kept_for_a_run_that_is_queued() {
    let engine = engine_with(painter()).await;
    let run = engine.execute(advertise("a cat")).await.unwrap();
    let image = run.output_content.clone();
    let queued = engine.run(hang_up(image.clone())).enqueue().await.unwrap();

    let pruned = engine.prune(Duration::ZERO, [RunStatus::Completed]);
    let pruned = pruned.await.unwrap();

    assert_eq!((pruned.runs, pruned.artifacts), (1, 0));
    assert_eq!(engine.artifact(&image).await.unwrap(), MockBackend::PNG);
    assert!(engine.delete_run(queued).await.unwrap());
    let pruned = engine.prune(Duration::ZERO, NONE).await.unwrap();
    assert_eq!(pruned.artifacts, 1);
}

/// Closed while a fork waits for it.
static GATE: RwLock<()> = RwLock::const_new(());

#[flow]
async fn weighed_poster() -> anyhow::Result<Image> {
    let drawn = async {
        drop(GATE.read().await);
        advertise("a cat").await
    };
    let (image, weighed) = tokio::join!(drawn, put_on_scales(1));
    weighed?;
    Ok(image?)
}

#[tokio::test]
async fn an_image_is_kept_for_a_fork_that_has_not_come_to_it() {
    let engine = engine_with(painter()).await;
    let origin = engine.execute(weighed_poster()).await.unwrap();
    let image = origin.output_content.clone();
    let closed = GATE.write().await;
    let fork = engine.fork(origin.run_id).from("put_on_scales");
    let id = fork.id();
    let meanwhile = async {
        while engine.find_run(id).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        let pruned = engine.prune(Duration::ZERO, [RunStatus::Completed]);
        let pruned = pruned.await.unwrap();
        assert_eq!((pruned.runs, pruned.artifacts), (1, 0));
        drop(closed);
    };

    let (forked, ()) = tokio::join!(fork.execute(), meanwhile);

    forked.unwrap();
    assert_eq!(engine.requests_of(id).await.unwrap(), [], "it is shared");
    assert_eq!(engine.artifact(&image).await.unwrap(), MockBackend::PNG);
}

#[tokio::test]
async fn pruned_runs_take_their_images_along() {
    let engine = engine_with(painter()).await;
    let run = engine.execute(advertise("a cat")).await.unwrap();
    let pruned = engine.prune(Duration::ZERO, [RunStatus::Completed]);
    let pruned = pruned.await.unwrap();
    assert_eq!((pruned.runs, pruned.artifacts), (1, 1));
    assert!(engine.artifact(&run.output_content).await.is_err());
}
