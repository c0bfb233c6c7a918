//! The routes of one session.

use super::*;

#[test]
fn an_ended_session_is_gone_and_an_unknown_one_never_was() {
    let id = session();
    let detail = get(&format!("/api/v1/sessions/{id}"));
    assert_eq!((detail.status, &detail.json()["id"]), (200, &json!(id)));
    let list = get("/api/v1/sessions").json();
    assert!(list["sessions"].as_array().unwrap().iter().any(|session| session["id"] == *id), "{list}");

    for _ in 0..2 {
        assert_eq!(send("DELETE", &format!("{OFFER}/{id}"), JSON, "").status, 204);
    }

    let candidates = json!({"candidates": [{"candidate": "", "sdpMid": "0"}]}).to_string();
    for (id, status, code) in [
        (id.as_str(), 410, "session_ended"),
        ("nobody", 404, "session_not_found"),
        ("%ff", 404, "session_not_found"),
    ] {
        for (method, path, body) in [
            ("GET", format!("/api/v1/sessions/{id}"), ""),
            ("GET", format!("/api/v1/sessions/{id}/graph.dot"), ""),
            ("GET", format!("/api/v1/sessions/{id}/graph.svg"), ""),
            ("GET", format!("/api/v1/sessions/{id}/launch"), ""),
            ("GET", format!("/api/v1/sessions/{id}/sdp"), ""),
            ("PATCH", format!("{OFFER}/{id}"), candidates.as_str()),
            ("PATCH", format!("/api/v1/sessions/{id}/parameters"), "{}"),
            ("PUT", format!("/api/v1/sessions/{id}/pipeline"), "{\"pipeline_id\":\"echo\"}"),
            ("DELETE", format!("/api/v1/sessions/{id}"), ""),
        ] {
            let response = send(method, &path, JSON, body);

            assert_error(&response, status, code);
            assert_eq!(response.json()["reason"].as_str(), (status == 410).then_some("closed_by_client"));
        }
    }
    assert_eq!(send("DELETE", &format!("{OFFER}/nobody"), JSON, "").status, 204);
}

#[test]
fn a_graph_is_drawn_and_without_graphviz_the_package_is_named() {
    let drawn = get(&format!("/api/v1/sessions/{}/graph.svg", session()));
    assert_eq!(
        (drawn.status, drawn.header("content-type")),
        (200, Some("image/svg+xml")),
        "{}",
        drawn.text()
    );
    assert!(drawn.text().contains("webrtcbin") && drawn.text().contains("</svg>"));

    let bare = Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("PATH", "/nowhere")]);
    let answer =
        http::post_json(&format!("{}{OFFER}", bare.url()), &json!({"sdp": CHROMIUM, "type": "offer"}))
            .unwrap();
    let id = answer.json()["sessionId"].as_str().unwrap().to_owned();
    let refused = http::get(&format!("{}/api/v1/sessions/{id}/graph.svg", bare.url())).unwrap();

    assert_error(&refused, 501, "graphviz_missing");
    assert!(refused.text().contains("package graphviz"), "{}", refused.text());
}

