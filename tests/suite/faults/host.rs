//! What the host runs out of or does to the server: file descriptors, UDP ports, a clock that jumps, a stop.

use std::{
    io::Write,
    net::{TcpStream, ToSocketAddrs},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::support::{
    LIMIT,
    client::{self, Client},
    http,
    server::{Resources, Server},
    stats::Stats,
};

const SETTINGS: &[(&str, &str)] =
    &[("SCOPE_OFFLINE", "1"), ("SCOPE_MAX_SESSIONS", "32"), ("SCOPE_VANISH_TIMEOUT", "4s")];
/// Pools of glib and of tokio keep a wake-up descriptor of each kind.
const SPARE_FDS: usize = 8;

/// The picture goes on.
#[track_caller]
fn rises(client: &Client, what: &str) {
    let before = client.read(Stats::rises);
    let risen = client.wait_for(|stats| stats.rises() >= before + 10, LIMIT);
    assert!(risen, "no picture {what}: {}", client.read(Stats::summary));
}

fn connect(server: &Server) -> Result<Client, client::Error> {
    Client::builder().fps(10).with_audio().connect(server.url())
}

/// Connects sessions, each with its picture, until the server refuses one; gives them and the refusal.
fn fill(server: &Server) -> (Vec<Client>, u16, serde_json::Value) {
    let mut clients = Vec::new();
    loop {
        match connect(server) {
            Ok(client) => {
                client.expect("a picture", |stats| stats.rises() >= 3, LIMIT);
                clients.push(client);
            }
            Err(client::Error::Refused { status, body }) => return (clients, status, body),
            Err(error) => panic!("session {}: {error:?}", clients.len()),
        }
        assert!(clients.len() < 32, "nothing runs out");
    }
}

fn fds_back(server: &Server, before: &Resources) -> bool {
    crate::support::wait_until(|| server.resources().fds <= before.fds + SPARE_FDS, LIMIT)
}

#[test]
fn sessions_stop_being_let_in_before_file_descriptors_run_out() {
    let server = Server::spawn_under(&["prlimit", "--nofile=400"], &[], SETTINGS);
    drop(connect(&server).unwrap());
    let idle = server.resources();

    let (clients, status, body) = fill(&server);

    println!(
        "{} sessions in 400 descriptors; idle {}, full {}",
        clients.len(),
        idle.fds,
        server.resources().fds
    );
    assert!(clients.len() >= 2);
    assert_eq!((status, &body["code"]), (503, &"out_of_descriptors".into()), "{body}");
    assert!(body["detail"].as_str().unwrap().contains("ulimit -n"), "{body}");
    for client in &clients {
        rises(client, "when the server is out of descriptors");
    }
    for client in &clients {
        assert_eq!(client.delete().unwrap().status, 204);
    }
    assert!(fds_back(&server, &idle), "{idle:?} before, {:?} after", server.resources());
    rises(&connect(&server).unwrap(), "after the others have left");
}

/// A control group of its own for processes and threads; its processes have to be gone when it is dropped.
struct Pids(PathBuf);

impl Pids {
    /// With room for that many; `None` where this process may not make one.
    fn new(most: usize) -> Option<Pids> {
        let name = format!("scope-test-{}", std::process::id());
        let version_1 = Path::new("/sys/fs/cgroup/pids");
        let root = if version_1.exists() { version_1 } else { Path::new("/sys/fs/cgroup") };
        let group = Pids(root.join(name));
        std::fs::create_dir(&group.0).ok()?;
        std::fs::write(group.0.join("pids.max"), most.to_string()).ok()?;
        Some(group)
    }

    /// A command that runs what follows it in the group.
    fn wrapper(&self) -> [String; 4] {
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.0.display());
        ["sh".into(), "-c".into(), enter, "sh".into()]
    }
}

impl Drop for Pids {
    fn drop(&mut self) {
        std::fs::remove_dir(&self.0).ok(); // a group that could not be made, or is in use after a failure
    }
}

#[test]
fn sessions_stop_being_let_in_before_threads_run_out() {
    let Some(group) = Pids::new(260) else {
        println!("skip: no control group for processes");
        return;
    };
    let wrapper = group.wrapper();
    let server = Server::spawn_under(&wrapper.each_ref().map(String::as_str), &[], SETTINGS);
    let idle = server.resources();

    let (clients, status, body) = fill(&server);

    let full = server.resources();
    println!("{} sessions in 260 threads; idle {}, full {}", clients.len(), idle.threads, full.threads);
    assert!(clients.len() >= 2);
    assert_eq!((status, &body["code"]), (503, &"out_of_threads".into()), "{body}");
    assert!(body["detail"].as_str().unwrap().contains("pids.max"), "{body}");
    for _ in 0..20 {
        assert!(matches!(connect(&server), Err(client::Error::Refused { status: 503, .. })));
    }
    for client in &clients {
        rises(client, "when the server is out of threads");
    }
    for client in &clients {
        assert_eq!(client.delete().unwrap().status, 204);
    }
    let again = crate::support::wait_until(|| connect(&server).is_ok(), LIMIT);
    assert!(again, "{idle:?} before, {:?} after: {}", server.resources(), server.log_text());
    drop(clients);
    drop(server);
}

