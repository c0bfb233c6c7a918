//! A real coturn on loopback with one user, for as long as a test needs it.

use std::fs;
use std::process::{Child, Command, Stdio};

use super::{LIMIT, server::free_port, wait_until};

/// The user that it knows.
pub const USER: &str = "alice";
/// Her password.
pub const PASSWORD: &str = "right";

/// A running TURN server; killed when dropped.
pub struct Coturn {
    child: Child,
    /// Where it listens, UDP and TCP.
    pub address: String,
    _folder: tempfile::TempDir,
}

impl Coturn {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// Where it is not installed or does not listen within the limit; its log is in the message.
    #[track_caller]
    pub fn spawn() -> Coturn {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (port, log) = (free_port(), file("log"));
        let settings = [
            "listening-ip=127.0.0.1".to_owned(),
            format!("listening-port={port}"),
            "relay-ip=127.0.0.1".to_owned(),
            "min-port=49350".to_owned(),
            "max-port=49399".to_owned(),
            "realm=scope.test".to_owned(),
            "lt-cred-mech".to_owned(),
            format!("user={USER}:{PASSWORD}"),
            "no-tls\nno-dtls\nno-cli\nverbose\nsimple-log".to_owned(),
            format!("log-file={log}"),
            format!("pidfile={}", file("pid")),
            format!("userdb={}", file("db")),
        ];
        fs::write(folder.path().join("conf"), settings.join("\n") + "\n").expect("the folder is ours");
        let mut child = Command::new("turnserver")
            .args(["-c", &file("conf")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("turnserver is installed (make deps)");
        let written = || fs::read_to_string(&log).unwrap_or_default();
        // It writes "opened on: " for UDP and "opened on : " for TCP.
        let opened = |protocol: &str| {
            let is_it = |line: &str| {
                line.contains(&format!("{protocol} listener opened")) && line.ends_with(&format!(":{port}"))
            };
            written().lines().any(is_it)
        };
        let listens = wait_until(
            || {
                let ended = child.try_wait().expect("an own child can be waited for");
                assert!(ended.is_none(), "turnserver ended ({ended:?}):\n{}", written());
                opened("UDP") && opened("TCP")
            },
            LIMIT,
        );
        assert!(listens, "turnserver does not listen:\n{}", written());
        Coturn { child, address: format!("127.0.0.1:{port}"), _folder: folder }
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may have ended
        self.child.wait().ok(); // likewise
    }
}
