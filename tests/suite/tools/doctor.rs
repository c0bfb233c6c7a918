//! `scope doctor` and `scope codecs`: faults are planted and each is found, with what to do.

#![allow(clippy::unwrap_used, reason = "a helper's failed step is the test's failed step")]

use std::{
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::Output,
};

use crate::support::{
    coturn::{Coturn, PASSWORD, USER},
    server::{Server, scope, scope_under},
};
use serde_json::Value;

/// What every session needs, less what a test hides; few, because GStreamer loads each of them to look into it.
const PLUGINS: &[&str] = &[
    "app",
    "coreelements",
    "debugutilsbad",
    "dtls",
    "libav",
    "nice",
    "openh264",
    "rtp",
    "rtpmanager",
    "sctp",
    "srtp",
    "videoconvertscale",
    "videoconvert",
    "videoparsersbad",
    "videotestsrc",
    "vpx",
    "webrtc",
    "x264",
];

/// What a command found, with its exit code.
struct Report {
    code: Option<i32>,
    json: Value,
}

impl Report {
    /// Status, what was found and what to do, of the findings of that name.
    #[track_caller]
    fn of(&self, name: &str) -> Vec<(&str, &str, &str)> {
        let all = self.json["findings"].as_array().unwrap_or_else(|| panic!("{}", self.json));
        let own = all.iter().filter(|finding| finding["name"] == name);
        own.map(|finding| {
            let [status, found, advice] =
                ["status", "found", "do"].map(|key| finding[key].as_str().unwrap_or(""));
            (status, found, advice)
        })
        .collect()
    }

    #[track_caller]
    fn one(&self, name: &str) -> (&str, &str, &str) {
        let found = self.of(name);
        assert_eq!(found.len(), 1, "{name}: {}", self.json);
        found[0]
    }
}

fn run(command: &str, args: &[&str], env: &[(&str, &str)]) -> Output {
    scope().arg(command).args(args).envs(env.iter().copied()).output().unwrap()
}

/// On any free port and without the Internet, unless `args` say otherwise.
fn doctor(args: &[&str], env: &[(&str, &str)]) -> Report {
    let args = [&["--json", "--offline", "--host", "127.0.0.1"], args].concat();
    let args = if args.contains(&"--port") { args } else { [args.as_slice(), &["--port", "0"]].concat() };
    report(&run("doctor", &args, env))
}

fn report(output: &Output) -> Report {
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    Report { code: output.status.code(), json }
}

