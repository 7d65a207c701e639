//! A fresh engine for each test, and a world that its steps act on: a model and an outside, both of which remember what was
//! asked of them, fail what they are told to, and hold what they are told to hold.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use flow_engine::llm::{LlmBackend, LlmRequest, LlmResponse};
use flow_engine::prelude::*;
use flow_engine::{BoxFuture, FlowRun, FlowStepRun, ForkRequest, LlmError, LlmErrorKind};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

/// An engine on a database of its own, which is gone with it.
pub(crate) struct TestEngine {
    engine: Engine,
    pub(crate) world: World,
    folder: TempDir,
}

impl Deref for TestEngine {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl TestEngine {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World::default();
        let engine = open(&folder, &world, "m1").await;
        Self {
            engine,
            world,
            folder,
        }
    }

    /// Another engine on the same database and world, as a new process would have it.
    pub(crate) async fn restarted(self) -> Self {
        self.restarted_with("m1").await
    }

    /// The same, with another default model.
    pub(crate) async fn restarted_with(self, model: &str) -> Self {
        self.engine.close().await;
        let engine = open(&self.folder, &self.world, model).await;
        Self { engine, ..self }
    }

    pub(crate) async fn record(&self, id: Uuid) -> FlowRun {
        self.find_run(id).await.unwrap().expect("the run has a row")
    }

    /// All rows of a step in a run, without those of sub-flows.
    pub(crate) async fn rows(&self, run: Uuid, step: &str) -> Vec<FlowStepRun> {
        let mut rows = self.steps_of(run).await.unwrap();
        rows.retain(|row| row.step_name == step);
        rows
    }

    /// Every row of every table, as SQL literals.
    pub(crate) async fn dump(&self) -> BTreeSet<String> {
        // Reads wait for what is queued.
        self.runs(flow_engine::RunFilter::default()).await.unwrap();
        let mut connection = SqliteConnection::establish(self.database()).unwrap();
        let tables = "SELECT name AS line FROM sqlite_master WHERE type = 'table' AND name LIKE 'flow%' OR \
                      type = 'table' AND name LIKE 'llm%'";
        let mut rows = BTreeSet::new();
        for table in lines(&mut connection, tables) {
            let columns = format!(
                "SELECT group_concat('quote(' || name || ')', ' || '','' || ') AS line FROM pragma_table_info('{table}')"
            );
            let columns = lines(&mut connection, &columns).remove(0);
            let query = format!("SELECT '{table} ' || {columns} AS line FROM {table}");
            rows.extend(lines(&mut connection, &query));
        }
        rows
    }

    /// Changes the database behind the engine's back.
    pub(crate) async fn sql(&self, statement: &str) {
        self.runs(flow_engine::RunFilter::default()).await.unwrap();
        let mut connection = SqliteConnection::establish(self.database()).unwrap();
        let patient = format!("PRAGMA busy_timeout = 10000; {statement}");
        connection.batch_execute(&patient).unwrap();
    }
}

