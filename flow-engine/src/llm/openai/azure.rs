//! Azure: OpenAI's models under names of one's own, at an address of one's own.

use std::sync::Arc;

use async_openai::config::AzureConfig;

use super::http::{address, needed, sound};
use super::{OpenAiBackend, configuration};
use crate::environment::variable;
use crate::error::Error;
use crate::llm::{LlmError, LlmErrorKind};

const EXAMPLE: &str = "https://my-resource.openai.azure.com";

impl OpenAiBackend {
    /// Azure OpenAI: the address of a resource, such as `https://my-resource.openai.azure.com`, a version of its interface, such
    /// as `2024-10-21`, and a key of the resource. The models of steps are the names of its deployments.
    ///
    /// In the ledger the provider is `azure`, whichever the resource: one's own price file can name it. The model that
    /// answered is there under OpenAI's name for it.
    ///
    /// # Errors
    /// When the address is not an `http` or `https` URL, the version is none, or the key is empty or holds a character that no key has.
    pub fn azure(endpoint: &str, api_version: &str, key: &str) -> Result<Self, Error> {
        let (url, key) = (address(endpoint, EXAMPLE)?, needed(sound(key)?, "Azure")?);
        let version = api_version.trim();
        if version.is_empty() || !version.chars().all(is_plain) {
            return Err(configuration(format!(
                "`{api_version}` is not a version of Azure's interface; it looks like 2024-10-21"
            )));
        }
        // The deployment is that of the request: `path` has it.
        let config = AzureConfig::new()
            .with_api_base(endpoint.trim().trim_end_matches('/'))
            .with_api_version(version)
            .with_api_key(key);
        let backend = Self::with_config(Arc::new(config), &url, key)?;
        Ok(Self {
            provider: "azure".to_owned(),
            official: true,
            azure: true,
            ..backend
        })
    }
}

impl OpenAiBackend {
    /// The Azure resource that the environment names, in the variables of OpenAI's own clients.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `AZURE_OPENAI_ENDPOINT` | the address of the resource |
    /// | `AZURE_OPENAI_API_KEY` | its key |
    /// | `OPENAI_API_VERSION` | the version of the interface |
    ///
    /// # Errors
    /// When one of them is not set, or what it holds cannot be used.
    pub fn azure_from_env() -> Result<Self, Error> {
        Self::azure_from_variables(variable)
    }

    pub(super) fn azure_from_variables(
        variable: impl Fn(&str) -> Result<Option<String>, Error>,
    ) -> Result<Self, Error> {
        let needed = |name: &str| {
            variable(name)?.ok_or_else(|| {
                configuration(format!(
                    "Azure is not configured: set {name}, beside AZURE_OPENAI_ENDPOINT ({EXAMPLE}), AZURE_OPENAI_API_KEY and \
                     OPENAI_API_VERSION (2024-10-21)"
                ))
            })
        };
        let (endpoint, key) = (
            needed("AZURE_OPENAI_ENDPOINT")?,
            needed("AZURE_OPENAI_API_KEY")?,
        );
        Self::azure(&endpoint, &needed("OPENAI_API_VERSION")?, &key)
    }
}

/// Whether it can stand in a path, and go nowhere else.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

/// What comes after `…/openai/deployments/`.
pub(super) fn path(deployment: &str, operation: &str) -> String {
    format!("{deployment}/{operation}")
}

pub(super) fn check(deployment: &str) -> Result<(), LlmError> {
    let is_path = deployment.chars().all(|letter| letter == '.');
    if !is_path && deployment.chars().all(is_plain) {
        return Ok(());
    }
    let message = format!(
        "`{deployment}` is not the name of a deployment: letters, digits, `-`, `_` and `.`"
    );
    Err(LlmError::new(LlmErrorKind::InvalidRequest, message))
}
