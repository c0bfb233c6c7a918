//! The page, and what a program gets in its place.

use super::*;

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
    assert_eq!(send("HEAD", "/health", JSON, "").status, 200);
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
    assert!(page.header("content-security-policy").unwrap().contains("media-src 'self' blob:"));
    assert_eq!(get("/", "*/*").json()["name"], "Scope");

    let route = get("/some/route/of/the/page", "text/html");
    assert_eq!((route.status, route.header("cache-control")), (200, Some("no-cache")));
    assert!(route.text().contains("<title>Scope"));

    let asset = get("/assets/app.js", "*/*");
    assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert!(asset.header("content-type").unwrap().contains("javascript"));
    let zipped = http::send(
        Method::GET,
        &format!("{}/assets/app.js", server.url()),
        &[("accept-encoding", "gzip")],
        vec![],
    );
    assert_eq!(zipped.unwrap().header("content-encoding"), Some("gzip"));
    assert_error(&get("/assets/old.js", "*/*"), 404, "not_found");
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
        "/%252e%252e/secret.txt",
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
    let link = raw(&server, "GET /link.txt HTTP/1.1", b"");
    assert!(link.0 == 404 && link.1.contains("not_found"), "{}", link.1);
    assert!(!raw(&server, "GET /assets/.hidden HTTP/1.1", b"").1.contains(SECRET));
    // The detector sees a file that is served.
    assert!(raw(&server, "GET /logo.svg HTTP/1.1", b"").1.contains("<svg/>"));
}
