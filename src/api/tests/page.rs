//! The page's files: who gets what, and that nothing outside the folder is ever given.

use std::fs;

use tempfile::TempDir;

use super::support::{call, get, server_with_ui};

fn page() -> TempDir {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("dist");
    fs::create_dir_all(dir.join("assets")).unwrap();
    fs::write(dir.join("index.html"), "<html>page</html>").unwrap();
    fs::write(dir.join("icon.svg"), "<svg/>").unwrap();
    fs::write(dir.join("assets/app.js"), "let a = 1;\n".repeat(500)).unwrap();
    fs::write(outer.path().join("secret.txt"), "secret").unwrap();
    std::os::unix::fs::symlink(outer.path().join("secret.txt"), dir.join("link.txt")).unwrap();
    outer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_the_page_and_a_program_json() {
    let outer = page();
    let server = server_with_ui(outer.path().join("dist")).await;

    let html = call(&server, "GET", "/", &[("accept", "text/html,*/*;q=0.8")], "").await;
    assert_eq!(html.text(), "<html>page</html>");
    assert_eq!(html.header("cache-control"), "no-cache");
    assert!(html.header("content-security-policy").contains("media-src 'self' blob:"));
    assert_eq!(html.header("referrer-policy"), "no-referrer");
    assert_eq!(get(&server, "/").await.json()["name"], "Scope");
    assert_eq!(get(&server, "/settings/video").await.text(), "<html>page</html>");
    assert_eq!(get(&server, "/icon.svg").await.text(), "<svg/>");
    let head = call(&server, "HEAD", "/icon.svg", &[], "").await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
    let post = call(&server, "POST", "/settings", &[], "").await;
    assert_eq!((post.status.as_u16(), post.header("allow")), (405, "GET,HEAD"));
    assert_eq!(get(&server, "/api/v1/x").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_immutable_compressed_and_never_the_page() {
    let outer = page();
    let server = server_with_ui(outer.path().join("dist")).await;

    let script = call(&server, "GET", "/assets/app.js", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(script.header("content-encoding"), "gzip");
    assert!(script.header("cache-control").contains("immutable"));
    assert!(script.header("content-type").contains("javascript"));
    assert_eq!(get(&server, "/assets/gone.js").await.fault(), (404, "not_found".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_folder_is_given() {
    let outer = page();
    let server = server_with_ui(outer.path().join("dist")).await;

    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E%2Fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "/%252e%252e/secret.txt",
        "/link.txt",
        "/.hidden",
    ] {
        let reply = get(&server, path).await;
        assert!(!reply.text().contains("secret"), "{path} gave {}", reply.text());
    }
    assert_eq!(get(&server, "/link.txt").await.fault(), (404, "not_found".into()));
    let double = get(&server, "//etc/passwd").await;
    assert!(!double.text().contains("root:"), "{}", double.text());
}
