//! What a client is promised: who may do what, routes, WebRTC with foreign stacks, figures, usage records, resumption, updates, and that its words stay words.

mod access;
mod aiortc;
mod api;
mod connections;
mod injection;
mod log;
mod metrics;
mod resume;
mod steering;
mod tls;
mod usage;
mod web;
mod webrtc;
