//! The arithmetic: counted tokens times a price, in integers.

use crate::llm::Usage;

/// What a million tokens cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rate(
    /// In nano-USD (10⁻⁹ USD): the decimals that providers write are exact.
    pub(super) u64,
);

/// What a model's tokens cost: each price in nano-USD (10⁻⁹ USD) for a million tokens.
///
/// They are those of small requests; many models have others for large ones, which [`Prices::cost`](crate::Prices::cost) knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    pub(super) rates: Rates,
    /// By how large the request must be, the smallest first.
    pub(super) above: Vec<Tier>,
    pub(super) image_input: Option<Rate>,
    pub(super) cached_image_input: Option<Rate>,
    pub(super) image_output: Option<Rate>,
    /// A thousand searches on the web.
    pub(super) web_search: Option<Rate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) input: Option<Rate>,
    pub(super) cached_input: Option<Rate>,
    pub(super) cache_write: Option<Rate>,
    pub(super) output: Option<Rate>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tier {
    pub(super) input_tokens: u64,
    pub(super) rates: Rates,
}

/// What a request has cost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// In nano-USD (10⁻⁹ USD), rounded to the nearest; a half is rounded up.
    pub nano_usd: i64,
    /// The version of the table that had the price.
    pub version: String,
}

impl Price {
    /// Tokens of the request.
    pub fn input(&self) -> Option<u64> {
        nano(self.rates.input)
    }

    /// Those of the request that were read from a cache.
    pub fn cached_input(&self) -> Option<u64> {
        nano(self.rates.cached_input.or(self.rates.input))
    }

    /// Those of the request that were written into a cache.
    pub fn cache_write(&self) -> Option<u64> {
        nano(self.rates.cache_write.or(self.rates.input))
    }

    /// Tokens of the answer, reasoning included.
    pub fn output(&self) -> Option<u64> {
        nano(self.rates.output)
    }

    /// Tokens of images in the request.
    pub fn image_input(&self) -> Option<u64> {
        nano(self.image_input.or(self.rates.input))
    }

    /// Those of them that were read from a cache.
    pub fn cached_image_input(&self) -> Option<u64> {
        let cached = self.cached_image_input.or(self.image_input);
        nano(cached).or_else(|| self.cached_input())
    }

    /// Tokens of images in the answer.
    pub fn image_output(&self) -> Option<u64> {
        nano(self.image_output.or(self.rates.output))
    }

    /// Searches on the web that the provider makes: nano-USD for a thousand of them.
    pub fn web_search(&self) -> Option<u64> {
        nano(self.web_search)
    }

    /// In nano-USD; `None` if the counts that it takes are not there, or contradict each other.
    pub(super) fn cost(&self, usage: &Usage) -> Option<i64> {
        let input = usage.input_tokens?;
        let cached = usage.cached_tokens.unwrap_or(0);
        let written = usage.cache_write_tokens.unwrap_or(0);
        let plain = input.checked_sub(cached)?.checked_sub(written)?;
        let output = match self.rates.output {
            Some(_) => usage.output_tokens?,
            // A model that gives no text, such as one for embeddings.
            None => usage.output_tokens.unwrap_or(0),
        };
        let rates = self.rates_for(input);
        let image_input = of_images(usage.image_input_tokens, self.image_input, self.rates.input)?;
        let image_output = of_images(
            usage.image_output_tokens,
            self.image_output,
            self.rates.output,
        )?;
        if image_input > 0 && cached + written > 0 {
            // Whether the cached ones are among them is not said.
            return None;
        }
        let plain = plain.checked_sub(image_input)?;
        let output = output.checked_sub(image_output)?;
        // Their price is that of a thousand, where tokens have one of a million.
        let searches = usage.web_searches.unwrap_or(0).saturating_mul(1000);
        let parts = [
            (image_input, self.image_input),
            (image_output, self.image_output),
            (plain, rates.input),
            (cached, rates.cached_input.or(rates.input)),
            (written, rates.cache_write.or(rates.input)),
            (output, rates.output),
            (searches, self.web_search),
        ];
        // Each product is below 2¹¹⁴.
        let mut sum = 0_u128;
        for (tokens, rate) in parts {
            if tokens > 0 {
                sum += u128::from(tokens) * u128::from(rate?.0);
            }
        }
        let nano_usd = (sum + 500_000) / 1_000_000;
        Some(i64::try_from(nano_usd).unwrap_or(i64::MAX))
    }

    /// Those for a request of so many tokens: all of them cost what the highest limit says that they exceed.
    fn rates_for(&self, input_tokens: u64) -> Rates {
        let base = self.rates;
        self.above
            .iter()
            .rfind(|tier| input_tokens > tier.input_tokens)
            .map_or(base, |Tier { rates, .. }| Rates {
                input: rates.input.or(base.input),
                cached_input: rates.cached_input.or(base.cached_input),
                cache_write: rates.cache_write.or(base.cache_write),
                output: rates.output.or(base.output),
            })
    }
}

/// The tokens of images, where they have a price of their own; `None` if it was not said how many those are.
fn of_images(tokens: Option<u64>, image: Option<Rate>, text: Option<Rate>) -> Option<u64> {
    if image.is_some() && image != text {
        tokens
    } else {
        Some(0)
    }
}

fn nano(rate: Option<Rate>) -> Option<u64> {
    rate.map(|rate| rate.0)
}
