//! What the system grants: file descriptors, threads, memory, the clock. Blocks briefly.

use std::time::SystemTime;

use super::finding::Finding;
use crate::{
    config::Config,
    descriptors, stage,
    system::{
        self,
        threads::{self, Room},
    },
};

const MEGABYTE: u64 = 1 << 20;
/// The server without sessions takes 90 MB.
const OWN_MEMORY: u64 = 100 * MEGABYTE;
/// A VP8 decoder and encoder at 1280x720: 78 MB measured with a second encoder.
const MEMORY_PER_SESSION: u64 = 50 * MEGABYTE;
/// The version of Landlock with `LANDLOCK_SCOPE_SIGNAL`.
const SIGNALS_SINCE: u32 = 6;
/// Docker's default; `PyTorch`'s workers pass tensors through it.
const SHARED_MEMORY: u64 = 64 * MEGABYTE;

/// File descriptors, threads, memory, shared memory, the clock.
pub fn check(config: &Config) -> Vec<Finding> {
    descriptors::settle(); // as the server does at its start
    let mut findings = vec![file_descriptors(descriptors::limit(), config.session.sessions)];
    findings.push(threads(Room::read(), config.session.sessions));
    let sessions = u64::try_from(config.session.sessions).unwrap_or(u64::MAX);
    match system::System::new() {
        Ok(system) => {
            let memory = system.snapshot().memory;
            findings.push(match memory.limit_bytes {
                Some(limit) => enough_memory("this container may use", limit, sessions),
                None => enough_memory("this host has", memory.total_bytes, sessions),
            });
        }
        Err(error) => {
            let advice = "check that /proc is mounted";
            findings.push(Finding::warn("memory", format!("unknown: {error}"), advice));
        }
    }
    let secrets = config.warnings.iter();
    findings.extend(secrets.map(|warning| Finding::warn("secrets", &warning.found, &warning.advice)));
    findings.push(shared_memory());
    findings.push(sandbox(stage::python::landlock_version()));
    findings.push(clock());
    findings
}

fn file_descriptors(limit: usize, sessions: usize) -> Finding {
    const NAME: &str = "file descriptors";
    let needed = descriptors::needed(sessions);
    if limit == usize::MAX {
        return Finding::ok(NAME, "no limit");
    }
    if limit >= needed {
        return Finding::ok(NAME, format!("{limit}; {sessions} sessions need {needed}"));
    }
    let fit = descriptors::sessions_within(limit);
    let found = format!("{limit} file descriptors are enough for {fit} of {sessions} sessions");
    let advice =
        format!("ulimit -n {needed} (LimitNOFILE= in systemd), or SCOPE_MAX_SESSIONS={}", fit.max(1));
    Finding::warn(NAME, found, advice)
}

/// The server's own threads: 7 measured on two cores, and as many again for blocking work; one more for each core.
const OWN_THREADS: usize = 40;

fn threads(room: Room, sessions: usize) -> Finding {
    const NAME: &str = "threads";
    let needed = threads::needed(sessions).saturating_add(OWN_THREADS);
    let Room { free, limit } = room;
    if free == usize::MAX {
        return Finding::ok(NAME, "no limit");
    }
    if free >= needed {
        return Finding::ok(
            NAME,
            format!("{free} more may be started ({limit}); {sessions} sessions need {needed}"),
        );
    }
    let fit = Room { free: free.saturating_sub(OWN_THREADS), limit }.sessions();
    let found =
        format!("{free} more threads may be started ({limit}), enough for {fit} of {sessions} sessions");
    let advice = format!(
        "allow {needed} more (ulimit -u, TasksMax= in systemd, docker run --pids-limit), or SCOPE_MAX_SESSIONS={}",
        fit.max(1)
    );
    Finding::warn(NAME, found, advice)
}

