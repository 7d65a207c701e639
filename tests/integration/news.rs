//! News: a model that searches the web, by mocks.

use flow_engine::llm::{
    Citation, LlmBackend, LlmError, LlmErrorKind, LlmRequest, LlmResponse, MockBackend,
    SearchContext, Source,
};
use flow_engine::prelude::*;
use flow_engine::step::WebNews;
use flow_engine::{BoxFuture, News, Prices};
use serde_json::Value;

use crate::support::engine_with;

/// What happened.
#[data]
#[derive(PartialEq)]
struct Digest {
    /// One line
    #[check(length(max = 20))]
    headline: String,
    causes: Vec<String>,
}

/// Searches the web for a topic.
#[step(kind = "news", prompt = "./prompts/any.md", model = "large")]
async fn gather(text: String) -> News;

#[step(kind = "news", prompt = "./prompts/any.md")]
async fn sum_up(text: String) -> News<Digest>;

const NEARBY: WebNews = WebNews::new()
    .allowed_domains(&["water.example"])
    .country("DE")
    .context(SearchContext::Low);

#[step(kind = NEARBY, prompt = "./prompts/any.md", model = "large")]
async fn gather_nearby(text: String) -> News;

#[step(prompt = "./prompts/any.md", model = "large")]
async fn ponder(text: String) -> String;

/// Fields of news are known to prompts.
#[step(prompt = "./prompts/news.md")]
async fn retell(news: News<Digest>) -> String;

#[flow]
async fn retold(topic: String) -> Result<String> {
    let news = sum_up(topic).await?;
    Ok(retell(news).await?)
}

fn cited() -> [Citation; 3] {
    [
        Citation::new("https://water.example/flood")
            .titled("Flood")
            .at(4, 8),
        Citation::new("javascript:alert(1)").at(0, 3),
        Citation::new("https://news.example/flood").at(0, 900),
    ]
}

fn mock() -> MockBackend {
    let json = serde_json::json!({ "headline": "It rose", "causes": ["rain"] });
    MockBackend::new()
        .answer_citing("gather", "The Elbe rose.", cited())
        .answer_citing("gather_nearby", "The Elbe rose.", [])
        .answer_citing("sum_up", json, cited())
        .answer("retell", "It rained.")
        .answer("ponder", "Rivers.")
}

#[tokio::test]
async fn news_are_the_text_of_a_model_that_searched_and_what_it_cites() {
    let mock = mock();
    let engine = engine_with(mock.clone()).await;
    let done = engine.execute(gather("rivers")).await.unwrap();
    let news = done.output_content;
    assert_eq!(news.content, "The Elbe rose.");
    assert_eq!(
        news.citations,
        [
            Citation::new("https://water.example/flood")
                .titled("Flood")
                .at(4, 8),
            Citation::new("https://news.example/flood"),
        ]
    );
    assert_eq!(
        news.sources,
        [
            Source::new("https://water.example/flood").titled("Flood"),
            Source::new("https://news.example/flood"),
        ]
    );
    assert_eq!(engine.steps(done.run_id).await[0].kind, "news");
    let request = mock.requests().remove(0);
    assert_eq!(
        serde_json::to_value(&request).unwrap()["web_search"],
        serde_json::json!({})
    );
}

#[tokio::test]
async fn a_kind_of_one_s_own_says_where_to_search() {
    let mock = mock();
    let engine = engine_with(mock.clone()).await;
    engine.execute(gather_nearby("rivers")).await.unwrap();
    let search = mock.requests().remove(0).web_search.unwrap();
    assert_eq!(search.allowed_domains, ["water.example"]);
    assert_eq!(search.country.as_deref(), Some("DE"));
    assert_eq!(search.context, Some(SearchContext::Low));
}

