//! Every integration test in one binary: the support code compiles once, and nextest gives each test a process.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "../support/mod.rs"]
mod support;

mod aiortc;
mod api;
mod architecture;
mod client_selftest;
mod codecs;
mod decoder;
mod doctor;
mod encoder;
mod faults;
mod faults_host;
mod faults_media;
mod fragments;
mod headless;
mod injection;
mod launch;
mod leaks;
mod looks;
mod metrics;
mod networks;
mod offline;
mod onnx;
mod pipelines;
mod pipelines_cli;
mod python;
mod python_shipped;
mod recordings;
mod recordings_faults;
mod resume;
mod skips;
mod sources;
mod webrtc;
