//! Scope: a real-time AI video server.
//!
//! A browser sends its camera over WebRTC; the server decodes it, hands every frame to a *pipeline*, encodes the result
//! and sends it back on the same connection.
//!
//! [`api`] speaks HTTP, [`session`] owns one viewer's life, [`media`] is GStreamer, [`stage`] runs pipelines, [`frame`]
//! is what media and stage pass to each other, [`access`] says who may do what. All else is a leaf, but [`config`], which holds the settings of each part,
//! [`app`], which alone wires them, and [`command`], which is what a person types.
//!
//! `docs/architecture.md` has who may use whom, the way of a frame, a parameter, an offer and an error through the files,
//! and the threads.

pub mod access;
pub mod api;
pub mod app;
pub mod command;
pub mod config;
pub mod descriptors;
pub mod frame;
pub mod limits;
pub mod media;
pub mod memory;
pub mod metrics;
pub mod recordings;
pub mod session;
pub mod shutdown;
pub mod signalling;
pub mod stage;
pub mod state_dir;
pub mod system;
pub mod telemetry;
pub mod tls;
pub mod turn;
