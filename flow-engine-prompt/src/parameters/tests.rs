use super::{Parameters, ReasoningEffort};

#[test]
fn parameters_survive_json_and_what_is_not_set_is_not_written() {
    let parameters = Parameters {
        model: Some("m".into()),
        stop: Some(vec!["END".into()]),
        reasoning_effort: Some(ReasoningEffort::Xhigh),
        ..Parameters::default()
    };
    let json = serde_json::to_string(&parameters).unwrap();
    assert_eq!(
        json,
        r#"{"model":"m","stop":["END"],"reasoning_effort":"xhigh"}"#
    );
    assert_eq!(
        serde_json::from_str::<Parameters>(&json).unwrap(),
        parameters
    );
    assert_eq!(
        serde_json::from_str::<Parameters>(r#"{"stop":"END"}"#)
            .unwrap()
            .stop,
        parameters.stop
    );
    assert!(serde_json::from_str::<Parameters>(r#"{"temprature":1}"#).is_err());
}

#[test]
fn an_effort_has_one_name_everywhere() {
    for effort in ReasoningEffort::ALL {
        assert_eq!(serde_json::to_value(effort).unwrap(), effort.to_string());
    }
}
