//! OpenAI and every server that speaks its chat completions, through async-openai. A search on the web goes to the
//! Responses API.
//!
//! Two things of that client are not used. Its retries: an attempt that the ledger does not show may still be
//! billed. And its response types: one unknown word of a compatible server would lose the whole answer.

mod answer;
mod content;
mod responses;
mod structured;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use reqwest::Url;
use serde_json::{Map, Value, json};

use self::answer::Delivery;
use self::content::messages;
pub use self::structured::StructuredOutput;
use self::structured::{asked_for, response_format};
use super::{LlmBackend, LlmError, LlmRequest, LlmResponse};
use crate::environment::variable;
use crate::error::{Error, ErrorKind};

const OFFICIAL: &str = "https://api.openai.com/v1";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// OpenAI's own clients wait as long: a reasoning model may think for minutes before its first byte.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(10);

/// A shorter key (`x`, `EMPTY`) guards nothing, and to hide it would make holes in the words of an error.
const SHORTEST_SECRET: usize = 8;
/// A shorter key (`lm-studio`) may be a word of a good answer, which must stay as it came.
const LONGER_THAN_WORDS: usize = 20;

/// A server that speaks OpenAI's chat completions.
pub struct OpenAiBackend {
    http: reqwest::Client,
    client: async_openai::Client<OpenAIConfig>,
    timeout: Duration,
    provider: String,
    official: bool,
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
        let key = key.trim();
        let url = Url::parse(base_url.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .filter(|url| url.query().is_none() && url.fragment().is_none())
            .ok_or_else(|| {
                configuration(format!(
                    "`{base_url}` is not an address of a server; it looks like {OFFICIAL}"
                ))
            })?;
        // async-openai takes a key to be sound, and panics if it is not.
        if !key.chars().all(|letter| letter.is_ascii_graphic()) {
            return Err(configuration(
                "the key of the model's server holds white space or a letter that no key has; copy it again",
            ));
        }
        let mut http = reqwest::Client::builder();
        if is_loopback(&url) {
            // A proxy reaches another machine's loopback, if any.
            http = http.no_proxy();
        }
        let http = http
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| Error::caused(ErrorKind::Configuration, &error))?;
        // Left alone, it sends the organization of the environment's OpenAI account to every server.
        let config = OpenAIConfig::new()
            .with_api_base(base_url.trim().trim_end_matches('/'))
            .with_api_key(key)
            .with_org_id("")
            .with_project_id("");
        let official = url
            .host_str()
            .is_some_and(|host| host == "api.openai.com" || host.ends_with(".api.openai.com"));
        Ok(Self {
            client: client(http.clone(), config, ANSWER_TIMEOUT),
            http,
            timeout: ANSWER_TIMEOUT,
            provider: if official {
                "openai".to_owned()
            } else {
                authority(&url)
            },
            official,
            key: key.to_owned(),
            structured: StructuredOutput::default(),
        })
    }

    /// OpenAI itself.
    ///
    /// # Errors
    /// When the machine's TLS cannot be set up.
    pub fn official(key: &str) -> Result<Self, Error> {
        Self::new(OFFICIAL, key)
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
        let config = self.client.config().clone();
        self.client = client(self.http.clone(), config, timeout);
        self.timeout = timeout;
        self
    }
}

fn configuration(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A client that sends each request once: the service stands in the place of its retries.
fn client(
    http: reqwest::Client,
    config: OpenAIConfig,
    timeout: Duration,
) -> async_openai::Client<OpenAIConfig> {
    let service = tower::service_fn(move |request| deliver(http.clone(), timeout, request));
    async_openai::Client::with_config(config).with_http_service(service)
}

async fn deliver(
    http: reqwest::Client,
    timeout: Duration,
    request: HttpRequestFactory,
) -> Result<reqwest::Response, OpenAIError> {
    let mut request = request.build().await?;
    *request.timeout_mut() = Some(timeout);
    let headers = request.headers_mut();
    match headers.get_mut(AUTHORIZATION) {
        Some(key) if key.as_bytes() == b"Bearer " => drop(headers.remove(AUTHORIZATION)),
        Some(key) => key.set_sensitive(true),
        None => {}
    }
    let delivery = Delivery::receive(http.execute(request).await?).await?;
    let envelope =
        serde_json::to_string(&delivery).map_err(|error| OpenAIError::Boxed(Box::new(error)))?;
    Ok(http::Response::new(envelope).into())
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
        match request.web_search {
            Some(_) => "responses",
            None => "chat.completions",
        }
    }

    fn searches_the_web(&self) -> bool {
        true
    }

    fn body(&self, request: &LlmRequest) -> Result<Value, LlmError> {
        if request.web_search.is_some() {
            return responses::body(self.structured, request);
        }
        let parameters = &request.parameters;
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
        Ok(Value::Object(body))
    }

    fn parse(&self, raw: &str) -> Result<LlmResponse, LlmError> {
        Delivery::recorded(raw).read()
    }

    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let delivery: Result<Delivery, _> = match request.web_search {
                Some(_) => self.client.responses().create_byot(body).await,
                None => self.client.chat().create_byot(body).await,
            };
            let answer = match delivery {
                Ok(mut delivery) => {
                    let is_secret = if delivery.is_success() {
                        self.key.len() >= LONGER_THAN_WORDS
                    } else {
                        self.key.len() >= SHORTEST_SECRET
                    };
                    if is_secret {
                        delivery.hide(&self.key);
                    }
                    let answer = delivery.read();
                    answer::searched(answer, request)
                }
                Err(error) => Err(answer::undelivered(&error, self.timeout)),
            };
            answer.map_err(|error| {
                if self.key.len() >= SHORTEST_SECRET {
                    error.without(&self.key)
                } else {
                    error
                }
            })
        })
    }
}

#[cfg(test)]
mod tests;
