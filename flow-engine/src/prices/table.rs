//! A table that was read, and how a model is found in it.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde_path_to_error::Segment;

use super::file::{Entry, File};
use super::provider::filed;

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) version: String,
    entries: Vec<Entry>,
    /// By provider and name: entries, in the order of the file.
    by_name: HashMap<String, HashMap<String, Vec<usize>>>,
}

impl Table {
    /// The mistake is worded to follow the file's name: `:3:14: …`.
    pub(super) fn from_json(text: &str) -> Result<Self, String> {
        let reader = &mut serde_json::Deserializer::from_str(text);
        let file: File = serde_path_to_error::deserialize(&mut *reader).map_err(|error| {
            let place = error.path().clone();
            let mistake = mistake(error.inner());
            match place.iter().next() {
                None | Some(Segment::Unknown) => mistake,
                Some(_) => format!("{mistake} (in `{place}`)"),
            }
        })?;
        reader.end().map_err(|error| mistake(&error))?;

        let mut table = Self {
            version: file.version.0,
            entries: file.prices,
            by_name: HashMap::new(),
        };
        for (index, entry) in table.entries.iter().enumerate() {
            if entry.provider.trim().is_empty() || entry.model.trim().is_empty() {
                return Err(format!(": `prices[{index}]` has a blank provider or model"));
            }
            if entry.provider.contains("://") {
                return Err(format!(
                    ": `prices[{index}]`: the provider `{}` is a URL; name its host and port, as in the column `provider`",
                    entry.provider
                ));
            }
            let models = table.by_name.entry(filed(&entry.provider)).or_default();
            for name in std::iter::once(&entry.model).chain(&entry.names) {
                let same = models.entry(name.to_lowercase()).or_default();
                let equal = same.iter().find(|other| {
                    let other: &Entry = &table.entries[**other];
                    (other.from, other.hours) == (entry.from, entry.hours)
                });
                if let Some(other) = equal {
                    return Err(format!(
                        ": `prices[{other}]` and `prices[{index}]` both give `{name}` of {} a price",
                        entry.provider
                    ));
                }
                same.push(index);
            }
        }
        Ok(table)
    }

    /// The entry of a model: by its name as it is, else by what stands before a date.
    pub(super) fn find(&self, provider: &str, model: &str, now: DateTime<Utc>) -> Option<&Entry> {
        let provider = filed(provider);
        let models = self.by_name.get(&provider)?;
        let name = model.to_lowercase();
        let name = match provider.as_str() {
            // Google's list of models has their paths.
            "google" => name.strip_prefix("models/").unwrap_or(&name),
            _ => &name,
        };
        let same = models
            .get(name)
            .or_else(|| models.get(without_date(name)?))?;
        same.iter()
            .map(|index| &self.entries[*index])
            .rfind(|entry| entry.holds(now))
    }
}

fn mistake(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let message = message
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&message);
    format!(":{line}:{column}: {message}")
}

/// The name before `-2024-08-06`, `-20240806` or `@20240806`. Nothing else that follows a name is a date: `-0613` may
/// be, and `-2407` be another model.
fn without_date(name: &str) -> Option<&str> {
    let forms = [
        ("-%Y-%m-%d", "-yyyy-mm-dd".len()),
        ("-%Y%m%d", "-yyyymmdd".len()),
        ("@%Y%m%d", "@yyyymmdd".len()),
    ];
    forms.into_iter().find_map(|(form, length)| {
        let (before, date) = name.split_at_checked(name.len().checked_sub(length)?)?;
        let year = date.get(1..3)?;
        let is_date = year == "20" && NaiveDate::parse_from_str(date, form).is_ok();
        (is_date && !before.is_empty()).then_some(before)
    })
}
