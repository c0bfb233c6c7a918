//! Known security fixes: the image's build ends without them, and doctor and the server's start warn.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use super::{Text, root};
use crate::support::{
    LIMIT,
    server::{Server, scope},
    wait_until,
};

const PACKAGE: &str = "gstreamer1.0-plugins-bad";

/// Runs `.docker/fixes` with a table of one row for this host's release.
fn check(row: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("fixes.txt");
    fs::write(&table, format!("# a table\n{row}\n")).unwrap();
    let Output { status, stdout, stderr } =
        Command::new(root().join(".docker/fixes")).arg(&table).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn this_release() -> String {
    let os = fs::read_to_string("/etc/os-release").unwrap();
    let line = os.lines().find_map(|line| line.strip_prefix("VERSION_ID=")).expect("Debian has a number");
    line.trim_matches('"').to_owned()
}

#[test]
fn the_dockerfile_ends_where_a_fix_is_missing() {
    let dockerfile = Text::read("Dockerfile").text.replace("\\\n", " ");
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    let release = this_release();

    assert!(last.contains("&& /tmp/fixes /tmp/fixes.txt "), "{last}");
    let newer = check(&format!("{release} {PACKAGE} 0.1 9:0 CVE-1"));
    let lacking = check(&format!("{release} {PACKAGE} 9:0 9:1 CVE-1"));
    let hopeless = check(&format!("{release} {PACKAGE} 9:0 - CVE-1"));
    let unread = check(&format!("{release} {PACKAGE} 0.1 - CVE-1"));
    let fixed = check(&format!("{release} {PACKAGE} 0.1 0.2 CVE-1"));
    let other = check(&format!("0.1 {PACKAGE} 0.1 0.2 CVE-1"));

    for (outcome, said) in [
        (newer, "its changelog does not name CVE-1"),
        (lacking, "lacks the fixes of CVE-1"),
        (hopeless, "which debian-"),
        (unread, "its changelog does not name CVE-1"),
        (other, "nothing is known of debian-"),
    ] {
        assert_eq!(outcome.0, Some(1), "{}", outcome.1);
        assert!(outcome.1.contains(said), "{}", outcome.1);
    }
    assert_eq!(fixed.0, Some(0), "{}", fixed.1);
}

#[test]
fn the_image_is_built_on_a_release_that_has_the_fixes() {
    let dockerfile = Text::read("Dockerfile").text;
    let table = Text::read("src/system/fixes.txt").text;
    let fixed = |number: &str| {
        let mut rows = table.lines().filter(|row| row.starts_with(number)).peekable();
        rows.peek().is_some() && rows.all(|row| row.split_whitespace().nth(3) != Some("-"))
    };
    let releases: Vec<_> = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();

    for image in releases.iter().filter(|image| image.contains(':')) {
        let number = [("bookworm", "12"), ("trixie", "13")].iter().find(|(name, _)| image.contains(name));
        assert!(number.is_some_and(|(_, number)| fixed(number)), "{image}");
    }
}

/// A `dpkg-query` whose plugins are older than any fix.
fn old_packages() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("dpkg-query");
    fs::write(&program, "#!/bin/sh\nprintf 0.1-1\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    (folder, path)
}

#[test]
fn doctor_and_the_servers_start_warn_of_a_missing_fix() {
    let (_folder, path) = old_packages();
    let said = format!("{PACKAGE} 0.1-1 lacks the fixes of CVE-2026-14935, CVE-2026-59692");

    let output = scope()
        .args(["doctor", "--offline", "--port", "0", "--host", "127.0.0.1"])
        .env("PATH", &path)
        .output()
        .unwrap();
    let server = Server::spawn(&["--offline"], &[("PATH", &path)]);

    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().position(|line| line.starts_with("warn  dtls fixes")).expect(&text);
    assert!(text.lines().nth(line).unwrap().contains(&said), "{text}");
    assert!(text.lines().nth(line + 1).unwrap().starts_with("      → "), "{text}");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(wait_until(|| server.log_text().contains("serving"), LIMIT), "{}", server.log_text());
    let log = server.log();
    let warning = log.iter().position(|line| line.contains("WARN") && line.contains(&said));
    let serving = log.iter().position(|line| line.contains("serving"));
    assert!(warning.is_some() && warning < serving, "{log:#?}");
}

#[test]
fn a_server_with_every_fix_says_nothing_of_them() {
    if check(&Text::read("src/system/fixes.txt").text).0 != Some(0) {
        println!("skip: this release lacks a security fix");
        return;
    }

    let mut server = Server::spawn(&["--offline"], &[]);
    server.terminate(LIMIT).expect("it ends on request");

    assert!(!server.log_text().contains("CVE-"), "{}", server.log_text());
}