fn enough_memory(place: &str, bytes: u64, sessions: u64) -> Finding {
    let needed = OWN_MEMORY.saturating_add(sessions.saturating_mul(MEMORY_PER_SESSION));
    let (has, wants) = (bytes / MEGABYTE, needed / MEGABYTE);
    let found = format!("{place} {has} MB; {sessions} sessions of 1280x720 need up to {wants} MB");
    if bytes >= needed {
        return Finding::ok("memory", found);
    }
    let fit = bytes.saturating_sub(OWN_MEMORY) / MEMORY_PER_SESSION;
    Finding::warn("memory", found, format!("give it more memory, or set SCOPE_MAX_SESSIONS={}", fit.max(1)))
}

fn shared_memory() -> Finding {
    let found = rustix::fs::statvfs("/dev/shm").ok();
    let Some(stat) = found else {
        let advice = "mount a tmpfs there; multi-process Python models need it";
        return Finding::warn("shared memory", "there is no /dev/shm", advice);
    };
    let bytes = stat.f_blocks.saturating_mul(stat.f_frsize);
    let found = format!("/dev/shm has {} MB", bytes / MEGABYTE);
    if bytes < SHARED_MEMORY {
        let advice = "docker run --shm-size 1g; multi-process Python models need it";
        return Finding::warn("shared memory", found, advice);
    }
    Finding::ok("shared memory", found)
}

/// What the sandbox of Python pipelines is made of.
fn sandbox(version: Option<u32>) -> Finding {
    const NAME: &str = "sandbox";
    match version {
        Some(version) if version >= SIGNALS_SINCE => {
            Finding::ok(NAME, format!("the kernel has Landlock {version}"))
        }
        Some(version) => Finding::ok(
            NAME,
            format!(
                "the kernel has Landlock {version}; from {SIGNALS_SINCE} (Linux 6.12) on it bounds signals as well"
            ),
        ),
        None => Finding::warn(
            NAME,
            "the kernel has no Landlock: pipelines with sandbox = true are refused",
            "boot Linux 5.13 or newer with landlock among lsm=, or run the server in a virtual machine of its own",
        ),
    }
}

/// A clock before the program's own build makes certificates and TURN credentials invalid.
fn clock() -> Finding {
    let built = std::env::current_exe().and_then(std::fs::metadata).and_then(|file| file.modified());
    let now = jiff::Timestamp::now().strftime("%F %T UTC").to_string();
    match built {
        Ok(built) if built > SystemTime::now() => Finding::fail(
            "clock",
            format!("{now}, which is before this program was installed"),
            "set the clock (timedatectl set-ntp true): certificates and TURN credentials depend on it",
        ),
        _ => Finding::ok("clock", now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Status;

    #[test]
    fn few_descriptors_say_how_many_sessions_fit() {
        let finding = file_descriptors(256, 16);

        assert_eq!(finding.status, Status::Warn);
        assert!(finding.found.contains("5 of 16 sessions"), "{}", finding.found);
        assert!(finding.advice.unwrap().contains("608"));
        assert_eq!(file_descriptors(1024, 16).status, Status::Ok);
        assert_eq!(file_descriptors(usize::MAX, usize::MAX).status, Status::Ok);
    }

    #[test]
    fn few_threads_say_how_many_sessions_fit_and_what_limits_them() {
        let finding = threads(Room { free: 310, limit: "pids.max" }, 16);

        assert_eq!(finding.status, Status::Warn);
        assert!(finding.found.contains("5 of 16 sessions") && finding.found.contains("pids.max"));
        assert!(finding.advice.unwrap().contains("allow 744 more"));
        assert_eq!(threads(Room { free: 744, limit: "pids.max" }, 16).status, Status::Ok);
        assert_eq!(threads(Room { free: usize::MAX, limit: "nothing" }, 16).status, Status::Ok);
    }

    #[test]
    fn little_memory_says_how_many_sessions_fit() {
        let finding = enough_memory("this container may use", 512 * MEGABYTE, 16);

        assert_eq!(finding.status, Status::Warn);
        assert!(finding.advice.unwrap().contains("SCOPE_MAX_SESSIONS=8"));
        assert_eq!(enough_memory("", 1024 * MEGABYTE, 16).status, Status::Ok);
    }
}
