//! The model parameters that a prompt file may set.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::suggest::{did_you_mean, list};

/// Model parameters, as the front matter of a prompt file sets them. What is `None` was not set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The model's name, for example `gpt-5-mini`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Sampling temperature, from 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// The most tokens the model may answer with, reasoning included; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// The seed for sampling, for providers that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Texts at which the model stops. Read from one string or a list of them, written as a list.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "one_or_many"
    )]
    pub stop: Option<Vec<String>>,
    /// How much a reasoning model thinks before it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<ReasoningEffort>,
    /// How large an image is, in the words of its model: `1024x1024`, `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// How good an image is, in the words of its model: `low`, `high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
}

/// Why a parameter could not be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrongParameter {
    /// There is none of this name: see [`Parameters::NAMES`].
    Name,
    /// The value is not one of the parameter's: what it must be, for example `a number from 0 to 2`.
    Value(String),
}

impl Parameters {
    /// The names, in the order in which messages list them.
    pub const NAMES: [&'static str; 9] = [
        "model",
        "temperature",
        "top_p",
        "max_output_tokens",
        "seed",
        "stop",
        "reasoning_effort",
        "size",
        "quality",
    ];

    /// Those that only images have.
    pub const OF_IMAGES: [&'static str; 2] = ["size", "quality"];

    /// Sets the parameter `name` from JSON.
    ///
    /// # Errors
    /// If there is no such parameter, or the value is not one of it.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), WrongParameter> {
        match name {
            "model" => self.model = Some(non_empty(value, "the name of a model")?),
            "temperature" => self.temperature = Some(number(value, 2.0)?),
            "top_p" => self.top_p = Some(number(value, 1.0)?),
            "max_output_tokens" => {
                let tokens = value
                    .as_u64()
                    .and_then(|tokens| u32::try_from(tokens).ok())
                    .filter(|tokens| *tokens > 0);
                self.max_output_tokens = Some(tokens.ok_or_else(|| {
                    WrongParameter::Value(format!("a whole number from 1 to {}", u32::MAX))
                })?);
            }
            "seed" => {
                let seed = value.as_i64();
                self.seed = Some(seed.ok_or_else(|| WrongParameter::value("a whole number"))?);
            }
            "stop" => {
                const EXPECTED: &str = "a text or a list of texts";
                self.stop = Some(match value {
                    Value::Array(texts) if !texts.is_empty() => texts
                        .iter()
                        .map(|text| non_empty(text, EXPECTED))
                        .collect::<Result<_, _>>()?,
                    text => vec![non_empty(text, EXPECTED)?],
                });
            }
            "reasoning_effort" => {
                let known = |name: &str| {
                    ReasoningEffort::ALL
                        .into_iter()
                        .find(|effort| effort.as_str() == name)
                };
                self.reasoning_effort = Some(
                    value
                        .as_str()
                        .and_then(known)
                        .ok_or_else(|| effort_expected(value))?,
                );
            }
            "size" => self.size = Some(non_empty(value, "the size of an image: `1024x1024`")?),
            "quality" => self.quality = Some(non_empty(value, "the quality of an image: `high`")?),
            _ => return Err(WrongParameter::Name),
        }
        Ok(())
    }

    /// These parameters; those that are not set, from `others`.
    pub fn or(self, others: Self) -> Self {
        Self {
            model: self.model.or(others.model),
            temperature: self.temperature.or(others.temperature),
            top_p: self.top_p.or(others.top_p),
            max_output_tokens: self.max_output_tokens.or(others.max_output_tokens),
            seed: self.seed.or(others.seed),
            stop: self.stop.or(others.stop),
            reasoning_effort: self.reasoning_effort.or(others.reasoning_effort),
            size: self.size.or(others.size),
            quality: self.quality.or(others.quality),
        }
    }
}

impl WrongParameter {
    fn value(expected: &str) -> Self {
        Self::Value(expected.to_owned())
    }
}

fn non_empty(value: &Value, expected: &str) -> Result<String, WrongParameter> {
    match value {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Err(WrongParameter::Value(format!(
            "{expected} (put `{value}` in quotes)"
        ))),
        _ => Err(WrongParameter::value(expected)),
    }
}

fn number(value: &Value, max: f64) -> Result<f64, WrongParameter> {
    value
        .as_f64()
        .filter(|number| (0.0..=max).contains(number))
        .ok_or_else(|| WrongParameter::Value(format!("a number from 0 to {max}")))
}

fn effort_expected(value: &Value) -> WrongParameter {
    let names = ReasoningEffort::ALL.map(ReasoningEffort::as_str);
    let near = value.as_str().map(|name| did_you_mean(name, names));
    WrongParameter::Value(format!(
        "one of {}{}",
        list(names),
        near.unwrap_or_default()
    ))
}

/// How much a reasoning model thinks before it answers. Which of them a model knows is the model's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ReasoningEffort {
    /// `none`
    None,
    /// `minimal`
    Minimal,
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `xhigh`
    Xhigh,
    /// `max`
    Max,
}

impl ReasoningEffort {
    /// All of them, from least to most.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Xhigh,
        Self::Max,
    ];

    /// The name that front matter and requests use, for example `low`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }
}

impl fmt::Display for ReasoningEffort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `stop: x` and `stop: [x, y]`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a string or a list of strings")]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    Ok(Option::<OneOrMany>::deserialize(deserializer)?.map(OneOrMany::into_vec))
}

#[cfg(test)]
mod tests;
