//! News without a model and without a key: RSS, Atom and JSON feeds.
//!
//! [`fetch`] is an ordinary async fn, for use in a task, which records what it gave:
//!
//! ```
//! use flow_engine::feeds::{self, FeedItem};
//! use flow_engine::prelude::*;
//!
//! #[step]
//! async fn headlines(feed: String) -> Result<Vec<FeedItem>> {
//!     Ok(feeds::fetch(&feed).await?)
//! }
//! # fn main() {}
//! ```
//!
//! # Addresses that others give
//!
//! What is fetched is what the program, or whoever gives it an address, says. So that such a one does not reach into the network
//! that the program runs in, only public addresses are asked: the host's name is looked up here, every address that it has
//! is checked, that of each redirect too, and the connection goes to what was checked. For a feed in a network of one's own
//! there is [`Feeds::with_private_addresses`]. Proxies of the environment are used only with it, since nobody sees what a
//! proxy connects to.

mod addresses;
mod text;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use feed_rs::model::{Entry, Feed, Text};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use self::addresses::{PrivateAddress, Public};
use self::text::{on_one_line, plain};
use crate::news::{page, title};

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The feeds of newspapers have a tenth of that.
const MAX_BYTES: usize = 5 * 1024 * 1024;
const MAX_REDIRECTS: usize = 5;
/// The parser holds all addresses around an element, and each `xml:base` can make the one around it longer: a feed of 5 MiB
/// would take tens of gigabytes. Their number times the length of the feed is far less than this where they are meant well.
const MAX_BASES: usize = 512 * 1024 * 1024;

/// An entry of a feed.
#[flow_engine_macros::data]
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct FeedItem {
    /// Its title, on one line and of at most 300 characters.
    pub title: Option<String>,
    /// The address of its page, by `http` or `https`.
    pub url: Option<String>,
    /// What the feed says of it, or the whole of it where the feed has that only. HTML is made text: tags, scripts and styles are
    /// taken out, entities are read. It is text of anybody's: escape it where it becomes a part of HTML again.
    pub summary: Option<String>,
    /// When it was published, or else last changed.
    pub published: Option<DateTime<Utc>>,
    /// The title of the feed, in the same form.
    pub source: Option<String>,
}

/// The entries of a feed, in its order: within 30 seconds, of at most 5 MiB, over at most 5 redirects, from a public address.
///
/// # Errors
/// When there is no answer, or what is answered is no feed: RSS, Atom or a JSON feed.
pub async fn fetch(url: &str) -> Result<Vec<FeedItem>, FeedError> {
    Feeds::new().fetch(url).await
}

/// How feeds are fetched.
#[derive(Debug, Clone)]
pub struct Feeds {
    timeout: Duration,
    max_bytes: usize,
    private_addresses: bool,
}

impl Default for Feeds {
    fn default() -> Self {
        Self::new()
    }
}

impl Feeds {
    /// As [`fetch`] does it.
    pub fn new() -> Self {
        Self {
            timeout: TIMEOUT,
            max_bytes: MAX_BYTES,
            private_addresses: false,
        }
    }

    /// How long it may take, to the last byte.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How large a feed may be.
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Also from loopback and from networks that are not public. Not for addresses that others give.
    pub fn with_private_addresses(mut self) -> Self {
        self.private_addresses = true;
        self
    }

