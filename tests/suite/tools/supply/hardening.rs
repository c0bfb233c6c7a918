//! What a container may do: compose says it, and the server runs with no more than that.

use std::process::{Command, Stdio};

use serde_json::json;

use super::Text;
use crate::support::{
    LIMIT, http,
    server::{Server, scope_under},
    wait_until,
};

/// What each service of compose has to say.
const HARD: [&str; 6] = ["read_only", "tmpfs", "pids_limit", "mem_limit", "cap_drop", "security_opt"];
/// Everything is read-only but the home and /tmp, and no capability is left: as in compose. `$HOME` is outside /tmp.
const CONTAINER: &str = r#"
set -e
mount --make-rprivate /
mount --bind "$HOME" "$HOME"
mount -o remount,bind,ro /
mount -t tmpfs -o size=64m,mode=1777,nosuid,nodev tmpfs /tmp
if touch /var/scope-was-here 2>/dev/null; then exit 3; fi
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
"#;
const WRAPPER: [&str; 6] = ["unshare", "--mount", "sh", "-c", CONTAINER, "sh"];

/// The lines of each service, by its name.
fn services(compose: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    let inside = compose.lines().skip_while(|line| *line != "services:").skip(1);
    for line in inside.take_while(|line| line.is_empty() || line.starts_with(' ')) {
        let name = line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '#']));
        if let Some(name) = name.and_then(|rest| rest.strip_suffix(':')) {
            found.push((name, Vec::new()));
        } else if let Some((_, lines)) = found.last_mut() {
            lines.push(line);
        }
    }
    found
}

/// What a service does not say.
fn soft(lines: &[&str]) -> Vec<&'static str> {
    let says = |key: &str| lines.iter().any(|line| line.starts_with(&format!("    {key}:")));
    HARD.into_iter().filter(|key| !says(key)).collect()
}

#[test]
fn every_service_of_compose_is_bounded() {
    let compose = Text::read(".docker/compose.yaml").text;
    let services = services(&compose);

    assert_eq!(services.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["scope", "coturn"]);
    for (name, lines) in &services {
        assert_eq!(soft(lines), [""; 0], "{name}");
        for line in
            ["    read_only: true", "    cap_drop: [ALL]", "    security_opt: [\"no-new-privileges:true\"]"]
        {
            assert!(lines.contains(&line), "{name}: {line}");
        }
    }
    assert!(compose.contains("    oom_score_adj: "));
    assert_eq!(soft(&["    read_only: true", "    mem_limit: 1g", "  pids_limit: 3"]).len(), 4);
}

#[test]
fn compose_itself_takes_the_file() {
    let version = Command::new("docker").args(["compose", "version"]).stderr(Stdio::null()).output();
    if !version.is_ok_and(|output| output.status.success()) {
        println!("skip: Docker Compose not installed");
        return;
    }

    let output = Command::new("docker")
        .args(["compose", "--file", ".docker/compose.yaml", "config", "--format", "json"])
        .envs([("HOST_ADDRESS", "192.0.2.7"), ("TURN_SECRET", "secret")])
        .current_dir(super::root())
        .output()
        .unwrap();

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(config["services"]["scope"]["read_only"], true, "{config:#}");
    assert_eq!(config["services"]["coturn"]["mem_limit"], "268435456", "{config:#}");
}

#[test]
fn the_server_records_where_only_its_home_can_be_written() {
    let home = tempfile::tempdir_in("/var/tmp").unwrap();
    let recordings = home.path().join("recordings");
    let env = [
        ("HOME", home.path().to_str().unwrap()),
        ("XDG_STATE_HOME", ""),
        ("SCOPE_OFFLINE", "1"),
        ("SCOPE_RECORDINGS", recordings.to_str().unwrap()),
    ];
    let can = scope_under(&WRAPPER).arg("--version").env("HOME", home.path()).output();
    if !can.is_ok_and(|output| output.status.success()) {
        println!("skip: no mounts");
        return;
    }
    let mut server = Server::spawn_under(&WRAPPER, &[], &env);
    let api = format!("{}/api/v1", server.url());

    let get = |path: &str| http::get(&format!("{api}/{path}")).unwrap().json();
    let body = json!({"pipeline_id": "dream", "input_mode": "text", "recording": true});
    let begun = http::post_json(&format!("{api}/session/start"), &body).unwrap();
    assert_eq!(begun.status, 200, "{}", begun.text());
    let frames = || get("sessions/headless")["frames_out"].as_u64() > Some(30);
    assert!(wait_until(frames, LIMIT), "{:#}\n{}", get("sessions/headless"), server.log_text());
    http::post_json(&format!("{api}/session/stop"), &json!({})).unwrap();

    let recorded = || get("recordings")["recordings"][0]["state"] == "finished";
    assert!(wait_until(recorded, LIMIT), "{:#}", get("recordings"));
    server.terminate(LIMIT).expect("it ends on request");
    let log = server.log_text();
    for word in ["Read-only file system", "Permission denied", "ERROR", "CRITICAL"] {
        assert!(!log.contains(word), "{word}: {log}");
    }
}
