//! Constraints of inputs and of fields: what does not hold is refused, and told by its path.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use flow_engine::llm::{
    LlmError, LlmErrorKind, LlmRequest, LlmResponse, MockBackend, OutputFormat,
};
use flow_engine::prelude::*;
use flow_engine::step::{StepCall, StepKind};
use flow_engine::{BoxFuture, Error, ErrorKind, RunFilter, StepStatus};
use serde_json::{Value, json};

use crate::support::{TestEngine, engine, engine_with};

/// What an article is made of.
#[data]
struct Article {
    #[check(length(max = 3))]
    sections: Vec<Section>,
    lead: Option<Box<Section>>,
    by_language: BTreeMap<String, (u8, Section)>,
}

#[data]
struct Section {
    #[check(length(min = 1, max = 5), pattern = "^[a-zäöü]*$")]
    title: String,
    #[check(custom = even)]
    pages: Option<u32>,
    below: Vec<Section>,
}

fn even(pages: &u32) -> Result<(), String> {
    if pages.is_multiple_of(2) {
        Ok(())
    } else {
        Err("an odd number of pages".to_owned())
    }
}

fn section(title: &str) -> Section {
    Section {
        title: title.to_owned(),
        pages: None,
        below: Vec::new(),
    }
}

fn article(sections: Vec<Section>) -> Article {
    Article {
        sections,
        lead: None,
        by_language: BTreeMap::new(),
    }
}

/// A judgement.
#[data]
#[derive(PartialEq)]
struct Judgement {
    /// One to five
    #[check(range(min = 1, max = 5))]
    stars: u8,
    #[check(length(max = 3))]
    reasons: Vec<Reason>,
}

#[data]
#[derive(PartialEq)]
struct Reason {
    #[check(length(min = 1))]
    text: String,
}

#[step(prompt = "./prompts/rate.md")]
async fn judge(#[input(length(min = 1, max = 8))] text: String) -> Judgement;

#[step]
async fn print(
    article: Article,
    #[input(default = "fancy", pattern = "^[a-z]+$", length(max = 4), custom = not_ugly)]
    style: String,
    #[input(range(min = 0.5, max = 2.0))] scale: Option<f64>,
) -> usize {
    article.sections.len() + style.len() + scale.map_or(0, |_| 1)
}

fn not_ugly(style: &str) -> Result<(), &'static str> {
    if style == "ugly" {
        Err("too ugly")
    } else {
        Ok(())
    }
}

#[step]
async fn add(#[input(range(max = 10))] a: u8, #[input(range(min = -3))] b: i8) -> i16 {
    i16::from(a) + i16::from(b)
}

#[flow]
async fn sum(#[input(length(min = 1))] numbers: Vec<u8>) -> Result<i16> {
    let mut sum = 0;
    for number in numbers {
        sum += add(number, 0).await?;
    }
    Ok(sum)
}

#[flow]
async fn sums(numbers: Vec<Vec<u8>>) -> Result<i16> {
    let mut all = 0;
    for numbers in numbers {
        all += sum(numbers).await?;
    }
    Ok(all)
}

/// What is said of a call whose inputs do not hold; nothing of it is recorded.
async fn refused<C: Call>(engine: &TestEngine, call: C) -> String {
    let before = engine.runs(RunFilter::default()).await.unwrap().len();
    let Err(error) = engine.execute(call).await else {
        panic!("it was not refused");
    };
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let after = engine.runs(RunFilter::default()).await.unwrap().len();
    assert_eq!(before, after, "a refused call is no run");
    let line = format!("{error:#}");
    let (_, said) = line.split_once(" failed: ").unwrap();
    said.to_owned()
}

/// What is said of an answer that does not fit.
async fn answered(answer: Value) -> String {
    let mock = MockBackend::new().answer("judge", answer);
    let engine = engine_with(mock).await;
    let error = engine.execute(judge("a text")).await.unwrap_err();
    let llm = error.llm().expect("the model was asked");
    assert_eq!(llm.kind(), LlmErrorKind::InvalidOutput);
    let id = error.run_id().unwrap();
    assert_eq!(engine.steps(id).await[0].status, StepStatus::Failed);
    let request = engine.requests_of(id).await.unwrap().remove(0);
    assert!(request.response.is_some(), "it was paid for, and is kept");
    llm.to_string()
}

#[tokio::test]
async fn an_input_that_does_not_hold_is_refused_before_anything_is_sent() {
    let mock = MockBackend::new().answer("judge", json!({ "stars": 5, "reasons": [] }));
    let engine = engine_with(mock.clone()).await;
    for (text, reason) in [
        ("", "length is lower than 1"),
        ("a long text", "length is greater than 8"),
    ] {
        assert_eq!(
            refused(&engine, judge(text)).await,
            format!("the input `text` does not hold: {reason}")
        );
    }
    assert_eq!(mock.requests().len(), 0);
    // Eight characters in sixteen bytes.
    engine.execute(judge("äöüäöüäö")).await.unwrap();
    assert_eq!(mock.requests().len(), 1);
}

