//! What the server lets a browser do for pages of others: its names, its origins, CORS, frames, and its headers.

use serde_json::{Value, json};

use crate::support::{
    http::{self, Method, Response},
    server::{Server, scope},
};

const OFFLINE: &[(&str, &str)] = &[("SCOPE_OFFLINE", "1")];
const EVIL: &str = "https://evil.example";

fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    http::send(method, &format!("{}{path}", server.url()), headers, Vec::new()).unwrap()
}

fn status_for(server: &Server, host: &str, path: &str) -> u16 {
    ask(server, "GET", path, &[("host", host)]).status
}

/// Every route of the document with its method, ids filled in.
fn routes(server: &Server) -> Vec<(String, String)> {
    let document = ask(server, "GET", "/openapi.json", &[]).json();
    let paths = document["paths"].as_object().unwrap().clone();
    let of_path = |(path, item): (String, Value)| {
        let path = path.replace("{id}", "nobody").replace("{file}", "a.mp4").replace("{kind}", "camera");
        let methods: Vec<_> = item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        methods.into_iter().map(move |method| (method, path.clone()))
    };
    let routes: Vec<_> = paths.into_iter().flat_map(of_path).collect();
    assert!(routes.len() > 30, "{routes:?}");
    routes
}

/// Whether a cache has to keep it apart by `Origin`.
fn varies(response: &Response) -> bool {
    response.headers.get_all("vary").iter().any(|name| name == "origin")
}

fn refusals(server: &Server, limit: &str) -> u64 {
    let metrics = ask(server, "GET", "/metrics", &[]).text();
    let start = format!("scope_limit_refusals_total{{limit=\"{limit}\"}} ");
    let count = metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok());
    count.unwrap_or_else(|| panic!("expected {start:?} in\n{metrics}"))
}

#[test]
fn a_name_that_is_not_the_servers_is_refused_on_every_route() {
    let server = Server::spawn(&["--ui-dir", "/nowhere"], OFFLINE);
    let port = server.url().rsplit(':').next().unwrap().to_owned();

    let routes = routes(&server);
    for (method, path) in &routes {
        let refused = ask(&server, method, path, &[("host", "evil.example:8000")]);
        assert_eq!(refused.status, 421, "{method} {path}");
    }
    let refused = ask(&server, "GET", "/api/v1/recordings", &[("host", "evil.example")]);
    let body = refused.json();
    assert_eq!(body["code"], "unknown_host");
    let sentence = body["detail"].as_str().unwrap();
    assert!(sentence.contains("evil.example") && sentence.contains("--allowed-hosts"), "{sentence}");
    for own in [
        "localhost".to_owned(),
        format!("localhost:{port}"),
        "app.localhost:8000".into(),
        "127.0.0.1".into(),
        "192.168.1.7:8000".into(),
        format!("[::1]:{port}"),
    ] {
        assert_eq!(status_for(&server, &own, "/health"), 200, "{own}");
    }
    let counted = refusals(&server, "host");
    assert_eq!(counted, routes.len() as u64 + 1);
    let asked = |curl: &[&str]| {
        let url = format!("http://evil.example:{port}/health");
        let resolve = format!("evil.example:{port}:127.0.0.1");
        let output =
            ["-s", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "--resolve", &resolve, &url];
        let output = std::process::Command::new("curl").args(curl).args(output).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(asked(&[]), "421 1.1");
    assert_eq!(asked(&["--http2-prior-knowledge"]), "421 2");
    assert_eq!(asked(&["--http2-prior-knowledge", "-H", "host: localhost"]), "200 2", "curl sets :authority");
}

#[test]
fn names_that_the_operator_gives_pass() {
    let named = ["--allowed-hosts", "scope.example.org,*.local"];
    let server = Server::spawn(&named, OFFLINE);

    for (host, status) in [
        ("scope.example.org", 200),
        ("Scope.Example.Org:443", 200),
        ("studio.local:8000", 200),
        ("evil.example", 421),
        ("a.scope.example.org", 421),
    ] {
        assert_eq!(status_for(&server, host, "/health"), status, "{host}");
    }
    let all = Server::spawn(&["--allowed-hosts", "*"], OFFLINE);
    assert_eq!(status_for(&all, "evil.example", "/health"), 200);
    assert!(all.log_text().contains("--allowed-hosts *"), "{}", all.log_text());
    let wrong = scope().args(["--allowed-hosts", "https://a", "--allow-origin", "a"]).output().unwrap();
    let faults = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(64), "{faults}");
    assert!(faults.contains("expected a host name") && faults.contains("expected an origin"), "{faults}");
}

