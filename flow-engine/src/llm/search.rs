//! A search on the web that a model makes before it answers, and what it found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// That a model searches the web, and where. A field that is not given is the provider's affair.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct WebSearch {
    /// The domains whose pages may be found, subdomains included: `example.org`. All if there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_domains: Vec<String>,
    /// The country that the search is made from, in two letters (ISO 3166-1): `DE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// How much of what is found the model reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<SearchContext>,
}

/// How much of what a search finds the model reads: more costs more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SearchContext {
    /// The least.
    Low,
    /// What providers do by themselves.
    Medium,
    /// The most.
    High,
}

/// What a part of a text rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Citation {
    /// The title of the page, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The address of the page.
    pub url: String,
    /// Where the cited part of the text begins, in characters (Unicode scalar values, as `chars()` counts them); `None`
    /// if that is not known. Neither of them is there without the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<usize>,
    /// The first character behind the cited part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<usize>,
}

impl Citation {
    /// A citation of the whole text.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
    }

    /// With the title of the page.
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Of the characters from `start` up to `end`, without that one.
    pub fn at(mut self, start: usize, end: usize) -> Self {
        (self.start, self.end) = (Some(start), Some(end));
        self
    }

    pub(super) fn map(&self, text: impl Fn(&String) -> String) -> Self {
        Self {
            title: self.title.as_ref().map(&text),
            url: text(&self.url),
            start: self.start,
            end: self.end,
        }
    }
}

/// A page that a search has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Source {
    /// Its title, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its address.
    pub url: String,
}

impl Source {
    /// A page by its address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            title: None,
            url: url.into(),
        }
    }

    /// With its title.
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    pub(super) fn map(&self, text: impl Fn(&String) -> String) -> Self {
        Self {
            title: self.title.as_ref().map(&text),
            url: text(&self.url),
        }
    }
}
