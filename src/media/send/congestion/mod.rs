//! Send-side congestion control: turns transport-wide feedback into the encoder's bitrate.
//!
//! Without it a narrow link freezes the video for good (measured: 45 of 361 frames at 700 kbit/s). Runs on webrtcbin's
//! RTCP thread, several times a second.

mod estimate;
mod feedback;
mod loss;
mod window;

pub use estimate::Estimate;
pub use feedback::listen;
pub use loss::by_loss;
pub use window::Packet;