#[test]
fn a_foreign_page_changes_nothing() {
    let server = Server::spawn(&[], OFFLINE);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let mut changing = 0;

    for (method, path) in routes(&server).iter().filter(|(method, _)| method != "GET") {
        let status = |headers: &[(&str, &str)]| ask(&server, method, path, headers).status;

        assert_eq!(status(&[form, ("origin", EVIL)]), 403, "{method} {path}");
        assert_eq!(status(&[form, ("sec-fetch-site", "cross-site")]), 403, "{method} {path}");
        assert_eq!(
            status(&[form, ("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:3000")]),
            403
        );
        assert_eq!(status(&[form, ("origin", "null")]), 403, "{method} {path}");
        for own in [vec![], vec![("sec-fetch-site", "same-origin")], vec![("origin", server.url())]] {
            assert_ne!(status(&own), 403, "{method} {path} {own:?}");
        }
        changing += 1;
    }
    assert!(changing > 10);
    let refused = ask(&server, "POST", "/api/v1/session/stop", &[("origin", EVIL)]).json();
    assert_eq!(refused["code"], "foreign_origin");
    let sentence = refused["detail"].as_str().unwrap();
    assert!(sentence.contains(EVIL) && sentence.contains("--allow-origin"), "{sentence}");
    assert_eq!(refusals(&server, "origin"), changing * 4 + 1);
    // It is not the person at this machine, and the browser gets no header that would let it read the answer.
    let read =
        ask(&server, "GET", "/api/v1/recordings", &[("origin", EVIL), ("sec-fetch-site", "cross-site")]);
    assert_eq!(read.status, 401);
    assert!(
        !read.headers.keys().any(|name| name.as_str().starts_with("access-control")),
        "{:?}",
        read.headers
    );
    assert_eq!(read.header("cross-origin-resource-policy"), Some("same-origin"));
}

