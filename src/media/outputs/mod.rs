//! Outputs of a running session besides the call: stills, a transport stream, launch lines.
//!
//! Knows no session: each works on the pad or the rows that it is given.

mod launch_line;
pub mod still;
mod ts_stream;

pub use launch_line::LaunchLine;
pub use ts_stream::{Give, TsStream};
