//! Steps that make images: where the bytes go, and what is never paid for twice.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection, sql_query};
use flow_engine::llm::{Cassette, GeneratedImage, LlmResponse, MockBackend, OutputFormat};
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, Image, RequestStatus, RunStatus};
use serde::Deserialize as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{engine, engine_with};

/// Make a small picture.
#[step(kind = "image", size = "1024x1024")]
async fn thumbnail(prompt: String, #[input(param, default = "low")] quality: String) -> Image;

#[step(kind = "image", prompt = "./prompts/draft.md")]
async fn poster(topic: String, tone: String) -> Image;

#[step]
async fn weigh(image: Image) -> Result<usize> {
    Ok(flow_engine::artifact(&image).await?.len())
}

#[step]
async fn go_on_if(file: String) -> Result<String> {
    Ok(std::fs::read_to_string(file)?)
}

#[flow]
async fn illustrated(subject: String, file: String) -> Result<Image> {
    let image = thumbnail(subject).await?;
    weigh(image.clone()).await?;
    go_on_if(file).await?;
    Ok(image)
}

async fn engine_at(
    folder: &Path,
    mock: MockBackend,
    artifacts: &Path,
) -> Result<Engine, flow_engine::Error> {
    Engine::builder()
        .policy(flow_engine::Policy::once())
        .backend(mock)
        .model("test-model")
        .state(crate::support::Greeting("hello"))
        .database_url(format!("sqlite://{}", folder.join("test.db").display()))
        .artifacts_url(format!("file://{}", artifacts.display()))
        .build()
        .await
}

fn image_of(output: &Value) -> Image {
    Image::deserialize(output).unwrap()
}

fn files(folder: &TempDir) -> Vec<String> {
    let files = std::fs::read_dir(folder.path().join("flow-engine-artifacts"));
    let Ok(files) = files else { return Vec::new() };
    files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn the_input_is_the_prompt_and_the_bytes_are_an_artifact() {
    let mock = MockBackend::new().image("thumbnail", MockBackend::PNG);
    let engine = engine_with(mock.clone()).await;
    let run = engine.execute(thumbnail("a {{ cat }}")).await.unwrap();

    let image = run.output_content;
    assert!(image.is_artifact());
    assert_eq!(image.media_type.as_deref(), Some("image/png"));
    assert_eq!(
        (image.width, image.height, image.size),
        (Some(1), Some(1), Some(67))
    );
    assert_eq!(engine.artifact(&image).await.unwrap(), MockBackend::PNG);

    let request = &mock.requests()[0];
    assert_eq!(request.format, OutputFormat::Image);
    assert_eq!(request.messages[0].content, "a {{ cat }}");
    assert_eq!(request.parameters.size.as_deref(), Some("1024x1024"));
    assert_eq!(request.parameters.quality.as_deref(), Some("low"));
    let kept = &engine.requests_of(run.run_id).await.unwrap()[0];
    assert!(kept.response.as_ref().unwrap().contains(&image.url));
    let step = &engine.steps(run.run_id).await[0];
    assert_eq!(step.kind, "image");
}

#[tokio::test]
async fn a_prompt_file_is_rendered_where_one_is_given() {
    let mock = MockBackend::new().image("poster", MockBackend::PNG);
    let engine = engine_with(mock.clone()).await;
    engine
        .execute(poster("cats", "stern".to_owned()))
        .await
        .unwrap();
    assert!(
        mock.requests()[0]
            .messages
            .iter()
            .any(|message| message.content.contains("cats"))
    );
}

#[tokio::test]
async fn a_replay_gives_the_same_image_and_neither_asks_nor_stores_it() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = folder.path().join("flow-engine-artifacts");
    let mock = MockBackend::new().image("thumbnail", MockBackend::PNG);
    let engine = engine_at(folder.path(), mock.clone(), &artifacts)
        .await
        .unwrap();
    let file = folder.path().join("later").display().to_string();
    let error = engine
        .execute(illustrated("a cat", file.clone()))
        .await
        .unwrap_err();
    let id = error.run_id().unwrap();
    assert_eq!(files(&folder).len(), 1);
    std::fs::remove_file(artifacts.join(&files(&folder)[0])).unwrap();

    std::fs::write(&file, "").unwrap();
    let image = image_of(&engine.resume(id).await.unwrap().output_content);
    assert_eq!(mock.requests().len(), 1);
    assert_eq!(
        files(&folder),
        Vec::<String>::new(),
        "it is not stored again"
    );
    let missing = engine.artifact(&image).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Artifact);
    assert!(
        missing.to_string().contains("it was deleted, or"),
        "{missing}"
    );
}

