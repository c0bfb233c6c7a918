//! Refuses video whose frames are too large, before a decoder takes memory for them: a key frame of a kilobyte can
//! announce 16,383 x 16,383 pixels.
//!
//! Runs on streaming threads, once per access unit: reads headers, and copies nothing but H.264's parameter sets.
//! What a decoder reads and a parser here does not is dropped as unreadable; should a decoder yield a larger frame all
//! the same, its caps end the stream.

#[cfg(test)]
mod tests;
mod units;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gst::prelude::*;

use self::units::{Format, Unreadable, h264};
pub use self::units::{Size, vp9};
use crate::{
    frame::MaxFrame,
    limits,
    media::{
        graph::probes::{DECODED_SIZE, FRAME_INDEX, FRAME_SIZE, Probe, STREAM_SIZE},
        gst::events,
    },
};

/// How long a peer may send frames that are too large: a damaged one looks like it, and one that was told of a smaller
/// camera goes on for a while.
pub const PEERS_PATIENCE: Duration = Duration::from_secs(3);
/// Between two requests for a key frame in the place of one that was dropped: a round trip and an encoder's time.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Keeps `decoder` from frames over `max`. It gets none of them, and asks for a key frame in their place; where there are
/// such frames alone for as long as `patience`, it gets nothing any more, and `refuse` gets their size.
pub fn limit(
    decoder: &gst::Element,
    max: MaxFrame,
    patience: Duration,
    refuse: impl Fn(Size) + Send + Sync + 'static,
) {
    let (Some(input), Some(output)) = (decoder.static_pad("sink"), decoder.static_pad("src")) else { return };
    let refuse = Box::new(refuse);
    let state = Mutex::new(State { format: Format::Other, passes: Passes::All });
    let gate = Arc::new(Gate { max, patience, input: input.downgrade(), state, refuse });
    let stream = gate.clone();
    STREAM_SIZE.downstream(&input, move |_, event| Probe::pass_if(stream.passes_stream(event)));
    let units = gate.clone();
    FRAME_SIZE.keep(&input, move |unit| units.passes_unit(unit));
    DECODED_SIZE.downstream(&output, move |_, event| Probe::pass_if(gate.passes_decoded(event)));
}

/// Makes libvpx decode no more of a VP9 access unit than the frames whose headers [`limit`] reads.
pub fn seal(decoder: &gst::Element) {
    let is_libvpx = decoder.factory().is_some_and(|factory| factory.name() == "vp9dec");
    let Some(input) = decoder.static_pad("sink").filter(|_| is_libvpx) else { return };
    FRAME_INDEX.keep(&input, |unit| {
        let Ok(index) = unit.map_readable().map(|unit| vp9::index_of_one(&unit)) else { return false };
        if let Some(index) = index {
            unit.make_mut().append_memory(gst::Memory::from_slice(index));
        }
        true
    });
}

/// The gate of one decoder.
struct Gate {
    max: MaxFrame,
    patience: Duration,
    input: gst::glib::WeakRef<gst::Pad>,
    state: Mutex<State>,
    refuse: Box<dyn Fn(Size) + Send + Sync>,
}

struct State {
    format: Format,
    passes: Passes,
}

/// Which units the decoder gets.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Passes {
    All,
    /// One was dropped: all that can be read, while a key frame is asked for.
    Readable {
        asked: Instant,
    },
    /// One was too large: a key frame within the limit, and what follows it.
    KeyFrame {
        asked: Instant,
        since: Instant,
    },
    /// Too many were too large.
    Nothing,
}

impl Gate {
    /// The stream's caps: their size, and for H.264 with lengths the parameter sets.
    fn passes_stream(&self, event: &gst::EventRef) -> bool {
        let gst::EventView::Caps(event) = event.view() else { return true };
        let Some(structure) = event.caps().structure(0) else { return true };
        let Ok((format, sizes)) = read(structure) else { return self.drop_unreadable() };
        self.state().format = format;
        self.admits(size_of(structure).into_iter().chain(sizes))
    }

    fn passes_unit(&self, unit: &gst::BufferRef) -> bool {
        let format = self.state().format;
        let Ok(unit) = unit.map_readable() else { return false };
        match format.sizes(&unit) {
            Ok(sizes) => self.admits(sizes),
            Err(Unreadable) => self.drop_unreadable(),
        }
    }

