//! An image from a model.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use serde_json::{Value, json};

use super::{Answer, StepCall, StepKind};
use crate::definition::Definition;
use crate::error::Error;
use crate::image::Image;
use crate::llm::{LlmError, LlmErrorKind, LlmRequest, LlmResponse, OutputFormat, refused};
use crate::output::output;

/// `kind = "image"`: the answer is an [`Image`](crate::Image), whose bytes the engine has put into its artifact store.
#[derive(Debug, Clone, Copy)]
pub struct ImageKind;

impl StepKind for ImageKind {
    fn name(&self) -> &'static str {
        "image"
    }

    fn check(&self, definition: &Definition) -> Result<(), String> {
        // By its schema, so that another type of the name is not taken for it.
        if definition.output.schema() == output::<Image>().erased().schema() {
            return Ok(());
        }
        Err(format!(
            "an image step gives one `flow_engine::Image`, not a `{}`",
            definition.output.name()
        ))
    }

    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
        call.request(OutputFormat::Image)
    }

    fn read<'a>(
        &'a self,
        _call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Answer, LlmError>> {
        ready(read(response).map(Answer::from)).boxed()
    }
}

fn read(response: &LlmResponse) -> Result<Value, LlmError> {
    if let Some(generated) = response.images.first() {
        if !generated.is_image() {
            let message = "what came is no image: its bytes are of no form that is known";
            return Err(LlmError::new(LlmErrorKind::InvalidOutput, message));
        }
        return Ok(json!(generated.image));
    }
    if let Some(refusal) = &response.refusal {
        return Err(LlmError::new(LlmErrorKind::Refused, refused(refusal)));
    }
    // Without a partial answer: there is nothing to correct in words.
    Err(LlmError::new(
        LlmErrorKind::InvalidOutput,
        "the answer holds no image",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{GeneratedImage, MockBackend};

    #[test]
    fn the_output_is_the_first_image() {
        let first = GeneratedImage::bytes(MockBackend::PNG).revised("a cat");
        let second = GeneratedImage::url("https://example.com/x.png");
        let value = read(&LlmResponse::of_images(vec![first.clone(), second])).unwrap();
        assert_eq!(value, json!(first.image));
        assert_eq!(value["revised_prompt"], "a cat");
    }

    #[test]
    fn bytes_of_no_image_are_none() {
        for bytes in ["hello", "%PDF-1.7"] {
            let images = vec![GeneratedImage::bytes(bytes)];
            let error = read(&LlmResponse::of_images(images)).unwrap_err();
            assert_eq!(error.kind(), LlmErrorKind::InvalidOutput);
        }
        let bitmap = b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0";
        let images = vec![GeneratedImage::bytes(bitmap.to_vec())];
        assert!(read(&LlmResponse::of_images(images)).is_ok());
    }

    #[test]
    fn an_answer_without_an_image_is_invalid() {
        let error = read(&LlmResponse::text("I draw you a cat.")).unwrap_err();
        assert_eq!(
            (error.kind(), error.partial()),
            (LlmErrorKind::InvalidOutput, None)
        );
        let refused = LlmResponse {
            refusal: Some("no".into()),
            ..LlmResponse::default()
        };
        assert_eq!(read(&refused).unwrap_err().kind(), LlmErrorKind::Refused);
    }
}
