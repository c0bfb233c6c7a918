//! The process's memory: how much of it is kept (glibc's allocator, the size of pages), and who else may read it.
//!
//! A session has about twenty threads; with an arena for each pair of them glibc keeps what a session used for good
//! (measured: 1.6 MB per session over 25 sessions; with two arenas and a trim after each, under 0.1 MB).

mod ffi;

/// Allocations of at least this many bytes get a mapping each, which is released with them: frames and codecs' buffers.
/// glibc raises its own limit to the largest allocation ever freed, up to 32 MB, and then keeps them among the small ones
/// (measured: three H.264 sessions at 1280x720 on an overloaded core, median of 4 runs, 116 MB instead of 134).
const MAPPED: i32 = 256 << 10;

/// How the kernel hands out transparent huge pages (Documentation/admin-guide/mm/transhuge.rst).
const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// Bounds the arenas, maps large allocations and refuses huge pages; called before the first thread starts.
///
/// Where the kernel gives huge pages on request, only x264 requests them, for each plane: 2 MB more per session at
/// 640x480, 4 MB at 1280x720, and no less CPU. Where it gives them to everything, that stays: a model's weights gain.
pub fn settle() {
    ffi::limit_arenas(2);
    ffi::map_from(MAPPED);
    if std::fs::read_to_string(HUGE_PAGES).is_ok_and(|modes| modes.contains("[madvise]")) {
        ffi::refuse_huge_pages();
    }
}

/// Closes the memory and the environment, which hold video, keys and passwords, to core dumps and to other processes of
/// the same user, such as the workers of pipelines; called before they start.
pub fn hide() {
    ffi::refuse_dumps();
}

/// Returns free pages to the system; called after the start and after each session. Takes some milliseconds.
pub fn trim() {
    ffi::trim();
}
