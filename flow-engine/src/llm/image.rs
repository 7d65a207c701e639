//! Images in a model's answer, and the form in which answers of images are kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::artifacts::reference;
use crate::image::Image;

/// An image of an answer: its bytes, or where the provider has it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Recorded", try_from = "Recorded")]
pub struct GeneratedImage {
    pub(crate) image: Image,
    /// Until they are in the artifact store.
    pub(crate) bytes: Option<Bytes>,
}

impl GeneratedImage {
    /// These bytes. What they are is seen in them.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Vec<u8> = bytes.into();
        let (media_type, ending) = form(&bytes);
        let side = |side: usize| u32::try_from(side).ok();
        let known = imagesize::blob_size(&bytes).ok();
        let image = Image {
            media_type: Some(media_type.to_owned()),
            width: known.and_then(|size| side(size.width)),
            height: known.and_then(|size| side(size.height)),
            size: u64::try_from(bytes.len()).ok(),
            ..Image::at(reference(&bytes, ending))
        };
        Self {
            image,
            bytes: Some(bytes.into()),
        }
    }

    /// An image at a URL of the provider; one of the form `data:image/png;base64,…` is its bytes.
    pub fn url(url: impl Into<String>) -> Self {
        let url = url.into();
        let data = url.strip_prefix("data:").and_then(|data| {
            let (head, data) = data.split_once(',')?;
            head.ends_with(";base64")
                .then(|| STANDARD.decode(data).ok())?
        });
        if let Some(bytes) = data {
            return Self::bytes(bytes);
        }
        // Of its path alone: what follows is a signature.
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let media_type = mime_guess::from_path(path).first_raw();
        let image = Image {
            media_type: media_type
                .filter(|media_type| media_type.starts_with("image/"))
                .map(str::to_owned),
            ..Image::at(url)
        };
        Self { image, bytes: None }
    }

    /// Whether it may be one: bytes of no known form are none.
    pub(crate) fn is_image(&self) -> bool {
        let media_type = self.image.media_type.as_deref();
        media_type.is_none_or(|media_type| media_type.starts_with("image/"))
            || self.image.width.is_some()
    }

    /// With the prompt that the provider wrote in place of the one it was sent.
    pub fn revised(mut self, prompt: impl Into<String>) -> Self {
        self.image.revised_prompt = Some(prompt.into());
        self
    }

    /// One of the images of an answer in OpenAI's form. `recorded` if the answer was kept by this engine, and names artifacts;
    /// a server cannot.
    fn read(item: &Value, recorded: bool) -> Result<Self, &'static str> {
        let text =
            |name: &str| Some(item.get(name)?.as_str()?.trim()).filter(|text| !text.is_empty());
        let image = if let Some(data) = text("b64_json") {
            if recorded && data.starts_with(crate::artifacts::SCHEME) {
                let known = item.get("artifact").cloned().unwrap_or_default();
                Self {
                    image: Image {
                        url: data.to_owned(),
                        ..serde_json::from_value(known).unwrap_or_else(|_| Image::at(data))
                    },
                    bytes: None,
                }
            } else {
                let bytes = STANDARD.decode(data);
                let bytes = bytes.map_err(|_| "its image is not base64, or was cut")?;
                if bytes.is_empty() {
                    return Err("its image is empty");
                }
                Self::bytes(bytes)
            }
        } else if let Some(url) = text("url") {
            let image = Self::url(url);
            if image.bytes.is_none() && !url.starts_with("https:") && !url.starts_with("http:") {
                return Err("its image is at an address that is none of the web");
            }
            image
        } else {
            return Err("its image has neither bytes nor a URL");
        };
        Ok(match text("revised_prompt") {
            Some(prompt) => image.revised(prompt),
            None => image,
        })
    }
}

/// The images of an answer in OpenAI's form; in `body`, artifacts then stand in the place of bytes.
pub(super) fn images(
    body: &mut Value,
    recorded: bool,
) -> Result<Vec<GeneratedImage>, &'static str> {
    let Some(items) = body.get_mut("data").and_then(Value::as_array_mut) else {
        return Ok(Vec::new());
    };
    let mut images = Vec::with_capacity(items.len());
    for item in items {
        let read = GeneratedImage::read(item, recorded)?;
        if read.bytes.is_some()
            && let Some(item) = item.as_object_mut()
        {
            item.remove("url");
            item.extend(kept(&read.image));
        }
        images.push(read);
    }
    Ok(images)
}

/// What stands in the place of an image's bytes.
fn kept(image: &Image) -> [(String, Value); 2] {
    [
        ("b64_json".to_owned(), json!(image.url)),
        ("artifact".to_owned(), json!(image)),
    ]
}

/// An answer of images in OpenAI's form, without their bytes.
pub(super) fn raw(images: &[GeneratedImage]) -> String {
    let item = |GeneratedImage { image, bytes }: &GeneratedImage| {
        let mut item = match bytes {
            Some(_) => Value::from_iter(kept(image)),
            None => json!({ "url": image.url }),
        };
        if let Some(prompt) = &image.revised_prompt {
            item["revised_prompt"] = json!(prompt);
        }
        item
    };
    json!({ "data": images.iter().map(item).collect::<Vec<_>>() }).to_string()
}

/// An answer with the bytes in it that are nowhere else yet.
pub(super) fn with_bytes(mut raw: String, images: &[GeneratedImage]) -> String {
    for GeneratedImage { image, bytes } in images {
        if let Some(bytes) = bytes {
            let of = |value: &str| format!("\"b64_json\":\"{value}\"");
            raw = raw.replace(&of(&image.url), &of(&STANDARD.encode(bytes)));
        }
    }
    raw
}

