//! A session's life through HTTP.

use serde_json::json;

use super::support::{CHROMIUM, call, get, open, server, with_json};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_opened_seen_steered_and_closed() {
    let server = server().await;
    let id = open(&server).await;
    let (offer, path) = (format!("/api/v1/webrtc/offer/{id}"), format!("/api/v1/sessions/{id}"));

    assert_eq!(get(&server, "/api/v1/sessions").await.json()["sessions"][0]["id"], json!(id));
    assert_eq!(get(&server, &path).await.json()["pipeline_id"], "echo");
    let candidate = "candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host";
    let list = json!({ "candidates": [{ "candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0 },
        { "candidate": "", "sdpMid": null }] });
    assert_eq!(with_json(&server, "PATCH", &offer, &list).await.status, 204);
    let kind = [("content-type", "application/trickle-ice-sdpfrag")];
    let fragment =
        format!("m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na={candidate}\r\na=end-of-candidates\r\n");
    assert_eq!(call(&server, "PATCH", &offer, &kind, &fragment).await.status, 204);
    assert!(get(&server, &format!("{path}/graph.dot")).await.text().contains("digraph"));
    let switch =
        with_json(&server, "PUT", &format!("{path}/pipeline"), &json!({ "pipeline_id": "passthrough" }))
            .await;
    assert_eq!(switch.status, 204);
    let wrong = with_json(&server, "PUT", &format!("{path}/pipeline"), &json!({ "pipeline_id": "x" })).await;
    assert_eq!(wrong.fault(), (404, "unknown_pipeline".into()));
    let set = with_json(&server, "PATCH", &format!("{path}/parameters"), &json!({ "paused": true })).await;
    assert!(set.json()["parameters"].is_object(), "{}", set.text());
    let bad = with_json(&server, "PATCH", &format!("{path}/parameters"), &json!({ "nonsense": 1 })).await;
    assert_eq!(bad.fault(), (422, "invalid_body".into()));
    assert_eq!(call(&server, "DELETE", &offer, &[], "").await.status, 204);
    assert_eq!(call(&server, "DELETE", &offer, &[], "").await.status, 204);
    let gone = get(&server, &path).await;
    assert_eq!(gone.fault(), (410, "session_ended".into()));
    assert_eq!(gone.json()["reason"], "closed_by_client");
    for (method, path) in [("DELETE", path.clone()), ("GET", format!("{path}/graph.dot"))] {
        assert_eq!(call(&server, method, &path, &[], "").await.status, 410, "{path}");
    }
    assert_eq!(with_json(&server, "PATCH", &offer, &list).await.status, 410);
    assert_eq!(with_json(&server, "PATCH", &format!("{path}/parameters"), &json!({})).await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_never_was_is_404_everywhere_but_in_deleting_an_offer() {
    let server = server().await;

    for (method, path, body) in [
        ("GET", "/api/v1/sessions/x", json!(null)),
        ("DELETE", "/api/v1/sessions/x", json!(null)),
        ("GET", "/api/v1/sessions/x/graph.dot", json!(null)),
        ("GET", "/api/v1/sessions/x/graph.svg", json!(null)),
        ("GET", "/api/v1/sessions/x/launch", json!(null)),
        ("GET", "/api/v1/sessions/x/sdp", json!(null)),
        ("PUT", "/api/v1/sessions/x/pipeline", json!({ "pipeline_id": "echo" })),
        ("PATCH", "/api/v1/sessions/x/parameters", json!({})),
        ("PATCH", "/api/v1/webrtc/offer/x", json!({ "candidates": [] })),
    ] {
        let reply = with_json(&server, method, path, &body).await;
        assert_eq!(reply.fault(), (404, "session_not_found".into()), "{method} {path}");
    }
    assert_eq!(call(&server, "DELETE", "/api/v1/webrtc/offer/x", &[], "").await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_offer_is_refused_with_its_code() {
    let server = server().await;
    let post = async |sdp: &str, initial| {
        let offer =
            json!({ "sdp": sdp, "type": "offer", "initialParameters": initial, "user_id": "ignored" });
        with_json(&server, "POST", "/api/v1/webrtc/offer", &offer).await
    };

    assert_eq!(post("nonsense", json!(null)).await.fault(), (400, "sdp_syntax".into()));
    let unknown = post(CHROMIUM, json!({ "pipeline_ids": ["x"] })).await;
    assert_eq!(unknown.fault(), (404, "unknown_pipeline".into()));
    let refused = post(CHROMIUM, json!({ "pipeline_id": 7 })).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["detail"][0]["loc"], json!(["body", "initialParameters", "pipeline_id"]));
    let foreign = CHROMIUM.replace("VP8/90000", "XX8/90000");
    assert_eq!(post(&foreign, json!(null)).await.status, 400);
    let bad = json!({ "candidates": [{ "candidate": "rubbish", "sdpMid": "0" }] });
    let bad = with_json(&server, "PATCH", "/api/v1/webrtc/offer/x", &bad).await;
    assert_eq!(bad.fault(), (400, "bad_candidate".into()));
}
