//! Scope: a real-time AI video server. This page is its architecture.
//!
//! A browser sends its camera over WebRTC; the server decodes it, hands every frame to a *pipeline*, encodes
//! the result and sends it back on the same connection.
//!
//! # Five words
//! [`api`] speaks HTTP, [`session`] owns one viewer's life, [`media`] is GStreamer, [`stage`] is the ML side,
//! [`frame`] is what media and stage pass to each other. All else is a leaf; [`app`] alone wires them, and
//! [`command`] is what a person types.
//! ```text
//! browser ──HTTP──▶ api ──▶ session ──▶ media ◀══ Slot ══▶ stage      ─▶ may call   ══ frames   ◀┈ events
//!    ▲                         ▲┈┈┈┈┈┈┈┈┈┈│
//!    └───────── RTP, data channel ────────┘
//! ```
//!
//! # A frame's way
//! 1. UDP → webrtcbin (ICE, DTLS, SRTP, jitter buffer), on GStreamer's threads.
//! 2. A new stream → row of the codec table → `decode/….launch` as a Bin. Until the peer's certificate is the
//!    one in its offer, nothing passes.
//! 3. `media/receive/inlet.rs` wraps the decoder's buffer as a [`frame::Frame`], without a copy, into the input slot.
//! 4. The stage's thread takes the newest and works on it. A stage is built beside the one that runs, and one that
//!    hangs loses its turn to another thread.
//! 5. `media/send/outlet.rs`: the encoder's thread takes the newest of the output slot and keeps the input's
//!    presentation time.
//! 6. `encode/….launch` → webrtcbin → UDP, at the bitrate that congestion control grants.
//!
//! `media/graph/probes.rs` lists all that touches a packet or a frame on this way.
//!
//! Both slots hold one frame and the newest wins: a slow stage lowers the frame rate and never grows the delay.
//!
//! # A request's way
//! `POST /api/v1/webrtc/offer` → [`signalling::Offer::parse`] → [`session::Registry::create`] (a permit, else
//! 503) → a task of its own → [`media::Engine::open`] on a blocking thread → the answer.
//!
//! # Who may use whom
//! | module | may use |
//! |---|---|
//! | app, main | everything; they hold no logic |
//! | command | app, config, media, session, stage, leaves |
//! | config | api, media, session, stage, whose settings it holds, leaves |
//! | api | session, stage (catalog and parameters), leaves |
//! | session | media, stage, leaves |
//! | media | leaves; it alone imports `gstreamer*` |
//! | stage | leaves |
//! | leaves: descriptors, frame, memory, metrics, recordings, shutdown, signalling, system, telemetry, tls, turn | nothing of ours |
//!
//! There is no circle among them. `tests/suite/tools/architecture.rs` holds the table.

pub mod api;
pub mod app;
pub mod command;
pub mod config;
pub mod descriptors;
pub mod frame;
pub mod media;
pub mod memory;
pub mod metrics;
pub mod recordings;
pub mod session;
pub mod shutdown;
pub mod signalling;
pub mod stage;
pub mod system;
pub mod telemetry;
pub mod tls;
pub mod turn;
