//! A real OpenID Connect issuer on loopback: npm's oidc-provider.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    http::{self, Method},
    server::free_port,
};

/// A running issuer; killed when dropped.
pub struct Issuer {
    child: Child,
    lines: BufReader<ChildStdout>,
    url: String,
}

impl Issuer {
    /// Starts it with one key, named first. `None` where its packages are not installed.
    ///
    /// # Panics
    /// It ends before it listens.
    pub fn spawn() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        if !folder.join("node_modules/oidc-provider").is_dir() {
            println!("skip: no oidc-provider");
            return None;
        }
        let port = free_port();
        let mut child = Command::new("node")
            .args(["issuer.mjs", &port.to_string()])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is installed");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut issuer = Self { child, lines, url: format!("http://localhost:{port}") };
        issuer.wait_for("ready");
        Some(issuer)
    }

    /// Its identifier.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Has these keys from now on, the first of them signs.
    pub fn rotate(&mut self, keys: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        writeln!(input, "{keys}").expect("it runs");
        self.wait_for(keys);
    }

    /// An access token of a program with that role.
    pub fn token(&self, role: &str, audience: &str) -> String {
        let account = STANDARD.encode(format!("{role}:a%20secret%20of%20the%20test"));
        let headers = [
            ("authorization", format!("Basic {account}")),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let body = format!("grant_type=client_credentials&resource={audience}");
        let answer = http::send(Method::POST, &format!("{}/token", self.url), &headers, body.into_bytes());
        let answer = answer.expect("it runs").json();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    fn wait_for(&mut self, expected: &str) {
        let mut line = String::new();
        while line.trim() != expected {
            line.clear();
            assert_ne!(self.lines.read_line(&mut line).expect("its output is text"), 0, "it has ended");
        }
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.child.kill().ok(); // ended already
        self.child.wait().ok(); // as above
    }
}
