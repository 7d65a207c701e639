//! OpenAI, Azure and every server that speaks chat completions, through async-openai. A search on the web goes to the
//! Responses API.
//!
//! Two things of that client are not used. Its retries: an attempt that the ledger does not show may still be
//! billed. And its response types: one unknown word of a compatible server would lose the whole answer.

#[cfg(feature = "genai")]
pub(super) mod answer;
#[cfg(not(feature = "genai"))]
mod answer;
mod azure;
mod content;
pub(super) mod http;
mod images;
mod responses;
mod stream;
mod structured;
pub(super) mod undelivered;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::CONTENT_TYPE;
use async_openai::config::{Config, OpenAIConfig};
use async_openai::error::OpenAIError;
use async_openai::traits::RequestOptionsBuilder as _;
use futures::future::BoxFuture;
use reqwest::Url;
use serde_json::{Map, Value, json};

use self::answer::Delivery;
use self::content::messages;
use self::http::{Client, address, authority, client, http_client, needed, prepare, sound};
pub use self::structured::StructuredOutput;
use self::structured::{asked_for, response_format};
use self::undelivered::{broken, undelivered};
use super::{LlmBackend, LlmError, LlmRequest, LlmResponse, OutputFormat};
use crate::environment::variable;
use crate::error::{Error, ErrorKind};

const CHAT: &str = "chat/completions";
const OFFICIAL: &str = "https://api.openai.com/v1";
/// OpenAI's own clients wait as long: a reasoning model may think for minutes before its first byte.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_mins(10);

/// A shorter key (`x`, `EMPTY`) guards nothing, and to hide it would make holes in the words of an error.
pub(super) const SHORTEST_SECRET: usize = 8;
/// A shorter key (`lm-studio`) may be a word of a good answer, which must stay as it came.
pub(super) const LONGER_THAN_WORDS: usize = 20;

/// A server that speaks OpenAI's chat completions. An answer of more than 128 MiB is given up.
pub struct OpenAiBackend {
    http: reqwest::Client,
    client: Client,
    timeout: Duration,
    provider: String,
    /// Knows all that OpenAI does.
    official: bool,
    azure: bool,
    key: String,
    structured: StructuredOutput,
}

impl OpenAiBackend {
    /// A server by its address, such as `http://127.0.0.1:8080/v1`, and its key; an empty key for a server that
    /// asks for none.
    ///
    /// # Errors
    /// When the address is not an `http` or `https` URL, or the key holds a character that no key has.
    pub fn new(base_url: &str, key: &str) -> Result<Self, Error> {
        let (url, key) = (address(base_url, OFFICIAL)?, sound(key)?);
        // Left alone, it sends the organization of the environment's OpenAI account to every server.
        let config = OpenAIConfig::new()
            .with_api_base(base_url.trim().trim_end_matches('/'))
            .with_api_key(key)
            .with_org_id("")
            .with_project_id("");
        let official = url
            .host_str()
            .is_some_and(|host| host == "api.openai.com" || host.ends_with(".api.openai.com"));
        let provider = if official {
            "openai".to_owned()
        } else {
            authority(&url)
        };
        let backend = Self::with_config(Arc::new(config), &url, key)?;
        Ok(Self {
            provider,
            official,
            ..backend
        })
    }

    fn with_config(config: Arc<dyn Config>, url: &Url, key: &str) -> Result<Self, Error> {
        let http = http_client(url)?;
        Ok(Self {
            client: client(http.clone(), config, ANSWER_TIMEOUT),
            http,
            timeout: ANSWER_TIMEOUT,
            provider: String::new(),
            official: false,
            azure: false,
            key: key.to_owned(),
            structured: StructuredOutput::default(),
        })
    }

    /// OpenAI itself.
    ///
    /// # Errors
    /// When the key is empty or holds a character that no key has, or the machine's TLS cannot be set up.
    pub fn official(key: &str) -> Result<Self, Error> {
        Self::new(OFFICIAL, needed(key, "OpenAI")?)
    }

    /// The server that the environment names.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `OPENAI_API_KEY` | the key of OpenAI, or of the server below |
    /// | `OPENAI_BASE_URL` | an OpenAI-compatible server; needs no key if the server asks for none |
    /// | `OPENAI_STRUCTURED_OUTPUT` | how the server is asked for JSON: `json_schema` (if it is not set), `json_object` or `prompt`; see [`StructuredOutput`] |
    ///
    /// A variable that is set to nothing counts as not set.
    ///
    /// # Errors
    /// When neither of the first two is set, or what the variables hold cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(variable)
    }

    fn from_variables(
        variable: impl Fn(&str) -> Result<Option<String>, Error>,
    ) -> Result<Self, Error> {
        let backend = match (variable("OPENAI_BASE_URL")?, variable("OPENAI_API_KEY")?) {
            (Some(url), key) => Self::new(&url, key.as_deref().unwrap_or_default()),
            (None, Some(key)) => Self::official(&key),
            (None, None) => Err(Error::new(
                ErrorKind::Configuration,
                "no model is configured: set OPENAI_API_KEY, or OPENAI_BASE_URL for a compatible server, and \
                 FLOW_ENGINE_MODEL",
            )),
        }?;
        match variable("OPENAI_STRUCTURED_OUTPUT")? {
            Some(word) => Ok(backend.with_structured_output(StructuredOutput::named(&word)?)),
            None => Ok(backend),
        }
    }

    /// How the server is asked for JSON: by its schema if this is not called.
    pub fn with_structured_output(mut self, structured: StructuredOutput) -> Self {
        self.structured = structured;
        self
    }

    /// How long a request may take, from connecting to the answer's last byte: 10 minutes if this is not called, as
    /// in OpenAI's own clients. A request that takes longer fails with [`LlmErrorKind::Timeout`](super::LlmErrorKind::Timeout).
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        let config = Arc::clone(self.client.config());
        self.client = client(self.http.clone(), config, timeout);
        self.timeout = timeout;
        self
    }
}

