//! A model that answers what it was told to: for tests, examples and documentation.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;

use super::image::images;
use super::{
    Citation, GeneratedImage, LlmBackend, LlmError, LlmErrorKind, LlmRequest, LlmResponse,
};
use crate::lock::lock;

type Answer = Arc<dyn Fn(&LlmRequest) -> Result<LlmResponse, LlmError> + Send + Sync>;

/// A backend without a network: each step has an answer, given by the step's name.
///
/// A clone shares answers and requests with its origin, so a test can keep one and give one to the engine.
/// A word counts as a token, and is a piece of an answer that is streamed.
///
/// ```
/// use flow_engine::llm::{LlmError, LlmErrorKind, MockBackend};
///
/// let mock = MockBackend::new()
///     .answer("extract", "the substance")
///     .answer("summarize", serde_json::json!({ "title": "A title" }))
///     .fail("translate", LlmError::new(LlmErrorKind::Transient, "the server is down"));
/// # let _ = mock;
/// ```
#[derive(Clone, Default)]
pub struct MockBackend {
    shared: Arc<Shared>,
    delay: Duration,
    provider: Option<String>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<HashMap<String, Answer>>,
    requests: Mutex<Vec<LlmRequest>>,
}

impl MockBackend {
    /// A whole image of one pixel.
    pub const PNG: &'static [u8] = b"\
        \x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\
        \x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\x00\x00\x00\x0a\x49\x44\x41\x54\x78\xda\x63\x60\x00\x00\x00\
        \x02\x00\x01\xe5\x27\xde\xfc\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

    /// A mock that knows no step yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers a step with a text, or with anything else as JSON.
    pub fn answer(self, step: &str, output: impl Serialize) -> Self {
        let text = match serde_json::to_value(output) {
            Ok(Value::String(text)) => Ok(text),
            Ok(json) => Ok(json.to_string()),
            Err(error) => Err(LlmError::new(
                LlmErrorKind::InvalidRequest,
                format!("the mocked answer is not JSON: {error}"),
            )),
        };
        self.on(step, move |request| {
            let text = text.clone()?;
            let asked = request
                .messages
                .iter()
                .map(|message| words(&message.content))
                .sum();
            let given = words(&text);
            Ok(LlmResponse::text(text).with_usage(asked, given))
        })
    }

    /// Answers a step of kind `image` with these bytes, such as [`PNG`](Self::PNG).
    pub fn image(self, step: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let image = GeneratedImage::bytes(bytes);
        self.on(step, move |_| {
            Ok(LlmResponse::of_images(vec![image.clone()]))
        })
    }

    /// Answers a step with a text, or anything else as JSON, and what it rests on.
    pub fn answer_citing(
        self,
        step: &str,
        output: impl Serialize,
        citations: impl IntoIterator<Item = Citation>,
    ) -> Self {
        let citations: Vec<_> = citations.into_iter().collect();
        let mock = self.answer(step, output);
        let answer = lock(&mock.shared.answers).get(step).cloned();
        mock.on(step, move |request| match &answer {
            Some(answer) => Ok(answer(request)?.with_citations(citations.clone())),
            None => Ok(LlmResponse::default()),
        })
    }

    /// Lets a step's requests fail.
    pub fn fail(self, step: &str, error: LlmError) -> Self {
        self.on(step, move |_| Err(error.clone()))
    }

    /// Answers a step by a function of the request.
    pub fn on(
        self,
        step: &str,
        answer: impl Fn(&LlmRequest) -> Result<LlmResponse, LlmError> + Send + Sync + 'static,
    ) -> Self {
        lock(&self.shared.answers).insert(step.to_owned(), Arc::new(answer));
        self
    }

    /// Lets every answer take this long.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Answers under the name of a provider, such as `openai`, whose prices then hold: for tests of costs and budgets. It has
    /// no model of its own any more.
    pub fn as_provider(mut self, name: impl Into<String>) -> Self {
        self.provider = Some(name.into());
        self
    }

    /// The requests received so far, in order of arrival.
    pub fn requests(&self) -> Vec<LlmRequest> {
        lock(&self.shared.requests).clone()
    }
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

impl fmt::Debug for MockBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockBackend")
            .field(
                "steps",
                &lock(&self.shared.answers).keys().collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}

impl LlmBackend for MockBackend {
    fn provider(&self) -> &str {
        self.provider.as_deref().unwrap_or("mock")
    }

    fn default_model(&self) -> Option<&str> {
        self.provider.is_none().then_some("mock")
    }

    fn searches_the_web(&self) -> bool {
        true
    }

    fn is_free(&self) -> bool {
        self.provider.is_none()
    }

    fn parse(&self, raw: &str) -> Result<LlmResponse, LlmError> {
        let mut body = serde_json::from_str(raw).unwrap_or_default();
        Ok(LlmResponse {
            images: images(&mut body, true).unwrap_or_default(),
            ..LlmResponse::text(raw)
        })
    }

    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        _body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            lock(&self.shared.requests).push(request.clone());
            if !self.delay.is_zero() {
                tokio::time::sleep(self.delay).await;
            }
            // Taken out first: the answer is the user's code, and may well ask the mock itself.
            let answer = lock(&self.shared.answers).get(&request.step).cloned();
            match answer {
                Some(answer) => answer(request),
                None => Err(LlmError::new(
                    LlmErrorKind::InvalidRequest,
                    format!(
                        "the mock has no answer for the step `{0}`; add `.answer(\"{0}\", …)`",
                        request.step
                    ),
                )),
            }
        })
    }

    fn stream<'a>(
        &'a self,
        request: &'a LlmRequest,
        body: &'a Value,
        give: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let answer = self.send(request, body).await;
            let text = match &answer {
                Ok(response) => response.content.as_deref(),
                // What came before it broke off.
                Err(error) => error.partial(),
            };
            for word in text.unwrap_or_default().split_inclusive(' ') {
                give(word);
                tokio::task::yield_now().await;
            }
            answer
        })
    }
}
