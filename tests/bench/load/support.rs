//! The parts of the tests' client that the load generator shares.

// Each user takes its own part.
#![allow(dead_code)]

#[path = "../../support/address.rs"]
pub mod address;
#[path = "../../support/chain.rs"]
pub mod chain;
#[path = "../../support/codec.rs"]
pub mod codec;
#[path = "../../support/http.rs"]
pub mod http;
#[path = "../../support/stamp.rs"]
pub mod stamp;
