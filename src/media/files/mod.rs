//! Reads and writes video files, and plays them in place of a peer's video.

mod file;
mod playback;
mod plugging;

pub use file::{Keep, Reader, Writer};
pub use playback::{Over, Playback};
