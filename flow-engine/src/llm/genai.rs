//! Anthropic and Google in their own forms, through the crate genai.
//!
//! What genai would leave out of a request in silence is an error here, before anything is sent. It has no retries of its own.
//! Its requests cannot be seen: the ledger has the neutral one. The raw answer is read a second time, by us, when a recorded
//! one is read again.

mod answer;
mod question;
mod stream;

use std::fmt;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use genai::adapter::AdapterKind;
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use reqwest::Url;
use serde_json::Value;
use tokio::time::timeout;

use super::openai::http::{address, authority, http_client, needed, sound};
use super::openai::{ANSWER_TIMEOUT, LONGER_THAN_WORDS, SHORTEST_SECRET, configuration};
use super::{LlmBackend, LlmError, LlmRequest, LlmResponse};
use crate::environment::variable;
use crate::error::{Error, ErrorKind};

/// Whose interface is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Native {
    Anthropic,
    Gemini,
}

impl Native {
    /// The name in the ledger, under which the price table has it too.
    fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    fn adapter(self) -> AdapterKind {
        match self {
            Self::Anthropic => AdapterKind::Anthropic,
            Self::Gemini => AdapterKind::Gemini,
        }
    }

    fn address(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com/v1",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta",
        }
    }

    /// The environment variable in which its users keep their key.
    fn variable(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::Gemini => "GEMINI_API_KEY",
        }
    }
}

/// Anthropic's or Google's models, in their providers' own interfaces.
///
/// ```
/// use flow_engine::Engine;
/// use flow_engine::llm::GenAiBackend;
///
/// let builder = Engine::builder()
///     .provider("anthropic", GenAiBackend::anthropic("sk-ant-0123")?)
///     .alias("careful", "anthropic/claude-sonnet-4-5");
/// # let _ = builder;
/// # Ok::<(), flow_engine::Error>(())
/// ```
///
/// Providers that speak OpenAI's chat completions are asked through [`OpenAiBackend`](super::OpenAiBackend).
///
/// | of a request | Anthropic | Gemini |
/// |---|---|---|
/// | `seed` | an error | sent |
/// | `reasoning_effort` | the nearest that the model has; `minimal` is `low` | the nearest that the model has; `none` is an error for Gemini 3 |
/// | a JSON schema | sent; one with open objects is said in words | sent |
/// | attachments of users | images by their bytes, files by bytes or URL | by bytes or URL |
/// | attachments of others | an error | an error |
pub struct GenAiBackend {
    native: Native,
    client: Client,
    endpoint: Endpoint,
    /// Of the address: a password can stand before it.
    host: String,
    timeout: Duration,
    key: String,
}

impl GenAiBackend {
    /// Anthropic, with a key.
    ///
    /// # Errors
    /// When the key is empty or holds a character that no key has, or the machine's TLS cannot be set up.
    pub fn anthropic(key: &str) -> Result<Self, Error> {
        Self::new(Native::Anthropic, key)
    }

    /// Anthropic, with the key in the environment variable `ANTHROPIC_API_KEY`.
    ///
    /// # Errors
    /// As [`anthropic`](Self::anthropic); also when it is not set.
    pub fn anthropic_from_env() -> Result<Self, Error> {
        Self::from_env(Native::Anthropic)
    }

    /// Google's Gemini, with a key of its developer interface.
    ///
    /// # Errors
    /// When the key is empty or holds a character that no key has, or the machine's TLS cannot be set up.
    pub fn gemini(key: &str) -> Result<Self, Error> {
        Self::new(Native::Gemini, key)
    }

    /// Google's Gemini, with the key in the environment variable `GEMINI_API_KEY`.
    ///
    /// # Errors
    /// As [`gemini`](Self::gemini); also when it is not set.
    pub fn gemini_from_env() -> Result<Self, Error> {
        Self::from_env(Native::Gemini)
    }

    fn new(native: Native, key: &str) -> Result<Self, Error> {
        let key = needed(sound(key)?, native.name())?;
        let url = address(native.address(), native.address())?;
        Ok(Self {
            native,
            client: client(&url)?,
            endpoint: endpoint(&url),
            host: authority(&url),
            timeout: ANSWER_TIMEOUT,
            key: key.to_owned(),
        })
    }