#[tokio::test]
async fn all_that_does_not_hold_is_told_at_once_and_no_value_is() {
    let engine = engine().await;
    let said = refused(&engine, add(11, -4)).await;
    assert_eq!(
        said,
        "the input `a` does not hold: greater than 10; the input `b` does not hold: lower than -3"
    );
    let said = refused(&engine, print(article(vec![])).style("Geheim")).await;
    assert_eq!(
        said,
        "the input `style` does not hold: does not match pattern /^[a-z]+$/; length is greater than 4"
    );
}

#[tokio::test]
async fn a_part_of_an_input_that_does_not_hold_is_named_by_its_path() {
    let engine = engine().await;
    let mut whole = article(vec![section("a"), section("b"), section("geheimes")]);
    whole.sections[1].below.push(section(""));
    whole.lead = Some(Box::new(section("ÄÖÜ")));
    whole.by_language.insert("de".to_owned(), (1, section("")));
    let said = refused(&engine, print(whole).style("bold")).await;
    assert_eq!(
        said,
        "the input `article` does not hold: at `sections[1].below[0].title`: length is lower than 1; \
         at `sections[2].title`: length is greater than 5; \
         at `lead.title`: does not match pattern /^[a-zäöü]*$/; \
         at `by_language.de[1].title`: length is lower than 1"
    );
}

#[tokio::test]
async fn a_value_with_many_faults_makes_no_long_message() {
    let engine = engine().await;
    let whole = article((0..1000).map(|_| section("")).collect());
    let said = refused(&engine, print(whole).style("bold")).await;
    assert!(
        said.starts_with(
            "the input `article` does not hold: at `sections`: length is greater than 3; at `sections[0].title`: "
        ),
        "{said}"
    );
    assert!(said.ends_with("; and 996 more"), "{said}");
    assert!(said.len() < 500, "{said}");
}

#[tokio::test]
async fn a_default_is_held_to_the_constraints_and_an_option_when_it_is_there() {
    let engine = engine().await;
    let call = print(article(vec![]));
    assert_eq!(
        refused(&engine, call.clone()).await,
        "the input `style` does not hold: length is greater than 4"
    );
    let call = call.style("bold");
    assert_eq!(
        engine.execute(call.clone()).await.unwrap().output_content,
        4
    );
    for scale in [0.5, 2.0] {
        engine.execute(call.clone().scale(scale)).await.unwrap();
    }
    for (scale, reason) in [
        (0.4, "lower than 0.5"),
        (2.1, "greater than 2"),
        (f64::NAN, "not a number"),
    ] {
        assert_eq!(
            refused(&engine, call.clone().scale(scale)).await,
            format!("the input `scale` does not hold: {reason}")
        );
    }
}

#[tokio::test]
async fn a_fn_says_in_its_words_what_does_not_hold() {
    let engine = engine().await;
    assert_eq!(
        refused(&engine, print(article(vec![])).style("ugly")).await,
        "the input `style` does not hold: too ugly"
    );
    let pages = |pages| {
        let section = Section {
            pages: Some(pages),
            ..section("a")
        };
        print(article(vec![section])).style("bold")
    };
    engine.execute(pages(2)).await.unwrap();
    assert_eq!(
        refused(&engine, pages(3)).await,
        "the input `article` does not hold: at `sections[0].pages`: an odd number of pages"
    );
}

#[tokio::test]
async fn a_step_or_a_flow_in_a_run_is_refused_and_leaves_no_row() {
    let engine = engine().await;
    let error = engine.execute(sum(vec![10, 11])).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.step(), error.flow()),
        (ErrorKind::InvalidInput, Some("add"), Some("sum"))
    );
    let steps = engine.steps(error.run_id().unwrap()).await;
    assert_eq!(steps.len(), 1, "only the call that holds is recorded");
    let error = engine
        .execute(sums(vec![vec![1], vec![]]))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.step(), error.flow()),
        (ErrorKind::InvalidInput, None, Some("sum"))
    );
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    let of_sum = runs
        .iter()
        .filter(|run| run.flow_name == "sum" && run.parent_run_id.is_some());
    assert_eq!(of_sum.count(), 1);
    engine.assert_nothing_runs().await;
}

