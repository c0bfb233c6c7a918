//! What the process keeps of the system's memory: glibc's allocator.
//!
//! A session has some twenty threads; with an arena for each pair of them glibc keeps what a session used for
//! good (measured: 1.6 MB a session over 25 sessions; with two arenas and a trim after each, under 0.1 MB).

mod ffi;

/// Allocations from here on, in bytes, have a mapping each, which ends with them: pictures and codecs' buffers. glibc
/// raises its own limit to the largest that was ever freed, up to 32 MB, and then keeps them among the small ones
/// (measured: three H.264 sessions at 1280x720 on an overloaded core, median of 4 runs, 116 MB in place of 134).
const MAPPED: i32 = 256 << 10;

/// Bounds the arenas and maps large allocations; called before the first thread starts.
pub fn settle() {
    ffi::limit_arenas(2);
    ffi::map_from(MAPPED);
}

/// Gives free pages back to the system; called when the start or a session is over. Takes some milliseconds.
pub fn trim() {
    ffi::trim();
}