    fn from_env(native: Native) -> Result<Self, Error> {
        let name = native.variable();
        match variable(name)? {
            Some(key) => Self::new(native, &key),
            None => Err(configuration(format!("set {name}"))),
        }
    }

    /// Another server that speaks the same interface: a gateway, or one of a test. Its address with the version, such as
    /// `http://127.0.0.1:8080/v1`.
    ///
    /// # Errors
    /// When it is not an `http` or `https` URL.
    pub fn with_address(mut self, base_url: &str) -> Result<Self, Error> {
        let url = address(base_url, self.native.address())?;
        self.client = client(&url)?;
        self.endpoint = endpoint(&url);
        self.host = authority(&url);
        Ok(self)
    }

    /// How long a request may take, from connecting to the answer's last byte: 10 minutes if this is not called. A request
    /// that takes longer fails with [`LlmErrorKind::Timeout`](super::LlmErrorKind::Timeout).
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn ask(&self, request: &LlmRequest) -> Result<LlmResponse, LlmError> {
        let (chat, options) = question::asked(self.native, request)?;
        let answer = self
            .client
            .exec_chat(self.target(request), chat, Some(&options));
        match timeout(self.timeout, answer).await {
            Ok(Ok(response)) => Ok(answer::given(response, self.echoed())),
            Ok(Err(error)) => Err(answer::failed(error, self.timeout, self.secret())),
            Err(_) => Err(answer::late(self)),
        }
    }

    async fn ask_in_pieces(
        &self,
        request: &LlmRequest,
        give: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<LlmResponse, LlmError> {
        let begun = Instant::now();
        let (chat, options) = question::asked(self.native, request)?;
        let (options, served) = stream::watched(options);
        let target = self.target(request);
        // Nothing is sent yet: that is when its first event is asked for.
        let answer = self.client.exec_chat_stream(target, chat, Some(&options));
        let answer = answer
            .await
            .map_err(|error| answer::failed(error, self.timeout, self.secret()))?;
        stream::receive(self, answer, &served, begun, give).await
    }

    fn target(&self, request: &LlmRequest) -> ServiceTarget {
        ServiceTarget {
            endpoint: self.endpoint.clone(),
            auth: AuthData::from_single(self.key.clone()),
            model: ModelIden::new(self.native.adapter(), request.model.as_str()),
        }
    }

    /// The key, as far as it can be hidden in the words of an error.
    fn secret(&self) -> Option<&str> {
        (self.key.len() >= SHORTEST_SECRET).then_some(&*self.key)
    }

    /// The key, as far as it can be hidden in an answer.
    fn echoed(&self) -> Option<&str> {
        (self.key.len() >= LONGER_THAN_WORDS).then_some(&*self.key)
    }

    fn hiding_key(&self, error: LlmError) -> LlmError {
        match self.secret() {
            Some(key) => error.without(key),
            None => error,
        }
    }
}

fn client(url: &Url) -> Result<Client, Error> {
    let client = Client::builder().with_reqwest(http_client(url)?).build();
    client.map_err(|error| Error::caused(ErrorKind::Configuration, &error))
}

/// genai takes what is behind the address to follow at once.
fn endpoint(url: &Url) -> Endpoint {
    Endpoint::from_owned(format!("{}/", url.as_str().trim_end_matches('/')))
}

impl fmt::Debug for GenAiBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenAiBackend")
            .field("provider", &self.native.name())
            .field("address", &self.host)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl LlmBackend for GenAiBackend {
    fn provider(&self) -> &str {
        self.native.name()
    }

    /// The neutral request: what genai makes of it cannot be seen.
    fn body(&self, request: &LlmRequest) -> Result<Value, LlmError> {
        question::asked(self.native, request)?;
        request.to_json()
    }

    fn parse(&self, raw: &str) -> Result<LlmResponse, LlmError> {
        answer::recorded(self.native, raw)
    }

    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        _body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let answer = self.ask(request).await;
            answer.map_err(|error| self.hiding_key(error))
        })
    }

    fn stream<'a>(
        &'a self,
        request: &'a LlmRequest,
        _body: &'a Value,
        give: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let answer = self.ask_in_pieces(request, give).await;
            answer.map_err(|error| self.hiding_key(error))
        })
    }
}

#[cfg(test)]
mod tests;
