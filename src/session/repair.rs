//! Codecs that fail in a session: another one takes the place, and the client is told.
//!
//! Runs on the session's task; the graph is changed on blocking threads, one change a direction at a time: the codec
//! that takes the place may fail as well.

use std::time::Duration;

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use super::{EndReason, Message, actor::Actor, state::Input};
use crate::{
    media::{self, Remedy, Replaced},
    recordings::What,
};

type Outcome = Result<Option<Replaced>, media::Error>;

/// Changes of the graph that are under way or wait for their turn.
#[derive(Default)]
pub struct Repairs {
    pub encoder: Option<JoinHandle<Outcome>>,
    /// The bin of an encoder that failed.
    failed_encoder: Option<String>,
    pub decoder: Option<JoinHandle<(Remedy, Outcome)>>,
    remedy: Option<Remedy>,
}

impl Repairs {
    /// Waits for what is under way, as it holds the graph.
    pub async fn finish(self, limit: Duration) {
        if let Some(task) = self.encoder {
            timeout(limit, task).await.ok(); // bounded inside as well
        }
        if let Some(task) = self.decoder {
            timeout(limit, task).await.ok(); // as above
        }
    }
}

impl Actor {
    pub(super) fn encoder_failed(&mut self, bin: String) {
        self.repairs.failed_encoder = Some(bin);
        self.replace_encoder();
    }

    fn replace_encoder(&mut self) {
        if self.repairs.encoder.is_none()
            && let Some(bin) = self.repairs.failed_encoder.take()
        {
            let peer = self.peer.clone();
            self.repairs.encoder = Some(spawn_blocking(move || peer.replace_encoder(&bin)));
        }
    }

    pub(super) fn encoder_replaced(&mut self, done: Option<Outcome>) -> Option<EndReason> {
        self.replace_encoder();
        match done {
            Some(Ok(None)) => None,
            Some(Ok(Some(Replaced { failed, element }))) => {
                tracing::warn!(failed, element, "another encoder goes on");
                self.metrics.encoder_changes.with_label_values(&[failed]).inc();
                self.snapshot.send_modify(|snapshot| snapshot.encoder = Some(element.to_owned()));
                self.recorder.note(None, What::Encoder { encoder: element.to_owned() });
                let detail = format!("the encoder {failed} failed; {element} goes on");
                self.say(&Message::EncoderChanged { encoder: element, detail });
                None
            }
            Some(Err(error)) => {
                tracing::error!(%error, "no encoder goes on");
                self.apply(Input::End(EndReason::ElementError))
            }
            None => self.apply(Input::End(EndReason::ElementError)),
        }
    }

    pub(super) fn ask_key_frame(&self) {
        let peer = self.peer.clone();
        // Owned by the runtime; ends by itself in ms.
        spawn_blocking(move || peer.receiver().map(media::Receiver::ask_key_frame));
    }

    pub(super) fn mend_decoder(&mut self, remedy: Remedy) {
        tracing::warn!(?remedy, "the decoder gives no picture");
        self.repairs.remedy = Some(remedy);
        self.mend_next();
    }

    fn mend_next(&mut self) {
        if self.repairs.decoder.is_none()
            && let Some(remedy) = self.repairs.remedy.take()
        {
            let peer = self.peer.clone();
            self.repairs.decoder = Some(spawn_blocking(move || {
                let outcome = peer.mend_decoder(&remedy);
                (remedy, outcome)
            }));
        }
    }

    pub(super) fn decoder_mended(&mut self, done: Option<(Remedy, Outcome)>) -> Option<EndReason> {
        self.mend_next();
        match done {
            Some((_, Ok(None))) => None,
            Some((remedy, Ok(Some(replaced)))) => {
                let Replaced { failed, element } = replaced;
                tracing::warn!(failed, element, "another decoder goes on");
                self.metrics.decoder_changes.with_label_values(&[failed]).inc();
                self.snapshot.send_modify(|snapshot| snapshot.decoder = Some(element.to_owned()));
                let detail = sentence(&remedy, replaced);
                self.say(&Message::DecoderChanged { decoder: element, detail });
                None
            }
            Some((remedy, Err(error))) => {
                tracing::error!(%error, "no decoder goes on");
                let failed = matches!(remedy, Remedy::Failed(_));
                let reason = if failed { EndReason::ElementError } else { EndReason::PictureStalled };
                self.apply(Input::End(reason))
            }
            None => self.apply(Input::End(EndReason::ElementError)),
        }
    }
}

/// What the client is told.
fn sentence(remedy: &Remedy, Replaced { failed, element }: Replaced) -> String {
    match remedy {
        Remedy::Failed(_) => format!("the decoder {failed} failed; {element} goes on"),
        Remedy::Anew | Remedy::Next if failed == element => {
            format!("no picture came from the decoder {failed}; it was started anew")
        }
        Remedy::Anew | Remedy::Next => {
            format!("no picture came from the decoder {failed}; {element} goes on")
        }
    }
}
