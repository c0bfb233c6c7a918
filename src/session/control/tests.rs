use serde_json::json;

use super::*;
use crate::stage::Catalog;

fn object(value: Value) -> Values {
    let Value::Object(object) = value else { panic!("an object is wanted, {value} came") };
    object
}

fn echo() -> Schema {
    Catalog::default().get("echo").unwrap().schema
}

#[test]
fn garbage_is_named_for_what_it_is() {
    for (text, word) in [("", "EOF"), ("[1]", "a list"), ("7", "a number"), ("{\"a\":", "EOF")] {
        let faults = parse(text).unwrap_err();
        assert!(faults[0].message.contains(word), "{text}: {}", faults[0].message);
    }
}

#[test]
fn an_id_is_the_clients_mark_and_no_parameter() {
    let (values, id) = parse(r#"{"work_ms": 5, "id": "a"}"#).unwrap();

    assert_eq!(values, object(json!({"work_ms": 5})));
    assert_eq!(id, Some(json!("a")));
}

#[test]
fn scopes_own_words_are_ignored_by_a_pipeline_that_has_none_of_them() {
    let update =
        check(object(json!({"prompts": ["a panda"], "noise_scale": 0.7})), &Values::new(), &echo()).unwrap();

    assert_eq!(update.ignored, ["noise_scale", "prompts"]);
}

#[test]
fn what_is_done_once_is_no_value_that_stays() {
    let text = "id = \"p\"\nname = \"P\"\nkind = \"echo\"\nlayouts = [\"RGB\"]\nsupports_prompts = true";
    let schema = crate::stage::Entry::parse(text, None).unwrap().schema;
    let way = json!({"target_prompts": ["night"], "num_steps": 8});

    let update = check(object(json!({"reset_cache": true, "transition": way})), &schema.defaults(), &schema);

    let update = update.unwrap();
    assert!(update.reset && update.transition.is_some() && update.ignored.is_empty());
    assert_eq!(update.values, object(json!({"prompts": [{"text": "night", "weight": 1.0}]})));
    let faults = check(object(json!({"reset": 1, "transition": 2})), &schema.defaults(), &schema);
    assert_eq!(faults.unwrap_err().len(), 2);
    let echo = check(object(json!({"transition": way, "reset": true})), &Values::new(), &echo()).unwrap();
    assert!(echo.reset && echo.ignored == ["transition"], "a pipeline without prompts");
}

#[test]
fn one_bad_key_rejects_the_whole_update() {
    let faults = check(object(json!({"work_ms": 5, "a/b": 1})), &Values::new(), &echo()).unwrap_err();

    assert_eq!(faults[0].path, "/a~1b");
}

#[test]
fn a_refusal_is_shorter_than_what_a_data_channel_takes() {
    let many: Values = (0..8000).map(|number| (number.to_string(), json!(1))).collect();

    let faults = check(many, &Values::new(), &echo()).unwrap_err();

    assert_eq!(faults.len(), FAULTS);
    let long = check(object(json!({"x".repeat(60_000): 1})), &Values::new(), &echo()).unwrap_err();
    assert!(long[0].path.len() < 1000 && long[0].path.starts_with("/xx"), "{}", long[0].path);
}

#[test]
fn a_mark_has_the_length_of_a_mark() {
    assert!(parse(&json!({"id": "x".repeat(200)}).to_string()).is_ok());

    let faults = parse(&json!({"id": "x".repeat(60_000)}).to_string()).unwrap_err();

    assert_eq!(faults[0].path, "/id");
}

#[test]
fn pausing_is_no_parameter_of_the_pipeline() {
    let update = check(object(json!({"paused": true})), &Values::new(), &echo()).unwrap();

    assert_eq!(update.paused, Some(true));
    assert!(check(object(json!({"paused": "yes"})), &Values::new(), &echo()).is_err());
}

#[test]
fn a_pipeline_is_selected_in_either_of_scopes_ways() {
    assert_eq!(take_pipeline(&mut object(json!({"pipeline_id": "a"}))), Ok(Some("a".into())));
    assert_eq!(take_pipeline(&mut object(json!({"pipeline_ids": ["b"]}))), Ok(Some("b".into())));
    assert_eq!(take_pipeline(&mut object(json!({"pipeline_ids": []}))), Ok(None));
    assert!(take_pipeline(&mut object(json!({"pipeline_ids": ["a", "b"]}))).is_err());
    assert!(take_pipeline(&mut object(json!({"pipeline_id": 3}))).is_err());
}

#[test]
fn type_comes_first_on_the_wire() {
    let message = Message::StreamStopped { reason: "x", error_message: "y" };

    assert!(serde_json::to_string(&message).unwrap().starts_with(r#"{"type":"stream_stopped""#));
}
