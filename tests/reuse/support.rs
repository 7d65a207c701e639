//! A fresh engine for each test, and the steps that most flows are made of.

use std::collections::BTreeSet;
use std::ops::Deref;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use flow_engine::prelude::*;
use flow_engine::{FlowRun, FlowStepRun, ForkRequest};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) use crate::world::{Seen, World};

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
    let builder = Engine::builder()
        .policy(flow_engine::Policy::once())
        .backend(world.clone())
        .state(world.clone());
    builder
        .model(model)
        .database_url(url)
        .build()
        .await
        .unwrap()
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
