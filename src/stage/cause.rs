//! Why a stage returns no frames: determined where it happens, and passed on unchanged to the client.
//!
//! Pure. [`Cause::sentences`] is the one table of what people read; the page has its own sentences, by `kind`.

use std::fmt;

use serde::Serialize;

/// Signals of POSIX that end a process; SIGKILL is also what the kernel sends when memory runs out.
const SIGKILL: i32 = 9;
const SIGNALS: [(i32, &str); 9] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (4, "SIGILL"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (SIGKILL, "SIGKILL"),
    (11, "SIGSEGV"),
    (15, "SIGTERM"),
];
/// Of those, the ones that a fault in native code raises.
const FAULTS: [i32; 5] = [4, 6, 7, 8, 11];

/// Why a stage is degraded, restarts or has failed. `kind` says which; the other fields depend on it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// Its process ended by itself.
    Exited {
        /// Exit status.
        code: i32,
        /// Whether it was ready for frames before.
        ready: bool,
        /// The last line of its output.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        last_line: Option<String>,
    },
    /// Its process was killed by a signal.
    Killed {
        /// Number of the signal.
        signal: i32,
        /// Whether the kernel's out-of-memory killer was active while it ran: then it probably killed this process.
        memory_ran_out: bool,
    },
    /// It did not respond within its limit.
    TimedOut {
        /// What it was doing.
        during: Activity,
        /// How long the server waited.
        seconds: f64,
    },
    /// Its process used more memory than its pipeline allows.
    OverMemoryLimit {
        /// Memory that it used, in MiB.
        used_mb: u64,
        /// The pipeline's `memory_limit_mb`.
        limit_mb: u64,
    },
    /// It ran out of memory, of the host or of its GPU.
    OutOfMemory {
        /// Its message.
        message: String,
    },
    /// The server's own code for it panicked.
    Panicked {
        /// The panic's text.
        message: String,
    },
    /// It refused to run, or to run with these parameters.
    Refused {
        /// Its message.
        message: String,
    },
    /// A dependency is missing on this host.
    NotInstalled {
        /// The kind of dependency.
        missing: Missing,
        /// Its name.
        name: String,
        /// How to install it, one sentence.
        install: String,
    },
    /// Its process violated `pipelines/python/PROTOCOL.md`.
    ProtocolFault {
        /// What was expected and what it sent.
        message: String,
    },
    /// A GStreamer element failed or ended.
    ElementFailed {
        /// The element and its message.
        message: String,
    },
    /// The system refused a process, thread or file descriptor.
    NotStarted {
        /// The system's message.
        message: String,
    },
    /// It was stopped because nobody used it.
    Stopped,
    /// It failed on one frame and continues.
    FrameFailed {
        /// Number of the frame.
        frame: u64,
        /// Its message.
        message: String,
    },
    /// It is slow on one frame.
    Slow {
        /// How long it has taken so far.
        seconds: f64,
    },
    /// It needs frames from the client and has received none.
    NoInput,
}

/// What a stage was doing when it timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Its load, until it is ready for frames.
    Loading,
    /// A frame.
    Frame,
    /// Nothing: a worker without frames answers pings.
    Idle,
    /// Reading messages from its socket.
    Receiving,
}

/// Kinds of dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// A Python module.
    Module,
    /// A shared library.
    Library,
    /// A program, such as the Python interpreter.
    Program,
    /// A file, such as a model's weights.
    File,
}

impl Cause {
    /// What people read: the sentence, and the next step.
    fn sentences(&self) -> (String, Option<&str>) {
        match self {
            Self::Exited { code, ready, last_line } => {
                let early = if *ready { "" } else { " before it was ready" };
                let last = last_line.as_ref().map(|line| format!(": {line}")).unwrap_or_default();
                (
                    format!("the worker exited with status {code}{early}{last}"),
                    Some("look at the worker's last lines in the server's log"),
                )
            }
            Self::Killed { signal, memory_ran_out } => killed(*signal, *memory_ran_out),
            Self::TimedOut { during, seconds } => timed_out(*during, *seconds),
            Self::OverMemoryLimit { used_mb, limit_mb } => (
                format!("the worker used {used_mb} MB of memory, its limit is {limit_mb} MB"),
                Some("use a smaller model or smaller frames, or raise memory_limit_mb in pipeline.toml"),
            ),
            Self::OutOfMemory { message } => (
                format!("the stage ran out of memory: {message}"),
                Some("use a smaller model or smaller frames, or end other programs that use this memory"),
            ),
            Self::Panicked { message } => (
                format!("the stage panicked: {message}"),
                Some("this is a fault in the server: report it with the server's log"),
            ),
            Self::Refused { message } => (
                format!("the stage refused to run: {message}"),
                Some("correct the pipeline or its parameters, or choose another pipeline"),
            ),
            Self::NotInstalled { missing, name, install } => (missing.sentence(name), Some(install)),
            Self::ProtocolFault { message } => (
                format!("the worker broke the protocol: {message}"),
                Some("correct the pipeline's worker; pipelines/python/PROTOCOL.md has the protocol"),
            ),
            Self::ElementFailed { message } => (
                format!("a GStreamer element failed: {message}"),
                Some("correct stage.launch; gst-launch-1.0 runs it by hand"),
            ),
            Self::NotStarted { message } => (
                format!("the system did not start the stage: {message}"),
                Some("end other sessions or raise the server's limits; scope doctor shows them"),
            ),
            Self::Stopped => ("the worker was stopped".to_owned(), None),
            Self::FrameFailed { frame, message } => (
                format!("the stage failed on frame {frame}: {message}"),
                Some("undo the last change of its parameters, or choose another pipeline"),
            ),
            Self::Slow { seconds } => (
                format!("the stage has spent {seconds:.1} s on one frame"),
                Some("wait, or use a smaller model or smaller frames"),
            ),
            Self::NoInput => (
                "this pipeline needs input frames and has received none".to_owned(),
                Some("start a camera, a screen or a file"),
            ),
        }
    }

