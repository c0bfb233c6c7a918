use serde_json::json;

use super::*;
use crate::session::EndReason;
use crate::stage::{Catalog, FAULTS, Parameters, Schema, Values};

fn object(value: Value) -> Values {
    let Value::Object(object) = value else { panic!("expected an object, got {value}") };
    object
}

fn read(value: Value, schema: &Schema) -> Result<Update, Vec<Fault>> {
    let in_force = Parameters { values: schema.defaults(), version: 6 };
    Update::read(object(value), schema, &in_force)
}

fn echo() -> Schema {
    Catalog::default().get("echo").unwrap().schema
}

#[test]
fn garbage_is_named_for_what_it_is() {
    for (text, word) in [("", "EOF"), ("[1]", "a list"), ("7", "a number"), ("{\"a\":", "EOF")] {
        let fault = parse(text).unwrap_err();
        assert!(fault.message.contains(word), "{text}: {}", fault.message);
    }
}

#[test]
fn an_id_is_the_clients_own_and_no_parameter() {
    let message = parse(r#"{"work_ms": 5, "id": "a"}"#).unwrap();

    assert_eq!(id(&message), Ok(Some(json!("a"))));
    let update = read(message.into(), &echo()).unwrap();
    assert_eq!(update.stage.parameters.values, object(json!({"work_ms": 5})));
    assert_eq!(update.stage.parameters.version, 7);
}

#[test]
fn what_has_a_message_of_its_own_or_needs_none_is_not_answered() {
    for (value, answered) in [
        (json!({"recording": true, "client_delay_ms": 20, "pipeline_id": "echo"}), false),
        (json!({"recording": true, "id": 1}), true),
        (json!({"paused": true}), true),
        (json!({}), true),
    ] {
        assert_eq!(read(value.clone(), &echo()).unwrap().answered, answered, "{value}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let wrong = json!({"id": "x".repeat(300), "client_delay_ms": -1, "recording": 1, "input_source": 1, "paused": 1,
        "reset": 1, "no_such": 1, "work_ms": "x"});

    let faults = read(wrong, &echo()).unwrap_err();

    let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/id",
            "/client_delay_ms",
            "/recording",
            "/input_source",
            "/paused",
            "/reset",
            "/no_such",
            "/work_ms"
        ]
    );
}

#[test]
fn scopes_own_words_are_ignored_by_a_pipeline_that_has_none_of_them() {
    let update = read(json!({"prompts": ["a panda"], "noise_scale": 0.7}), &echo()).unwrap();

    assert_eq!(update.ignored, ["noise_scale", "prompts"]);
}

#[test]
fn what_is_done_once_is_no_value_that_stays() {
    let text = "id = \"p\"\nname = \"P\"\nkind = \"echo\"\nlayouts = [\"RGB\"]\nsupports_prompts = true";
    let schema = crate::stage::Entry::parse(text, None).unwrap().schema;
    let way = json!({"target_prompts": ["night"], "num_steps": 8});

    let update = read(json!({"reset_cache": true, "transition": way}), &schema).unwrap();

    assert!(update.stage.reset && update.stage.transition.is_some() && update.ignored.is_empty());
    let night = object(json!({"prompts": [{"text": "night", "weight": 1.0}]}));
    assert_eq!(update.stage.parameters.values, night);
    assert_eq!(read(json!({"reset": 1, "transition": 2}), &schema).unwrap_err().len(), 2);
    let echo = read(json!({"transition": way, "reset": true}), &echo()).unwrap();
    assert!(echo.stage.reset && echo.ignored == ["transition"], "a pipeline without prompts");
}

#[test]
fn one_bad_key_rejects_the_whole_update() {
    let faults = read(json!({"work_ms": 5, "a/b": 1}), &echo()).unwrap_err();

    assert_eq!(faults[0].path, "/a~1b");
}

#[test]
fn a_refusal_is_shorter_than_what_a_data_channel_takes() {
    let many: Values = (0..8000).map(|number| (number.to_string(), json!(1))).collect();

    let faults = read(many.into(), &echo()).unwrap_err();

    assert_eq!(faults.len(), FAULTS);
    let long = read(json!({"x".repeat(60_000): 1}), &echo()).unwrap_err();
    assert!(long[0].path.len() < 1000 && long[0].path.starts_with("/xx"), "{}", long[0].path);
}

#[test]
fn an_id_is_short() {
    assert!(id(&object(json!({"id": "x".repeat(200)}))).is_ok());

    let fault = id(&object(json!({"id": "x".repeat(60_000)}))).unwrap_err();

    assert_eq!(fault.path, "/id");
}

#[test]
fn pausing_is_no_parameter_of_the_pipeline() {
    assert_eq!(read(json!({"paused": true}), &echo()).unwrap().stage.paused, Some(true));
    assert!(read(json!({"paused": "yes"}), &echo()).is_err());
}

#[test]
fn a_pipeline_is_selected_in_either_of_scopes_ways() {
    let selected = |value| selected(&object(value));
    assert_eq!(selected(json!({"pipeline_id": "a"})), Ok(Some("a".into())));
    assert_eq!(selected(json!({"pipeline_ids": ["b"]})), Ok(Some("b".into())));
    assert_eq!(selected(json!({"pipeline_ids": [], "pipeline_id": null})), Ok(None));
    for (wrong, path) in [
        (json!({"pipeline_ids": ["a", "b"]}), "/pipeline_ids"),
        (json!({"pipeline_ids": [3]}), "/pipeline_ids/0"),
        (json!({"pipeline_ids": "a"}), "/pipeline_ids"),
        (json!({"pipeline_id": 3}), "/pipeline_id"),
    ] {
        assert_eq!(selected(wrong).unwrap_err().path, path);
    }
}

#[test]
fn type_comes_first_on_the_wire() {
    let message = Message::StreamStopped { reason: EndReason::IceFailed, error_message: "y" };

    assert!(serde_json::to_string(&message).unwrap().starts_with(r#"{"type":"stream_stopped""#));
}
