//! The HTTP contract, asked of the binary that ships: every route, with what is right and what is wrong.

#![allow(clippy::unwrap_used, reason = "a helper's failed step is the test's failed step")]

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use crate::support::{
    http::{self, Method, Response},
    server::Server,
};
use serde_json::{Value, json};

const CHROMIUM: &str = include_str!("../fixtures/offers/chromium.sdp");
const OFFER: &str = "/api/v1/webrtc/offer";
const JSON: &str = "application/json";
const SECRET: &str = "not a file of the page";

thread_local! {
    /// A server without a built page. Tests that run at the same time share it; the last one ends it.
    static SERVER: Arc<Server> = shared();
}

fn shared() -> Arc<Server> {
    static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.upgrade().unwrap_or_else(|| {
        let settings =
            [("SCOPE_OFFLINE", "1"), ("SCOPE_REQUEST_TIMEOUT", "3s"), ("SCOPE_MAX_SESSIONS", "100")];
        let server = Arc::new(Server::spawn(&["--ui-dir", "/nowhere"], &settings));
        *running = Arc::downgrade(&server);
        server
    })
}

fn url(path: &str) -> String {
    SERVER.with(|server| format!("{}{path}", server.url()))
}

fn get(path: &str) -> Response {
    http::get(&url(path)).unwrap()
}

