//! HTTPS: the pair that is kept, files that are read again while connections and sessions go on, plain HTTP on the port.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::support::{
    LIMIT,
    client::Client,
    http,
    server::{Server, free_port},
    stats::Stats,
    wait_until,
};

/// A server that speaks HTTPS.
struct Https {
    server: Server,
    address: String,
    port: String,
}

impl Https {
    fn start(state: &Path, args: &[&str]) -> Self {
        let port = free_port().to_string();
        let state = state.to_str().unwrap();
        let args = [&["--port", &port, "--state-dir", state], args].concat();
        let server = Server::start(&args, &[("SCOPE_OFFLINE", "1")]);
        let address = format!("127.0.0.1:{port}");
        let https = Self { server, address, port };
        assert!(wait_until(|| https.log().contains("serving"), LIMIT), "{}", https.log());
        https
    }

    fn log(&self) -> String {
        self.server.log_text()
    }

    fn get(&self, path: &str) -> http::Response {
        http::get(&format!("https://{}{path}", self.address)).unwrap()
    }

    /// The certificate of a new connection.
    fn certificate(&self) -> String {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &self.address])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let start = text.find("-----BEGIN CERTIFICATE-----").unwrap_or_else(|| panic!("{text}"));
        let end = text.find("-----END CERTIFICATE-----").unwrap();
        text[start..end].split_whitespace().collect()
    }
}

/// An open HTTPS connection.
struct Connection {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Connection {
    fn open(address: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from }
    }

    /// Status line of the answer to a request; the rest is read up to the end of the body.
    fn health(&mut self) -> String {
        self.to.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let (mut status, mut length) = (String::new(), 0);
        self.from.read_line(&mut status).unwrap();
        loop {
            let mut line = String::new();
            self.from.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        std::io::Read::read_exact(&mut self.from, &mut vec![0; length]).unwrap();
        status
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may have ended
        self.child.wait().ok(); // likewise
    }
}

/// A certificate and its key in `folder`; each call makes other ones.
fn pair(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["scope.test".to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (cert, key)
}

fn pem(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.split("-----END").next().unwrap().split_whitespace().collect()
}

#[test]
fn a_self_signed_pair_outlives_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let first = Https::start(&state, &["--tls", "self-signed"]);

    let shown = first.certificate();
    assert_eq!(first.get("/health").status, 200);
    assert_eq!(first.get("/health").header("strict-transport-security"), None, "browsers warn of it");
    assert!(first.log().contains("fingerprint"), "{}", first.log());
    drop(first);
    let second = Https::start(&state, &["--tls", "self-signed"]);

    assert_eq!(second.certificate(), shown);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state), mode(&state.join("tls-key.pem"))), (0o700, 0o600));
    let (from, until) = scope::tls::validity(&state.join("tls-cert.pem")).unwrap();
    assert_eq!(until.duration_since(from).as_hours(), 397 * 24);
}

#[test]
fn certificate_files_are_read_again_and_nothing_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = pair(folder.path());
    let files = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let https = Https::start(&folder.path().join("state"), &files);
    let first = pem(&cert);
    assert_eq!(https.certificate(), first);
    let session = Client::builder().fps(10).connect(&format!("https://{}", https.address)).unwrap();
    session.expect("a picture", |stats| stats.rises() >= 3, LIMIT);
    assert_eq!(https.get("/health").header("strict-transport-security"), Some("max-age=31536000"));
    assert!(https.log().contains("every local user can read the private key"), "{}", https.log());

    pair(folder.path());
    let mut open = Connection::open(&https.address);
    assert!(open.health().contains("200"));
    https.server.signal("HUP");
    let taken = || https.certificate() == pem(&cert);
    assert!(wait_until(taken, LIMIT) && pem(&cert) != first, "{}", https.log());
    assert!(open.health().contains("200"), "an open connection goes on");

    // Without a signal: the change is seen.
    pair(folder.path());
    assert!(wait_until(taken, LIMIT), "{}", https.log());

    let good = https.certificate();
    std::fs::write(&key, "not a key").unwrap();
    assert!(wait_until(|| https.log().contains("cannot be used"), LIMIT), "{}", https.log());
    assert_eq!(https.certificate(), good, "the earlier one stays");
    let before = session.read(Stats::rises);
    session.expect("the session goes on", |stats| stats.rises() >= before + 10, LIMIT);
}

#[test]
fn plain_http_on_the_port_is_sent_to_https() {
    let folder = tempfile::tempdir().unwrap();
    let https = Https::start(folder.path(), &["--tls", "self-signed"]);

    let plain = http::get(&format!("http://{}/health?a=b", https.address)).unwrap();

    assert_eq!(plain.status, 301);
    assert_eq!(plain.header("location"), Some(format!("https://{}/health?a=b", https.address).as_str()));
    let named = http::send(
        http::Method::GET,
        &format!("http://{}/", https.address),
        &[("host", &format!("localhost:{}", https.port))],
        Vec::new(),
    );
    assert_eq!(
        named.unwrap().header("location"),
        Some(format!("https://localhost:{}/", https.port).as_str())
    );
    assert_eq!(https.get("/health").status, 200);
}
