//! What a person takes from a running session besides the call itself: stills, a transport stream, a shell's lines.
//!
//! Each works on what it is given and knows no session.

mod launch_line;
pub mod still;
mod ts_stream;

pub use launch_line::LaunchLine;
pub use ts_stream::{Give, TsStream};