#[tokio::test]
async fn a_fork_and_another_engine_find_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = folder.path().join("elsewhere");
    let mock = MockBackend::new().image("thumbnail", MockBackend::PNG);
    let engine = engine_at(folder.path(), mock.clone(), &artifacts)
        .await
        .unwrap();
    let file = folder.path().join("there").display().to_string();
    std::fs::write(&file, "").unwrap();
    let run = engine.execute(illustrated("a cat", file)).await.unwrap();
    drop(engine);
    let engine = engine_at(folder.path(), mock.clone(), &artifacts)
        .await
        .unwrap();
    let fork = engine.fork(run.run_id).execute().await.unwrap();
    let image = image_of(&fork.output_content);
    assert_eq!(image, run.output_content);
    assert_eq!(engine.artifact(&image).await.unwrap(), MockBackend::PNG);
    assert_eq!(mock.requests().len(), 1);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_found_before_anything_is_paid() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    let mock = MockBackend::new().image("thumbnail", MockBackend::PNG);
    let engine = engine_at(folder.path(), mock.clone(), &in_the_way.join("artifacts"))
        .await
        .unwrap();
    let error = engine.execute(thumbnail("a cat")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Artifact);
    let told = format!("{error:#}");
    assert!(
        told.contains("cannot write artifacts into the folder"),
        "{told}"
    );
    assert!(told.contains("FLOW_ENGINE_ARTIFACTS_URL"), "{told}");
    assert_eq!(mock.requests().len(), 0);

    std::fs::remove_file(&in_the_way).unwrap();
    engine.execute(thumbnail("a cat")).await.unwrap();
}

#[tokio::test]
async fn an_image_that_could_not_be_stored_is_not_paid_for_twice() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = folder.path().join("flow-engine-artifacts");
    let gone = artifacts.clone();
    // The folder is lost while the model draws.
    let mock = MockBackend::new().on("thumbnail", move |_| {
        std::fs::remove_dir_all(&gone).unwrap();
        std::fs::write(&gone, "in the way").unwrap();
        let image = GeneratedImage::bytes(MockBackend::PNG).revised("a cat, drawn");
        Ok(LlmResponse::of_images(vec![image]))
    });
    let engine = engine_at(folder.path(), mock.clone(), &artifacts)
        .await
        .unwrap();
    let file = folder.path().join("there").display().to_string();
    std::fs::write(&file, "").unwrap();
    let error = engine
        .execute(illustrated("a cat", file))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Artifact);
    let id = error.run_id().unwrap();
    let asked = &engine.requests_of(id).await.unwrap()[0];
    assert_eq!(asked.status, RequestStatus::Succeeded);

    // Still in the way: it is not asked again either.
    let error = engine.resume(id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Artifact);
    std::fs::remove_file(&artifacts).unwrap();
    let image = image_of(&engine.resume(id).await.unwrap().output_content);
    assert_eq!(image.revised_prompt.as_deref(), Some("a cat, drawn"));
    assert_eq!(engine.artifact(&image).await.unwrap(), MockBackend::PNG);
    assert_eq!(mock.requests().len(), 1);
}

/// Makes a run one that was killed when its first request had been answered.
fn kill_after_the_answer(database: &Path) {
    let mut connection = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
    for killed in [
        "UPDATE flow_runs SET status = 'running', completed_at = NULL, outputs = NULL",
        "DELETE FROM flow_step_runs WHERE step_name <> 'thumbnail'",
        "UPDATE flow_step_runs SET status = 'running', completed_at = NULL, outputs = NULL",
    ] {
        sql_query(killed).execute(&mut connection).unwrap();
    }
}