    /// What a decoder makes of a unit whose header said something else: no damage is that.
    fn passes_decoded(&self, event: &gst::EventRef) -> bool {
        let gst::EventView::Caps(event) = event.view() else { return true };
        let size = event.caps().structure(0).and_then(size_of);
        let Some(size) = size.filter(|(width, height)| !self.max.allows(*width, *height)) else {
            return true;
        };
        limits::FRAME_SIZE.refused();
        self.shut(size);
        false
    }

    /// Whether the decoder gets what has these sizes; a unit without any is no key frame.
    fn admits(&self, sizes: impl IntoIterator<Item = Size>) -> bool {
        let mut sizes = sizes.into_iter().peekable();
        let is_key = sizes.peek().is_some();
        if let Some(size) = sizes.find(|(width, height)| !self.max.allows(*width, *height)) {
            self.drop_large(size);
            return false;
        }
        let mut state = self.state();
        match &mut state.passes {
            Passes::Nothing => return false,
            passes if is_key => *passes = Passes::All,
            _ => {}
        }
        let passes = state.passes;
        drop(state);
        match passes {
            Passes::All => true,
            Passes::Readable { asked } | Passes::KeyFrame { asked, .. } => {
                if asked.elapsed() >= ASK_AGAIN {
                    self.ask();
                }
                matches!(passes, Passes::Readable { .. })
            }
            Passes::Nothing => false,
        }
    }

    fn drop_large(&self, size: Size) {
        limits::FRAME_SIZE.refused();
        let now = Instant::now();
        let mut state = self.state();
        let (asked, since) = match state.passes {
            Passes::Nothing => return,
            Passes::KeyFrame { asked, since } => (Some(asked), since),
            Passes::Readable { asked } => (Some(asked), now),
            Passes::All => (None, now),
        };
        if now - since >= self.patience {
            drop(state);
            return self.shut(size);
        }
        state.passes = Passes::KeyFrame { asked: asked.unwrap_or(now), since };
        drop(state);
        if asked.is_none_or(|asked| now - asked >= ASK_AGAIN) {
            self.ask();
        }
    }

    /// Only this unit is lost: it may be damaged.
    fn drop_unreadable(&self) -> bool {
        limits::FRAME_SIZE.refused();
        tracing::debug!("unreadable header, unit dropped");
        let mut state = self.state();
        if state.passes == Passes::All {
            state.passes = Passes::Readable { asked: Instant::now() };
            drop(state);
            self.ask();
        }
        false
    }

    fn shut(&self, size: Size) {
        let was = std::mem::replace(&mut self.state().passes, Passes::Nothing);
        if was != Passes::Nothing {
            (self.refuse)(size);
        }
    }

    /// Asks the peer for a key frame; a file has none to give.
    fn ask(&self) {
        match &mut self.state().passes {
            Passes::Readable { asked } | Passes::KeyFrame { asked, .. } => *asked = Instant::now(),
            Passes::All | Passes::Nothing => return,
        }
        if let Some(input) = self.input.upgrade() {
            input.push_event(events::key_request());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The format of a stream, and the sizes in its codec data.
fn read(caps: &gst::StructureRef) -> Result<(Format, Vec<Size>), Unreadable> {
    let other = |format| Ok((format, Vec::new()));
    match caps.name().as_str() {
        "video/x-h264" => match caps.get::<gst::Buffer>("codec_data") {
            Ok(data) => {
                let data = data.map_readable().map_err(|_| Unreadable)?;
                let (framing, sizes) = h264::configuration(&data)?;
                Ok((Format::H264(framing), sizes))
            }
            Err(_) => other(Format::H264(h264::Framing::ByteStream)),
        },
        "video/x-vp8" => other(Format::Vp8),
        "video/x-vp9" => other(Format::Vp9),
        "video/x-av1" => other(Format::Av1),
        _ => other(Format::Other),
    }
}

/// The size in caps, if they have one.
fn size_of(caps: &gst::StructureRef) -> Option<Size> {
    let side = |name: &str| u32::try_from(caps.get::<i32>(name).ok()?).ok();
    side("width").zip(side("height"))
}