    /// The entries of a feed, in its order.
    ///
    /// # Errors
    /// As [`fetch`].
    pub async fn fetch(&self, url: &str) -> Result<Vec<FeedItem>, FeedError> {
        let url = Url::parse(url.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or(FeedError::Address)?;
        let name = name(&url);
        if !self.private_addresses && addresses::is_private_host(&url) {
            return Err(FeedError::Private { url: name });
        }
        let client = self.client().map_err(|source| FeedError::Unreachable {
            url: name.clone(),
            source,
        })?;
        let answer = client.get(url).send().await;
        let answer = answer.map_err(|error| self.unreachable(&name, error))?;
        // Where redirects led to, without what may be a key: a link to the feed itself is relative to all of it.
        let base = self::name(answer.url());
        let body = self.body(&name, answer).await?;
        // Apart from the executor, and so that a parser that panics gives an error.
        let parsed = tokio::task::spawn_blocking(move || {
            if bases(&body).saturating_mul(body.len()) > MAX_BASES {
                return Err("it has too many `xml:base`".to_owned());
            }
            let parser = feed_rs::parser::Builder::new().base_uri(Some(base)).build();
            parser
                .parse(&*body)
                .map(items)
                .map_err(|error| error.to_string())
        });
        let parsed = parsed.await.unwrap_or_else(|error| Err(error.to_string()));
        parsed.map_err(|reason| FeedError::NoFeed {
            url: name,
            reason: on_one_line(&reason),
        })
    }

    fn client(&self) -> reqwest::Result<Client> {
        let private_addresses = self.private_addresses;
        let policy = Policy::custom(move |attempt| {
            let is_web = matches!(attempt.url().scheme(), "http" | "https");
            if !private_addresses && addresses::is_private_host(attempt.url()) {
                attempt.error(PrivateAddress)
            } else if !is_web || attempt.previous().len() > MAX_REDIRECTS {
                attempt.stop()
            } else {
                attempt.follow()
            }
        });
        let client = Client::builder()
            .user_agent(concat!("flow-engine/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.timeout)
            .referer(false)
            .redirect(policy);
        if private_addresses {
            client.build()
        } else {
            client.no_proxy().dns_resolver(Arc::new(Public)).build()
        }
    }

    async fn body(&self, name: &str, mut answer: Response) -> Result<Vec<u8>, FeedError> {
        let status = answer.status();
        if !status.is_success() {
            return Err(FeedError::Status {
                url: name.to_owned(),
                status: status.as_u16(),
            });
        }
        let too_large = || FeedError::TooLarge {
            url: name.to_owned(),
            max_bytes: self.max_bytes,
        };
        let most = u64::try_from(self.max_bytes).unwrap_or(u64::MAX);
        if answer.content_length().is_some_and(|length| length > most) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| self.unreachable(name, error))?
        {
            if body.len() + chunk.len() > self.max_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unreachable(&self, name: &str, error: reqwest::Error) -> FeedError {
        let url = name.to_owned();
        if error.is_timeout() {
            return FeedError::TimedOut {
                url,
                after: self.timeout,
            };
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(error) = cause {
            if error.is::<PrivateAddress>() {
                return FeedError::Private { url };
            }
            cause = error.source();
        }
        FeedError::Unreachable {
            url,
            // What follows the address in it may be a key.
            source: error.without_url(),
        }
    }
}

/// Why there are no entries of a feed. The addresses in it have no query, where keys are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The address is not an `http` or `https` URL.
    #[error("a feed has an address that begins with `http://` or `https://`")]
    Address,
    /// The address, or one that it redirects to, is not public: see [`Feeds::with_private_addresses`].
    #[error(
        "{url} is, or leads to, an address that is not public; a feed in a network of your own takes \
         `Feeds::with_private_addresses`"
    )]
    Private {
        /// What was asked for.
        url: String,
    },
    /// No connection, or it broke. The next attempt may well be answered.
    #[error("cannot fetch the feed at {url}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It took too long: see [`Feeds::with_timeout`].
    #[error("the feed at {url} was not there after {after:?}")]
    TimedOut {
        /// What was asked for.
        url: String,
        /// How long it may take.
        after: Duration,
    },
    /// The server answered something else than a feed: that it is not there, or one redirect too many.
    #[error("the server of the feed at {url} answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// Of HTTP.
        status: u16,
    },
    /// The feed is too large: see [`Feeds::with_max_bytes`].
    #[error("the feed at {url} has more than {max_bytes} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// How large it may be.
        max_bytes: usize,
    },
    /// What came is no RSS, no Atom and no JSON feed.
    #[error("what is at {url} is not a feed: {reason}")]
    NoFeed {
        /// What was asked for.
        url: String,
        /// What the parser says.
        reason: String,
    },
}

/// An address as a message has it.
fn name(url: &Url) -> String {
    struct Host<'a>(&'a Url);
    impl fmt::Display for Host<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let Self(url) = self;
            write!(
                f,
                "{}://{}",
                url.scheme(),
                url.host_str().unwrap_or_default()
            )?;
            if let Some(port) = url.port() {
                write!(f, ":{port}")?;
            }
            f.write_str(url.path())
        }
    }
    Host(url).to_string()
}

/// How often a feed says `xml:base`, at most, in any charset.
fn bases(feed: &[u8]) -> usize {
    const ESCAPE: u8 = 0x1b;
    // Between the letters there can be zeros (UTF-16) or changes of the charset (ISO-2022-JP).
    let mark: &[u8] = if feed.contains(&ESCAPE) {
        b":"
    } else {
        b"xml:base"
    };
    let letters: Vec<u8> = feed.iter().copied().filter(|byte| *byte != 0).collect();
    letters.windows(mark.len()).filter(|it| *it == mark).count()
}

fn items(feed: Feed) -> Vec<FeedItem> {
    let source = feed.title.and_then(|title| title_of(&title));
    feed.entries
        .into_iter()
        .map(|entry| item(entry, source.clone()))
        .collect()
}

fn item(entry: Entry, source: Option<String>) -> FeedItem {
    let is_page = |rel: Option<&str>| matches!(rel, None | Some("alternate"));
    let address = |link: &feed_rs::model::Link| page(&link.href);
    let links = entry.links.iter();
    let url = links
        .clone()
        .filter(|link| is_page(link.rel.as_deref()))
        .chain(links)
        .find_map(address);
    let content = entry.content.and_then(|content| content.body);
    let summary = entry.summary.map(|summary| summary.content).or(content);
    FeedItem {
        title: entry.title.as_ref().and_then(title_of),
        url,
        summary: summary
            .map(|text| plain(&text))
            .filter(|text| !text.is_empty()),
        published: entry.published.or(entry.updated),
        source,
    }
}

fn title_of(text: &Text) -> Option<String> {
    title(Some(&plain(&text.content)))
}

#[cfg(test)]
mod tests;
