//! Constraints of inputs and of fields: what does not hold is refused, and told by its path.

mod answers;

use std::collections::BTreeMap;

use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RunFilter};
use serde_json::json;

use self::answers::judge;
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

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "a check gets a reference to the value"
)]
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

#[test]
fn schemas_show_the_constraints_of_fields() {
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
