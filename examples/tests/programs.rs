//! The examples as a user runs them, on their recorded answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Output};

use flow_engine::llm::MockBackend;
use flow_engine::{Engine, FlowRun, RunFilter, RunStatus, StepStatus};
// Links the examples' steps and flows, whose rows are read here.
use flow_engine_examples as _;

fn run(program: &str, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL")
        .env_remove("DATABASE_URL")
        .env_remove("FLOW_ENGINE_DATABASE_URL")
        // Must not get between a recording and its own model.
        .env("FLOW_ENGINE_MODEL", "another-model")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn history(folder: &Path) -> (Engine, Vec<FlowRun>) {
    let url = format!("sqlite://{}", folder.join("flow-engine.db").display());
    let engine = Engine::builder()
        .backend(MockBackend::new())
        .database_url(url)
        .build()
        .await
        .unwrap();
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    (engine, runs)
}

#[tokio::test]
async fn article_processing_prints_its_summary_and_leaves_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(env!("CARGO_BIN_EXE_article_processing"), folder.path(), &[]);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stderr),
        "",
        "no progress bar where there is no terminal"
    );
    let first = printed.lines().next().unwrap();
    assert!(
        first
            .starts_with("No model is configured, so the recorded answers of smollm2 are replayed"),
        "{first}"
    );

    let (engine, runs) = history(folder.path()).await;
    let [run] = runs.as_slice() else {
        panic!("{} runs", runs.len())
    };
    assert_eq!(
        (run.flow_name.as_str(), run.status),
        ("article_processing", RunStatus::Completed)
    );
    let summary = &run.outputs.as_ref().unwrap()["summary"];
    for shown in [
        summary["title"].as_str().unwrap(),
        &run.id.to_string(),
        "unknown price",
    ] {
        assert!(printed.contains(shown), "{shown} is not in {printed}");
    }
    assert!(
        printed.contains(&format!("tokens    {}\n", run.total_tokens)),
        "{printed}"
    );
    assert!(printed.trim_end().ends_with("flow-engine.db"), "{printed}");
    assert_eq!((run.step_progress, run.total_steps), (2, Some(2)));

    let steps = engine.steps_of(run.id).await.unwrap();
    let requests = engine.requests_of(run.id).await.unwrap();
    assert_eq!(
        steps
            .iter()
            .map(|step| step.step_name.as_str())
            .collect::<Vec<_>>(),
        ["extract_content", "summarize"]
    );
    assert_eq!(
        steps.iter().map(|step| step.tokens_used).sum::<i64>(),
        run.total_tokens
    );
    for (step, request) in steps.iter().zip(&requests) {
        assert_eq!(
            (step.status, step.llm_request_id),
            (StepStatus::Completed, Some(request.id))
        );
        assert!(
            request.request.as_ref().unwrap()["messages"]
                .as_array()
                .is_some_and(|messages| messages.len() == 2)
        );
        assert!(
            request
                .response
                .as_ref()
                .is_some_and(|raw| raw.contains("choices")),
            "the raw answer is kept"
        );
    }
}

#[tokio::test]
async fn master_content_runs_a_flow_inside_a_flow() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(env!("CARGO_BIN_EXE_master_content"), folder.path(), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (_, runs) = history(folder.path()).await;
    let [inner, outer] = runs.as_slice() else {
        panic!("{} runs", runs.len())
    };
    assert_eq!(
        (outer.flow_name.as_str(), inner.flow_name.as_str()),
        ("master_content", "article_processing")
    );
    assert_eq!(inner.parent_run_id, Some(outer.id));
    assert!(outer.total_tokens > inner.total_tokens && inner.total_tokens > 0);
}

#[tokio::test]
async fn single_steps_leaves_a_run_for_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(env!("CARGO_BIN_EXE_single_steps"), folder.path(), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (_, runs) = history(folder.path()).await;
    assert_eq!(
        runs.iter()
            .map(|run| run.flow_name.as_str())
            .collect::<Vec<_>>(),
        ["summarize", "extract_content"]
    );
}

