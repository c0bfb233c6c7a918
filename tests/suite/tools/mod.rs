//! The command line, and the tests of the tests: architecture, skips, the foreign client.

mod architecture;
mod client_selftest;
mod doctor;
mod documents;
mod pipelines;
mod skips;
mod words;
