//! Images and files that go to a model with a message.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// An image or another file that goes to the model as a part of a message: an input of this type is shown where the prompt
/// prints it.
///
/// ```
/// use flow_engine::Attachment;
///
/// let by_url = Attachment::url("image/png", "https://example.com/cat.png");
/// let of_bytes = Attachment::bytes("text/plain", "three words only").named("words.txt");
/// assert_eq!(of_bytes.media_type(), "text/plain");
/// ```
///
/// Bytes are recorded with the step's inputs, in base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attachment {
    /// The media type: `image/png`.
    media_type: String,
    /// The file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(flatten)]
    content: Content,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Content {
    /// Where the provider finds it.
    Url(String),
    /// The bytes, in base64.
    Data(String),
}

impl Attachment {
    /// What the provider fetches itself from `url`. Most take images only.
    pub fn url(media_type: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            media_type: media_type.into(),
            name: None,
            content: Content::Url(url.into()),
        }
    }

    /// These bytes.
    pub fn bytes(media_type: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        Self {
            media_type: media_type.into(),
            name: None,
            content: Content::Data(STANDARD.encode(bytes)),
        }
    }

    /// A file, which is read now. Its media type is that of its name's ending.
    ///
    /// # Errors
    /// When the file cannot be read, or its ending is not known: then take [`bytes`](Self::bytes), which asks for the type.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let Some(media_type) = mime_guess::from_path(path).first_raw() else {
            let message = format!(
                "the media type of {} is not known from its name; say it with `Attachment::bytes`",
                path.display()
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        };
        let bytes = std::fs::read(path).map_err(|error| {
            let message = format!("cannot read the attachment {}: {error}", path.display());
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        let mut attachment = Self::bytes(media_type, bytes);
        attachment.name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        Ok(attachment)
    }

    /// With a file name, which models read.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The media type: `image/png`.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The file's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether it is an image.
    pub fn is_image(&self) -> bool {
        self.media_type.starts_with("image/")
    }

    /// Its URL; for bytes, one of the form `data:image/png;base64,…`.
    pub fn to_url(&self) -> String {
        match &self.content {
            Content::Url(url) => url.clone(),
            Content::Data(data) => format!("data:{};base64,{data}", self.media_type),
        }
    }

    /// Whether its bytes are here.
    pub fn has_bytes(&self) -> bool {
        matches!(self.content, Content::Data(_))
    }
}

/// Without the bytes.
impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Attachment");
        shown.field("media_type", &self.media_type);
        if let Some(name) = &self.name {
            shown.field("name", name);
        }
        match &self.content {
            Content::Url(url) => shown.field("url", url),
            Content::Data(data) => shown.field("base64_characters", &data.len()),
        };
        shown.finish()
    }
}
