//! One worker's process: started in a group of its own, tied to the thread that starts it, killed and reaped with its group.

use std::{
    io::{ErrorKind, PipeReader, Read},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, Stdio},
};

use rustix::{
    fs::{OFlags, fcntl_setfl},
    process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid},
};

use super::{
    counters::Counters,
    diagnosis::{self, Ending},
    environment, ffi, protocol,
    sandbox::{Sandbox, Scratch},
    settings::Settings,
};
use crate::stage::Cause;

/// Of a worker: when memory runs out, the kernel should choose the model, not the server (proc(5): -1000 to 1000).
const OOM_SCORE: &str = "500";

/// A process that runs, or has ended and is not reaped yet.
pub struct Process {
    child: Child,
    pid: Pid,
    ended: OwnedFd,
    output: PipeReader,
    /// Removed with the process.
    _scratch: Option<Scratch>,
}

impl Process {
    /// Starts the worker; the calling thread has to outlive it.
    ///
    /// # Errors
    /// The system's refusal, or the missing interpreter.
    pub fn start(settings: &Settings, socket: OwnedFd) -> Result<Self, Cause> {
        let refused = |error: std::io::Error| diagnosis::of_start(&error, &settings.interpreter);
        let (output, input) = std::io::pipe().map_err(refused)?;
        fcntl_setfl(&output, OFlags::NONBLOCK).map_err(|error| refused(error.into()))?;
        let mut command = Command::new(&settings.interpreter);
        command.arg(&settings.entry).current_dir(&settings.folder).process_group(0);
        command.stdin(Stdio::null()).stdout(input.try_clone().map_err(refused)?).stderr(input);
        command.env_clear().envs(environment::inherited(std::env::vars_os(), &settings.inherit));
        command.envs(settings.env.iter().cloned());
        command.env("PYTHONUNBUFFERED", "1").env("SCOPE_PIPELINE", &settings.id);
        command.env("SCOPE_PROTOCOL", protocol::VERSION.to_string());
        command.env("SCOPE_SOCKET", socket.as_raw_fd().to_string());
        let sandbox = settings.sandbox.then(|| Sandbox::new(settings)).transpose().map_err(refused)?;
        let (rules, scratch) = sandbox.map(|sandbox| (sandbox.rules, sandbox.scratch)).unzip();
        if let Some(scratch) = &scratch {
            command.env("TMPDIR", scratch.path()).env("HF_HUB_OFFLINE", "1");
        }
        ffi::confine(&mut command, socket.as_raw_fd(), rules);
        let mut child = command.spawn().map_err(refused)?;
        drop(socket); // so that only the worker holds it and its end is noticed
        let pid = Pid::from_child(&child);
        let ended = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| {
            kill_process_group(pid, Signal::KILL).ok(); // it may have ended
            child.wait().ok(); // likewise
            refused(error.into())
        })?;
        Counters::count(&settings.counters.started);
        // If refused, the kernel chooses by its defaults.
        std::fs::write(format!("/proc/{pid}/oom_score_adj", pid = child.id()), OOM_SCORE).ok();
        Ok(Self { child, pid, ended, output, _scratch: scratch })
    }

    /// Readable when the process has ended.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    /// Readable when it has written.
    pub fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Reads its output without waiting; `None` once no process can write any more.
    pub fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.output.read(buffer) {
            Ok(0) => None,
            Ok(length) => Some(length),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Some(0),
            Err(_) => None,
        }
    }

    /// Unshared memory of the process, in RAM and swap, in bytes.
    pub fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some((kilobytes("RssAnon:")? + kilobytes("VmSwap:").unwrap_or(0)) << 10)
    }

    /// How it ended by itself; `None` while it runs. Leaves it to be reaped, so that its number stays the group's.
    pub fn ending(&self) -> Option<Ending> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.pid), options).ok().flatten()?;
        let exited = status.exit_status().map(Ending::Exited);
        exited.or_else(|| status.terminating_signal().map(Ending::Killed))
    }

    /// Kills the group. The number stays the group's until its leader is reaped.
    pub fn kill(&self) {
        kill_process_group(self.pid, Signal::KILL).ok(); // nobody is left in it
    }

    /// Waits for the end of a killed process.
    pub fn reap(mut self, counters: &Counters) {
        self.child.wait().ok(); // nobody else waits for it
        Counters::count(&counters.reaped);
    }
}