/// The media type, and how a file's name ends.
fn form(bytes: &[u8]) -> (&'static str, &'static str) {
    use imagesize::ImageType as Type;
    match imagesize::image_type(bytes) {
        Ok(Type::Png) => ("image/png", "png"),
        Ok(Type::Jpeg) => ("image/jpeg", "jpg"),
        Ok(Type::Webp) => ("image/webp", "webp"),
        Ok(Type::Gif) => ("image/gif", "gif"),
        Ok(Type::Heif(imagesize::Compression::Av1)) => ("image/avif", "avif"),
        _ if is_svg(bytes) => ("image/svg+xml", "svg"),
        _ => ("application/octet-stream", "bin"),
    }
}

fn is_svg(bytes: &[u8]) -> bool {
    let begin = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let begin = String::from_utf8_lossy(begin);
    let begin = begin.trim_start();
    begin.starts_with("<svg") || (begin.starts_with("<?xml") && begin.contains("<svg"))
}

/// As a cassette has it: with the bytes, since a recording has no other place for them.
#[derive(Serialize, Deserialize)]
struct Recorded {
    #[serde(flatten)]
    image: Image,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

impl From<GeneratedImage> for Recorded {
    fn from(GeneratedImage { image, bytes }: GeneratedImage) -> Self {
        let data = bytes.map(|bytes| STANDARD.encode(bytes));
        Self { image, data }
    }
}

impl TryFrom<Recorded> for GeneratedImage {
    type Error = base64::DecodeError;

    fn try_from(Recorded { image, data }: Recorded) -> Result<Self, Self::Error> {
        let bytes = data.map(|data| STANDARD.decode(data)).transpose()?;
        let bytes = bytes.map(Bytes::from);
        Ok(Self { image, bytes })
    }
}

/// Without the bytes.
impl fmt::Debug for GeneratedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratedImage")
            .field("image", &self.image)
            .field("has_bytes", &self.bytes.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::MockBackend;

    fn png() -> String {
        STANDARD.encode(MockBackend::PNG)
    }

    fn read(item: &Value) -> Result<GeneratedImage, &'static str> {
        GeneratedImage::read(item, false)
    }

    #[test]
    fn what_an_image_is_is_seen_in_its_bytes() {
        let image = GeneratedImage::bytes(MockBackend::PNG).image;
        assert_eq!(image.media_type.as_deref(), Some("image/png"));
        assert_eq!((image.width, image.height), (Some(1), Some(1)));
        assert_eq!(image.size, Some(MockBackend::PNG.len() as u64));
        let name = image.url.strip_prefix("artifact:").unwrap();
        assert_eq!(name.split_once('.').unwrap().1, "png");
        let svg = GeneratedImage::bytes("<svg viewBox='0 0 4 3'/>").image;
        assert_eq!(svg.media_type.as_deref(), Some("image/svg+xml"));
        let unknown = GeneratedImage::bytes("what is this").image;
        assert_eq!(
            unknown.media_type.as_deref(),
            Some("application/octet-stream")
        );
    }

    #[test]
    fn a_url_is_kept_unless_the_bytes_are_in_it() {
        let there =
            read(&json!({ "url": "https://cdn.example.com/a/cat.webp?sig=x.png" })).unwrap();
        assert_eq!(there.image.media_type.as_deref(), Some("image/webp"));
        assert!(there.bytes.is_none() && !there.image.is_artifact());
        let here = read(&json!({ "url": format!("data:image/png;base64,{}", png()) })).unwrap();
        assert_eq!(here.image, GeneratedImage::bytes(MockBackend::PNG).image);
        let nothing_known = read(&json!({ "url": "https://example.com/image" })).unwrap();
        assert_eq!(nothing_known.image, Image::at("https://example.com/image"));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for (item, reason) in [
            (json!({}), "neither bytes nor a URL"),
            (
                json!({ "b64_json": 5, "url": null }),
                "neither bytes nor a URL",
            ),
            (json!({ "b64_json": "abc" }), "not base64, or was cut"),
            (json!({ "b64_json": "artifact:abc.png" }), "not base64"),
            (json!({ "url": "artifact:abc.png" }), "none of the web"),
            (json!({ "url": "file:///etc/passwd" }), "none of the web"),
        ] {
            assert!(read(&item).unwrap_err().contains(reason));
        }
    }

    #[test]
    fn a_kept_answer_has_the_same_image_with_its_bytes_or_without() {
        let item = json!({ "b64_json": png(), "revised_prompt": "a cat" });
        let mut body = json!({ "created": 1, "data": [item] });
        let came = images(&mut body, false).unwrap();
        let kept = body.to_string();
        assert!(!kept.contains(&png()));
        let mut read = came.clone();
        read[0].bytes = None;
        assert_eq!(images(&mut body, true).unwrap(), read);

        let whole = with_bytes(kept.clone(), &came);
        assert!(whole.contains(&png()));
        let again = images(&mut serde_json::from_str(&whole).unwrap(), true).unwrap();
        assert_eq!(again, came);
        assert_eq!(with_bytes(kept.clone(), &read), kept);
        assert_eq!(raw(&came), raw(&again));
    }

    #[test]
    fn a_recording_has_the_bytes() {
        let image = GeneratedImage::bytes(MockBackend::PNG).revised("x");
        let json = serde_json::to_string(&image).unwrap();
        assert_eq!(
            serde_json::from_str::<GeneratedImage>(&json).unwrap(),
            image
        );
        assert!(!format!("{image:?}").contains(&png()));
    }
}
