//! File descriptors: how many this process may hold, how many are free, how many sessions need.
//!
//! `GLib` aborts the process when it gets no descriptor for a main loop ("Creating pipes for `GWakeup`"), so nobody is
//! admitted who could take the last ones. Reads `/proc`, which takes microseconds; any thread.

mod ffi;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What one session may take: 8 before it connects and 12 after, measured with three addresses; each further address
/// adds a socket, and two with ICE over TCP.
pub const SESSION: usize = 32;
/// Kept for live sessions: another codec, a resolver's socket, one more pad.
pub const RESERVE: usize = 64;
/// New HTTP connections are closed below this, so that idle ones cannot use up the reserve.
pub const CONNECTION_FLOOR: usize = RESERVE / 2;
/// What the server may hold without sessions: 19 measured, the rest is for idle HTTP connections.
const OWN: usize = 32;

const DIRECTORY: &str = "/proc/self/fd";

/// Raises the soft limit to the hard one; called at the start.
pub fn settle() {
    if let Some((soft, hard)) = ffi::limits()
        && soft < hard
    {
        ffi::set_soft_limit(hard, hard); // if refused, the soft limit stays, and admission counts with it
    }
}

/// How many this process may hold; `usize::MAX` without a limit.
pub fn limit() -> usize {
    ffi::limits().map_or(usize::MAX, |(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX))
}

/// How many a server with that many sessions needs.
pub fn needed(sessions: usize) -> usize {
    sessions.saturating_mul(SESSION).saturating_add(OWN + RESERVE)
}

/// How many sessions a server that may hold `limit` descriptors admits.
pub fn sessions_within(limit: usize) -> usize {
    limit.saturating_sub(OWN + RESERVE) / SESSION
}

/// Warns when the limit admits fewer sessions than the configuration does; called once, at the start.
pub fn log_shortage(sessions: usize) {
    let (limit, needed) = (limit(), needed(sessions));
    if limit < needed {
        let fit = sessions_within(limit);
        tracing::warn!(
            limit,
            needed,
            sessions,
            fit,
            "too few file descriptors for all sessions; raise `ulimit -n`"
        );
    }
}

/// How many are free; 0 where `/proc` cannot be read, since opening its directory takes a descriptor.
pub fn free() -> usize {
    limit().saturating_sub(in_use().unwrap_or(usize::MAX))
}

/// Whether one more HTTP connection may be accepted; logs each change of the answer.
pub fn take_connection() -> bool {
    static TAKING: AtomicBool = AtomicBool::new(true);
    let free = free();
    let taking = free >= CONNECTION_FLOOR;
    if TAKING.swap(taking, Relaxed) != taking {
        if taking {
            tracing::info!(free, "HTTP connections are accepted again");
        } else {
            tracing::warn!(free, limit = limit(), "HTTP connections are closed for want of file descriptors");
        }
    }
    taking
}

/// Linux 6.2 and newer report the count as the directory's size; on older kernels the entries are counted.
fn in_use() -> std::io::Result<usize> {
    match std::fs::metadata(DIRECTORY)?.len() {
        0 => Ok(std::fs::read_dir(DIRECTORY)?.count()),
        count => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn what_sessions_need_is_what_they_fit_into() {
        assert_eq!(sessions_within(needed(16)), 16);
        assert_eq!(sessions_within(needed(16) - 1), 15);
        assert_eq!(sessions_within(0), 0);
        assert_eq!(needed(usize::MAX), usize::MAX);
    }

    #[test]
    fn an_open_file_is_one_less() {
        // Other tests in this process open and close files meanwhile.
        let fewer = (0..100).any(|_| {
            let before = free();
            let files: Vec<_> = (0..50).map(|_| File::open("/dev/null").unwrap()).collect();
            let after = free();
            drop(files);
            before.checked_sub(after).is_some_and(|taken| (40..60).contains(&taken))
        });

        assert!(fewer);
    }

    #[test]
    fn both_ways_of_counting_agree() {
        // The listing holds a descriptor itself.
        let agree = (0..100).any(|_| {
            let listed = std::fs::read_dir(DIRECTORY).unwrap().count();
            in_use().unwrap().abs_diff(listed) <= 1
        });

        assert!(agree);
    }
}
