//! A toolbox on GStreamer: start it, build graphs from text, wait for states, turn frames into buffers and back.
//!
//! Knows no session, no codec and no network. What blocks says so.

pub mod convert;
pub mod events;
pub mod init;
pub mod launch;
pub mod state;
pub mod time;
