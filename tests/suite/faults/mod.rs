//! What goes wrong, on purpose: it ends in a defined state, is said, and leaves nothing behind.

mod files;
mod floods;
mod frame_size;
mod host;
mod leaks;
mod media;
mod recordings;
mod sessions;
