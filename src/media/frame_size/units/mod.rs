//! The sizes that access units announce, by codec. Pure: bytes of peers and of foreign files, of any kind.

mod av1;
mod bits;
pub mod h264;
mod vp8;
pub mod vp9;

/// Width and height in pixels.
pub type Size = (u32, u32);

/// A header that no encoder writes.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable;

/// What the access units of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// H.264.
    H264(h264::Framing),
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AV1, a temporal unit.
    Av1,
    /// Only the caps tell its size.
    Other,
}

impl Format {
    /// The sizes that an access unit announces; none for one without a header that has a size.
    ///
    /// # Errors
    /// A decoder might read another size than this.
    pub fn sizes(self, unit: &[u8]) -> Result<Vec<Size>, Unreadable> {
        match self {
            Self::H264(framing) => h264::sizes(unit, framing),
            Self::Vp8 => Ok(vp8::size(unit).into_iter().collect()),
            Self::Vp9 => vp9::sizes(unit),
            Self::Av1 => av1::sizes(unit),
            Self::Other => Ok(Vec::new()),
        }
    }
}
