//! Every integration test in one binary: the support code compiles once, and nextest gives each test a process.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "../support/mod.rs"]
mod support;

mod contract;
mod faults;
mod media;
mod networks;
mod stages;
mod tools;
