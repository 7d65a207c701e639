//! The models that an engine can ask: who answers for them, their other names, how much may be asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::LlmBackend;
use super::limits::Limits;
use crate::error::{Error, ErrorKind};

/// The models of an engine.
#[derive(Debug)]
pub(crate) struct Models {
    /// Answers for every model whose name names no other provider.
    pub(crate) backend: Arc<dyn LlmBackend>,
    pub(crate) providers: BTreeMap<String, Arc<dyn LlmBackend>>,
    pub(crate) aliases: BTreeMap<String, String>,
    /// The model of steps that name none.
    pub(crate) default: Option<String>,
    pub(crate) limits: Limits,
}

/// A model, and who answers for it.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// As it is asked for: `gpt-5-mini`, `mistral/mistral-small-latest`.
    pub(crate) address: String,
    /// As its provider calls it.
    pub(crate) name: String,
    pub(crate) backend: Arc<dyn LlmBackend>,
}

impl Models {
    /// The model of this name, alias or address.
    pub(crate) fn find(&self, name: &str) -> Model {
        let address = self.aliases.get(name).map_or(name, String::as_str);
        let named = address
            .split_once('/')
            .and_then(|(provider, name)| Some((self.providers.get(provider)?, name)));
        // Other slashes are a part of the name: OpenRouter has a model `openai/gpt-5-mini`.
        let (backend, name) = named.unwrap_or((&self.backend, address));
        Model {
            address: address.to_owned(),
            name: name.to_owned(),
            backend: Arc::clone(backend),
        }
    }

    /// The model of steps that name none.
    pub(crate) fn default(&self) -> Option<&str> {
        self.default.as_deref().or(self.backend.default_model())
    }

    /// Who wrote answers under this provider's name.
    pub(crate) fn provider(&self, name: &str) -> Option<&Arc<dyn LlmBackend>> {
        std::iter::once(&self.backend)
            .chain(self.providers.values())
            .find(|backend| backend.provider() == name)
    }

    /// A model of a provider, by no name of its own.
    fn half_named(&self) -> Option<String> {
        let names = self.aliases.values().chain(&self.default);
        let is_half = |name: &&String| {
            let provider = name.strip_suffix('/');
            provider.is_some_and(|provider| self.providers.contains_key(provider))
        };
        let name = { names }.find(is_half)?;
        Some(format!(
            "`{name}` names a provider and no model: write `{name}model-name`"
        ))
    }

    /// Whether the names can be told apart.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = self.aliases.iter().find_map(|(alias, address)| {
            if alias.is_empty() || address.is_empty() {
                Some(format!("the alias `{alias}` of `{address}` is half empty"))
            } else if self.aliases.contains_key(address) {
                Some(format!(
                    "the alias `{alias}` is for `{address}`, which is an alias itself; name a model"
                ))
            } else if self.limits.has(alias) {
                Some(format!(
                    "the limit of `{alias}` is never met, since that is an alias; name the model: `{address}`"
                ))
            } else {
                None
            }
        });
        let slash = || {
            let provider = self
                .providers
                .keys()
                .find(|name| name.is_empty() || name.contains('/'))?;
            Some(format!(
                "`{provider}` cannot be the name of a provider: it stands before the `/` in the name of a model"
            ))
        };
        match wrong.or_else(slash).or_else(|| self.half_named()) {
            Some(message) => Err(Error::new(ErrorKind::Configuration, message)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::MockBackend;

    fn models() -> Models {
        Models {
            backend: Arc::new(MockBackend::new()),
            providers: [(
                "mistral".to_owned(),
                Arc::new(MockBackend::new()) as Arc<dyn LlmBackend>,
            )]
            .into(),
            aliases: [("fast".to_owned(), "mistral/small".to_owned())].into(),
            default: None,
            limits: Limits::default(),
        }
    }

    #[test]
    fn the_provider_of_a_name_is_one_that_the_engine_has() {
        let models = models();
        for (asked, address, name, is_named) in [
            ("gpt", "gpt", "gpt", false),
            ("mistral/small", "mistral/small", "small", true),
            ("mistral/a/b", "mistral/a/b", "a/b", true),
            ("openai/gpt", "openai/gpt", "openai/gpt", false),
            ("fast", "mistral/small", "small", true),
        ] {
            let found = models.find(asked);
            assert_eq!((&*found.address, &*found.name), (address, name));
            assert_eq!(
                Arc::ptr_eq(&found.backend, &models.providers["mistral"]),
                is_named,
                "{asked}"
            );
        }
    }

    #[test]
    fn an_alias_of_an_alias_is_refused() {
        let mut models = models();
        models.aliases.insert("best".into(), "fast".into());
        let error = models.check().unwrap_err();
        assert!(
            error.to_string().contains("`best` is for `fast`"),
            "{error}"
        );
    }

    #[test]
    fn a_provider_without_a_model_is_refused() {
        let mut models = models();
        models.default = Some("mistral/".into());
        let error = models.check().unwrap_err();
        assert!(
            error.to_string().contains("write `mistral/model-name`"),
            "{error}"
        );
    }

    #[test]
    fn a_provider_without_a_name_is_refused() {
        let mut models = models();
        models
            .providers
            .insert("a/b".into(), Arc::new(MockBackend::new()));
        assert!(models.check().is_err());
    }
}