impl OpenAiBackend {
    async fn delivered(&self, request: &LlmRequest, body: &Value) -> Result<Delivery, OpenAIError> {
        let model = &request.model;
        if request.web_search.is_some() {
            return self.client.responses().create_byot(body).await;
        }
        if request.format == OutputFormat::Image {
            let images = self.client.images();
            if self.azure {
                let path = azure::path(model, "images/generations");
                return images.path(path)?.generate_byot(body).await;
            }
            return images.generate_byot(body).await;
        }
        let chat = self.client.chat();
        if self.azure {
            return chat.path(azure::path(model, CHAT))?.create_byot(body).await;
        }
        chat.create_byot(body).await
    }

    /// Posts a request whose answer is read as it comes.
    async fn post(&self, model: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
        let config = self.client.config();
        let url = if self.azure {
            config.url(&azure::path(model, CHAT))
        } else {
            config.url(&format!("/{CHAT}"))
        };
        let request = self.http.post(url).headers(config.headers());
        let request = request.header(CONTENT_TYPE, "application/json");
        let mut request = request.body(body.to_string()).build()?;
        let query = config.query();
        if !query.is_empty() {
            request.url_mut().query_pairs_mut().extend_pairs(query);
        }
        prepare(&mut request, self.timeout);
        self.http.execute(request).await
    }

    fn without_key(&self, mut delivery: Delivery) -> Delivery {
        let is_secret = if delivery.is_success() {
            self.key.len() >= LONGER_THAN_WORDS
        } else {
            self.key.len() >= SHORTEST_SECRET
        };
        if is_secret {
            delivery.hide(&self.key);
        }
        delivery
    }

    fn error_without_key(&self, error: LlmError) -> LlmError {
        if self.key.len() >= SHORTEST_SECRET {
            error.without(&self.key)
        } else {
            error
        }
    }
}

pub(super) fn configuration(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

impl fmt::Debug for OpenAiBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiBackend")
            .field("provider", &self.provider)
            .field("timeout", &self.timeout)
            .field("structured", &self.structured)
            .finish_non_exhaustive()
    }
}

impl LlmBackend for OpenAiBackend {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn operation(&self, request: &LlmRequest) -> &'static str {
        if request.format == OutputFormat::Image {
            "images.generations"
        } else if request.web_search.is_some() {
            "responses"
        } else {
            "chat.completions"
        }
    }

    fn searches_the_web(&self) -> bool {
        !self.azure
    }

    fn body(&self, request: &LlmRequest) -> Result<Value, LlmError> {
        if self.azure {
            azure::check(&request.model)?;
        }
        if request.web_search.is_some() {
            return responses::body(self.structured, request);
        }
        if request.format == OutputFormat::Image {
            return images::body(request);
        }
        let parameters = &request.parameters;
        images::only_of_images(parameters)?;
        let mut body = Map::new();
        body.insert("model".into(), json!(request.model));
        let asked = asked_for(self.structured, request);
        body.insert("messages".into(), messages(&asked)?);
        // OpenAI's newer models refuse `max_tokens`; many compatible servers know no other name.
        let limit = if self.official {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        let optional = [
            (
                "temperature",
                parameters.temperature.map(|value| json!(value)),
            ),
            ("top_p", parameters.top_p.map(|value| json!(value))),
            (
                limit,
                parameters.max_output_tokens.map(|value| json!(value)),
            ),
            ("seed", parameters.seed.map(|value| json!(value))),
            ("stop", parameters.stop.as_ref().map(|value| json!(value))),
            (
                "reasoning_effort",
                parameters.reasoning_effort.map(|value| json!(value)),
            ),
        ];
        body.extend(
            optional
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        if let Some(format) = response_format(self.structured, &request.format) {
            body.insert("response_format".into(), format);
        }
        if request.streams {
            body.insert("stream".into(), json!(true));
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
        Ok(Value::Object(body))
    }

    fn parse(&self, raw: &str) -> Result<LlmResponse, LlmError> {
        match images::recorded(raw) {
            Some(answer) => Ok(answer),
            None => Delivery::recorded(raw).read(),
        }
    }

    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let of_image = request.format == OutputFormat::Image;
            let answer = match self.delivered(request, body).await {
                Ok(delivery) if of_image => images::read(self.without_key(delivery)),
                Ok(delivery) => {
                    let answer = self.without_key(delivery).read();
                    answer::searched(answer, request)
                }
                Err(error) => Err(undelivered(&error, self.timeout)),
            };
            answer.map_err(|error| self.error_without_key(error))
        })
    }

    fn stream<'a>(
        &'a self,
        request: &'a LlmRequest,
        body: &'a Value,
        give: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            if request.web_search.is_some() || request.format == OutputFormat::Image {
                let response = self.send(request, body).await?;
                give(response.content.as_deref().unwrap_or_default());
                return Ok(response);
            }
            let answer = match self.post(&request.model, body).await {
                Ok(response) => stream::receive(self, response, give).await,
                Err(error) => Err(broken(&error, self.timeout)),
            };
            answer.map_err(|error| self.error_without_key(error))
        })
    }
}

#[cfg(test)]
mod tests;
