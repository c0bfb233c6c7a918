//! Where a key is needed, and where it comes from.

use super::*;
use crate::support::{LIMIT, address::own_address, wait_until};

const LOGS: &str = "/api/v1/logs/tail";

#[test]
fn this_machine_is_the_operators_and_what_only_looks_like_it_is_not() {
    let fixture = Fixture::new(&[]);
    let port = fixture.server.url().rsplit(':').next().unwrap().to_owned();
    let status = |headers: &[(&str, &str)]| send(&fixture.server, "GET", LOGS, headers, "").status;

    assert_eq!(status(&[]), 200);
    for host in
        ["localhost".to_owned(), format!("localhost:{port}"), format!("[::1]:{port}"), "127.0.0.1:1".into()]
    {
        assert_eq!(status(&[("host", &host)]), 200, "{host}");
    }
    for host in ["evil.example", "evil.example:8000", "localhost.evil.example", "192.0.2.1"] {
        assert!([401, 421].contains(&status(&[("host", host)])), "{host}");
    }
    for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "cf-connecting-ip"]
    {
        assert_eq!(status(&[(name, "127.0.0.1")]), 401, "{name}");
    }
    let strict = Fixture::new(&["--trust-loopback=false"]);
    assert_eq!(send(&strict.server, "GET", LOGS, &[], "").status, 401);
}

#[test]
fn others_need_a_key_and_the_server_makes_one_where_none_is_configured() {
    let fixture = Fixture::new(&["--host", "0.0.0.0"]);
    let port = fixture.server.url().rsplit(':').next().unwrap().to_owned();
    let outer = format!("http://{}:{port}", own_address());
    let link = || fixture.server.log().iter().find_map(|line| Some(line.split_once("/?key=")?.1.to_owned()));
    assert!(wait_until(|| link().is_some(), LIMIT), "{}", fixture.server.log_text());
    let key = link().unwrap();

    let refused = http::get(&format!("{outer}{LOGS}")).unwrap();

    assert_eq!((refused.status, code(&refused)), (401, json!("unauthorized")), "{}", refused.text());
    assert!(refused.json()["detail"].as_str().unwrap().contains("scope keys new"));
    assert_eq!(http::get(&format!("{outer}/health")).unwrap().status, 200);
    let bearer = format!("Bearer {key}");
    let known =
        http::send(Method::GET, &format!("{outer}{LOGS}"), &[("authorization", &bearer)], vec![]).unwrap();
    assert_eq!(known.status, 200);
    assert!(!known.text().contains(&key), "the log has the key");
    let kept = fixture.state.path().join("operator.key");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), key);
}

#[test]
fn a_key_of_the_environment_is_the_operators_and_no_link_is_printed() {
    let state = tempfile::tempdir().unwrap();
    let settings = [("SCOPE_STATE_DIR", state.path().to_str().unwrap()), ("SCOPE_KEY", "0123456789abcdef")];
    let server = Server::spawn(&["--host", "0.0.0.0", "--offline"], &settings);

    assert_eq!(ask(&server, "GET", LOGS, Some("0123456789abcdef"), "").status, 200);
    assert_eq!(ask(&server, "GET", LOGS, Some("0123456789abcdee"), "").status, 401);
    assert!(!server.log_text().contains("?key="));
    let faulty = scope().args(["--port", "0"]).env("SCOPE_KEY", "short").output().unwrap();
    let text = String::from_utf8_lossy(&faulty.stderr).into_owned();
    assert!(
        faulty.status.code() == Some(64) && !text.contains("short") && text.contains("SCOPE_KEY"),
        "{text}"
    );
}

#[test]
fn an_open_server_is_everybodys_and_says_so() {
    let server = Server::spawn(&["--open", "--offline", "--ui-dir", "/nowhere"], &[]);

    assert_eq!(ask(&server, "GET", LOGS, None, "").status, 200);
    let me = ask(&server, "GET", "/api/v1/me", Some("any"), "").json();
    assert_eq!((&me["role"], &me["open"]), (&json!("operator"), &json!(true)));
    assert!(
        server.log().iter().any(|line| line.contains("WARN") && line.contains("--open")),
        "{}",
        server.log_text()
    );
    let root = ask(&server, "GET", "/", None, "").json();
    assert!(root["warning"].as_str().unwrap().contains("--open"), "{root}");
}

#[test]
fn the_password_of_a_turn_account_is_for_callers_that_the_server_knows() {
    let turn = ["--turn", "turn:alice:longterm-password@192.0.2.7:3478"];
    let (fixture, open) = (Fixture::new(&turn), Fixture::new(&[&turn[..], &["--open"]].concat()));
    let servers = |fixture: &Fixture, key: Option<&str>| {
        fixture.ask("GET", "/api/v1/webrtc/ice-servers", key, "").text()
    };
    let (user, viewer) = (fixture.key("user", "user"), fixture.key("viewer", "viewer"));

    assert!(servers(&fixture, Some(&user)).contains("longterm-password"));
    for text in [servers(&fixture, None), servers(&fixture, Some(&viewer)), servers(&open, None)] {
        assert!(!text.contains("longterm-password"), "{text}");
    }
    let here = send(&open.server, "GET", "/api/v1/webrtc/ice-servers", &[], "").text();
    assert!(here.contains("longterm-password"), "{here}");
}

#[test]
fn keys_are_listed_without_their_text_and_revoked_by_name() {
    let state = tempfile::tempdir().unwrap();
    let key = new_key(&state, "app", "user");
    let keys = |words: &[&str]| {
        let output = scope().arg("keys").args(words).env("SCOPE_STATE_DIR", state.path()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };

    let (code, list) = keys(&["list", "--json"]);
    assert!(
        code == Some(0) && list.contains("\"app\"") && list.contains("\"user\"") && !list.contains(&key),
        "{list}"
    );
    assert!(keys(&[]).1.starts_with("app "));
    let (code, text) = keys(&["new", "--name", "app", "--role", "viewer"]);
    assert!(code == Some(1) && text.contains("scope keys revoke app"), "{text}");
    assert_eq!(keys(&["new", "--name", "x", "--role", "king"]).0, Some(64));
    assert_eq!(keys(&["revoke", "app"]), (Some(0), String::new()));
    assert_eq!(keys(&["revoke", "app"]).0, Some(1));
}