#[test]
fn the_lines_of_a_session_run_in_gst_launch() {
    let lines = get(&format!("/api/v1/sessions/{}/launch", session()));

    assert_eq!((lines.status, lines.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    let text = lines.text();
    let commands: Vec<_> = text.lines().filter(|line| line.starts_with("gst-launch-1.0 ")).collect();
    assert_eq!(commands.len(), 3, "{text}");
    assert!(text.contains("x264enc") && text.contains(" bitrate=600 "), "{text}");
    for command in commands {
        // No display here, and fewer frames: the rest is the line that people get.
        let shorter = command
            .replace("autovideosink", "fakesink")
            .replace("num-buffers=300", "num-buffers=30")
            .replace("num-buffers=500", "num-buffers=50");
        let run = std::process::Command::new("timeout").args(["60", "sh", "-c", &shorter]).output().unwrap();

        let said = String::from_utf8_lossy(&run.stderr).into_owned() + &String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && !said.contains("WARNING"), "{shorter}\n{said}");
        assert!(said.contains("Got EOS"), "{said}");
    }
}

#[test]
fn what_both_sides_said_is_kept_without_secrets() {
    let id = session();
    let candidate = "candidate:1 1 udp 2130706431 192.0.2.77 50000 typ host";
    let trickle = json!({"candidates": [{"candidate": candidate, "sdpMid": "0"}]}).to_string();
    assert_eq!(send("PATCH", &format!("{OFFER}/{id}"), JSON, trickle).status, 204);

    let response = get(&format!("/api/v1/sessions/{id}/sdp"));

    let body = response.json();
    let kinds: Vec<_> = body["descriptions"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["offer", "answer", "candidate"], "{body}");
    let answer = &body["descriptions"][1];
    assert!(
        answer["at"].as_str().unwrap().ends_with('Z')
            && answer["sdp"].as_str().unwrap().contains("a=fingerprint:")
    );
    let text = response.text();
    let secret = |name: &str| CHROMIUM.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    for hidden in [secret("a=ice-pwd:"), secret("a=ice-ufrag:"), "192.0.2.77"] {
        assert!(!text.contains(hidden.trim()), "{hidden} shows in {text}");
    }
    assert!(text.contains("a=ice-pwd:***") && text.contains("50000 typ host"), "{text}");
}

#[test]
fn candidates_are_taken_as_json_and_as_a_fragment() {
    let path = format!("{OFFER}/{}", session());
    let good = "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host";
    let json = |candidates: Value| json!({ "candidates": candidates }).to_string();
    let sdpfrag = "application/trickle-ice-sdpfrag";

    for (kind, body, status, code) in [
        (JSON, json(json!([{"candidate": good, "sdpMid": "0", "sdpMLineIndex": 0}])), 204, ""),
        (JSON, json(json!([{"candidate": "", "sdpMid": null, "sdpMLineIndex": null}])), 204, ""),
        (JSON, json(json!([])), 204, ""),
        (sdpfrag, format!("a=mid:0\r\na={good}\r\na=end-of-candidates\r\n"), 204, ""),
        (JSON, json(json!([{"candidate": "nonsense", "sdpMid": "0"}])), 400, "bad_candidate"),
        (JSON, json(json!([{"candidate": good}])), 400, "bad_candidate"),
        (JSON, json(json!(vec![json!({"candidate": good, "sdpMid": "0"}); 101])), 400, "too_many_candidates"),
        (JSON, json(json!([{"sdpMid": "0"}])), 422, "invalid_body"),
        (JSON, json(json!([{"candidate": 1, "sdpMLineIndex": -1}])), 422, "invalid_body"),
        (JSON, json(json!({})), 422, "invalid_body"),
        (JSON, "{}".into(), 422, "invalid_body"),
        (sdpfrag, "a=mid:0\r\na=candidate:nonsense\r\n".into(), 400, "bad_candidate"),
        ("text/plain", json(json!([])), 415, "wrong_content_type"),
    ] {
        let response = send("PATCH", &path, kind, body.clone());

        if status == 204 {
            assert_eq!((response.status, response.body.len()), (204, 0), "{body}: {}", response.text());
        } else {
            assert_error(&response, status, code);
        }
    }
    let faults = send("PATCH", &path, JSON, json(json!([{"candidate": 1, "sdpMLineIndex": -1}]))).json();
    assert_eq!(faults["detail"][0]["loc"], json!(["body", "candidates", 0, "candidate"]));
    assert_eq!(faults["detail"][1]["loc"], json!(["body", "candidates", 0, "sdpMLineIndex"]));
}

#[test]
fn parameters_and_pipeline_can_be_set_without_a_data_channel() {
    let id = session();
    let parameters = format!("/api/v1/sessions/{id}/parameters");
    let pipeline = format!("/api/v1/sessions/{id}/pipeline");

    let paused = send("PATCH", &parameters, JSON, "{\"paused\":true}");
    assert_eq!(paused.status, 200, "{}", paused.text());
    assert!(paused.json()["parameters"].is_object());
    let refused = send("PATCH", &parameters, JSON, "{\"paused\":7}");
    assert_eq!((refused.status, &refused.json()["detail"][0]["loc"]), (422, &json!(["body", "paused"])));
    assert_error(&send("PATCH", &parameters, JSON, "{\"nonsense\":1}"), 422, "invalid_body");

    let switched = send("PUT", &pipeline, JSON, "{\"pipeline_id\":\"passthrough\"}");
    assert!([200, 204].contains(&switched.status), "{}", switched.text());
    assert_error(&send("PUT", &pipeline, JSON, "{\"pipeline_id\":\"none\"}"), 404, "unknown_pipeline");
    assert_error(&send("PUT", &pipeline, JSON, "{}"), 422, "invalid_body");
    let dot = get(&format!("/api/v1/sessions/{id}/graph.dot"));
    assert!(dot.text().contains("digraph") && dot.header("content-type").unwrap().contains("graphviz"));
}

#[test]
fn https_is_served_with_a_certificate_made_at_start() {
    let port =
        std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
    let state = tempfile::tempdir().unwrap();
    let settings = [("SCOPE_OFFLINE", "1"), ("SCOPE_STATE_DIR", state.path().to_str().unwrap())];
    let server = Server::start(&["--tls", "self-signed", "--port", &port], &settings);
    let url = format!("https://127.0.0.1:{port}/health");

    let healthy = crate::support::wait_until(
        || http::get(&url).is_ok_and(|response| response.json()["status"] == "healthy"),
        Duration::from_secs(30),
    );

    assert!(healthy, "{}", server.log_text());
}
