//! What a client is promised: routes, WebRTC with foreign stacks, figures, resumption, and that its words stay words.

mod aiortc;
mod api;
mod injection;
mod metrics;
mod resume;
mod webrtc;