#[tokio::test]
async fn a_run_does_not_go_on_with_inputs_that_do_not_hold() {
    let engine = engine().await;
    let failed = engine.execute(sum(vec![1, 11])).await.unwrap_err();
    let id = failed.run_id().unwrap();
    let before = engine.row(id).await;
    let error = engine.resume_with(id, sum(vec![])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(engine.row(id).await, before);
    assert_eq!(
        engine
            .resume_with(id, sum(vec![1, 2]))
            .await
            .unwrap()
            .output_content,
        3
    );
}

#[tokio::test]
async fn an_answer_that_does_not_hold_is_refused_and_kept() {
    assert_eq!(
        answered(json!({ "stars": 6, "reasons": [{ "text": "a" }, { "text": "" }] })).await,
        "the answer does not fit `Judgement`: at `stars`: greater than 5; at `reasons[1].text`: length is lower than 1"
    );
    let four = vec![json!({ "text": "a" }); 4];
    assert_eq!(
        answered(json!({ "stars": 5, "reasons": four })).await,
        "the answer does not fit `Judgement`: at `reasons`: length is greater than 3"
    );
}

/// What a task gives is its own affair.
#[tokio::test]
async fn the_output_of_a_task_is_not_held_to_constraints() {
    #[step]
    async fn judge_by_code() -> Judgement {
        Judgement {
            stars: 9,
            reasons: vec![],
        }
    }
    let done = engine().await.execute(judge_by_code()).await.unwrap();
    assert_eq!(done.output_content.stars, 9);
}

static IS_STRICT: AtomicBool = AtomicBool::new(false);

fn strictly_short(text: &str) -> Result<(), String> {
    if IS_STRICT.load(Ordering::Relaxed) && text.len() > 3 {
        return Err("too long".to_owned());
    }
    Ok(())
}

#[data]
struct Word {
    #[check(custom = strictly_short)]
    text: String,
}

/// A kind of the user's that holds its answers to the output's type.
struct Spoken;

impl StepKind for Spoken {
    fn name(&self) -> &'static str {
        if IS_STRICT.load(Ordering::Relaxed) {
            "strictly spoken"
        } else {
            "spoken"
        }
    }

    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
        call.request(OutputFormat::Text)
    }

    fn read<'a>(
        &'a self,
        call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Value, LlmError>> {
        Box::pin(async move {
            let word = json!({ "text": response.accepted()? });
            let output = call.definition().output();
            output
                .check(&word)
                .map_err(|reason| LlmError::new(LlmErrorKind::InvalidOutput, reason))?;
            Ok(word)
        })
    }
}

#[step(kind = Spoken, prompt = "./prompts/rate.md")]
async fn say(text: String) -> Word;

#[step]
async fn agree() -> Result<()> {
    if IS_STRICT.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err("that is too lax".into())
}

#[flow]
async fn speak() -> Result<String> {
    let word = say("x").await?;
    agree().await?;
    Ok(word.text)
}

#[tokio::test]
async fn an_answer_that_is_read_again_is_held_to_the_constraints_of_then() {
    let mock = MockBackend::new().on("say", |_| {
        let text = if IS_STRICT.load(Ordering::Relaxed) {
            "hi"
        } else {
            "hello"
        };
        Ok(LlmResponse::text(text))
    });
    let engine = engine_with(mock.clone()).await;
    let error = engine.execute(speak()).await.unwrap_err();
    assert_eq!(error.step(), Some("agree"));
    IS_STRICT.store(true, Ordering::Relaxed);
    let done = engine.resume(error.run_id().unwrap()).await.unwrap();
    assert_eq!(done.output_content, "hi");
    assert_eq!(mock.requests().len(), 2, "what is recorded is too long now");
    let too_long = MockBackend::new().answer("say", "hello");
    let error = engine_with(too_long)
        .await
        .execute(say("x"))
        .await
        .unwrap_err();
    assert_eq!(error.llm().unwrap().to_string(), "at `text`: too long");
}

#[test]
fn schemas_show_the_constraints_of_fields() {
    let schema = Judge::output_schema();
    let fields = &schema["properties"];
    assert_eq!(
        fields["stars"],
        json!({ "description": "One to five", "type": "integer", "format": "uint8", "minimum": 1, "maximum": 5 })
    );
    assert_eq!(fields["reasons"]["maxItems"], 3);
    let schema = Print::input_schema();
    let title = &schema["$defs"]["Section"]["properties"]["title"];
    assert_eq!(
        *title,
        json!({ "type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-zäöü]*$" })
    );
}

#[test]
fn schemas_show_the_constraints_of_inputs() {
    let schema = Print::input_schema();
    let inputs = &schema["properties"];
    assert_eq!(
        inputs["style"],
        json!({ "type": "string", "maxLength": 4, "pattern": "^[a-z]+$", "default": "fancy" })
    );
    assert_eq!(
        inputs["scale"],
        json!({ "type": ["number", "null"], "format": "double", "minimum": 0.5, "maximum": 2.0 })
    );
    let schema = Sum::input_schema();
    assert_eq!(schema["properties"]["numbers"]["minItems"], 1);
    let schema = Add::input_schema();
    assert_eq!(schema["properties"]["a"]["minimum"], 0, "the type's own");
    assert_eq!(schema["properties"]["a"]["maximum"], 10);
}
