//! When a flow is started: the cron expression and the time zone are checked here, where they are written.

use croner::parser::{CronParser, Seconds, Year};
use flow_engine_prompt::suggest::nearest;
use proc_macro2::Ident;
use quote::format_ident;
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::arguments::Argument;
use crate::mistakes::Mistakes;
use crate::params::{Input, Param};

/// The names of the IANA time zone database, one on each line, as chrono-tz has them: a test holds them to that.
pub(super) const ZONES: &str = include_str!("zones.txt");

/// When a flow is started, as `flow_engine::Schedule` holds it.
pub(crate) struct Schedule {
    pub(crate) expression: LitStr,
    pub(crate) timezone: Option<LitStr>,
    /// A variant of `flow_engine::Missed`.
    pub(crate) missed: Option<Ident>,
}

/// What was given.
#[derive(Default)]
pub(super) struct Arguments {
    expression: Option<LitStr>,
    timezone: Option<LitStr>,
    missed: Option<Ident>,
    /// What says nothing without a schedule.
    beside: Vec<Ident>,
    given: bool,
}

impl Arguments {
    pub(super) const NAMES: [&'static str; 3] = ["schedule", "timezone", "missed"];

    /// Reads the option of this argument.
    pub(super) fn read(&mut self, argument: &Argument, mistakes: &mut Mistakes) {
        match argument.name.to_string().as_str() {
            "schedule" => {
                self.given = true;
                self.expression = expression(argument, mistakes);
            }
            "timezone" => {
                self.beside.push(argument.name.clone());
                self.timezone = timezone(argument, mistakes);
            }
            _ => {
                self.beside.push(argument.name.clone());
                self.missed = missed(argument, mistakes);
            }
        }
    }

    /// The schedule, if there is one; and what it asks of the inputs.
    pub(super) fn decide(&self, params: &[Param], mistakes: &mut Mistakes) -> Option<Schedule> {
        if !self.given {
            for argument in &self.beside {
                let message =
                    format!("`{argument}` is of a schedule: write `schedule = \"0 7 * * *\"`, too");
                mistakes.add(argument, message);
            }
            return None;
        }
        for param in params {
            if let Param::Input(input) = param {
                check_input(input, mistakes);
            }
        }
        Some(Schedule {
            expression: self.expression.clone()?,
            timezone: self.timezone.clone(),
            missed: self.missed.clone(),
        })
    }
}

/// Nobody is there to give a scheduled flow its inputs.
fn check_input(input: &Input, mistakes: &mut Mistakes) {
    let name = &input.name;
    if input.default.is_none() {
        let message = format!(
            "a flow with a schedule is started without inputs, so `{name}` needs a default\n\
             write `#[input(default = …)]`, make it an `Option`, or take it from `#[state]`"
        );
        mistakes.add(name, message);
    } else if input.secret {
        let message = format!(
            "a flow with a schedule is queued for a worker, and the secret `{name}` is not kept in the queue\n\
             take it from `#[state]`"
        );
        mistakes.add(name, message);
    }
}

fn text(argument: &Argument) -> Option<&LitStr> {
    match &argument.value {
        Some(Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        })) => Some(text),
        _ => None,
    }
}

/// The fields of an expression, of which the first may be left out.
const FIELDS: [&str; 6] = [
    "second",
    "minute",
    "hour",
    "day of the month",
    "month",
    "day of the week",
];

fn expression(argument: &Argument, mistakes: &mut Mistakes) -> Option<LitStr> {
    let written = text(argument);
    let reason = match written {
        Some(text) => match why_no_expression(&text.value()) {
            None => return Some(text.clone()),
            Some(reason) => format!("\n{reason}"),
        },
        None => String::new(),
    };
    let wanted = format!(
        "a cron expression in quotes: `\"0 7 * * *\"`{reason}\n\
         its fields are minute, hour, day of the month, month and day of the week; a sixth one in front is the second"
    );
    argument.wrong(argument.value.as_ref(), &wanted, mistakes)
}

