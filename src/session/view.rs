//! The session as the API shows it: its task writes, requests and the registry read.
//!
//! A watch channel; its lock is held for one change or one copy.

use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::watch;

use super::{Drops, EndReason, Figures, Phase, RecordingInfo, Snapshot, Source, StepTimes};
use crate::{media, stage};

/// The newest [`Snapshot`] of one session.
#[derive(Clone)]
pub struct View(watch::Sender<Snapshot>);

impl View {
    pub fn new(first: Snapshot) -> Self {
        Self(watch::Sender::new(first))
    }

    pub fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.0.subscribe()
    }

    /// The session's id.
    pub fn id(&self) -> String {
        self.0.borrow().id.to_string()
    }

    /// Each pipeline that has processed frames.
    pub fn pipelines(&self) -> Vec<String> {
        self.0.borrow().pipelines.clone()
    }

    pub fn stage(&self) -> stage::Status {
        self.0.borrow().stage.clone()
    }

    pub fn stage_runs(&self) -> bool {
        self.0.borrow().stage.state == stage::State::Running
    }

    pub fn set_phase(&self, phase: Phase) {
        self.0.send_if_modified(|snapshot| std::mem::replace(&mut snapshot.state, phase) != phase);
    }

    /// Wakes those who wait for the end.
    pub fn set_ended(&self, reason: EndReason) {
        self.0.send_modify(|snapshot| {
            snapshot.state = Phase::Ended;
            snapshot.end_reason = Some(reason);
        });
    }

    pub fn set_stage(&self, status: stage::Status) {
        self.0.send_modify(|snapshot| snapshot.stage = status);
    }

    pub fn set_pipeline(&self, id: &str) {
        self.0.send_modify(|snapshot| {
            id.clone_into(&mut snapshot.pipeline_id);
            // Bounded by the catalog.
            if snapshot.pipelines.iter().all(|known| known != id) {
                snapshot.pipelines.push(id.to_owned());
            }
        });
    }

    pub fn set_parameters(&self, values: &stage::Values, paused: bool) {
        self.0.send_modify(|snapshot| {
            snapshot.parameters.clone_from(values);
            snapshot.paused = paused;
        });
    }

    pub fn set_source(&self, source: Option<&Source>) {
        self.0.send_modify(|snapshot| snapshot.input_source = source.cloned());
    }

    pub fn set_recording(&self, recording: RecordingInfo) {
        self.0.send_modify(|snapshot| snapshot.recording = Some(recording));
    }

    pub fn set_encoder(&self, element: &str) {
        self.0.send_modify(|snapshot| snapshot.encoder = Some(element.to_owned()));
    }

    pub fn set_decoder(&self, element: &str) {
        self.0.send_modify(|snapshot| snapshot.decoder = Some(element.to_owned()));
    }

    pub fn set_client_delay(&self, milliseconds: f64) {
        self.0.send_modify(|snapshot| snapshot.client_delay_ms = Some(milliseconds));
    }

    /// Sets webrtcbin's statistics of the connection.
    pub fn set_connection(&self, stats: media::Stats) {
        self.0.send_modify(|snapshot| {
            snapshot.packets_lost_in = stats.packets_lost_in;
            snapshot.packets_lost_out = stats.packets_lost_out;
            snapshot.candidate_pair = stats.pair.map(Into::into);
        });
    }

    /// Sets the counts of the graph and the stage, and the last second's statistics.
    pub fn set_figures(
        &self,
        peer: &media::Peer,
        stage: &stage::Counters,
        io: &stage::Io,
        figures: &Figures,
    ) {
        let media = peer.counters();
        let size = |(width, height)| (Some(width).filter(|w| *w > 0), Some(height).filter(|h| *h > 0));
        let sending = peer.sender().map(media::Sender::sending);
        let for_the_link = peer.sender().map_or(0, media::Sender::skipped);
        self.0.send_modify(|snapshot| {
            (snapshot.width, snapshot.height) = size(media.input_size());
            if let Some((sent, fps)) = sending {
                (snapshot.sent_width, snapshot.sent_height) = size(sent);
                snapshot.fps_limit = fps;
            }
            snapshot.decoder = peer.receiver().map(|receiver| receiver.element().to_owned());
            snapshot.latency = StepTimes::of(&io.ledger);
            snapshot.frames_in = media.frames_in.load(Relaxed);
            snapshot.frames_out = media.encoded.load(Relaxed);
            snapshot.sound_packets = media.audio_packets.load(Relaxed);
            snapshot.key_requests_sent = media.key_requests_sent.load(Relaxed);
            snapshot.key_requests_received = media.key_requests_received.load(Relaxed);
            snapshot.drops = Drops {
                before_stage: io.input.dropped(),
                before_encoder: io.output.dropped(),
                skipped_by_stage: stage.skipped.load(Relaxed),
                paused: stage.paused.load(Relaxed),
                for_the_link,
            };
            snapshot.figures = Some(figures.clone());
        });
    }
}