fn send(method: &str, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Response {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    http::send(method, &url(path), &[("content-type", kind)], body.into()).unwrap()
}

fn offer(extra: &Value) -> Response {
    let mut body = json!({"sdp": CHROMIUM, "type": "offer"});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    send("POST", OFFER, JSON, body.to_string())
}

/// A session that waits for its connection.
fn session() -> String {
    let answer = offer(&json!({}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["sessionId"].as_str().unwrap().to_owned()
}

/// Every error has this shape.
#[track_caller]
fn assert_error(response: &Response, status: u16, code: &str) {
    let body = response.json();
    assert_eq!((response.status, body["code"].as_str()), (status, Some(code)), "{}", response.text());
    assert!(body["detail"].is_string() || body["detail"].is_array(), "{body}");
    assert_eq!(response.header("content-type"), Some(JSON), "{body}");
}

/// A request as it is written, sent to `server`; reqwest would tidy the path.
fn raw(server: &Server, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {text:?}")), text)
}

/// A folder with a page, a link that leads out of it, and a server for it.
fn server_with_page() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    std::fs::create_dir_all(page.join("assets")).unwrap();
    for (name, text) in [
        ("page/index.html", "<!doctype html><title>Scope</title>"),
        ("page/logo.svg", "<svg/>"),
        ("page/assets/app.js", "let app = 1;"),
        ("secret.txt", SECRET),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    std::os::unix::fs::symlink(Path::new("../secret.txt"), page.join("link.txt")).unwrap();
    std::os::unix::fs::symlink(Path::new(".."), page.join("up")).unwrap();
    let server = Server::spawn(&["--ui-dir", page.to_str().unwrap()], &[("SCOPE_OFFLINE", "1")]);
    (folder, server)
}

#[test]
fn health_has_what_scope_has() {
    let response = get("/health");

    let body = response.json();
    assert_eq!((response.status, &body["status"]), (200, &json!("healthy")));
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'), "{body}");
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert!(body["git_commit"].is_string());
    assert!(body["server_start_time"].as_f64().unwrap() > 1.7e9);
    assert_eq!(get("/ready").status, 200);
}

#[test]
fn without_a_page_everyone_gets_the_facts_and_how_to_build_it() {
    for accept in ["*/*", "text/html,application/xhtml+xml"] {
        let response = http::send(Method::GET, &url("/"), &[("accept", accept)], vec![]).unwrap();

        let body = response.json();
        assert_eq!(response.status, 200);
        assert_eq!((&body["docs"], &body["health"]), (&json!("/docs"), &json!("/health")));
        assert!(body["message"].as_str().unwrap().contains("make"), "{body}");
        assert!(body["name"].is_string() && body["version"].is_string(), "{body}");
    }
    assert_error(&get("/stream"), 404, "not_found");
}

#[test]
fn a_browser_gets_the_page_and_a_program_the_facts() {
    let (_folder, server) = server_with_page();
    let get = |path: &str, accept: &str| {
        http::send(Method::GET, &format!("{}{path}", server.url()), &[("accept", accept)], vec![]).unwrap()
    };

    let page = get("/", "text/html,*/*;q=0.8");
    assert!(page.text().contains("<title>Scope") && page.header("vary").unwrap().contains("accept"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert_eq!(get("/", "*/*").json()["name"], "Scope");

    let route = get("/some/route/of/the/page", "text/html");
    assert_eq!((route.status, route.header("cache-control")), (200, Some("no-cache")));
    assert!(route.text().contains("<title>Scope"));

    let asset = get("/assets/app.js", "*/*");
    assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert!(asset.header("content-type").unwrap().contains("javascript"));
    assert_eq!(get("/assets/old.js", "*/*").status, 404);
    assert_eq!(get("/logo.svg", "*/*").header("content-type"), Some("image/svg+xml"));

    let head = http::send(Method::HEAD, &format!("{}/logo.svg", server.url()), &[], vec![]).unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    let post = http::post_json(&format!("{}/some/route", server.url()), &json!({})).unwrap();
    assert_eq!((post.status, post.header("allow")), (405, Some("GET,HEAD")));
    assert_error(&post, 405, "wrong_method");
}

#[test]
fn no_path_leads_out_of_the_page() {
    let (_folder, server) = server_with_page();

    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/link.txt",
        "/%6cink.txt",
        "/l%69nk.txt",
        "/up/secret.txt",
        "/%75p/secret.txt",
        "/up%2fsecret.txt",
        "//secret.txt",
        "/assets/%00secret.txt",
        "/secret.txt%00.html",
    ] {
        let (_, text) = raw(&server, &format!("GET {path} HTTP/1.1"), b"");

        assert!(!text.contains(SECRET), "{path} gave {text}");
    }
    // The detector sees a file that is served.
    assert!(raw(&server, "GET /logo.svg HTTP/1.1", b"").1.contains("<svg/>"));
}

#[test]
fn an_unknown_api_path_is_json_and_never_the_page() {
    let (_folder, server) = server_with_page();

    for path in ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/x", "/api/v1/webrtc"] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let response =
                http::send(method, &format!("{}{path}", server.url()), &[("accept", "text/html")], vec![])
                    .unwrap();

            assert_error(&response, 404, "unknown_path");
        }
    }
    let session = session();
    for path in ["graph.png", "nothing"] {
        assert_error(&get(&format!("/api/v1/sessions/{session}/{path}")), 404, "unknown_path");
    }
}

#[test]
fn a_wrong_method_says_which_are_right() {
    for (method, path, allow) in [
        ("GET", OFFER, "POST"),
        ("PUT", "/api/v1/sessions/x", "DELETE"),
        ("POST", "/health", "GET"),
        ("DELETE", "/", "GET"),
        ("POST", "/openapi.json", "GET"),
    ] {
        let response = send(method, path, JSON, "{}");

        assert_error(&response, 405, "wrong_method");
        assert!(response.header("allow").unwrap().contains(allow), "{method} {path}: {:?}", response.headers);
    }
    let options = send("OPTIONS", OFFER, JSON, "");
    assert_eq!((options.status, options.header("allow")), (204, Some("POST")));
}

#[test]
fn a_bad_body_is_refused_with_what_was_wanted() {
    let fine = json!({"sdp": CHROMIUM, "type": "offer"}).to_string();
    for (kind, body, status, code) in [
        (JSON, String::new(), 400, "bad_json"),
        (JSON, "{\"sdp\":".into(), 400, "bad_json"),
        (JSON, "[".repeat(100_000), 400, "bad_json"),
        (JSON, "[]".into(), 422, "invalid_body"),
        (JSON, "{}".into(), 422, "invalid_body"),
        (JSON, json!({"sdp": 1, "type": "answer", "initialParameters": []}).to_string(), 422, "invalid_body"),
        (JSON, json!({"sdp": "garbage", "type": "offer"}).to_string(), 400, "sdp_syntax"),
        ("text/plain", fine.clone(), 415, "wrong_content_type"),
        ("application/x-www-form-urlencoded", fine, 415, "wrong_content_type"),
    ] {
        assert_error(&send("POST", OFFER, kind, body), status, code);
    }
}

#[test]
fn all_fields_that_are_wrong_are_named_at_once() {
    let body = send("POST", OFFER, JSON, json!({"sdp": 1, "initialParameters": []}).to_string()).json();

    let faults: Vec<_> = body["detail"].as_array().unwrap().iter().map(|f| (&f["type"], &f["loc"])).collect();
    assert_eq!(
        faults,
        [
            (&json!("string_type"), &json!(["body", "sdp"])),
            (&json!("missing"), &json!(["body", "type"])),
            (&json!("dict_type"), &json!(["body", "initialParameters"])),
        ]
    );
}

#[test]
fn a_large_body_is_refused_and_its_sender_hears_of_it() {
    let body = vec![b'x'; 10_000_000];

    assert_error(&send("POST", OFFER, JSON, body.clone()), 413, "body_too_large");
    // Without a look at the answer before all is sent, as simple clients do it.
    let head = format!("POST {OFFER} HTTP/1.1\r\ncontent-type: {JSON}\r\ncontent-length: {}", body.len());
    let (status, text) = raw(&SERVER.with(Arc::clone), &head, &body);
    assert!(status == 413 && text.contains("body_too_large"), "{text}");
    let head = format!("POST {OFFER} HTTP/1.1\r\ncontent-type: {JSON}\r\ntransfer-encoding: chunked");
    let chunks = [format!("{:x}\r\n", body.len()).into_bytes(), body, b"\r\n0\r\n\r\n".to_vec()].concat();
    assert_eq!(raw(&SERVER.with(Arc::clone), &head, &chunks).0, 413);
}

#[test]
fn a_body_that_never_ends_is_given_up() {
    let head = format!("POST {OFFER} HTTP/1.1\r\ncontent-type: {JSON}\r\ncontent-length: 100");

    let (status, text) = raw(&SERVER.with(Arc::clone), &head, b"{\"sdp\":");

    assert!([408, 504].contains(&status) && text.contains("\"code\""), "{text}");
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    let mut stream = TcpStream::connect(url("").trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost:").unwrap();

    let closed = stream.read_to_end(&mut Vec::new());

    assert!(closed.is_ok(), "the connection still stands: {closed:?}");
}

#[test]
fn too_many_requests_are_told_to_come_back_and_probes_still_answer() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_MAX_REQUESTS", "1")]);
    let url = |path: &str| format!("{}{path}", server.url());
    let mut slow = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    let head =
        format!("POST {OFFER} HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\ncontent-length: 99\r\n\r\n{{");
    slow.write_all(head.as_bytes()).unwrap();

    let mut refused = None;
    let seen = crate::support::wait_until(
        || {
            refused = Some(http::get(&url("/api/v1/sessions")).unwrap());
            refused.as_ref().is_some_and(|response| response.status == 503)
        },
        Duration::from_secs(5),
    );

    let refused = refused.unwrap();
    assert!(seen, "{}", refused.text());
    assert_error(&refused, 503, "overloaded");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(http::get(&url("/health")).unwrap().status, 200);
    assert_eq!(http::get(&url("/ready")).unwrap().status, 200);
}

#[test]
fn a_full_server_says_when_to_come_back() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_MAX_SESSIONS", "1")]);
    let url = format!("{}{OFFER}", server.url());
    let body = json!({"sdp": CHROMIUM, "type": "offer"});
    assert_eq!(http::post_json(&url, &body).unwrap().status, 200);

    let second = http::post_json(&url, &body).unwrap();

    assert_error(&second, 503, "server_full");
    assert!(second.header("retry-after").is_some());
}

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
    assert_eq!(send("PATCH", &parameters, JSON, "[1]").status, 422);

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
    let settings = [("SCOPE_OFFLINE", "1")];
    let server = Server::start(&["--tls", "self-signed", "--port", &port], &settings);
    let url = format!("https://127.0.0.1:{port}/health");

    let healthy = crate::support::wait_until(
        || http::get(&url).is_ok_and(|response| response.json()["status"] == "healthy"),
        Duration::from_secs(30),
    );

    assert!(healthy, "{}", server.log_text());
}

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
    assert_error(&offer(&json!({"initialParameters": {"pipeline_id": "none"}})), 404, "unknown_pipeline");
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
    assert_eq!(load(json!({"pipeline_ids": []})).status, 400);
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
    assert!(system["sessions"]["limit"].as_u64().unwrap() > 0);
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
    for query in ["lines=x", "since_offset=-1"] {
        let response = get(&format!("/api/v1/logs/tail?{query}"));
        assert_eq!(response.status, 422, "{}", response.text());
        assert!(response.json()["code"].is_string());
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
            "delete webrtc/offer/{id}",
            "get /",
            "get /health",
            "get /metrics",
            "get /ready",
            "get hardware/info",
            "get input-sources",
            "get input-sources/{kind}/sources",
            "get logs/tail",
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
            "get system",
            "get webrtc/ice-servers",
            "patch sessions/{id}/parameters",
            "patch webrtc/offer/{id}",
            "post pipeline/load",
            "post recordings/{id}/start",
            "post recordings/{id}/stop",
            "post session/parameters",
            "post session/start",
            "post session/stop",
            "post webrtc/offer",
            "put sessions/{id}/pipeline",
        ]
    );
    for operation in
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values())
    {
        let error = &operation["responses"]["default"]["content"]["application/json"]["schema"];
        assert_eq!(error["$ref"], "#/components/schemas/ErrorBody", "{operation}");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut references = BTreeSet::new();
    collect_references(&document, &mut references);
    for reference in references {
        let name = reference.trim_start_matches("#/components/schemas/");
        assert!(schemas.contains_key(name), "{name} is referred to and not there");
    }
    let docs = get("/docs/");
    assert!(docs.status == 200 && docs.text().contains("swagger"), "{}", docs.text());
    assert!(!docs.text().contains("https://"), "the page loads from elsewhere");
}

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|inner| collect_references(inner, found));
        }
        Value::Array(values) => values.iter().for_each(|inner| collect_references(inner, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_answer_has_its_headers() {
    for path in ["/", "/health", "/api/v1/sessions", "/api/nothing", "/docs/"] {
        let response = get(path);

        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(response.header("content-security-policy").unwrap().contains("default-src 'self'"));
        assert!(response.header("x-request-id").is_some_and(|id| id.len() >= 8), "{path}");
    }
    assert_eq!(get("/api/v1/sessions").header("cache-control"), Some("no-store"));
    let named = http::send(Method::GET, &url("/health"), &[("x-request-id", "mine-7")], vec![]);
    assert_eq!(named.unwrap().header("x-request-id"), Some("mine-7"));
}
