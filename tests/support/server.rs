//! The server as a process of its own: the binary that ships, with its log kept for a failing test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{LIMIT, http, link::Link, wait_until};

const BINARY: &str = env!("CARGO_BIN_EXE_scope");

/// What the process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    pub threads: usize,
    pub fds: usize,
    pub rss_kb: usize,
}

/// Pools of glib and of tokio keep a thread or a wake-up descriptor of each kind.
const SPARE_THREADS: usize = 4;
const SPARE_FDS: usize = 4;

impl Resources {
    /// Whether no more threads and descriptors are used than `before`, but for those of pools.
    pub fn is_back_at(&self, before: &Resources) -> bool {
        self.threads <= before.threads + SPARE_THREADS && self.fds <= before.fds + SPARE_FDS
    }
}

/// A running server; killed when dropped, with its log printed where the test failed.
pub struct Server {
    child: Child,
    url: String,
    log: Log,
}

type Log = Arc<Mutex<Vec<String>>>;

impl Server {
    /// Starts the server on a free port of loopback and waits until it is ready.
    ///
    /// # Panics
    /// Where it ends or is not ready within the limit; its log is in the message.
    #[track_caller]
    pub fn spawn(extra_args: &[&str], env: &[(&str, &str)]) -> Server {
        Server::start(extra_args, env).ready()
    }

    /// The same below a command that ends in `exec`, e.g. `prlimit --nofile=300`.
    ///
    /// # Panics
    /// As [`Server::spawn`].
    #[track_caller]
    pub fn spawn_under(wrapper: &[&str], extra_args: &[&str], env: &[(&str, &str)]) -> Server {
        Server::start_as(scope_under(wrapper), "127.0.0.1", extra_args, env).ready()
    }

    #[track_caller]
    fn ready(self) -> Server {
        let mut server = self;
        let ready = format!("{}/ready", server.url);
        let mut ended = None;
        let is_ready = wait_until(
            || {
                ended = server.child.try_wait().expect("an own child can be waited for");
                ended.is_some() || http::get(&ready).is_ok_and(|response| response.status == 200)
            },
            LIMIT,
        );
        assert!(is_ready && ended.is_none(), "the server is not ready ({ended:?}):\n{}", server.log_text());
        server
    }

    /// Starts the server on a free port of loopback and does not wait.
    pub fn start(extra_args: &[&str], env: &[(&str, &str)]) -> Server {
        Server::start_as(scope(), "127.0.0.1", extra_args, env)
    }

    /// Starts the server at its end of `link` and does not wait: only what runs at the link's ends reaches it, and it needs
    /// no key.
    pub fn start_behind(link: &Link, extra_args: &[&str], env: &[(&str, &str)]) -> Server {
        let args = [&["--open"], extra_args].concat();
        Server::start_as(link.server_command(BINARY), link.server_address(), &args, env)
    }

    fn start_as(mut command: Command, host: &str, extra_args: &[&str], env: &[(&str, &str)]) -> Server {
        let port = free_port().to_string();
        forget_settings(&mut command);
        if !rustix::process::geteuid().is_root() {
            // The tests read /proc/PID of the server, which is closed to others of the same user.
            command.env("SCOPE_DEBUGGABLE", "true");
        }
        command.args(["--host", host, "--port", &port]).args(extra_args);
        command.envs(env.iter().copied());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built for this test");
        let log = Log::default();
        keep(child.stdout.take().expect("stdout is piped"), &log);
        keep(child.stderr.take().expect("stderr is piped"), &log);
        Server { child, url: format!("http://{host}:{port}"), log }
    }

    /// The base URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to stdout and stderr so far, a line each.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no holder of this lock panics").clone()
    }

    pub fn log_text(&self) -> String {
        self.log().join("\n")
    }

    /// What the process uses, from /proc.
    pub fn resources(&self) -> Resources {
        let proc = format!("/proc/{}", self.pid());
        let status = fs::read_to_string(format!("{proc}/status")).expect("the server runs");
        let field = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .expect("the kernel writes this field");
            line.split_whitespace()
                .next()
                .and_then(|number| number.parse().ok())
                .expect("the field is a number")
        };
        let fds = fs::read_dir(format!("{proc}/fd")).expect("the server runs").count();
        Resources { threads: field("Threads:"), fds, rss_kb: field("VmRSS:") }
    }

    /// How often a limit refused something (`scope_limit_refusals_total`).
    pub fn refusals(&self, limit: &str) -> u64 {
        let text = http::get(&format!("{}/metrics", self.url())).expect("the server answers").text();
        let sample = format!("scope_limit_refusals_total{{limit=\"{limit}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&sample));
        value.and_then(|value| value.parse().ok()).expect("each limit has its count")
    }

    /// Whether it comes back to what it used `before`; idle threads of pools need some seconds to leave.
    pub fn returns_to(&self, before: &Resources) -> bool {
        wait_until(|| self.resources().is_back_at(before), LIMIT)
    }

    /// Sends SIGTERM and waits for the end. `None`: it still runs after `limit`.
    pub fn terminate(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.signal("TERM");
        self.wait(limit)
    }

    /// Waits for the end. `None`: it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut status = None;
        let child = &mut self.child;
        let ended = wait_until(
            || {
                status = child.try_wait().expect("an own child can be waited for");
                status.is_some()
            },
            limit,
        );
        status.filter(|_| ended)
    }

    /// Sends a signal by its name without SIG, e.g. `TERM`, `STOP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name} failed");
    }
}

/// Waits until the session at `session_url` is over; gives its end reason.
///
/// # Panics
/// It is not over within `limit`.
#[track_caller]
pub fn end_reason(session_url: &str, limit: Duration) -> String {
    let mut reason = String::new();
    let ended = wait_until(
        || {
            let response = http::get(session_url).expect("the server answers");
            response.json()["reason"].as_str().unwrap_or_default().clone_into(&mut reason);
            response.status == 410
        },
        limit,
    );
    assert!(ended, "{session_url} did not end");
    reason
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may have ended
        self.child.wait().ok(); // likewise
        if thread::panicking() {
            eprintln!("--- the server's log ---\n{}\n--- end of the server's log ---", self.log_text());
        }
    }
}

/// The binary, without the tester's own settings.
pub fn scope() -> Command {
    scope_under(&[])
}

/// The same below a command that ends in `exec`.
pub fn scope_under(wrapper: &[&str]) -> Command {
    let mut words = wrapper.iter().copied().chain([BINARY]);
    let mut command = Command::new(words.next().expect("the binary is a word"));
    command.args(words);
    forget_settings(&mut command);
    command
}

fn forget_settings(command: &mut Command) {
    for (name, _) in std::env::vars().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
}

/// A setting of the tester's own server must not reach the tested one.
fn is_setting(name: &str) -> bool {
    const NAMES: [&str; 3] = ["HF_TOKEN", "VERBOSE_LOGGING", "PIPELINE"];
    ["SCOPE_", "TWILIO_", "CLOUDFLARE_"].iter().any(|prefix| name.starts_with(prefix))
        || NAMES.contains(&name)
}

/// A TCP port that was free a moment ago; the kernel gives the same one again only after many others.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// The thread ends with the process that writes.
fn keep(pipe: impl Read + Send + 'static, log: &Log) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            log.lock().expect("no holder of this lock panics").push(line);
        }
    });
}
