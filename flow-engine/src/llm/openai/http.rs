//! The HTTP client: each request is sent once, to one server, and its key is not shown.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{AUTHORIZATION, HeaderName};
use async_openai::config::Config;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use reqwest::Url;

use super::answer::Delivery;
use super::configuration;
use crate::environment::shown;
use crate::error::{Error, ErrorKind};

/// In which Azure takes the key.
const API_KEY: HeaderName = HeaderName::from_static("api-key");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Client = async_openai::Client<Arc<dyn Config>>;

/// The address of a server, which looks like the one given with it.
pub(in crate::llm) fn address(base_url: &str, example: &str) -> Result<Url, Error> {
    Url::parse(base_url.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.query().is_none() && url.fragment().is_none())
        .ok_or_else(|| {
            let base_url = shown(base_url);
            configuration(format!(
                "`{base_url}` is not an address of a server; it looks like {example}"
            ))
        })
}

/// A key without what is around it. The clients take it to be sound, and panic if it is not.
pub(in crate::llm) fn sound(key: &str) -> Result<&str, Error> {
    let key = key.trim();
    if key.chars().all(|letter| letter.is_ascii_graphic()) {
        return Ok(key);
    }
    Err(configuration(
        "the key of the model's server holds white space or a letter that no key has; copy it again",
    ))
}

/// The key of a server that lets nobody in without one.
pub(in crate::llm) fn needed<'a>(key: &'a str, server: &str) -> Result<&'a str, Error> {
    if key.trim().is_empty() {
        return Err(configuration(format!("{server} asks for a key")));
    }
    Ok(key)
}

/// Sends each request once, and to no other server.
pub(in crate::llm) fn http_client(url: &Url) -> Result<reqwest::Client, Error> {
    let mut http = reqwest::Client::builder();
    if is_loopback(url) {
        // A proxy reaches another machine's loopback, if any.
        http = http.no_proxy();
    }
    http.connect_timeout(CONNECT_TIMEOUT)
        // Another crate of the program may have turned it on for all.
        .no_gzip()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()
        .map_err(|error| Error::caused(ErrorKind::Configuration, &error))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

pub(in crate::llm) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A client that sends each request once: the service stands in the place of its retries.
pub(super) fn client(http: reqwest::Client, config: Arc<dyn Config>, timeout: Duration) -> Client {
    let service = tower::service_fn(move |request| deliver(http.clone(), timeout, request));
    async_openai::Client::with_config(config).with_http_service(service)
}

async fn deliver(
    http: reqwest::Client,
    timeout: Duration,
    request: HttpRequestFactory,
) -> Result<reqwest::Response, OpenAIError> {
    let mut request = request.build().await?;
    prepare(&mut request, timeout);
    let delivery = Delivery::receive(http.execute(request).await?).await?;
    let envelope =
        serde_json::to_string(&delivery).map_err(|error| OpenAIError::Boxed(Box::new(error)))?;
    Ok(::http::Response::new(envelope).into())
}

pub(super) fn prepare(request: &mut reqwest::Request, timeout: Duration) {
    *request.timeout_mut() = Some(timeout);
    let headers = request.headers_mut();
    match headers.get_mut(AUTHORIZATION) {
        Some(key) if key.as_bytes() == b"Bearer " => drop(headers.remove(AUTHORIZATION)),
        Some(key) => key.set_sensitive(true),
        None => {}
    }
    if let Some(key) = headers.get_mut(API_KEY) {
        key.set_sensitive(true);
    }
}