/// A UUID in SQL.
pub(crate) fn blob(id: Uuid) -> String {
    format!("x'{}'", id.simple())
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(connection: &mut SqliteConnection, query: &str) -> Vec<String> {
    let lines: Vec<Line> = diesel::sql_query(query).load(connection).unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

async fn open(folder: &TempDir, world: &World, model: &str) -> Engine {
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let builder = Engine::builder().backend(world.clone()).state(world.clone());
    builder.model(model).database_url(url).build().await.unwrap()
}

/// A model and an outside.
#[derive(Clone)]
pub(crate) struct World(Arc<watch::Sender<Seen>>);

/// What the world has seen, and how it behaves.
#[derive(Default, Clone)]
pub(crate) struct Seen {
    /// Requests to the model: `question @ model`.
    pub(crate) asked: Vec<String>,
    /// Executions of tasks, by their text.
    pub(crate) done: Vec<String>,
    failing: BTreeSet<String>,
    failing_once: BTreeSet<String>,
    held: BTreeSet<String>,
    flags: BTreeSet<String>,
}

impl Default for World {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Seen::default())))
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl World {
    /// The requests to the model so far: `question @ model`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.borrow().asked.clone()
    }

    /// The tasks executed so far.
    pub(crate) fn done(&self) -> Vec<String> {
        self.0.borrow().done.clone()
    }

    /// Forgets what it has seen.
    pub(crate) fn forget(&self) {
        self.0.send_modify(|seen| {
            seen.asked.clear();
            seen.done.clear();
        });
    }

    /// Lets these texts fail from now on, and no others.
    pub(crate) fn fail(&self, texts: &[&str]) {
        self.0
            .send_modify(|seen| seen.failing = texts.iter().map(ToString::to_string).collect());
    }

    /// Lets this text fail the next time.
    pub(crate) fn fail_once(&self, text: &str) {
        self.0
            .send_modify(|seen| drop(seen.failing_once.insert(text.to_owned())));
    }

    /// Holds these texts from now on, and no others.
    pub(crate) fn hold(&self, texts: &[&str]) {
        self.0
            .send_modify(|seen| seen.held = texts.iter().map(ToString::to_string).collect());
    }

    /// Turns a switch on: what a flow does differently since its code was edited.
    pub(crate) fn edit(&self, flag: &str) {
        self.0
            .send_modify(|seen| drop(seen.flags.insert(flag.to_owned())));
    }

    pub(crate) fn is_edited(&self, flag: &str) -> bool {
        self.0.borrow().flags.contains(flag)
    }

    /// A text in the code of a flow, which an edit has made another one.
    pub(crate) fn text(&self, flag: &str, before: &str, after: &str) -> String {
        if self.is_edited(flag) { after } else { before }.to_owned()
    }

    /// Waits for a condition; one that never holds fails the test.
    pub(crate) async fn until(&self, condition: impl Fn(&Seen) -> bool) {
        let mut changes = self.0.subscribe();
        let met = tokio::time::timeout(Duration::from_secs(30), changes.wait_for(condition));
        met.await.expect("the condition is met").unwrap();
    }

    /// Executes a task.
    pub(crate) async fn act(&self, text: &str) -> Result<()> {
        self.0.send_modify(|seen| seen.done.push(text.to_owned()));
        if self.fails(text).await {
            return Err(format!("{text} is down").into());
        }
        Ok(())
    }

    /// Waits until the text is not held; whether it is to fail then.
    async fn fails(&self, text: &str) -> bool {
        let mut changes = self.0.subscribe();
        let _ = changes.wait_for(|seen| !seen.held.contains(text)).await;
        let mut fails = false;
        self.0
            .send_modify(|seen| fails = seen.failing.contains(text) || seen.failing_once.remove(text));
        fails
    }
}

impl LlmBackend for World {
    fn provider(&self) -> &'static str {
        "world"
    }

    fn parse(&self, raw: &str) -> Result<LlmResponse, LlmError> {
        Ok(LlmResponse::text(raw))
    }

    /// The answer tells the question, the model and which of the requests it was: no two are equal.
    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        _body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let question = request.messages.last().unwrap().content.trim();
            let mut number = 0;
            self.0.send_modify(|seen| {
                seen.asked.push(format!("{question} @ {}", request.model));
                number = seen.asked.len();
            });
            if self.fails(question).await {
                return Err(LlmError::new(LlmErrorKind::Transient, "the server is down"));
            }
            let answer = format!("{question} by {} #{number}", request.model);
            Ok(LlmResponse::text(answer).with_usage(10, 5))
        })
    }
}

/// Asks the model; the prompt is the question.
#[step(prompt = "./prompts/ask.md")]
pub(crate) async fn ask(question: String) -> String;

/// The same, by another name.
#[step(prompt = "./prompts/ask.md")]
pub(crate) async fn conclude(question: String) -> String;

/// Does something outside.
#[step]
pub(crate) async fn note(text: String, #[state] world: World) -> Result<String> {
    world.act(&text).await?;
    Ok(format!("noted {text}"))
}

/// Starts a run and drops it once a condition holds: what is left is an interrupted run.
pub(crate) async fn interrupted<C: Call>(
    engine: &TestEngine,
    call: C,
    condition: impl Fn(&Seen) -> bool,
) -> Uuid {
    let request = engine.run(call);
    let id = request.id();
    tokio::select! {
        _end = request.execute() => panic!("it came to its end"),
        () = engine.world.until(condition) => {}
    }
    id
}

/// The same with a fork.
pub(crate) async fn interrupted_fork(
    engine: &TestEngine,
    fork: ForkRequest,
    condition: impl Fn(&Seen) -> bool,
) -> Uuid {
    let id = fork.id();
    tokio::select! {
        _end = fork.execute() => panic!("it came to its end"),
        () = engine.world.until(condition) => {}
    }
    id
}

/// A flow of a model step, a task and another model step.
#[flow]
pub(crate) async fn report(topic: String) -> Result<String> {
    let facts = ask(format!("facts of {topic}")).await?;
    let noted = note(topic.clone()).await?;
    let end = conclude(format!("end of {topic}")).await?;
    Ok(format!("{facts}; {noted}; {end}"))
}
