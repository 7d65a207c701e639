//! The output of a step that makes an image: where the image is, and what is known of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An image that a model made: what a step of kind `image` gives.
///
/// Its bytes are not in it. Those that a model sent are in the engine's artifact store, named by their hash, and
/// [`Engine::artifact`](crate::Engine::artifact) reads them; in a flow or a task, [`artifact`](crate::artifact) does. A provider can
/// answer with a URL of its own in place of bytes: then the image is there, usually for an hour only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Image {
    /// Where it is: `artifact:` and a name in the engine's artifact store, or the provider's URL.
    pub url: String,
    /// The media type: `image/png`. Unknown of a URL that does not end in a file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// In pixels, where the bytes say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// In pixels, where the bytes say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The prompt that the provider wrote in place of the one it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised_prompt: Option<String>,
}

impl Image {
    /// An image at a URL, of which nothing more is known.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            media_type: None,
            width: None,
            height: None,
            size: None,
            revised_prompt: None,
        }
    }

    /// Whether its bytes are in an artifact store.
    pub fn is_artifact(&self) -> bool {
        self.url.starts_with(crate::artifacts::SCHEME)
    }
}
