//! What every step and flow of a program is held to before anything runs.

use chrono::Utc;
use serde_json::{Map, Value};

use crate::call::checked_inputs;
use crate::definition::{Definition, WorkKind, find, registered};
use crate::error::{Error, ErrorKind};
use crate::run::{Services, longest_answer};
use crate::schedule::Ticks;
use crate::state::{StateType, States, missing};

/// Holds every step and flow that is linked into the program to what they promise, without an engine: names that occur
/// once, outputs that a model can be held to.
///
/// [`contract_tests!`](crate::contract_tests) makes a test of it. An engine checks the same when it is built, and that it has
/// all `#[state]`.
///
/// ```standalone_crate
/// let nothing = flow_engine::check_contracts().unwrap_err();
/// assert!(nothing.to_string().starts_with("there is no step and no flow in this program"));
/// ```
///
/// # Errors
/// All that is wrong, on one line each; or that there is no step and no flow.
pub fn check_contracts() -> Result<(), Error> {
    let definitions = registered();
    let mistakes = if definitions.is_empty() {
        let message = "there is no step and no flow in this program: check in the crate that defines them, or name that crate \
                       in this one (`use my_crate as _;`)";
        vec![message.to_owned()]
    } else {
        mistakes(&definitions, None)
    };
    if mistakes.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Configuration, mistakes.join("\n")))
}

/// Makes a test that fails, with all that is wrong, if a step or a flow of the crate does not hold what it promises: see
/// [`check_contracts`]. For a module of tests of the crate that defines them, once.
///
/// ```
/// # #[cfg(test)]
/// # mod tests {
/// flow_engine::contract_tests!();
/// # }
/// ```
#[macro_export]
macro_rules! contract_tests {
    () => {
        #[test]
        fn every_step_and_flow_holds_what_it_promises() {
            if let Err(mistakes) = $crate::check_contracts() {
                panic!("{mistakes}");
            }
        }
    };
}

/// What is wrong with the steps and flows. Without `states`, what they need of state is not asked for.
pub(super) fn mistakes(
    definitions: &[&'static Definition],
    states: Option<&States>,
) -> Vec<String> {
    let mut found = Vec::new();
    for pair in definitions.windows(2) {
        if let [one, other] = pair
            && one.name() == other.name()
        {
            found.push(format!(
                "{} and {} both define `{}`: a run finds its steps and flows by name, so rename one",
                one.location(),
                other.location(),
                one.name(),
            ));
        }
    }
    for definition in definitions {
        let at = |reason: &str| {
            format!(
                "{}: `{}`: {reason}",
                definition.location(),
                definition.name()
            )
        };
        let is_absent = |state: &StateType| states.is_some_and(|states| !states.holds(*state));
        let absent = definition.state.iter().filter(|state| is_absent(state));
        found.extend(absent.map(|state| at(&missing((state.name)()))));
        found.extend(wrong_schedule(definition).map(|reason| at(&reason)));
        if let WorkKind::Model { kind, prompt } = definition.work {
            found.extend(kind.check(definition).err().map(|reason| at(&reason)));
            let schema = definition.input_schema();
            let params = prompt.params().iter();
            let wrong =
                params.filter_map(|name| wrong_parameter(name, &schema["properties"][*name]));
            found.extend(wrong.map(|reason| at(&reason)));
        }
    }
    found
}

/// Which model steps have a budget that no request of theirs could be held to, as far as that is known before a call.
pub(super) fn beyond_budgets(
    definitions: &[&'static Definition],
    services: &Services,
) -> Vec<String> {
    let models = &services.models;
    let mut found = Vec::new();
    for definition in definitions {
        let WorkKind::Model { prompt, .. } = definition.work else {
            continue;
        };
        let is_of_the_call = |name| prompt.params().contains(&name);
        let has_budget = definition.budget.is_some() || services.budget.is_some();
        if !has_budget || is_of_the_call("max_output_tokens") {
            continue;
        }
        // A prompt that cannot be read is an error where it is used.
        let parameters = prompt
            .current()
            .map(|prompt| prompt.parameters(&Map::new()));
        let Ok(Ok(parameters)) = parameters else {
            continue;
        };
        let policy = services.policy.of(&definition.policy);
        let named = parameters.model.as_deref().or(models.default());
        let named = named.filter(|_| !is_of_the_call("model"));
        let fallback = policy.fallback.iter().map(String::as_str);
        for name in named.into_iter().chain(fallback) {
            let model = models.find(name);
            if !model.backend.is_free()
                && let Err(reason) = longest_answer(&model, &parameters, &services.prices)
            {
                found.push(format!(
                    "{}: `{}`: {reason}",
                    definition.location(),
                    definition.name()
                ));
            }
        }
    }
    found
}

/// Why a flow could never be started by its schedule.
fn wrong_schedule(definition: &Definition) -> Option<String> {
    let schedule = definition.schedule()?;
    let ticks = match Ticks::of(schedule) {
        Ok(ticks) => ticks,
        Err(reason) => return Some(reason),
    };
    if ticks.next_after(Utc::now()).is_none() {
        let (expression, timezone) = (schedule.expression(), schedule.timezone());
        return Some(format!(
            "its schedule, \"{expression}\" in {timezone}, is on no day"
        ));
    }
    let call = find(definition.name())?.recorded_call(Map::new());
    let inputs = call.and_then(|call| checked_inputs(&*call));
    inputs.err().map(|error| {
        format!("its schedule starts it with the defaults of its inputs, and they do not hold: {error:#}")
    })
}

/// Why an input can never be the model parameter of its name.
fn wrong_parameter(name: &str, schema: &Value) -> Option<String> {
    let wanted: &[&str] = match name {
        "temperature" | "top_p" => &["number", "integer"],
        "max_output_tokens" | "seed" => &["integer"],
        "stop" => &["string", "array"],
        _ => &["string"],
    };
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        // Of another form, such as a reference to an enum.
        _ => return None,
    };
    let fits = types.iter().any(|ty| wanted.contains(ty));
    (!fits).then(|| {
        format!(
            "the input `{name}` is sent as the parameter of its name, which is a {} and not a {}",
            wanted.join(" or a "),
            types.join(" or a ")
        )
    })
}
