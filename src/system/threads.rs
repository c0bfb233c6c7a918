//! Threads: how many more this process may start, and how many sessions need.
//!
//! `GLib` aborts the process when it gets no thread ("Error creating thread"), so nobody is admitted who could take the last
//! ones. Reads `/proc` and control groups: microseconds, but some milliseconds where the limit of a user applies, whose
//! threads are counted process by process; for a blocking thread.

use std::{fs::read_to_string, path::Path};

use rustix::process::{Resource, geteuid, getrlimit, getuid};

use super::cgroup;

/// What one session may take: 18 with audio and a data channel, measured; the rest is for a second decoder and encoder
/// while one is replaced, a file as its source and a recording.
pub const SESSION: usize = 40;
/// Kept for live sessions, for blocking work and for workers of pipelines.
pub const RESERVE: usize = 64;

/// How many more threads there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// `usize::MAX` without a limit.
    pub free: usize,
    /// What limits them.
    pub limit: &'static str,
}

impl Room {
    /// The tightest limit. Blocks for some milliseconds.
    pub fn read() -> Self {
        let root = Path::new("/");
        let limits = [
            ("pids.max of the control group", cgroup::pids_left(root)),
            ("kernel.threads-max or kernel.pid_max", kernel_left(root)),
            ("ulimit -u", user_left(root)),
        ];
        let known = limits
            .into_iter()
            .filter_map(|(limit, left)| Some(Self { free: usize::try_from(left?).ok()?, limit }));
        known.min_by_key(|room| room.free).unwrap_or(Self { free: usize::MAX, limit: "nothing" })
    }

    /// How many sessions fit beside those that run.
    pub fn sessions(self) -> usize {
        self.free.saturating_sub(RESERVE) / SESSION
    }
}

/// How many threads have to be free for that many sessions.
pub fn needed(sessions: usize) -> usize {
    sessions.saturating_mul(SESSION).saturating_add(RESERVE)
}

/// What the kernel has left for the whole host.
fn kernel_left(root: &Path) -> Option<u64> {
    let number = |file: &str| read_to_string(root.join(file)).ok()?.trim().parse::<u64>().ok();
    let limits = ["proc/sys/kernel/threads-max", "proc/sys/kernel/pid_max"];
    let limit = limits.into_iter().filter_map(number).min()?;
    // proc(5): the fourth field is runnable and all scheduling entities, which are threads.
    let load = read_to_string(root.join("proc/loadavg")).ok()?;
    let all = load.split_whitespace().nth(3)?.split_once('/')?.1.parse::<u64>().ok()?;
    Some(limit.saturating_sub(all))
}

/// What `RLIMIT_NPROC` leaves to the user, whose every thread counts; it does not apply to root (setrlimit(2)).
fn user_left(root: &Path) -> Option<u64> {
    let limit = getrlimit(Resource::Nproc).current.filter(|_| !geteuid().is_root())?;
    let user = getuid().as_raw().to_string();
    let processes = std::fs::read_dir(root.join("proc")).ok()?.flatten();
    let threads = processes
        .filter_map(|process| threads_of(&read_to_string(process.path().join("status")).ok()?, &user));
    Some(limit.saturating_sub(threads.sum()))
}

/// The threads of a process of that user, from its status (proc(5)).
fn threads_of(status: &str, user: &str) -> Option<u64> {
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    field("Threads:")?.parse().ok().filter(|_| field("Uid:") == Some(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sessions_need_is_what_they_fit_into() {
        let room = |free| Room { free, limit: "a test" };

        assert_eq!(room(needed(16)).sessions(), 16);
        assert_eq!(room(needed(16) - 1).sessions(), 15);
        assert_eq!(room(0).sessions(), 0);
    }

    #[test]
    fn the_threads_of_a_user_are_counted_by_the_real_one() {
        let status = "Name:\tscope\nUid:\t1000\t0\t0\t0\nThreads:\t27\n";

        assert_eq!((threads_of(status, "1000"), threads_of(status, "0")), (Some(27), None));
    }

    #[test]
    fn this_host_has_room_for_a_thread() {
        assert!(Room::read().free > 0);
        assert!(kernel_left(Path::new("/")).is_some_and(|left| left > 0));
    }
}
