//! OpenAI and every server that speaks its chat completions, through async-openai.
//!
//! Two things of that client are not used. Its retries: an attempt that the ledger does not show may still be
//! billed. And its response types: one unknown word of a compatible server would lose the whole answer.

use std::time::Duration;

use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{LlmBackend, LlmError, LlmErrorKind, LlmRequest, LlmResponse, OutputFormat, Usage};
use crate::environment::variable;
use crate::error::{Error, ErrorKind};

const OFFICIAL: &str = "https://api.openai.com/v1";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// OpenAI's own clients wait as long: a reasoning model may think for minutes before its first byte.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

/// A server that speaks OpenAI's chat completions.
#[derive(Debug)]
pub struct OpenAiBackend {
    client: async_openai::Client<OpenAIConfig>,
    provider: String,
    official: bool,
    key: Key,
}

/// Never printed.
struct Key(String);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

impl OpenAiBackend {
    /// A server by its address, such as `http://127.0.0.1:8080/v1`, and its key; an empty key for a server that
    /// asks for none.
    ///
    /// # Errors
    /// When the address is not an `http` or `https` URL.
    pub fn new(base_url: &str, key: &str) -> Result<Self, Error> {
        let base_url = base_url.trim_end_matches('/');
        let url = reqwest::Url::parse(base_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                let message = format!("`{base_url}` is not an address of a server; it looks like {OFFICIAL}");
                Error::new(ErrorKind::Configuration, message)
            })?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .build()
            .map_err(|error| Error::caused(ErrorKind::Configuration, &error))?;
        let config = OpenAIConfig::new().with_api_base(base_url).with_api_key(key);
        let official = base_url == OFFICIAL;
        let service = tower::service_fn(move |request| deliver(http.clone(), request));
        Ok(Self {
            client: async_openai::Client::with_config(config).with_http_service(service),
            provider: if official { "openai".to_owned() } else { authority(&url) },
            official,
            key: Key(key.to_owned()),
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
    ///
    /// A variable that is set to nothing counts as not set.
    ///
    /// # Errors
    /// When neither variable is set, or the address is not an `http` or `https` URL.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(variable)
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let key = variable("OPENAI_API_KEY");
        match (variable("OPENAI_BASE_URL"), key) {
            (Some(url), key) => Self::new(&url, key.as_deref().unwrap_or_default()),
            (None, Some(key)) => Self::official(&key),
            (None, None) => Err(Error::new(
                ErrorKind::Configuration,
                "no model is configured: set OPENAI_API_KEY, or OPENAI_BASE_URL for a compatible server, and \
                 FLOW_ENGINE_MODEL",
            )),
        }
    }

    /// A server may echo the key in its error; what we record must not.
    fn without_key(&self, text: &str) -> String {
        if self.key.0.is_empty() { text.to_owned() } else { text.replace(&self.key.0, "[key]") }
    }
}

fn authority(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// An HTTP answer as a JSON document: the only form in which status and headers pass through async-openai.
#[derive(Serialize, Deserialize)]
struct Delivery {
    status: u16,
    request_id: Option<String>,
    retry_after: Option<u64>,
    body: String,
}

async fn deliver(http: reqwest::Client, request: HttpRequestFactory) -> Result<reqwest::Response, OpenAIError> {
    let response = http.execute(request.build().await?).await?;
    let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let mut delivery = Delivery {
        status: response.status().as_u16(),
        request_id: header("x-request-id"),
        retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()),
        body: String::new(),
    };
    delivery.body = response.text().await?;
    let envelope = serde_json::to_string(&delivery).map_err(|error| OpenAIError::Boxed(Box::new(error)))?;
    Ok(http::Response::new(envelope).into())
}

impl LlmBackend for OpenAiBackend {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn operation(&self) -> &'static str {
        "chat.completions"
    }

    fn body(&self, request: &LlmRequest) -> Result<Value, LlmError> {
        let parameters = &request.parameters;
        let mut body = Map::new();
        body.insert("model".into(), json!(request.model));
        body.insert("messages".into(), json!(request.messages));
        // OpenAI's newer models refuse `max_tokens`; many compatible servers know no other name.
        let limit = if self.official { "max_completion_tokens" } else { "max_tokens" };
        let optional = [
            ("temperature", parameters.temperature.map(|value| json!(value))),
            ("top_p", parameters.top_p.map(|value| json!(value))),
            (limit, parameters.max_output_tokens.map(|value| json!(value))),
            ("seed", parameters.seed.map(|value| json!(value))),
            ("stop", parameters.stop.as_ref().map(|value| json!(value))),
            ("reasoning_effort", parameters.reasoning_effort.map(|value| json!(value))),
        ];
        body.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        match &request.format {
            OutputFormat::Text => {}
            OutputFormat::JsonSchema { name, schema } => {
                let format = json!({
                    "type": "json_schema",
                    "json_schema": { "name": name, "strict": true, "schema": schema },
                });
                body.insert("response_format".into(), format);
            }
        }
        Ok(Value::Object(body))
    }

