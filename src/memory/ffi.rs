//! The calls of glibc's malloc, and one of the kernel's.
#![allow(unsafe_code)]

/// `M_ARENA_MAX` of mallopt(3).
pub fn limit_arenas(count: i32) {
    // SAFETY: mallopt takes two integers and touches nothing of ours; it is called before any thread starts.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, count);
    }
}

/// `M_MMAP_THRESHOLD` of mallopt(3), which also stops glibc from moving it.
pub fn map_from(bytes: i32) {
    // SAFETY: as above.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, bytes);
    }
}

/// `malloc_trim(3)`.
pub fn trim() {
    // SAFETY: malloc_trim is thread-safe and gives back only pages that hold no live allocation.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// `PR_SET_DUMPABLE` of prctl(2): no core dump, and `/proc/PID` and ptrace(2) are closed to all but root.
pub fn refuse_dumps() {
    // SAFETY: prctl takes integers and touches nothing of ours.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
}

/// `PR_SET_THP_DISABLE` of prctl(2), for this process and its children.
pub fn refuse_huge_pages() {
    // SAFETY: prctl takes integers and touches nothing of ours.
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }
}
