//! What no running server shows: its document without a server, a handler that hangs or panics, the moment of draining.

mod document;
mod limits;
