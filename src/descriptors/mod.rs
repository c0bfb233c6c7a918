//! File descriptors: how many this process may hold, and how many are free.
//!
//! `GLib` aborts the process where it gets no descriptor for a main loop ("Creating pipes for `GWakeup`"), so that
//! nobody is let in who could take the last ones. Reads `/proc`, some microseconds; any thread.

mod ffi;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What one session may take: 8 before it connects and 12 after, measured with three addresses; each address more is a
/// socket more, and two with ICE over TCP.
pub const SESSION: usize = 32;
/// Kept for the sessions that live: another codec, a resolver's socket, a pad more.
pub const RESERVE: usize = 64;
/// New HTTP connections are closed below this, so that idle ones cannot use the reserve up.
pub const CONNECTION_FLOOR: usize = RESERVE / 2;

const DIRECTORY: &str = "/proc/self/fd";

/// Raises the soft limit to the hard one; called at the start.
pub fn settle() {
    if let Some((soft, hard)) = ffi::limits()
        && soft < hard
    {
        ffi::set_soft_limit(hard, hard); // refused, the soft limit stays, and admission counts with it
    }
}

/// How many this process may hold; `usize::MAX` without a limit.
pub fn limit() -> usize {
    ffi::limits().map_or(usize::MAX, |(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX))
}

/// How many are free. Where `/proc` cannot be read none is: then its directory could not be opened for want of one.
pub fn free() -> usize {
    limit().saturating_sub(in_use().unwrap_or(usize::MAX))
}

/// Whether one more HTTP connection may be held; says so in the log when that changes.
pub fn take_connection() -> bool {
    static TAKING: AtomicBool = AtomicBool::new(true);
    let free = free();
    let taking = free >= CONNECTION_FLOOR;
    if TAKING.swap(taking, Relaxed) != taking {
        if taking {
            tracing::info!(free, "HTTP connections are taken again");
        } else {
            tracing::warn!(free, limit = limit(), "HTTP connections are closed for want of file descriptors");
        }
    }
    taking
}

/// Linux from 6.2 on says the count as the directory's size; before, its entries are counted.
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
    fn an_open_file_is_one_less() {
        // Other tests of this process open and close files meanwhile.
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
        // The listing itself is one more.
        let agree = (0..100).any(|_| {
            let listed = std::fs::read_dir(DIRECTORY).unwrap().count();
            in_use().unwrap().abs_diff(listed) <= 1
        });

        assert!(agree);
    }
}
