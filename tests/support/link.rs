//! A network link with delay, loss, a rate and reordering, between two network namespaces: `link.py` as a child.

use std::ffi::OsStr;
use std::io::{BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::wait_until;

/// `link.py` removes two namespaces by two runs of `ip`.
const END_LIMIT: Duration = Duration::from_secs(10);
/// The exit code of `link.py` where the machine has no namespaces for us.
const EX_NOPERM: i32 = 77;

/// One link at a time in a process: a neighbour that encodes video would be measured too.
static ALONE: Mutex<()> = Mutex::new(());

/// A running link; removed with its namespaces when dropped.
pub struct Link {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    ready: Value,
    _alone: MutexGuard<'static, ()>,
}

impl Link {
    /// Starts a link with the settings that `link.py` takes. `None`, with a line that says so: not on this machine.
    ///
    /// # Panics
    /// Where `link.py` ends for any other reason than a machine without namespaces.
    #[track_caller]
    pub fn spawn(settings: &Value) -> Option<Link> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/link.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed (make deps)");
        let commands = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let Some(ready) = line(&mut answers) else {
            let status = child.wait().expect("an own child can be waited for");
            assert_eq!(status.code(), Some(EX_NOPERM), "link.py failed");
            println!("skip: no network namespaces");
            return None;
        };
        Some(Link { child, commands, answers, ready: ready["ready"].clone(), _alone: alone })
    }

    /// Changes the settings from here on, e.g. `{"down": {"rate_kbps": 400}}`.
    #[track_caller]
    pub fn set(&mut self, settings: &Value) {
        self.command(settings);
    }

    /// What became of the packets of each direction so far.
    #[track_caller]
    pub fn stats(&mut self) -> Value {
        self.command(&json!({"stats": true}));
        // A refusal of a line before this one stands first.
        let answer = line(&mut self.answers).expect("link.py runs");
        assert!(answer["stats"].is_object(), "link.py refuses: {answer}");
        answer["stats"].clone()
    }

    /// The address of the server's end.
    pub fn server_address(&self) -> &str {
        self.ready["server"]["address"].as_str().expect("link.py says its address")
    }

    /// A command that runs at the server's end.
    pub fn server_command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_in("server", program.as_ref())
    }

    /// A command that runs at the client's end.
    pub fn client_command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_in("client", program.as_ref())
    }

    // `ip netns exec` becomes the program: it has the child's id.
    fn command_in(&self, end: &str, program: &OsStr) -> Command {
        let namespace = self.ready[end]["namespace"].as_str().expect("link.py says its namespaces");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program);
        command
    }

    #[track_caller]
    fn command(&mut self, command: &Value) {
        let commands = self.commands.as_mut().expect("it is there until the drop");
        writeln!(commands, "{command}").expect("link.py runs");
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.commands.take();
        let child = &mut self.child;
        if !wait_until(|| !matches!(child.try_wait(), Ok(None)), END_LIMIT) {
            child.kill().ok(); // it may have ended
            child.wait().ok(); // likewise
        }
    }
}

fn line(from: &mut impl std::io::BufRead) -> Option<Value> {
    let mut text = String::new();
    from.read_line(&mut text).ok().filter(|length| *length > 0)?;
    Some(serde_json::from_str(&text).expect("link.py prints JSON"))
}
