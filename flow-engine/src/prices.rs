//! What a request to a model costs, by a dated table that a file can override.
//!
//! This file is the interface. `file` reads a table, `table` finds a model's entry in it, `price` does the arithmetic;
//! `builtin.json` is the table that is compiled in, made by `scripts/update-prices`.

mod file;
mod price;
mod provider;
mod table;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};

pub use self::price::{Cost, Price};
use self::table::Table;
use crate::environment::variable;
use crate::error::{Error, ErrorKind};
use crate::llm::Usage;

const BUILTIN: &str = include_str!("prices/builtin.json");
const VARIABLE: &str = "FLOW_ENGINE_PRICES";

/// What models cost, and how much they can answer.
///
/// A provider is known by the name that the ledger has for it (`openai`) or by the host of its API (`api.mistral.ai`);
/// a server on loopback, or any other, has a price only if an override file gives it one. A model is known by its name, with a
/// date behind it or without (`gpt-4o`, `gpt-4o-2024-08-06`). A model that is not in the table has no price: none is ever
/// taken from another.
///
/// The prices are list prices for requests of the usual kind: no batches, no faster or slower tiers, no regions, no sound.
/// Searches that a provider makes have none in the built-in table, so what a `news` step cost is not known until a file
/// says what they do. What a provider wrote into its cache counts at that price only if it says
/// how much it was.
///
/// # An override file
///
/// ```json
/// {
///   "version": "acme-2026-11",
///   "prices": [
///     { "provider": "openai", "model": "gpt-5-mini", "input": 0.2, "cached_input": 0.02, "output": 1.6 },
///     { "provider": "10.0.0.7:8000", "model": "llama-3", "names": ["llama"], "input": 0, "output": 0, "max_output_tokens": 8192 }
///   ]
/// }
/// ```
///
/// `version` is kept in the ledger beside each cost. Prices are US dollars per million tokens:
///
/// | field | meaning | without it |
/// |---|---|---|
/// | `provider`, `model` | who is asked; a provider's name or the host (and port) of its API | |
/// | `names` | the model's other names | none |
/// | `input`, `output` | tokens of the request and of the answer, reasoning included | the price is not known |
/// | `cached_input` | those of the request that were read from a cache | as `input` |
/// | `cache_write` | those that were written into it | as `input` |
/// | `image_input`, `cached_image_input`, `image_output` | tokens of images | as those of text |
/// | `web_search` | searches on the web that the provider makes, **a thousand** of them | the price of an answer with any is not known |
/// | `above` | `[{ "input_tokens": 200000, "input": 5, … }]`: other prices for requests of more tokens than that | none |
/// | `from`, `hours` | when the entry holds: from a day on (`"2027-01-01"`), in hours of UTC (`"01:00-04:00"`). Of several entries of a model the last that holds counts | always |
/// | `max_output_tokens` | the longest answer of the model | as the built-in table says |
///
/// An entry goes before the built-in one, and for the model's dated names too, unless they have one of their own in the file; what
/// is not in the file is as it was. An entry without prices says that the price is not known. What counts is the model that
/// answered, in its server's words: `llm_requests.model_served`, where that differs from the model that was asked.
#[derive(Clone, Default)]
pub struct Prices {
    over: Option<Arc<Table>>,
}

impl Prices {
    /// The table that is compiled in.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The built-in table with a file's entries before it.
    ///
    /// # Errors
    /// When the file cannot be read, or is no table: with its path, and the line and column of the mistake.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let path = path.display();
            configuration(format!("cannot read the price file {path}: {error}"))
        })?;
        Self::from_json(&path.display().to_string(), &text)
    }

    /// The same with a file's text, such as `include_str!("prices.json")`; `source` names it in messages.
    ///
    /// # Errors
    /// When the text is no table.
    pub fn from_json(source: &str, text: &str) -> Result<Self, Error> {
        let table = Table::from_json(text)
            .map_err(|mistake| configuration(format!("the price file {source}{mistake}")))?;
        Ok(Self {
            over: Some(Arc::new(table)),
        })
    }

    /// Those of the environment: with the file that `FLOW_ENGINE_PRICES` names, if it names one.
    pub(crate) fn from_env() -> Result<Self, Error> {
        Self::from_variable(variable)
    }

    fn from_variable(
        variable: impl FnOnce(&str) -> Result<Option<String>, Error>,
    ) -> Result<Self, Error> {
        match variable(VARIABLE)? {
            Some(path) => Self::from_file(path.trim()).map_err(|error| {
                configuration(format!("{error} (the environment's {VARIABLE} names it)"))
            }),
            None => Ok(Self::builtin()),
        }
    }

    /// What a model's tokens cost now; `None` if that is not known.
    pub fn price(&self, provider: &str, model: &str) -> Option<Price> {
        Some(self.price_at(provider, model, Utc::now())?.0)
    }

    /// What a request that ends now has cost, by what was counted; `None` if the price is not known, or the counts are not
    /// there, contradict each other, or do not say which of the tokens are dearer ones of images.
    pub fn cost(&self, provider: &str, model: &str, usage: &Usage) -> Option<Cost> {
        self.cost_at(provider, model, usage, Utc::now())
    }

    /// The longest answer that a model can give, in tokens; `None` if that is not known. A limit can be known where
    /// the price is not.
    pub fn max_output_tokens(&self, provider: &str, model: &str) -> Option<u64> {
        let now = Utc::now();
        self.tables(provider)
            .find_map(|table| table.find(provider, model, now)?.max_output_tokens)
    }

    fn cost_at(
        &self,
        provider: &str,
        model: &str,
        usage: &Usage,
        now: DateTime<Utc>,
    ) -> Option<Cost> {
        let (price, version) = self.price_at(provider, model, now)?;
        Some(Cost {
            nano_usd: price.cost(usage)?,
            version: version.to_owned(),
        })
    }

    /// With the version of the table that has it.
    fn price_at(&self, provider: &str, model: &str, now: DateTime<Utc>) -> Option<(Price, &str)> {
        let (entry, table) = self
            .tables(provider)
            .find_map(|table| Some((table.find(provider, model, now)?, table)))?;
        Some((entry.price()?, &table.version))
    }

    /// Those that may know the provider, the first to be asked first.
    fn tables<'a>(&'a self, provider: &str) -> impl Iterator<Item = &'a Table> {
        // The built-in one is read when it is asked for the first time: not by a program on a mock or a local model.
        let builtin = provider::known(provider).map(|_| builtin());
        self.over.as_deref().into_iter().chain(builtin)
    }
}

fn builtin() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    // A test reads it. Should it not be one here, all prices are unknown.
    TABLE.get_or_init(|| Table::from_json(BUILTIN).unwrap_or_default())
}

fn configuration(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prices")
            .field("override", &self.over.as_ref().map(|table| &table.version))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
