//! A library that calls flow-engine `engine`, and says so at each item.

use engine::llm::MockBackend;
use engine::prelude::*;

#[data(crate = "engine")]
#[serde(rename_all = "snake_case")]
enum Mood {
    Calm,
    InAHurry,
}

/// Whom a summary is for.
#[data(crate = "engine")]
struct Reader {
    name: String,
    mood: Mood,
}

/// What the summariser returns.
#[data(crate = "engine")]
struct Summary {
    /// Generated title
    title: String,
    /// Key points extracted
    key_points: Vec<String>,
    /// How it leaves the reader
    mood: Mood,
}

/// Summarise a text.
#[step(kind = "structured", crate = "engine")]
async fn summarize(content: String, reader: Reader) -> Summary;

#[step(crate = "engine")]
async fn shout(text: String, #[input(default = "!")] end: String) -> String {
    format!("{}{end}", text.to_uppercase())
}

#[flow(crate = "engine")]
async fn headline(article: String, reader: Option<Reader>) -> Result<String> {
    let reader = reader.unwrap_or(Reader {
        name: "anyone".to_owned(),
        mood: Mood::Calm,
    });
    let summary = summarize(article, reader).await?;
    let points = summary.key_points.len();
    let title = shout(summary.title).end("?").await?;
    Ok(format!("{title} {points} points, {:?}", summary.mood))
}

/// Executes the flow on a database, and says what came of it.
pub async fn run(database_url: &str) -> Result<String> {
    let answer = engine::json!({ "title": "Rain", "key_points": ["It rained.", "All day."], "mood": "in_a_hurry" });
    let model = MockBackend::new().answer("summarize", answer);
    let builder = Engine::builder().backend(model.clone());
    let engine = builder.database_url(database_url).build().await?;
    let reader = Reader {
        name: "Ada".to_owned(),
        mood: Mood::InAHurry,
    };
    let done = engine
        .execute(headline("It rained all day.").reader(reader))
        .await?;
    let steps = engine.steps_of(done.run_id).await?;
    let names: Vec<&str> = steps.iter().map(|step| step.step_name.as_str()).collect();
    let asked = &model.requests()[0].messages[0].content;
    Ok(format!("{}\n{asked}\n{names:?}", done.output_content))
}