/// A folder of plugins without one of them, and the variables that make GStreamer use it.
fn plugins_without(hidden: &str) -> (tempfile::TempDir, [(&'static str, String); 3]) {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    let system = system_plugins();
    for name in PLUGINS.iter().filter(|name| **name != hidden) {
        let file = format!("libgst{name}.so");
        // One of the two converters is there, by GStreamer's version.
        if system.join(&file).exists() {
            std::os::unix::fs::symlink(system.join(&file), plugins.join(file)).unwrap();
        }
    }
    let registry = folder.path().join("registry").display().to_string();
    let path = plugins.display().to_string();
    let variables = [
        ("GST_REGISTRY_1_0", registry),
        ("GST_PLUGIN_SYSTEM_PATH_1_0", path),
        ("GST_PLUGIN_PATH_1_0", String::new()),
    ];
    (folder, variables)
}

fn system_plugins() -> PathBuf {
    let query = ["--variable=pluginsdir", "gstreamer-1.0"];
    let output = std::process::Command::new("pkg-config").args(query).output().unwrap();
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

#[test]
fn a_good_host_has_no_faults() {
    let report = doctor(&[], &[]);

    assert_eq!(report.code, Some(0), "{:#}", report.json);
    for name in
        ["gstreamer", "elements", "codec vp8", "codec h264", "http port", "udp ports", "clock", "graphviz"]
    {
        let (status, found, _) = report.one(name);
        assert_eq!(status, "ok", "{name}: {found}");
        assert!(!found.is_empty());
    }
    assert!(report.one("file descriptors").1.contains("16 sessions"), "{:#}", report.json);
}

#[test]
fn a_person_gets_a_line_a_check_and_one_for_what_to_do() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let output = run("doctor", &["--offline", "--host", "127.0.0.1", "--port", &port], &[]);

    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let fault = lines.iter().position(|line| line.starts_with("fail  http port")).unwrap();
    assert!(lines[fault].contains(&port) && lines[fault + 1].starts_with("      → "), "{text}");
    assert!(lines.iter().any(|line| line.starts_with("ok    elements")), "{text}");
    assert!(!text.contains('\x1b'), "colours without a terminal");
}

#[test]
fn a_taken_http_port_is_found() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let report = doctor(&["--port", &port], &[]);

    let (status, found, advice) = report.one("http port");
    assert_eq!((report.code, status), (Some(1), "fail"));
    assert!(found.contains("in use") && advice.contains("--port"), "{found}: {advice}");
}

#[test]
fn taken_udp_ports_are_counted() {
    let taken = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();

    let all = doctor(&["--udp-ports", &format!("{port}-{port}")], &[]);
    let some = doctor(&["--udp-ports", &format!("{}-{port}", port - 4)], &[]);

    assert_eq!((all.code, all.one("udp ports").0), (Some(1), "fail"), "{:#}", all.json);
    let (status, found, advice) = some.one("udp ports");
    assert_eq!((some.code, status), (Some(0), "warn"), "{found}");
    assert!(
        found.contains("of 5 in") && !found.starts_with('5') && found.contains("16 are allowed"),
        "{found}"
    );
    assert!(advice.contains("SCOPE_UDP_PORTS"), "{advice}");
}

#[test]
fn file_descriptors_are_counted_as_the_server_counts_them() {
    // Soft and hard limit; 8 sessions fit into the hard one or do not.
    for (limits, fit) in [("128:4096", 8), ("330:330", 7), ("200:330", 7)] {
        let wrapper = ["prlimit", &format!("--nofile={limits}")];
        let sessions = ["--max-sessions", "8", "--offline"];

        let examined =
            scope_under(&wrapper).args(["doctor", "--json", "--port", "0"]).args(sessions).output();
        let server = Server::spawn_under(&wrapper, &sessions, &[]);

        let report = report(&examined.unwrap());
        let (status, found, advice) = report.one("file descriptors");
        let log = server.log_text();
        if fit == 8 {
            assert_eq!(status, "ok", "{limits}: {found}");
            assert!(!log.contains("file descriptors"), "{limits}: {log}");
        } else {
            assert_eq!(status, "warn", "{limits}: {found}");
            assert!(found.contains(&format!("{fit} of 8 sessions")), "{limits}: {found}");
            assert!(advice.contains(&format!("SCOPE_MAX_SESSIONS={fit}")), "{limits}: {advice}");
            let line = log.lines().find(|line| line.contains("too few file descriptors"));
            assert!(line.is_some_and(|line| line.contains(&format!("fit={fit}"))), "{limits}: {log}");
        }
    }
}

#[test]
fn a_silent_stun_server_is_found() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("stun:127.0.0.1:{}", silent.local_addr().unwrap().port());

    let report = doctor(&["--stun", &url], &[]);

    let (status, found, advice) = report.one("stun");
    assert_eq!(status, "warn", "{found}");
    assert!(
        found.contains(&url) && found.contains("no answer") && advice.contains("UDP"),
        "{found}: {advice}"
    );
}

#[test]
fn a_turn_server_is_asked_as_a_browser_would() {
    let coturn = Coturn::spawn();
    let address = &coturn.address;
    let turn =
        |password: &str, transport: &str| format!("turn:{USER}:{password}@{address}?transport={transport}");
    let stun = format!("stun:{address}");

    let right =
        doctor(&["--stun", &stun, "--turn", &turn(PASSWORD, "udp"), "--turn", &turn(PASSWORD, "tcp")], &[]);
    let wrong = doctor(&["--turn", &turn("wrong", "udp"), "--turn", &turn("wrong", "tcp")], &[]);

    assert_eq!(right.code, Some(0), "{:#}", right.json);
    let relays = right.of("turn");
    assert_eq!(relays.len(), 2, "{:#}", right.json);
    for (status, found, _) in relays {
        assert_eq!(status, "ok", "{found}");
        assert!(found.contains("relays through 127.0.0.1:493"), "{found}");
    }
    assert!(right.one("stun").1.ends_with("sees this host as 127.0.0.1"), "{:#}", right.json);
    let refused = wrong.of("turn");
    assert_eq!((wrong.code, refused.len()), (Some(1), 2), "{:#}", wrong.json);
    for (status, found, advice) in refused {
        assert_eq!(status, "fail", "{found}");
        assert!(
            found.contains("username or the password") && advice.contains("password"),
            "{found}: {advice}"
        );
        assert!(!found.contains("wrong"), "the password shows: {found}");
    }
}

#[test]
fn a_missing_element_is_found_with_its_package() {
    let (_folder, variables) = plugins_without("nice");
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();

    let report = doctor(&[], &variables);

    let (status, found, advice) = report.one("elements");
    assert_eq!((report.code, status), (Some(69), "fail"), "{:#}", report.json);
    assert!(found.contains("nicesrc, nicesink missing"), "{found}");
    assert!(advice.contains("apt-get install gstreamer1.0-nice"), "{advice}");
}