#[tokio::test]
async fn news_of_a_type_are_held_to_it_and_are_an_input_of_the_next_step() {
    let mock = mock();
    let engine = engine_with(mock.clone()).await;
    let done = engine.execute(retold("rivers")).await.unwrap();
    assert_eq!(done.output_content, "It rained.");
    let requests = mock.requests();
    let schema = serde_json::to_value(&requests[0].format).unwrap();
    let properties = &schema["json_schema"]["schema"]["properties"];
    assert!(
        properties["headline"].is_object() && properties["citations"].is_null(),
        "{schema}"
    );
    assert_eq!(schema["json_schema"]["name"], "Digest");
    assert!(requests[1].web_search.is_none());
    let told = &requests[1].messages[0].content;
    assert!(
        told.contains("It rose: https://water.example/flood"),
        "{told}"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_hold_is_told_without_what_the_model_did_not_write() {
    let json = serde_json::json!({ "headline": "much longer than it may be", "causes": [] });
    let engine = engine_with(MockBackend::new().answer("sum_up", json)).await;
    let error = engine.execute(sum_up("rivers")).await.unwrap_err();
    let message = format!("{error:#}");
    assert!(
        message.contains("does not fit `Digest`: at `headline`"),
        "{message}"
    );
}

#[tokio::test]
async fn how_it_is_searched_is_a_part_of_what_is_asked() {
    let engine = engine_with(mock()).await;
    let mut hashes = Vec::new();
    for run_id in [
        engine.execute(gather("rivers")).await.unwrap().run_id,
        engine.execute(gather("rivers")).await.unwrap().run_id,
        engine
            .execute(gather_nearby("rivers"))
            .await
            .unwrap()
            .run_id,
        engine.execute(ponder("rivers")).await.unwrap().run_id,
    ] {
        hashes.push(engine.steps(run_id).await.remove(0).content_hash.unwrap());
    }
    assert_eq!(hashes[0], hashes[1]);
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 3);
}

#[tokio::test]
async fn a_recorded_search_is_not_made_again() {
    let refused = flow_engine::LlmError::new(LlmErrorKind::Refused, "no");
    let mock = mock().fail("retell", refused);
    let engine = engine_with(mock.clone()).await;
    let error = engine.execute(retold("rivers")).await.unwrap_err();
    let before = mock.requests().len();
    let mock = mock.answer("retell", "It rained.");
    let id = error.run_id().unwrap();
    let done = engine.resume(id).await.unwrap();
    assert_eq!(done.output_content, "It rained.");
    assert_eq!(mock.requests().len(), before + 1);
}

/// It implements what a backend must, and no more.
#[derive(Debug)]
struct Plain(MockBackend);

impl LlmBackend for Plain {
    fn provider(&self) -> &'static str {
        "acme"
    }

    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        body: &'a Value,
    ) -> BoxFuture<'a, std::result::Result<LlmResponse, LlmError>> {
        self.0.send(request, body)
    }
}

#[tokio::test]
async fn a_backend_that_cannot_search_is_not_asked_to() {
    let engine = Engine::builder()
        .backend(Plain(mock()))
        .model("large")
        .state(crate::support::Greeting("hello"));
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let engine = engine.database_url(url).build().await.unwrap();
    let error = engine.execute(gather("rivers")).await.unwrap_err();
    assert_eq!(error.llm().unwrap().kind(), LlmErrorKind::InvalidRequest);
    let message = format!("{error:#}");
    assert!(
        message.contains("`acme` cannot search the web") && message.contains("OpenAiBackend"),
        "{message}"
    );
}

const PRICES: &str = r#"{ "version": "t", "prices": [
    { "provider": "mock", "model": "large", "input": 1, "output": 1 },
    { "provider": "mock", "model": "searching", "input": 1, "output": 1, "web_search": 10 }
] }"#;

/// What an answer costs that took so many searches.
async fn cost(model: &'static str, searches: Option<u64>) -> Option<f64> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let mock = MockBackend::new().on("gather", move |_| {
        let mut response = LlmResponse::text("It rose.").with_usage(1_000_000, 0);
        response.usage.web_searches = searches;
        response.model = Some(model.to_owned());
        Ok(response)
    });
    let engine = Engine::builder()
        .backend(mock)
        .prices(Prices::from_json("PRICES", PRICES).unwrap())
        .state(crate::support::Greeting("hello"));
    let engine = engine.database_url(url).build().await.unwrap();
    let done = engine.execute(gather("rivers")).await.unwrap();
    let step = engine.steps_of(done.run_id).await.unwrap().remove(0);
    step.cost_estimate
}

#[tokio::test]
async fn a_search_costs_what_the_table_says_or_nobody_knows_what() {
    assert_eq!(cost("searching", Some(3)).await, Some(1.03));
    assert_eq!(cost("large", Some(3)).await, None);
    assert_eq!(cost("searching", None).await, None, "they were not counted");
}
