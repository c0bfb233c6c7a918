//! What the process keeps of the system's memory: glibc's allocator, and the size of pages.
//!
//! A session has some twenty threads; with an arena for each pair of them glibc keeps what a session used for
//! good (measured: 1.6 MB a session over 25 sessions; with two arenas and a trim after each, under 0.1 MB).

mod ffi;

/// Allocations from here on, in bytes, have a mapping each, which ends with them: pictures and codecs' buffers. glibc
/// raises its own limit to the largest that was ever freed, up to 32 MB, and then keeps them among the small ones
/// (measured: three H.264 sessions at 1280x720 on an overloaded core, median of 4 runs, 116 MB in place of 134).
const MAPPED: i32 = 256 << 10;

/// How the kernel gives out transparent huge pages (Documentation/admin-guide/mm/transhuge.rst).
const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// Bounds the arenas, maps large allocations and refuses huge pages; called before the first thread starts.
///
/// Where the kernel gives huge pages to whom asks, x264 alone does, for each plane: 2 MB a session more at 640x480 and
/// 4 MB at 1280x720, and no less CPU. Where it gives them to all it stays so: a model's weights gain by them.
pub fn settle() {
    ffi::limit_arenas(2);
    ffi::map_from(MAPPED);
    if std::fs::read_to_string(HUGE_PAGES).is_ok_and(|modes| modes.contains("[madvise]")) {
        ffi::refuse_huge_pages();
    }
}

/// Gives free pages back to the system; called when the start or a session is over. Takes some milliseconds.
pub fn trim() {
    ffi::trim();
}