/// As `flow_engine::Schedule` reads it.
fn why_no_expression(expression: &str) -> Option<String> {
    let parser = CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .build();
    let wrong = |expression: &str| Some(parser.parse(expression).err()?.to_string());
    let reason = wrong(expression)?;
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let left_out = match fields.len() {
        _ if expression.trim_start().starts_with('@') => {
            let forms = "this one is none: the short forms are `@yearly`, `@monthly`, `@weekly`, `@daily` and `@hourly`";
            return Some(forms.to_owned());
        }
        6 => 0,
        5 => 1,
        1 => return Some("this one has 1 field".to_owned()),
        other => return Some(format!("this one has {other} fields")),
    };
    // croner does not say which field is wrong.
    let mut alone = vec!["*"; fields.len()];
    for (place, field) in fields.into_iter().enumerate() {
        alone[place] = field;
        if let Some(reason) = wrong(&alone.join(" ")) {
            let name = FIELDS[left_out + place];
            return Some(format!("its {name} `{field}` is none: {}", short(&reason)));
        }
        alone[place] = "*";
    }
    Some(format!("this one is none: {}", short(&reason)))
}

/// What croner says, without the name of the error.
fn short(reason: &str) -> String {
    let (_, said) = reason.split_once(": ").unwrap_or(("", reason));
    let said = said.trim_end_matches('.');
    let mut letters = said.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

fn timezone(argument: &Argument, mistakes: &mut Mistakes) -> Option<LitStr> {
    let Some(text) = text(argument) else {
        let wanted = "the name of a time zone in quotes: `\"Europe/Zurich\"`, `\"UTC\"`";
        return argument.wrong(argument.value.as_ref(), wanted, mistakes);
    };
    let name = text.value();
    if ZONES.lines().any(|zone| zone == name) {
        return Some(text.clone());
    }
    let near = near(&name)
        .map(|zone| format!("; did you mean `{zone}`?"))
        .unwrap_or_default();
    let message = format!(
        "there is no time zone `{name}`{near}\n\
         `timezone` takes a name of the IANA time zone database: `\"Europe/Zurich\"`, `\"UTC\"`"
    );
    mistakes.add(text, message);
    None
}

/// The zone that was meant, by all of its name or by its city.
fn near(name: &str) -> Option<&'static str> {
    let city = |zone: &'static str| zone.rsplit('/').next().unwrap_or(zone);
    nearest(name, ZONES.lines()).or_else(|| {
        let meant = nearest(name, ZONES.lines().map(city))?;
        ZONES.lines().find(|zone| city(zone) == meant)
    })
}

fn missed(argument: &Argument, mistakes: &mut Mistakes) -> Option<Ident> {
    let policy = match text(argument).map(LitStr::value).as_deref() {
        Some("once") => "Once",
        Some("skip") => "Skip",
        Some("all") => "All",
        _ => {
            let wanted = "what becomes of ticks at which no worker was there: `\"once\"`, `\"skip\"` or `\"all\"`";
            return argument.wrong(argument.value.as_ref(), wanted, mistakes);
        }
    };
    Some(format_ident!("{policy}"))
}

#[cfg(test)]
mod tests {
    use super::{ZONES, near, why_no_expression};

    #[test]
    fn the_time_zones_are_those_that_the_runtime_has() {
        let known: Vec<_> = chrono_tz::TZ_VARIANTS
            .iter()
            .map(|zone| zone.name())
            .collect();
        let listed: Vec<_> = ZONES.lines().collect();
        assert_eq!(listed, known, "write the right side into zones.txt");
    }

    #[test]
    fn the_zone_that_was_meant_is_found_by_its_name_or_its_city() {
        for (written, meant) in [
            ("Europe/Zürich", Some("Europe/Zurich")),
            ("europe/zurich", Some("Europe/Zurich")),
            ("Zurich", Some("Europe/Zurich")),
            ("New York", Some("America/New_York")),
            ("utc", Some("UTC")),
            ("the moon", None),
        ] {
            assert_eq!(near(written), meant, "{written}");
        }
    }

    #[test]
    fn an_expression_has_five_or_six_fields_or_a_short_form() {
        for right in [
            "0 7 * * *",
            "*/5 * * * * *",
            "@daily",
            "0 9 L * *",
            "0 0 1 * +MON",
        ] {
            assert_eq!(why_no_expression(right), None, "{right}");
        }
        for (wrong, reason) in [
            ("", "this one has 0 fields"),
            ("daily", "has 1 field"),
            ("0 7 * *", "has 4 fields"),
            ("0 0 7 * * * 2026", "has 7 fields"),
            ("0 24 * * *", "its hour `24` is none: number out of bounds"),
            ("0 0 24 * * *", "its hour `24`"),
            ("0 7 * * MOO", "its day of the week `MOO` is none: "),
            ("@every 5m", "the short forms are"),
        ] {
            let found = why_no_expression(wrong).unwrap();
            assert!(found.contains(reason), "{wrong}: {found}");
        }
    }
}
