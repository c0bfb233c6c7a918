//! What goes wrong, on purpose: it ends in a defined state, is said, and leaves nothing behind.

mod host;
mod leaks;
mod media;
mod recordings;
mod sessions;
