//! Images: `images/generations`, and its answers.

use serde_json::{Map, Value, json};

use super::answer::Delivery;
use crate::llm::image::images;
use crate::llm::{LlmError, LlmErrorKind, LlmRequest, LlmResponse, Parameters, Role, Usage};

const IMAGES: &str = "an answer of images";

/// The body of a request. In what form the image comes is left to the server: models that can choose have other words for
/// it than those that cannot, which refuse them.
pub(super) fn body(request: &LlmRequest) -> Result<Value, LlmError> {
    let parameters = &request.parameters;
    let others = [
        ("temperature", parameters.temperature.is_some()),
        ("top_p", parameters.top_p.is_some()),
        ("stop", parameters.stop.is_some()),
        ("reasoning_effort", parameters.reasoning_effort.is_some()),
    ];
    if let Some((name, _)) = others.iter().find(|(_, is_set)| *is_set) {
        return Err(refused(format!("`{name}` is no parameter of images")));
    }
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("prompt".into(), json!(prompt(request)?));
    let optional = [
        ("size", parameters.size.as_ref().map(|value| json!(value))),
        (
            "quality",
            parameters.quality.as_ref().map(|value| json!(value)),
        ),
        // Of servers for models with open weights.
        ("seed", parameters.seed.map(|value| json!(value))),
    ];
    let set = optional.into_iter();
    body.extend(set.filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Ok(Value::Object(body))
}

/// A prompt of images is one text.
fn prompt(request: &LlmRequest) -> Result<String, LlmError> {
    let mut texts = Vec::new();
    for message in &request.messages {
        if message.role == Role::Assistant {
            return Err(refused(
                "the prompt of an image has no messages of the assistant",
            ));
        }
        if !message.attachments.is_empty() {
            return Err(refused(
                "an image is made from words: its prompt takes no attachments",
            ));
        }
        texts.push(message.content.trim());
    }
    Ok(texts.join("\n\n"))
}

/// What only images have is not left out in silence elsewhere.
pub(super) fn only_of_images(parameters: &Parameters) -> Result<(), LlmError> {
    let set = [parameters.size.is_some(), parameters.quality.is_some()];
    match Parameters::OF_IMAGES
        .iter()
        .zip(set)
        .find(|(_, is_set)| *is_set)
    {
        Some((name, _)) => Err(refused(format!(
            "`{name}` is a parameter of images, which a step of `kind = \"image\"` makes"
        ))),
        None => Ok(()),
    }
}

fn refused(message: impl Into<String>) -> LlmError {
    LlmError::new(LlmErrorKind::InvalidRequest, message)
}

pub(super) fn read(delivery: Delivery) -> Result<LlmResponse, LlmError> {
    let mut body = delivery.accepted(IMAGES)?;
    let images = images(&mut body, false).map_err(|reason| delivery.unreadable(IMAGES, reason))?;
    if images.is_empty() {
        return Err(delivery.unreadable(IMAGES, "it holds none"));
    }
    Ok(LlmResponse {
        images,
        http_status: Some(delivery.status),
        provider_request_id: delivery.request_id,
        ..response(&body)
    })
}

/// An answer of images that was kept; `None` if it is one of a chat.
pub(super) fn recorded(raw: &str) -> Option<LlmResponse> {
    let mut body: Value = serde_json::from_str(raw).ok()?;
    if body.get("choices").is_some() {
        return None;
    }
    let images = images(&mut body, true).ok()?;
    (!images.is_empty()).then(|| LlmResponse {
        images,
        raw: raw.to_owned(),
        ..response(&body)
    })
}

fn response(body: &Value) -> LlmResponse {
    let count = |pointer: &str| body.pointer(pointer)?.as_u64();
    LlmResponse {
        model: body.get("model").and_then(Value::as_str).map(str::to_owned),
        usage: Usage {
            input_tokens: count("/usage/input_tokens"),
            cached_tokens: count("/usage/input_tokens_details/cached_tokens"),
            output_tokens: count("/usage/output_tokens"),
            // Nothing but text was sent.
            image_input_tokens: count("/usage/input_tokens_details/image_tokens").or(Some(0)),
            image_output_tokens: count("/usage/output_tokens_details/image_tokens"),
            ..Usage::default()
        },
        raw: body.to_string(),
        ..LlmResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::llm::MockBackend;

    fn answered(body: &Value) -> Result<LlmResponse, LlmError> {
        read(Delivery::recorded(&body.to_string()))
    }

    #[test]
    fn what_is_kept_reads_as_what_came() {
        let data = STANDARD.encode(MockBackend::PNG);
        let body = json!({
            "created": 1,
            "data": [{ "b64_json": data, "revised_prompt": "a cat" }],
            "usage": {
                "input_tokens": 9, "input_tokens_details": { "text_tokens": 9, "image_tokens": 0 },
                "output_tokens": 272, "output_tokens_details": { "text_tokens": 0, "image_tokens": 272 },
            },
        });
        let answer = answered(&body).unwrap();
        assert!(!answer.raw.contains(&data));
        assert_eq!(
            (answer.usage.total(), answer.usage.image_output_tokens),
            (281, Some(272))
        );
        let kept = recorded(&answer.raw).unwrap();
        assert_eq!(kept.images[0].image, answer.images[0].image);
        assert_eq!(kept.images[0].image.width, Some(1));
        assert_eq!((kept.usage, kept.raw), (answer.usage, answer.raw));
    }

    #[test]
    fn fields_of_other_forms_do_not_lose_an_image() {
        let url = "https://example.com/cat.png";
        let data = json!([{ "url": url, "b64_json": null, "revised_prompt": 5, "seed": 1 }]);
        let body = json!({ "data": data, "usage": "free", "created": "now", "id": [] });
        let answer = answered(&body).unwrap();
        assert_eq!(answer.images[0].image.url, url);
        assert_eq!(answer.usage.output_tokens, None);
    }

    #[test]
    fn an_answer_without_an_image_is_none_and_may_come_with_the_next_attempt() {
        for body in [
            json!({ "data": [] }),
            json!({ "data": null }),
            json!([]),
            json!({ "data": [{ "b64_json": "iVBORw0KGgo" }] }),
            json!({ "data": ["x"] }),
            // A server names no artifacts.
            json!({ "data": [{ "b64_json": format!("artifact:{}.png", "0".repeat(64)) }] }),
        ] {
            let error = answered(&body).unwrap_err();
            assert_eq!(error.kind(), LlmErrorKind::Transient);
            let told = error.to_string();
            assert!(told.contains("is not an answer of images"), "{told}");
        }
    }

    #[test]
    fn an_answer_of_a_chat_is_not_read_as_images() {
        assert!(recorded(r#"{"choices":[],"data":[{"url":"https://x.org/a.png"}]}"#).is_none());
        assert!(recorded(r#"{"data":[]}"#).is_none());
        assert!(recorded("text").is_none());
    }
}
