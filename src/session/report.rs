//! What a session tells of itself, once a second: to its client, to whoever looks at it, to the metrics.
//!
//! Runs on the session's task; webrtcbin is asked on a blocking thread.

use std::{sync::atomic::Ordering::Relaxed, time::Instant};

use tokio::task::{JoinHandle, spawn_blocking};

use super::{Drops, Figures, Message, StepTimes, actor::Actor};
use crate::media;

impl Actor {
    /// Once a second: figures from the counters, and webrtcbin's own from the request before.
    pub(super) async fn measure(&mut self) {
        let finished = match &mut self.stats {
            Some(task) if task.is_finished() => task.await.ok().and_then(Result::ok),
            _ => None,
        };
        if self.stats.as_ref().is_none_or(JoinHandle::is_finished) {
            let peer = self.peer.clone();
            self.stats = Some(spawn_blocking(move || peer.stats()));
        }
        if let Some(stats) = finished {
            self.meter.round_trip = stats.round_trip_s;
            if let (Some(sender), Some(share)) = (self.peer.sender(), stats.share_lost_out) {
                sender.lost(share);
            }
            self.snapshot.send_modify(|snapshot| {
                snapshot.packets_lost_in = stats.packets_lost_in;
                snapshot.packets_lost_out = stats.packets_lost_out;
                snapshot.candidate_pair = stats.pair.map(Into::into);
            });
        }
        if let Some(sender) = self.peer.sender() {
            sender.review();
        }
        let figures = self.meter.read(&self.peer, self.worker.counters(), &self.io, Instant::now());
        self.publish(&figures);
        self.say(&Message::Stats(figures));
    }

    fn publish(&self, figures: &Figures) {
        let (media, stage) = (self.peer.counters(), self.worker.counters());
        let size = |(width, height)| (Some(width).filter(|w| *w > 0), Some(height).filter(|h| *h > 0));
        let sending = self.peer.sender().map(media::Sender::sending);
        let for_the_link = self.peer.sender().map_or(0, media::Sender::skipped);
        self.snapshot.send_modify(|snapshot| {
            (snapshot.width, snapshot.height) = size(media.input_size());
            if let Some((sent, fps)) = sending {
                (snapshot.sent_width, snapshot.sent_height) = size(sent);
                snapshot.fps_limit = fps;
            }
            snapshot.decoder = self.peer.receiver().map(|receiver| receiver.element().to_owned());
            snapshot.latency = StepTimes::of(&self.io.ledger);
            snapshot.frames_in = media.frames_in.load(Relaxed);
            snapshot.frames_out = media.encoded.load(Relaxed);
            snapshot.sound_packets = media.sound_packets.load(Relaxed);
            snapshot.key_requests_sent = media.key_requests_sent.load(Relaxed);
            snapshot.key_requests_received = media.key_requests_received.load(Relaxed);
            snapshot.drops = Drops {
                before_stage: self.io.input.dropped(),
                before_encoder: self.io.output.dropped(),
                skipped_by_stage: stage.skipped.load(Relaxed),
                paused: stage.paused.load(Relaxed),
                for_the_link,
            };
            snapshot.figures = Some(figures.clone());
        });
    }
}