#[tokio::test]
async fn newsletter_goes_on_after_a_crash_and_asks_only_for_the_rest() {
    let program = env!("CARGO_BIN_EXE_newsletter");
    let (calm, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let undisturbed = run(program, calm.path(), &[]);
    assert!(
        undisturbed.status.success(),
        "{}",
        text(&undisturbed.stderr)
    );
    let (_, runs) = history(calm.path()).await;
    let whole = &runs[0];

    let died = run(program, folder.path(), &["--crash-after", "3"]);
    assert!(!died.status.success(), "{}", text(&died.stdout));
    let (engine, runs) = history(folder.path()).await;
    let crashed = &runs[0];
    assert_eq!(crashed.status, RunStatus::Running);
    let first = engine.requests_of(crashed.id).await.unwrap();
    assert_eq!(first.len(), 3);
    let steps = engine.steps_of(crashed.id).await.unwrap();
    let dated = steps
        .iter()
        .find(|step| step.step_name == "flow_engine::now");
    engine.close().await;

    let resumed = run(program, folder.path(), &[]);
    let printed = text(&resumed.stdout);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    let (engine, runs) = history(folder.path()).await;
    let [done] = runs.as_slice() else {
        panic!("{} runs", runs.len())
    };
    assert_eq!((done.id, done.status), (crashed.id, RunStatus::Completed));
    let all = engine.requests_of(done.id).await.unwrap();
    let teasers = all.len() - 1;
    assert_eq!(all[..3], first);
    for (place, request) in all.iter().enumerate() {
        assert!(
            all[..place]
                .iter()
                .all(|earlier| earlier.request != request.request),
            "asked twice: {request:?}"
        );
    }

    let (ours, theirs) = (
        done.outputs.as_ref().unwrap(),
        whole.outputs.as_ref().unwrap(),
    );
    assert_eq!(ours["subject"], theirs["subject"]);
    assert_eq!(ours["teasers"], theirs["teasers"]);
    assert_eq!(ours["teasers"].as_array().unwrap().len(), teasers);
    assert_eq!(Some(&ours["dated"]), dated.unwrap().outputs.as_ref());
    assert_eq!(done.total_tokens, whole.total_tokens);
    let newsletter = |printed: &str| {
        let (subject, rest) = printed.split_once(" UTC\n").unwrap();
        let (teasers, _) = rest.split_once("\ntokens ").unwrap();
        (
            subject.lines().nth_back(1).map(str::to_owned),
            teasers.to_owned(),
        )
    };
    assert_eq!(newsletter(&printed), newsletter(&text(&undisturbed.stdout)));
    for line in [
        "recorded  write_teaser ×3\n".to_owned(),
        format!(
            "resumed run {}: 3 model steps were recorded, {} ran\n",
            done.id,
            all.len() - 3
        ),
        format!(
            "tokens paid now: {}, in all: {}\n",
            done.total_tokens - crashed.total_tokens,
            done.total_tokens
        ),
    ] {
        assert!(printed.contains(&line), "{line} is not in {printed}");
    }
}

/// Runs the example on an article that cannot be used; the one line it says.
fn refused(folder: &Path, article: &str) -> String {
    let output = run(env!("CARGO_BIN_EXE_article_processing"), folder, &[article]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        !folder.join("flow-engine.db").exists(),
        "nothing is half-written"
    );
    said.trim_end().to_owned()
}

#[test]
fn an_article_that_cannot_be_used_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let write =
        |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    write("empty.txt", b"");
    write("huge.txt", &vec![b'a'; 5_000_000]);
    write("latin.txt", b"caf\xe9 society");
    write("good.txt", b"It rained all day.");
    std::fs::create_dir(folder.path().join("folder")).unwrap();

    let said = |article| refused(folder.path(), article);
    assert_eq!(
        said("empty.txt"),
        "error: empty.txt is empty; give a file with an article in it"
    );
    assert_eq!(
        said("huge.txt"),
        "error: huge.txt is larger than 1000000 bytes, which is no article; give a shorter text"
    );
    assert_eq!(
        said("latin.txt"),
        "error: latin.txt is not UTF-8 text: the byte at 3 is not; convert it first"
    );
    assert_eq!(
        said("folder"),
        "error: folder is a folder; give a text file"
    );
    assert_eq!(
        said("absent.txt"),
        "error: cannot open absent.txt: No such file or directory (os error 2)"
    );
    let without_model = said("good.txt");
    assert!(
        without_model.contains("set OPENAI_API_KEY, or OPENAI_BASE_URL"),
        "{without_model}"
    );
}

#[test]
fn a_database_that_cannot_be_used_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "no folder").unwrap();
    std::fs::write(
        folder.path().join("text.db"),
        "this is not a database, but a text of some length",
    )
    .unwrap();
    let said = |url: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_article_processing"))
            .current_dir(folder.path())
            .env_remove("OPENAI_API_KEY")
            .env_remove("OPENAI_BASE_URL")
            .env("FLOW_ENGINE_DATABASE_URL", url)
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    for (url, part) in [
        ("sqlite://file/flows.db", "file/flows.db"),
        ("sqlite://absent/flows.db", "absent/flows.db"),
        ("sqlite://.", "folder"),
        ("sqlite://text.db", "text.db"),
        ("mysql://localhost/x", "sqlite://"),
    ] {
        let said = said(url);
        assert!(said.contains(part), "{url}: {said}");
        println!("{url}: {said}");
    }
    let unharmed = std::fs::read_to_string(folder.path().join("text.db")).unwrap();
    assert_eq!(
        unharmed,
        "this is not a database, but a text of some length"
    );
}

#[tokio::test]
async fn illustrated_shows_its_caption_and_keeps_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_illustrated");
    let output = run(program, folder.path(), &["a cat"]);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        printed.contains("\nThis is a cat. Nobody is there"),
        "{printed}"
    );
    let picture = std::fs::read(folder.path().join("illustrated.png")).unwrap();
    assert_eq!(picture, MockBackend::PNG);
    let (_, runs) = history(folder.path()).await;
    assert_eq!(runs[0].status, RunStatus::Completed);
}
