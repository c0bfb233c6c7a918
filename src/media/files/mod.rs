//! Video files: read, written, and played in the place of what a peer sends.

mod file;
mod playback;

pub use file::{Keep, Reader, Writer};
pub use playback::{Over, Playback};