    fn send<'a>(
        &'a self,
        _request: &'a LlmRequest,
        body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let delivery: Delivery =
                self.client.chat().create_byot(body).await.map_err(|error| undelivered(&error))?;
            let delivery = Delivery { body: self.without_key(&delivery.body), ..delivery };
            if (200..300).contains(&delivery.status) { read(delivery) } else { Err(refused(delivery)) }
        })
    }
}

/// The request brought no answer at all.
fn undelivered(error: &OpenAIError) -> LlmError {
    let OpenAIError::Reqwest(cause) = error else {
        return LlmError::new(LlmErrorKind::InvalidRequest, error.to_string());
    };
    // reqwest's own text leaves out why; its innermost cause says it ("connection refused").
    let mut reason: &dyn std::error::Error = cause;
    while let Some(source) = reason.source() {
        reason = source;
    }
    let at = cause.url().map(|url| format!(" at {}", authority(url))).unwrap_or_default();
    if cause.is_connect() {
        LlmError::new(LlmErrorKind::Transient, format!("cannot connect to the model's server{at}: {reason}"))
    } else if cause.is_timeout() {
        let waited = ANSWER_TIMEOUT.as_secs();
        LlmError::new(LlmErrorKind::Timeout, format!("no answer from the model's server{at} within {waited} s"))
    } else {
        LlmError::new(LlmErrorKind::Transient, format!("the connection to the model's server{at} broke: {reason}"))
    }
}

/// The server answered with an error status.
fn refused(delivery: Delivery) -> LlmError {
    let body: Value = serde_json::from_str(&delivery.body).unwrap_or_default();
    let word = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let message = ["/error/message", "/error", "/message", "/detail"]
        .into_iter()
        .find_map(word)
        .map_or_else(|| delivery.body.chars().take(200).collect(), str::to_owned);
    let no_credit = word("/error/type") == Some("insufficient_quota");
    let kind = match delivery.status {
        401 | 402 | 403 => LlmErrorKind::Authentication,
        429 if no_credit => LlmErrorKind::Authentication,
        429 => LlmErrorKind::RateLimited,
        408 | 409 | 425 | 500.. => LlmErrorKind::Transient,
        _ if word("/error/code") == Some("content_filter") => LlmErrorKind::ContentFiltered,
        _ => LlmErrorKind::InvalidRequest,
    };
    LlmError::new(kind, format!("the model's server answered {}: {}", delivery.status, message.trim()))
        .with_answer(delivery.status, delivery.body)
        .with_provider_request_id(delivery.request_id)
        .with_retry_after(delivery.retry_after.map(Duration::from_secs))
}

/// The parts of a chat completion that are read; all else is only kept.
#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Choice {
    message: WireMessage,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireMessage {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<Value>,
    #[serde(default)]
    completion_tokens_details: Option<Value>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        let detail = |of: &Option<Value>, name: &str| of.as_ref()?.get(name)?.as_u64();
        Self {
            input_tokens: wire.prompt_tokens,
            cached_tokens: detail(&wire.prompt_tokens_details, "cached_tokens"),
            output_tokens: wire.completion_tokens,
            reasoning_tokens: detail(&wire.completion_tokens_details, "reasoning_tokens"),
        }
    }
}

fn read(delivery: Delivery) -> Result<LlmResponse, LlmError> {
    let unreadable = |reason: String| {
        // A proxy's page or a body cut on its way: the next attempt may well be answered.
        LlmError::new(LlmErrorKind::Transient, format!("the server's answer is not a chat completion: {reason}"))
            .with_answer(delivery.status, delivery.body.clone())
            .with_provider_request_id(delivery.request_id.clone())
    };
    let completion: Completion =
        serde_json::from_str(&delivery.body).map_err(|error| unreadable(error.to_string()))?;
    let choice =
        completion.choices.into_iter().next().ok_or_else(|| unreadable("it holds no choice".to_owned()))?;
    Ok(LlmResponse {
        model: completion.model,
        content: choice.message.content,
        refusal: choice.message.refusal.filter(|refusal| !refusal.is_empty()),
        finish_reason: choice.finish_reason,
        usage: completion.usage.map(Usage::from).unwrap_or_default(),
        http_status: Some(delivery.status),
        provider_request_id: delivery.request_id.or(completion.id),
        raw: delivery.body,
    })
}

#[cfg(test)]
mod tests;