#[test]
fn idle_connections_leave_descriptors_to_the_sessions() {
    let server = Server::spawn_under(&["prlimit", "--nofile=300"], &[], SETTINGS);
    let client = connect(&server).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 3, LIMIT);
    let before = server.resources();
    let address = server.url().trim_start_matches("http://").to_socket_addrs().unwrap().next().unwrap();

    let idle: Vec<_> = (0..500)
        .filter_map(|_| {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
            stream.write_all(b"GET /ready HTTP/1.1\r\n").ok()?; // and never the rest
            Some(stream)
        })
        .collect();

    // A quarter of the descriptors is for connections.
    let held = crate::support::wait_until(|| server.resources().fds <= before.fds + 75 + SPARE_FDS, LIMIT);
    assert!(held, "{} connections: {:?}", idle.len(), server.resources());
    rises(&client, "while connections take all descriptors");
    drop(idle);
    assert!(fds_back(&server, &before), "{before:?} before, {:?} after", server.resources());
    assert!(crate::support::wait_until(|| connect(&server).is_ok(), LIMIT), "{}", server.log_text());
    rises(&client, "after them");
}

#[test]
fn udp_ports_that_run_out_are_said_and_come_back() {
    let server = Server::spawn(&["--udp-ports", "41800-41803"], SETTINGS);

    let (clients, status, body) = fill(&server);

    println!("{} sessions on four ports; then {status} {body}", clients.len());
    assert!(!clients.is_empty());
    assert_eq!((status, &body["code"]), (503, &"out_of_udp_ports".into()), "{body}");
    for client in &clients {
        rises(client, "when the ports are used up");
    }
    clients[0].delete().unwrap();
    let again = crate::support::wait_until(|| connect(&server).is_ok(), LIMIT);
    assert!(again, "the ports did not come back: {}", server.log_text());
}

#[test]
fn a_clock_that_jumps_ends_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let offset = folder.path().join("offset");
    let set = |text: &str| {
        let new = folder.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &offset).unwrap(); // at once: a half-written file would be another time
    };
    set("+0");
    let library = std::fs::read_dir("/usr/lib")
        .unwrap()
        .map(|entry| entry.unwrap().path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.exists())
        .expect("Debian's package faketime is installed: make deps");
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), // a clock that is set moves the wall clock alone
        ("SCOPE_TURN_URLS", "turn:127.0.0.1:3478"),
        ("SCOPE_TURN_SECRET", "secret"),
    ];
    let server = Server::spawn(&[], &[SETTINGS, &environment].concat());
    let client = Client::builder().fps(30).with_audio().connect(server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
    let date = |server: &Server| {
        let ice = http::get(&format!("{}/api/v1/webrtc/ice-servers", server.url())).unwrap();
        let name = ice.json()["iceServers"][0]["username"].as_str().unwrap_or_default().to_owned();
        let expiry = name.split(':').next().and_then(|text| text.parse::<i64>().ok());
        expiry.unwrap_or_else(|| panic!("a user name with its end is wanted, {} came", ice.text()))
    };
    let (began, start) = (Instant::now(), date(&server));

    for (jump, seconds) in [("+1h", 3600), ("-1h", -3600), ("+0", 0)] {
        set(jump);

        rises(&client, &format!("after the clock went to {jump}"));
        let other = connect(&server).unwrap();
        rises(&other, &format!("of a new session at {jump}"));
        other.delete().unwrap();
        let later = date(&server) - start - seconds;
        // Both ends are whole seconds.
        let passed = i64::try_from(began.elapsed().as_secs()).unwrap();
        assert!(
            (-1..=passed + 1).contains(&later),
            "at {jump} credentials end {later} s late, {passed} s passed"
        );
    }
    client.expect("the channel lives", |stats| stats.channel_open && !stats.channel_closed, LIMIT);
}

#[test]
fn a_stop_of_some_seconds_is_survived_or_said() {
    let server = Server::spawn(&[], SETTINGS);
    let clients: Vec<_> = (0..2).map(|_| connect(&server).unwrap()).collect();
    for client in &clients {
        client.expect("a picture", |stats| stats.rises() >= 3, LIMIT);
    }
    let received = clients[0].read(|stats| stats.frames_sent);

    server.signal("STOP");
    // The length of the stop is told by the client's own camera: 50 frames at 10 a second.
    clients[0].expect("frames into the void", |stats| stats.frames_sent >= received + 50, LIMIT);
    server.signal("CONT");

    for client in &clients {
        rises(client, "after the stop");
        assert_eq!(http::get(&client.detail_url()).unwrap().status, 200);
    }
    let new = connect(&server).unwrap();
    new.expect("a new session too", |stats| stats.rises() >= 3, LIMIT);
}