#[test]
fn an_origin_that_the_operator_names_may_use_the_api() {
    let app = "http://localhost:5173";
    let server =
        Server::spawn(&["--allow-origin", app, "--allow-origin", "https://app.example.org"], OFFLINE);
    let offer = "/api/v1/webrtc/offer";
    let preflight = |origin: &str| {
        let wants = [
            ("origin", origin),
            ("sec-fetch-site", "cross-site"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        ask(&server, "OPTIONS", offer, &wants)
    };

    let allowed = preflight(app);

    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some(app));
    let methods = allowed.header("access-control-allow-methods").unwrap();
    assert!(["POST", "PUT", "PATCH", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
    assert_eq!(allowed.header("access-control-allow-headers"), Some("content-type, authorization"));
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    assert!(varies(&allowed), "{:?}", allowed.headers);
    let used =
        ask(&server, "POST", "/api/v1/session/stop", &[("origin", app), ("sec-fetch-site", "same-site")]);
    assert_ne!(used.status, 403, "{}", used.text());
    assert_eq!(used.header("access-control-allow-origin"), Some(app));
    for foreign in [EVIL, "http://localhost:5174", "https://localhost:5173", "null"] {
        let refused = preflight(foreign);
        assert_eq!(refused.header("access-control-allow-origin"), None, "{foreign}");
        assert_eq!(
            ask(&server, "POST", "/api/v1/session/stop", &[("origin", foreign)]).status,
            403,
            "{foreign}"
        );
    }
    let plain = ask(&server, "GET", "/api/v1/recordings", &[]);
    assert!(plain.header("access-control-allow-origin").is_none() && varies(&plain), "{:?}", plain.headers);

    let all = Server::spawn(&["--allow-origin", "*"], OFFLINE);
    let any = ask(&all, "POST", "/api/v1/session/stop", &[("origin", EVIL)]);
    assert_eq!(any.status, 401, "the page reaches it, and is not the person at this machine");
    assert_eq!(any.header("access-control-allow-origin"), Some(EVIL));
    assert!(all.log_text().contains("--allow-origin *"), "{}", all.log_text());
}

#[test]
fn a_page_of_the_operators_choice_may_frame_the_page() {
    let frames = |server: &Server| {
        let policy = ask(server, "GET", "/", &[("accept", "text/html")]);
        policy.header("content-security-policy").unwrap().split("frame-ancestors ").nth(1).unwrap().to_owned()
    };

    assert_eq!(frames(&Server::spawn(&[], OFFLINE)), "'none'");
    let named =
        ["--frame-ancestors", "https://huggingface.co,https://*.hf.space", "--frame-ancestors", "self"];
    assert_eq!(frames(&Server::spawn(&named, OFFLINE)), "https://huggingface.co https://*.hf.space 'self'");
}

#[test]
fn what_lies_in_a_recordings_folder_never_runs_as_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let recording = |id: &str, name: &str| {
        let recording = folder.path().join(id);
        std::fs::create_dir(&recording).unwrap();
        std::fs::write(recording.join(name), "<script>alert(1)</script>").unwrap();
        let segment = json!({"file": name, "kind": "output", "codec": "H264", "width": 2, "height": 2, "sound": false,
            "at_s": 0.0, "frame": 0, "session": "s"});
        let sidecar = json!({"version": 1, "id": id, "started": "2026-01-01T00:00:00Z", "session": "s",
            "pipeline_id": "echo", "parameters": {}, "input": false, "segments": [segment], "timeline": [],
            "end": {"code": "stopped", "sentence": "stopped", "seconds": 1.0, "bytes": 1}});
        std::fs::write(recording.join("recording.json"), sidecar.to_string()).unwrap();
    };
    let video = "20260101-000000-aaaaaa";
    let foreign =
        [("20260101-000000-bbbbbb", "output-001.html"), ("20260101-000000-cccccc", "output-002.svg")];
    recording(video, "output-000.mp4");
    for (id, name) in foreign {
        recording(id, name);
    }
    let server = Server::spawn(&["--recordings", folder.path().to_str().unwrap()], OFFLINE);
    let file = |id: &str, name: &str| ask(&server, "GET", &format!("/api/v1/recordings/{id}/{name}"), &[]);

    for (name, kind) in [("output-000.mp4", "video/mp4"), ("recording.json", "application/json")] {
        let given = file(video, name);
        assert_eq!((given.status, given.header("content-type")), (200, Some(kind)), "{}", given.text());
        assert_eq!(
            given.header("content-security-policy"),
            Some("sandbox; default-src 'none'; media-src 'self'"),
            "{name}"
        );
        assert_eq!(given.header("x-content-type-options"), Some("nosniff"));
    }
    for (id, name) in foreign {
        let refused = file(id, name);
        assert_eq!((refused.status, &refused.json()["code"]), (404, &json!("recording_not_found")), "{name}");
    }
}

#[test]
fn a_refusal_reaches_a_client_that_still_sends() {
    const TURNS: usize = 20;
    let server = Server::spawn(&[], OFFLINE);
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    std::fs::write(&body, vec![b' '; 60_000]).unwrap();
    let body = format!("@{}", body.display());
    let url = |path: &str| format!("{}{path}", server.url());

    for (status, path, header) in [
        ("401", "/api/v1/webrtc/offer", "x-forwarded-for: 192.0.2.1"),
        ("403", "/api/v1/webrtc/offer", "origin: https://evil.example"),
        ("405", "/health", "accept: */*"),
        ("421", "/api/v1/webrtc/offer", "host: evil.example"),
    ] {
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            let words = ["-s", "-m", "30", "-o", "/dev/null", "-w", "%{http_code}", version, "--json", &body];
            let url = url(path);
            let words = [&words[..], &["-H", header, &url]].concat();
            for _ in 0..TURNS {
                let output = std::process::Command::new("curl").args(&words).output().unwrap();
                let answered = String::from_utf8(output.stdout).unwrap();
                assert_eq!((&*answered, output.status.code()), (status, Some(0)), "{version}");
            }
        }
    }
}
