//! The parts of the tests' client that the load generator shares.

// Each user takes its own part.
#![allow(dead_code)]

#[path = "../../support/shared/mod.rs"]
mod shared;

pub use shared::{address, chain, codec, http, stamp};
