//! The two calls for a process's limit of file descriptors.
#![allow(unsafe_code)]

/// `RLIMIT_NOFILE` of getrlimit(2): the soft limit and the hard one.
pub fn limits() -> Option<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit writes one rlimit to the address of a live one.
    let done = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    (done == 0).then_some((limit.rlim_cur, limit.rlim_max))
}

/// Sets the soft limit, below the hard one; gives whether the system took it.
pub fn set_soft_limit(soft: u64, hard: u64) -> bool {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: setrlimit reads one rlimit and keeps no address of it.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0 }
}