#[test]
fn codecs_say_why_a_row_is_not_used() {
    let (_folder, variables) = plugins_without("x264");
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();

    let output = run("codecs", &["--codecs", "h264"], &variables);

    let text = String::from_utf8(output.stdout).unwrap();
    let row = |element: &str| text.lines().find(|line| line.contains(element)).unwrap().to_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(row("x264enc").starts_with("  ") && row("x264enc").contains("is not installed"), "{text}");
    assert!(row("openh264enc").starts_with("* "), "{text}");
    let json = run("codecs", &["--codecs", "h264", "--json"], &variables);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let codecs = json["codecs"].as_array().unwrap();
    let hidden = codecs.iter().find(|codec| codec["element"] == "x264enc").unwrap();
    assert_eq!(hidden["available"], false, "{hidden}");
}

#[test]
fn without_any_codec_both_commands_say_what_is_missing() {
    let (_folder, variables) = plugins_without("vpx");
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();

    let codecs = run("codecs", &["--codecs", "vp8"], &variables);
    let report = doctor(&["--codecs", "vp8"], &variables);

    assert_eq!(codecs.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&codecs.stdout).contains("vp8enc is not installed"));
    let (status, _, advice) = report.one("codec vp8");
    assert_eq!((report.code, status), (Some(69), "fail"), "{:#}", report.json);
    assert!(advice.contains("gstreamer1.0-plugins-good"), "{advice}");
}

#[test]
fn a_forced_encoder_that_does_not_exist_is_found() {
    let report = doctor(&["--encoders", "h264=nosuchenc"], &[]);

    let (status, found, advice) = report.one("codec h264");
    assert_eq!((report.code, status), (Some(1), "fail"), "{:#}", report.json);
    assert!(found.contains("nosuchenc") && advice.contains("x264enc or openh264enc"), "{found}: {advice}");
    assert_eq!(report.one("codec vp8").0, "ok");
}

#[test]
fn broken_pipelines_and_expired_certificates_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let pipelines = folder.path().join("pipelines");
    std::fs::create_dir_all(pipelines.join("mine")).unwrap();
    std::fs::write(pipelines.join("mine/pipeline.toml"), "id = \"mine\"\nnonsense = 1\n").unwrap();
    let (cert, key) = expired_certificate(folder.path());

    let report = doctor(
        &[
            "--pipelines",
            pipelines.to_str().unwrap(),
            "--pipeline",
            "mine",
            "--tls-cert",
            &cert,
            "--tls-key",
            &key,
        ],
        &[],
    );
    let nowhere = doctor(&["--pipelines", "/nowhere", "--tls-cert", "/nowhere.pem", "--tls-key", &key], &[]);

    assert_eq!(report.code, Some(1));
    let broken = report.of("pipelines");
    let broken = broken.iter().find(|(status, ..)| *status == "fail").unwrap();
    assert!(broken.1.contains("mine: ") && broken.2.contains("mine/pipeline.toml"), "{broken:?}");
    assert_eq!(report.one("default pipeline").0, "fail");
    assert!(report.one("https").1.contains("expired on 2020-02-01"), "{:#}", report.json);
    assert_eq!((nowhere.one("pipelines").0, nowhere.one("https").0), ("fail", "fail"), "{:#}", nowhere.json);
}

fn expired_certificate(folder: &Path) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["scope.test".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 2, 1);
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(path("key.pem"), key.serialize_pem()).unwrap();
    (path("cert.pem"), path("key.pem"))
}

#[test]
fn a_secret_is_warned_of_where_every_user_sees_it_and_never_repeated() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "hunter2\n").unwrap();
    let urls = [("SCOPE_OFFLINE", "1"), ("SCOPE_TURN_URLS", "turn:127.0.0.1:1")];
    let file = [urls.as_slice(), &[("SCOPE_TURN_SECRET_FILE", secret.path().to_str().unwrap())]].concat();
    let flag = ["--turn-secret", "hunter2"];

    let report = doctor(&flag, &urls);
    let server = Server::spawn(&flag, &urls);
    let quiet = Server::spawn(&[], &file);

    let (status, found, advice) = report.one("secrets");
    assert_eq!((status, found.contains("--turn-secret")), ("warn", true), "{found}");
    assert!(advice.contains("SCOPE_TURN_SECRET_FILE"), "{advice}");
    assert!(server.log_text().contains("--turn-secret shows its secret"), "{}", server.log_text());
    assert!(!server.log_text().contains("hunter2") && !report.json.to_string().contains("hunter2"));
    assert_eq!(doctor(&[], &file).of("secrets"), []);
    assert!(!quiet.log_text().contains("secret"), "{}", quiet.log_text());
    let servers = crate::support::http::get(&format!("{}/api/v1/webrtc/ice-servers", quiet.url())).unwrap();
    assert!(servers.text().contains("turn:127.0.0.1:1"), "{}", servers.text());
    let command_line = std::fs::read(format!("/proc/{}/cmdline", quiet.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&command_line).contains("hunter2"));
}
