//! The server itself: its TURN credentials, its host, its log, its own description.

use super::*;
use crate::support::server::scope;

#[test]
fn ice_servers_carry_fresh_credentials_and_are_not_kept() {
    let server =
        Server::spawn(&[], &[("SCOPE_TURN_URLS", "turn:127.0.0.1:3478"), ("SCOPE_TURN_SECRET", "s3cret")]);

    let response = http::get(&format!("{}/api/v1/webrtc/ice-servers", server.url())).unwrap();

    let body = response.json();
    let turn = body["iceServers"].as_array().unwrap().iter().find(|one| one["credential"].is_string());
    assert!(turn.is_some_and(|turn| turn["username"].is_string()), "{body}");
    assert!(!response.text().contains("s3cret"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(get("/api/v1/webrtc/ice-servers").json(), json!({ "iceServers": [] }), "offline");
}

#[test]
fn figures_of_the_host_are_there_and_unknown_ones_are_null() {
    let hardware = get("/api/v1/hardware/info").json();
    let system = get("/api/v1/system").json();

    assert!(hardware.as_object().unwrap().contains_key("vram_gb"));
    assert!(hardware["cpu"]["cores"].as_u64().unwrap() > 0 && hardware["gpus"].is_array());
    let codec = &hardware["codecs"][0];
    assert!(codec["element"].is_string() && codec["hardware"].is_boolean() && codec["reason"].is_string());
    for codec in hardware["codecs"].as_array().unwrap() {
        assert!(codec["works"].is_boolean(), "{codec}");
        assert!(!codec["works"].as_bool().unwrap() || codec["trial_ms"].is_u64(), "{codec}");
    }
    if hardware["gpus"].as_array().unwrap().is_empty() {
        assert_eq!(hardware["vram_gb"], Value::Null);
    }
    assert!(system["memory"]["total_bytes"].as_u64().unwrap() > 0);
    assert_eq!(system["sessions"]["limit"], 100);
    assert_eq!(hardware["spout"]["available"], false);
}

#[test]
fn the_log_goes_on_from_its_offset_and_starts_anew_with_the_server() {
    session();
    let first = get("/api/v1/logs/tail?lines=1").json();
    assert_eq!(first["lines"].as_array().unwrap().len(), 1);
    let offset = first["offset"].as_u64().unwrap();

    // An offset of a server that ran before and longer.
    let anew = get(&format!("/api/v1/logs/tail?lines=5&since_offset={}", offset + 1_000_000)).json();

    assert!(!anew["lines"].as_array().unwrap().is_empty(), "{anew}");
    for (query, name) in [("lines=x", "lines"), ("since_offset=-1", "since_offset")] {
        let response = get(&format!("/api/v1/logs/tail?{query}"));
        assert_error(&response, 422, "bad_query");
        let detail = response.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(&format!("invalid query: {name}: ")), "{detail}");
    }
}

#[test]
fn the_document_has_every_route_and_the_docs_page_shows_it() {
    let document = get("/openapi.json").json();
    let routes = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
    });
    let mut routes: Vec<_> = routes.map(|route| route.replace("/api/v1/", "")).collect();
    routes.sort();

    assert_eq!(
        routes,
        [
            "delete recordings/{id}",
            "delete sessions/{id}",
            "delete tokens/{token}",
            "delete waiting/{ticket}",
            "delete webrtc/offer/{id}",
            "get /",
            "get /health",
            "get /metrics",
            "get /ready",
            "get hardware/info",
            "get input-sources",
            "get input-sources/{kind}/sources",
            "get logs/tail",
            "get me",
            "get pipeline/status",
            "get pipelines/schemas",
            "get recordings",
            "get recordings/{id}",
            "get recordings/{id}/{file}",
            "get session/frame",
            "get session/metrics",
            "get session/output.ts",
            "get session/parameters",
            "get sessions",
            "get sessions/{id}",
            "get sessions/{id}/graph.dot",
            "get sessions/{id}/graph.svg",
            "get sessions/{id}/launch",
            "get sessions/{id}/sdp",
            "get sign-in/oidc",
            "get sign-in/oidc/callback",
            "get system",
            "get waiting/{ticket}",
            "get waiting/{ticket}/events",
            "get webrtc/ice-servers",
            "patch sessions/{id}/parameters",
            "patch webrtc/offer/{id}",
            "post pipeline/load",
            "post recordings/{id}/start",
            "post recordings/{id}/stop",
            "post session/parameters",
            "post session/start",
            "post session/stop",
            "post sign-in",
            "post sign-out",
            "post tokens",
            "post webrtc/offer",
            "put sessions/{id}/pipeline",
        ]
    );
    let printed = scope().arg("openapi").output().unwrap();
    assert!(printed.status.success());
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).unwrap(), document);
    let docs = get("/docs/");
    assert!(docs.status == 200 && docs.text().contains("swagger"), "{}", docs.text());
    assert!(!docs.text().contains("https://"), "the page loads from elsewhere");
}

#[test]
fn every_answer_has_its_headers() {
    for path in ["/", "/health", "/api/v1/sessions", "/api/nothing", "/docs/"] {
        let response = get(path);

        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(response.header("content-security-policy").unwrap().contains("default-src 'self'"));
        assert_eq!(response.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
        assert_eq!(response.header("cross-origin-opener-policy"), Some("same-origin"), "{path}");
        let devices = response.header("permissions-policy").unwrap();
        assert_eq!(devices, "camera=(self), microphone=(self), display-capture=(self)", "{path}");
        assert!(response.header("x-request-id").is_some_and(|id| id.len() >= 8), "{path}");
    }
    assert_eq!(get("/api/v1/sessions").header("cache-control"), Some("no-store"));
    let named = http::send(Method::GET, &url("/health"), &[("x-request-id", "mine-7")], vec![]);
    assert_eq!(named.unwrap().header("x-request-id"), Some("mine-7"));
}
