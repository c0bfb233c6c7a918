//! Pipelines and parameters.

use super::*;

#[test]
fn initial_parameters_of_every_release_are_taken_and_faults_named() {
    for fine in [
        json!({"initialParameters": {"prompts": ["a panda"], "noise_scale": 0.5}}),
        json!({"initialParameters": {"prompts": [{"text": "a panda", "weight": 1.0}], "input_mode": "video",
            "pipeline_ids": ["passthrough"]}, "user_id": "u", "connection_id": "c", "connection_info": {}}),
        json!({"initialParameters": null}),
    ] {
        let response = offer(&fine);
        assert_eq!(response.status, 200, "{fine}: {}", response.text());
        assert_eq!(response.json()["type"], "answer");
        let id = response.json()["sessionId"].as_str().unwrap().to_owned();
        send("DELETE", &format!("{OFFER}/{id}"), JSON, "");
    }
    let refused = offer(&json!({"initialParameters": {"paused": 7}}));
    assert_eq!(
        (refused.status, &refused.json()["detail"][0]["loc"]),
        (422, &json!(["body", "initialParameters", "paused"]))
    );
    for unknown in [json!({"pipeline_id": "none"}), json!({"pipeline_ids": ["none"]})] {
        assert_error(&offer(&json!({ "initialParameters": unknown })), 404, "unknown_pipeline");
    }
    let wrong = offer(&json!({"initialParameters": {"pipeline_id": 7}}));
    assert_eq!(
        (wrong.status, &wrong.json()["detail"][0]["loc"]),
        (422, &json!(["body", "initialParameters", "pipeline_id"]))
    );
}

#[test]
fn a_pipeline_is_loaded_in_all_three_forms() {
    let load = |body: Value| send("POST", "/api/v1/pipeline/load", JSON, body.to_string());

    for form in [
        json!({"pipeline_id": "passthrough"}),
        json!({"pipeline_ids": ["echo"], "load_params": {"height": 320, "width": 576}}),
        json!({"pipelines": [{"node_id": "n", "pipeline_id": "echo", "load_params": null}]}),
    ] {
        let loaded = load(form.clone());
        assert_eq!(loaded.status, 200, "{form}: {}", loaded.text());
        assert!(loaded.json()["message"].is_string());
        let status = || get("/api/v1/pipeline/status").json();
        let loaded = crate::support::wait_until(|| status()["status"] == "loaded", Duration::from_secs(30));
        assert!(loaded && status()["pipeline_id"] == "echo", "{}", status());
    }

    assert_error(&load(json!({"pipeline_id": "none"})), 404, "unknown_pipeline");
    for bad in [
        json!({}),
        json!({"pipeline_id": 1}),
        json!({"pipeline_ids": [1]}),
        json!({"pipelines": [{"node_id": "n"}]}),
    ] {
        assert_error(&load(bad), 422, "invalid_body");
    }
    for chain in [json!([]), json!(["echo", "echo"])] {
        assert_error(&load(json!({ "pipeline_ids": chain })), 400, "one_pipeline_wanted");
    }
    let faults = load(json!({"pipelines": [{"node_id": "n"}]})).json();
    assert_eq!(faults["detail"][0]["loc"], json!(["body", "pipelines", 0, "pipeline_id"]));
}

#[test]
fn schemas_have_scopes_shape() {
    let echo = get("/api/v1/pipelines/schemas").json()["pipelines"]["echo"].clone();

    for field in [
        "id",
        "name",
        "description",
        "version",
        "supported_modes",
        "default_mode",
        "inputs",
        "outputs",
        "supports_prompts",
    ] {
        assert!(!echo[field].is_null(), "{field} in {echo}");
    }
    assert!(echo["config_schema"]["properties"].is_object());
}
