//! GStreamer toolbox: starts it, builds graphs from text, waits for states, converts frames to buffers and back.
//!
//! Knows no session, codec or network. Functions that block say so.

pub mod convert;
pub mod events;
pub mod init;
pub mod launch;
pub mod state;
pub mod time;