#[tokio::test]
async fn what_was_answered_when_the_process_died_is_read_from_its_row_and_not_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = folder.path().join("flow-engine-artifacts");
    let mock = MockBackend::new().on("thumbnail", |_| {
        let image = GeneratedImage::bytes(MockBackend::PNG).revised("a cat, drawn");
        Ok(LlmResponse::of_images(vec![image]))
    });
    let engine = engine_at(folder.path(), mock.clone(), &artifacts)
        .await
        .unwrap();
    let file = folder.path().join("there").display().to_string();
    std::fs::write(&file, "").unwrap();
    let run = engine.execute(illustrated("a cat", file)).await.unwrap();
    engine.close().await;
    drop(engine);
    kill_after_the_answer(&folder.path().join("test.db"));

    let engine = engine_at(folder.path(), mock.clone(), &artifacts)
        .await
        .unwrap();
    let again = engine.resume(run.run_id).await.unwrap();
    assert_eq!(image_of(&again.output_content), run.output_content);
    assert_eq!(mock.requests().len(), 1);
    assert_eq!(files(&folder).len(), 1);
}

#[tokio::test]
async fn a_recording_brings_its_images_to_another_store() {
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape.json");
    let mock = MockBackend::new().image("thumbnail", MockBackend::PNG);
    let build = |backend: Cassette, name: &str| {
        let there = folder.path().join(name);
        let database = format!("sqlite://{}", there.join("a.db").display());
        std::fs::create_dir(there).unwrap();
        Engine::builder()
            .backend(backend)
            .model("m")
            .state(crate::support::Greeting("hello"))
            .database_url(database)
            .build()
    };
    let first = build(Cassette::record(&tape, mock).unwrap(), "one");
    let engine = first.await.unwrap();
    let recorded = engine.execute(thumbnail("a cat")).await.unwrap();
    let second = build(Cassette::replay(&tape).unwrap(), "other");
    let engine = second.await.unwrap();
    let replayed = engine.execute(thumbnail("a cat")).await.unwrap();
    let image = replayed.output_content;
    assert_eq!(image, recorded.output_content);
    assert_eq!(engine.artifact(&image).await.unwrap(), MockBackend::PNG);
}

#[tokio::test]
async fn a_huge_image_does_not_go_into_the_rows() {
    let mut bytes = MockBackend::PNG.to_vec();
    bytes.resize(20_000_000, 7);
    let engine = engine_with(MockBackend::new().image("thumbnail", bytes.clone())).await;
    let run = engine.execute(thumbnail("a cat")).await.unwrap();
    assert_eq!(run.output_content.size, Some(20_000_000));
    assert_eq!(engine.artifact(&run.output_content).await.unwrap(), bytes);
    let kept = &engine.requests_of(run.run_id).await.unwrap()[0];
    assert!(kept.response.as_ref().unwrap().len() < 1000);
    let step = &engine.steps(run.run_id).await[0];
    assert!(step.outputs.as_ref().unwrap().to_string().len() < 1000);
}

#[tokio::test]
async fn an_answer_without_an_image_fails_the_step_and_is_kept() {
    let engine = engine_with(MockBackend::new().answer("thumbnail", "I draw a cat.")).await;
    let error = engine.execute(thumbnail("a cat")).await.unwrap_err();
    assert!(format!("{error:#}").contains("the answer holds no image"));
    let id = error.run_id().unwrap();
    assert_eq!(engine.row(id).await.status, RunStatus::Failed);
    let kept = &engine.requests_of(id).await.unwrap()[0];
    assert_eq!(kept.response.as_deref(), Some("I draw a cat."));
}

#[tokio::test]
async fn a_url_of_the_provider_stays_one() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mock = MockBackend::new().on("thumbnail", move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let image = GeneratedImage::url("https://example.com/cat.png");
        Ok(LlmResponse::of_images(vec![image]))
    });
    let engine = engine_with(mock).await;
    let image = engine
        .execute(thumbnail("a cat"))
        .await
        .unwrap()
        .output_content;
    assert_eq!(image.url, "https://example.com/cat.png");
    let error = engine.artifact(&image).await.unwrap_err();
    assert!(
        error.to_string().contains("fetch it from where it is"),
        "{error}"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_artifact_is_read_inside_of_a_run_only() {
    let _engine = engine().await;
    let error = flow_engine::artifact(&Image::at("artifact:x.png"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutsideRun);
}
