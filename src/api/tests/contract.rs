//! Routes that need no session, and what every route does with bad requests.

use serde_json::json;

use super::support::{call, get, server, state, with_json};
use crate::api;

const ID: &str = "/api/v1/webrtc/offer/nobody";

#[tokio::test(flavor = "multi_thread")]
async fn health_and_root_speak_json_to_programs() {
    let server = server().await;

    let health = get(&server, "/health").await.json();
    assert_eq!(health["status"], "healthy");
    assert!(health["timestamp"].as_str().unwrap().ends_with('Z'));
    assert!(health["server_start_time"].is_f64());

    let root = call(&server, "GET", "/", &[("accept", "text/html")], "").await.json();
    assert!(root["message"].as_str().unwrap().contains("make run"));
    assert_eq!(root["docs"], "/docs");
    assert_eq!(get(&server, "/page").await.fault(), (404, "not_found".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_api_paths_and_methods_are_json() {
    let server = server().await;

    assert_eq!(get(&server, "/api/v1/nothing").await.fault(), (404, "unknown_path".into()));
    let refused = call(&server, "POST", "/api/v1/sessions", &[], "").await;
    assert_eq!(refused.fault(), (405, "wrong_method".into()));
    assert!(refused.header("allow").contains("GET"));
    assert_eq!(call(&server, "HEAD", "/health", &[], "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_with_a_body_refuses_what_is_no_json() {
    let server = server().await;
    let routes = [
        ("POST", "/api/v1/webrtc/offer"),
        ("PATCH", ID),
        ("POST", "/api/v1/pipeline/load"),
        ("PUT", "/api/v1/sessions/x/pipeline"),
        ("PATCH", "/api/v1/sessions/x/parameters"),
        ("POST", "/api/v1/session/start"),
        ("POST", "/api/v1/session/parameters"),
    ];
    for (method, path) in routes {
        let kind = |kind| [("content-type", kind)];
        let plain = call(&server, method, path, &kind("text/plain"), "{}").await;
        assert_eq!(plain.fault(), (415, "wrong_content_type".into()), "{path}");
        let broken = call(&server, method, path, &kind("application/json; charset=utf-8"), "{").await;
        assert_eq!(broken.fault(), (400, "bad_json".into()), "{path}");
        let long = call(&server, method, path, &kind("application/json"), &" ".repeat(100_001)).await;
        assert_eq!(long.fault(), (413, "body_too_large".into()), "{path}");
        let list = with_json(&server, method, path, &json!([])).await;
        assert_eq!(list.status, 422, "{path}");
        assert_eq!(list.json()["detail"][0]["loc"], json!(["body"]), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_fields_come_all_at_once_in_fastapi_s_shape() {
    let server = server().await;

    let reply =
        with_json(&server, "POST", "/api/v1/webrtc/offer", &json!({ "type": 3, "initialParameters": 1 }))
            .await;

    let detail = &reply.json()["detail"];
    assert_eq!(reply.status, 422);
    assert_eq!(detail[0]["type"], "missing");
    assert_eq!(detail[0]["loc"], json!(["body", "sdp"]));
    assert_eq!(detail[1]["loc"], json!(["body", "type"]));
    assert_eq!(detail[1]["input"], 3);
    assert_eq!(detail[2]["loc"], json!(["body", "initialParameters"]));
    let bad = json!({ "candidates": [{ "sdpMid": 4 }] });
    let bad = with_json(&server, "PATCH", ID, &bad).await;
    assert_eq!(bad.json()["detail"][0]["loc"], json!(["body", "candidates", 0, "candidate"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_load_in_three_forms() {
    let server = server().await;
    let path = "/api/v1/pipeline/load";

    assert_eq!(get(&server, "/api/v1/pipeline/status").await.json()["status"], "not_loaded");
    for body in [
        json!({ "pipeline_id": "passthrough" }),
        json!({ "pipeline_ids": ["echo"], "load_params": { "height": 320 } }),
        json!({ "pipelines": [{ "node_id": "a", "pipeline_id": "echo" }] }),
    ] {
        let reply = with_json(&server, "POST", path, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!(get(&server, "/api/v1/pipeline/status").await.json()["pipeline_id"], "echo");
    let unknown = with_json(&server, "POST", path, &json!({ "pipeline_id": "x" })).await;
    assert_eq!(unknown.fault(), (404, "unknown_pipeline".into()));
    let chain = with_json(&server, "POST", path, &json!({ "pipeline_ids": ["echo", "echo"] })).await;
    assert_eq!(chain.fault(), (400, "one_pipeline_wanted".into()));
    assert_eq!(with_json(&server, "POST", path, &json!({})).await.status, 422);
    assert!(
        get(&server, "/api/v1/pipelines/schemas").await.json()["pipelines"]["echo"]["config_schema"]
            .is_object()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_described() {
    let server = server().await;

    let hardware = get(&server, "/api/v1/hardware/info").await.json();
    assert!(hardware["vram_gb"].is_null());
    assert_eq!(hardware["spout"]["available"], false);
    assert_eq!(hardware["cpu"]["cores"], 4);
    assert!(hardware["codecs"][0]["reason"].is_string());
    let system = get(&server, "/api/v1/system").await.json();
    assert_eq!(system["sessions"], json!({ "live": 0, "limit": 4 }));
    assert_eq!(get(&server, "/api/v1/webrtc/ice-servers").await.json(), json!({ "iceServers": [] }));
    let logs = get(&server, "/api/v1/logs/tail?lines=5&since_offset=3").await.json();
    assert_eq!(logs, json!({ "lines": [], "offset": 0 }));
    assert_eq!(get(&server, "/api/v1/logs/tail?lines=x").await.fault(), (422, "bad_query".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn openapi_lists_every_route_and_docs_are_served() {
    let server = api::router(state(1).await);

    let document = get(&server, "/openapi.json").await.json();
    let routes = |path: &str| document["paths"][path].as_object().map_or(0, serde_json::Map::len);
    let count: usize = document["paths"].as_object().unwrap().keys().map(|path| routes(path)).sum();
    assert_eq!(count, 38);
    assert_eq!(routes("/api/v1/webrtc/offer/{id}"), 2);
    assert!(document["components"]["schemas"]["Snapshot"].is_object());
    let docs = get(&server, "/docs/").await;
    assert_eq!(docs.status, 200);
    assert_eq!(get(&server, "/docs/swagger-ui-bundle.js").await.status, 200);
}
