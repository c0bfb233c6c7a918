//! A GStreamer codec as a function call: buffers go in on the caller's thread and what they produce is there when
//! `push` returns. There is no streaming thread, no clock and nothing to wait for, so that fifty clients fit in one
//! test process.

use std::sync::mpsc;

use gst::prelude::*;

/// One `gst-launch` description with one open input and one open output.
pub struct Chain {
    bin: gst::Bin,
    input: gst::Pad,
    output: gst::Pad,
    produced: mpsc::Receiver<Produced>,
    caps: Option<gst::Caps>,
}

/// What one push brought out: a buffer and the caps that it has.
pub type Sample = (gst::Caps, gst::Buffer);

enum Produced {
    Caps(gst::Caps),
    Buffer(gst::Buffer),
}

impl Chain {
    /// Builds the description and gives it its first caps.
    pub fn new(description: &str, caps: &gst::Caps) -> Chain {
        gst::init().expect("GStreamer starts");
        let bin = gst::parse::bin_from_description(description, true).expect("a launch line of ours parses");
        let (sender, produced) = mpsc::channel();
        let input = gst::Pad::builder(gst::PadDirection::Src).name("input").build();
        let output = output_pad(sender);
        input.set_active(true).expect("an own pad activates");
        output.set_active(true).expect("an own pad activates");
        // The pads have no parent, which the default checks would refuse.
        let unchecked = gst::PadLinkCheck::empty();
        let sink = bin.static_pad("sink").expect("the open input is a ghost pad");
        let src = bin.static_pad("src").expect("the open output is a ghost pad");
        input.link_full(&sink, unchecked).expect("the input links");
        src.link_full(&output, unchecked).expect("the output links");
        bin.set_state(gst::State::Playing).expect("a codec starts");

        input.push_event(gst::event::StreamStart::new("chain"));
        input.push_event(gst::event::Caps::new(caps));
        input.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        Chain { bin, input, output, produced, caps: None }
    }

    /// Changes the caps of what is pushed from here on.
    pub fn set_caps(&mut self, caps: &gst::Caps) {
        self.input.push_event(gst::event::Caps::new(caps));
    }

    /// Runs one buffer through and returns what came out, which may be nothing.
    pub fn push(&mut self, buffer: gst::Buffer) -> Result<Vec<Sample>, gst::FlowError> {
        self.input.push(buffer)?;
        Ok(self.take())
    }

    /// Ends the stream and returns what was held back.
    pub fn finish(mut self) -> Vec<Sample> {
        self.input.push_event(gst::event::Eos::new());
        self.take()
    }

    /// Sends an event against the stream, as an element behind the chain would.
    pub fn send_upstream(&self, event: gst::Event) {
        self.output.push_event(event);
    }

    fn take(&mut self) -> Vec<Sample> {
        let mut samples = Vec::new();
        while let Ok(produced) = self.produced.try_recv() {
            match produced {
                Produced::Caps(caps) => self.caps = Some(caps),
                Produced::Buffer(buffer) => {
                    let caps = self.caps.clone().expect("caps come before the first buffer");
                    samples.push((caps, buffer));
                }
            }
        }
        samples
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.bin.set_state(gst::State::Null).ok(); // an element that fails to stop is freed all the same
        self.input.set_active(false).ok();
        self.output.set_active(false).ok();
    }
}

fn output_pad(sender: mpsc::Sender<Produced>) -> gst::Pad {
    let caps_sender = sender.clone();
    // A pad without a template accepts no other caps than its first ones.
    let any = gst::Caps::new_any();
    let template = gst::PadTemplate::new("output", gst::PadDirection::Sink, gst::PadPresence::Always, &any)
        .expect("valid");
    gst::Pad::builder_from_template(&template)
        .chain_function(move |_, _, buffer| {
            sender.send(Produced::Buffer(buffer)).map_err(|_| gst::FlowError::Flushing)?;
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(move |pad, parent, event| {
            if let gst::EventView::Caps(caps) = event.view() {
                caps_sender.send(Produced::Caps(caps.caps_owned())).ok(); // the chain is being dropped
            }
            gst::Pad::event_default(pad, parent, event)
        })
        .build()
}
