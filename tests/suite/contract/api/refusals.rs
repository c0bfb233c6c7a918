//! What is wrong, endless or too much.

use super::*;

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
    let codecs = ["VP8/", "VP9/", "H264/", "AV1/"];
    let foreign = codecs.iter().fold(fine.clone(), |offer, name| offer.replace(name, "THEORA/"));
    for (kind, body, status, code) in [
        (JSON, String::new(), 400, "bad_json"),
        (JSON, "{\"sdp\":".into(), 400, "bad_json"),
        (JSON, "[".repeat(100_000), 400, "bad_json"),
        (JSON, "[]".into(), 422, "invalid_body"),
        (JSON, "{}".into(), 422, "invalid_body"),
        (JSON, json!({"sdp": 1, "type": "answer", "initialParameters": []}).to_string(), 422, "invalid_body"),
        (JSON, json!({"sdp": "garbage", "type": "offer"}).to_string(), 400, "sdp_syntax"),
        (JSON, foreign, 400, "no_common_codec"),
        ("text/plain", fine.clone(), 415, "wrong_content_type"),
        ("application/x-www-form-urlencoded", fine, 415, "wrong_content_type"),
    ] {
        assert_error(&send("POST", OFFER, kind, body), status, code);
    }
}

#[test]
fn every_route_with_a_body_refuses_what_is_no_json_object() {
    let document = get("/openapi.json").json();
    let mut routes = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("requestBody").is_none() {
                continue;
            }
            let (method, path) = (method.to_uppercase(), path.replace("{id}", "nobody"));
            let ask = |kind: &str, body: &str| send(&method, &path, kind, body);

            assert_error(&ask("text/plain", "{}"), 415, "wrong_content_type");
            assert_error(&ask("application/json; charset=utf-8", "{"), 400, "bad_json");
            assert_error(&ask(JSON, &" ".repeat(2_000_000)), 413, "body_too_large");
            let list = ask(JSON, "[]");
            assert_error(&list, 422, "invalid_body");
            assert_eq!(list.json()["detail"][0]["loc"], json!(["body"]), "{path}");
            routes += 1;
        }
    }
    assert_eq!(routes, 10);
}

#[test]
fn all_fields_that_are_wrong_are_named_at_once() {
    let body = send("POST", OFFER, JSON, json!({"sdp": 1, "initialParameters": []}).to_string()).json();

    assert_eq!(body["detail"][0]["msg"], "expected a string, got a number");
    assert_eq!(body["detail"][0]["input"], 1);

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
    // An answer waits for a STUN server that says nothing.
    let stun = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let stun = format!("stun:{}", stun.local_addr().unwrap());
    let settings = [("SCOPE_MAX_REQUESTS", "1"), ("SCOPE_STUN", &stun), ("SCOPE_GATHER_TIMEOUT", "5s")];
    let server = Server::spawn(&[], &settings);
    let url = |path: &str| format!("{}{path}", server.url());
    let body = json!({"sdp": CHROMIUM, "type": "offer"}).to_string();
    let head = format!(
        "POST {OFFER} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {JSON}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );

    let (mut slow, mut refused) = (Vec::new(), None);
    let seen = crate::support::wait_until(
        || {
            // The request below may have had the one place when this one came.
            slow.push(TcpStream::connect(server.url().trim_start_matches("http://")).unwrap());
            slow.last_mut().unwrap().write_all(head.as_bytes()).unwrap();
            refused = Some(http::get(&url("/api/v1/sessions")).unwrap());
            refused.as_ref().is_some_and(|response| response.status == 503)
        },
        Duration::from_secs(5),
    );

    let refused = refused.unwrap();
    assert!(seen, "{}", refused.text());
    assert_error(&refused, 503, "overloaded");
    assert!(refused.header("retry-after").is_some());
    for path in ["/api/v1/system", "/api/v1/webrtc/ice-servers", "/api/nothing"] {
        assert_error(&http::get(&url(path)).unwrap(), 503, "overloaded");
    }
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
