//! A price table as a JSON document.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};

use super::price::{Price, Rate, Rates, Tier};

/// USD per million tokens. No model comes near it: a larger number is one in another unit.
const HIGHEST: f64 = 1e6;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) version: Version,
    /// Where it is from: for readers of the file.
    #[serde(default, rename = "source")]
    _source: Option<String>,
    #[serde(default, rename = "license")]
    _license: Option<String>,
    pub(super) prices: Vec<Entry>,
}

/// One model of one provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) provider: String,
    pub(super) model: String,
    #[serde(default)]
    pub(super) names: Vec<String>,
    #[serde(default)]
    pub(super) from: Option<NaiveDate>,
    #[serde(default)]
    pub(super) hours: Option<Hours>,
    #[serde(default)]
    input: Option<Rate>,
    #[serde(default)]
    cached_input: Option<Rate>,
    #[serde(default)]
    cache_write: Option<Rate>,
    #[serde(default)]
    output: Option<Rate>,
    #[serde(default)]
    image_input: Option<Rate>,
    #[serde(default)]
    cached_image_input: Option<Rate>,
    #[serde(default)]
    image_output: Option<Rate>,
    #[serde(default)]
    web_search: Option<Rate>,
    #[serde(default)]
    above: Vec<Above>,
    #[serde(default)]
    pub(super) max_output_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Above {
    input_tokens: u64,
    #[serde(default)]
    input: Option<Rate>,
    #[serde(default)]
    cached_input: Option<Rate>,
    #[serde(default)]
    cache_write: Option<Rate>,
    #[serde(default)]
    output: Option<Rate>,
}

impl Entry {
    pub(super) fn holds(&self, now: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= now.date_naive())
            && self.hours.is_none_or(|hours| hours.hold(now.time()))
    }

    /// `None` if the entry has no prices.
    pub(super) fn price(&self) -> Option<Price> {
        if self.input.is_none() && self.output.is_none() {
            return None;
        }
        let mut above: Vec<Tier> = self
            .above
            .iter()
            .map(|above| Tier {
                input_tokens: above.input_tokens,
                rates: Rates {
                    input: above.input,
                    cached_input: above.cached_input,
                    cache_write: above.cache_write,
                    output: above.output,
                },
            })
            .collect();
        above.sort_by_key(|tier| tier.input_tokens);
        Some(Price {
            rates: Rates {
                input: self.input,
                cached_input: self.cached_input,
                cache_write: self.cache_write,
                output: self.output,
            },
            above,
            image_input: self.image_input,
            cached_image_input: self.cached_image_input,
            image_output: self.image_output,
            web_search: self.web_search,
        })
    }
}

/// What names a table in the ledger: not blank.
#[derive(Default)]
pub(super) struct Version(pub(super) String);

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim().is_empty() {
            return Err(D::Error::custom(
                "the version is blank; the ledger keeps it beside each cost",
            ));
        }
        Ok(Self(text))
    }
}

/// Hours of each day in UTC, over midnight if the end is before the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hours {
    start: NaiveTime,
    end: NaiveTime,
}

impl Hours {
    fn hold(self, time: NaiveTime) -> bool {
        if self.start <= self.end {
            self.start <= time && time < self.end
        } else {
            self.start <= time || time < self.end
        }
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").ok();
        text.split_once('-')
            .and_then(|(start, end)| {
                let (start, end) = (time(start)?, time(end)?);
                Some(Self { start, end })
            })
            .ok_or_else(|| {
                D::Error::custom(format!("`{text}` are no hours, such as `01:00-04:30`"))
            })
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(Dollars)
    }
}

/// Reads USD per million tokens.
struct Dollars;

impl Visitor<'_> for Dollars {
    type Value = Rate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a price in US dollars per million tokens, from 0 to {HIGHEST}"
        )
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and 10¹⁵"
    )]
    fn visit_f64<E: serde::de::Error>(self, usd: f64) -> Result<Rate, E> {
        if !(0.0..=HIGHEST).contains(&usd) {
            return Err(E::invalid_value(serde::de::Unexpected::Float(usd), &self));
        }
        Ok(Rate((usd * 1e9).round() as u64))
    }

    #[expect(clippy::cast_precision_loss, reason = "above 2⁵³ it is refused anyway")]
    fn visit_u64<E: serde::de::Error>(self, usd: u64) -> Result<Rate, E> {
        self.visit_f64(usd as f64)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "what is negative is refused anyway"
    )]
    fn visit_i64<E: serde::de::Error>(self, usd: i64) -> Result<Rate, E> {
        self.visit_f64(usd as f64)
    }
}