    /// The next step for a person: one sentence; none where nothing needs to be done.
    pub fn next_step(&self) -> Option<String> {
        self.sentences().1.map(str::to_owned)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentences().0)
    }
}

fn killed(signal: i32, memory_ran_out: bool) -> (String, Option<&'static str>) {
    let name = SIGNALS.iter().find(|(number, _)| *number == signal).map(|(_, name)| format!(" ({name})"));
    let name = name.unwrap_or_default();
    match signal {
        SIGKILL if memory_ran_out => (
            format!(
                "the system killed the worker with signal {signal}{name}, probably because memory ran out"
            ),
            Some("use a smaller model or smaller frames, or give the host more memory"),
        ),
        SIGKILL => (
            format!("the worker was killed by signal {signal}{name}"),
            Some(
                "if nobody killed it, memory may have run out: look for \"Out of memory\" in the kernel's log",
            ),
        ),
        fault if FAULTS.contains(&fault) => (
            format!("the worker crashed with signal {signal}{name}"),
            Some("a native library of the pipeline crashed: look at its last lines in the server's log"),
        ),
        _ => (
            format!("the worker was killed by signal {signal}{name}"),
            Some("somebody or a service manager ended it: look at the system's log"),
        ),
    }
}

fn timed_out(during: Activity, seconds: f64) -> (String, Option<&'static str>) {
    match during {
        Activity::Loading => (
            format!("the stage was not ready after {seconds:.1} s"),
            Some("look at what it logged last; if it needs longer, raise load_limit_s in pipeline.toml"),
        ),
        Activity::Frame => (
            format!("the stage hung: one frame took longer than {seconds:.1} s"),
            Some("use a smaller model or smaller frames, or raise the frame's limit in pipeline.toml"),
        ),
        Activity::Idle => (
            format!("the worker hung: no answer to a ping within {seconds:.1} s"),
            Some("look at the worker's last lines in the server's log"),
        ),
        Activity::Receiving => (
            format!("the worker hung: it read no messages for {seconds:.1} s"),
            Some("look at the worker's last lines in the server's log"),
        ),
    }
}

impl Missing {
    fn sentence(self, name: &str) -> String {
        match self {
            Self::Module => format!("the Python module {name} is not installed"),
            Self::Library => format!("the library {name} is not installed"),
            Self::Program => format!("the program {name} is not installed"),
            Self::File => format!("the file {name} is missing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// One of each kind.
    fn all() -> Vec<Cause> {
        let message = || "planted".to_owned();
        vec![
            Cause::Exited { code: 3, ready: true, last_line: Some("out of ideas".into()) },
            Cause::Killed { signal: SIGKILL, memory_ran_out: false },
            Cause::TimedOut { during: Activity::Frame, seconds: 2.0 },
            Cause::OverMemoryLimit { used_mb: 512, limit_mb: 400 },
            Cause::OutOfMemory { message: message() },
            Cause::Panicked { message: message() },
            Cause::Refused { message: message() },
            Cause::NotInstalled {
                missing: Missing::Module,
                name: "torch".into(),
                install: "install it with `python3 -m pip install torch`".into(),
            },
            Cause::ProtocolFault { message: message() },
            Cause::ElementFailed { message: message() },
            Cause::NotStarted { message: message() },
            Cause::Stopped,
            Cause::FrameFailed { frame: 7, message: message() },
            Cause::Slow { seconds: 1.0 },
            Cause::NoInput,
        ]
    }

    #[test]
    fn each_kind_has_its_own_sentence_and_next_step() {
        let sentences: std::collections::BTreeSet<_> = all().iter().map(Cause::to_string).collect();

        assert_eq!(sentences.len(), all().len());
        for cause in all() {
            let (sentence, step) = (cause.to_string(), cause.next_step());
            assert!(!sentence.ends_with('.') && !sentence.contains('\n'), "{sentence}");
            assert_eq!(step.is_none(), cause == Cause::Stopped, "{cause:?}");
            assert!(step.is_none_or(|step| !step.ends_with('.')), "{cause:?}");
        }
    }

    #[test]
    fn on_the_wire_a_cause_is_an_object_with_its_kind() {
        let kinds: Vec<_> = all()
            .iter()
            .map(|cause| serde_json::to_value(cause).unwrap()["kind"].as_str().unwrap().to_owned())
            .collect();

        assert_eq!(
            kinds,
            [
                "exited",
                "killed",
                "timed_out",
                "over_memory_limit",
                "out_of_memory",
                "panicked",
                "refused",
                "not_installed",
                "protocol_fault",
                "element_failed",
                "not_started",
                "stopped",
                "frame_failed",
                "slow",
                "no_input",
            ]
        );
        assert_eq!(
            serde_json::to_value(Cause::TimedOut { during: Activity::Loading, seconds: 5.0 }).unwrap(),
            json!({"kind": "timed_out", "during": "loading", "seconds": 5.0})
        );
    }

    #[test]
    fn memory_is_blamed_for_a_kill_as_far_as_it_is_known() {
        let sentences = |memory_ran_out| {
            let cause = Cause::Killed { signal: SIGKILL, memory_ran_out };
            (cause.to_string(), cause.next_step().unwrap())
        };

        assert!(sentences(true).0.contains("probably because memory ran out"));
        let (sentence, step) = sentences(false);
        assert!(!sentence.contains("memory") && step.contains("memory may have run out"));
        assert!(!Cause::Killed { signal: 15, memory_ran_out: true }.to_string().contains("memory"));
    }
}
