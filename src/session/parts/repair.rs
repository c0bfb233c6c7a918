//! Codecs that fail in a session: another one takes the place, and the client is told.
//!
//! The graph is changed on blocking threads, one change a direction at a time: the codec that takes the place may fail
//! as well.

use std::time::Duration;

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use super::{
    context::{Context, finished},
    recording::Recorder,
};
use crate::{
    media::{self, Remedy, Replaced},
    recordings::What,
    session::{EndReason, Message},
};

type Outcome = Result<Option<Replaced>, media::Error>;

/// Changes of the graph that are under way or wait for their turn.
#[derive(Default)]
pub struct Repairs {
    encoder: Option<JoinHandle<Outcome>>,
    /// The bin of an encoder that failed.
    failed_encoder: Option<String>,
    decoder: Option<JoinHandle<(Remedy, Outcome)>>,
    remedy: Option<Remedy>,
}

/// A change that is done; `None`: its thread panicked.
pub enum Repair {
    Encoder(Option<Outcome>),
    Decoder(Option<(Remedy, Outcome)>),
}

impl Repairs {
    /// Puts another encoder in the place of the one in that bin.
    pub fn replace_encoder(&mut self, cx: &Context, bin: String) {
        self.failed_encoder = Some(bin);
        self.start_encoder(cx);
    }

    /// Builds the decoder anew, or puts another in its place.
    pub fn mend_decoder(&mut self, cx: &Context, remedy: Remedy) {
        tracing::warn!(?remedy, "the decoder gives no picture");
        self.remedy = Some(remedy);
        self.start_decoder(cx);
    }

    /// Waits for a change that is under way, for ever where none is.
    pub async fn done(&mut self) -> Repair {
        tokio::select! {
            done = finished(&mut self.encoder) => Repair::Encoder(done),
            done = finished(&mut self.decoder) => Repair::Decoder(done),
        }
    }

    /// Takes up what [`Repairs::done`] gave.
    ///
    /// # Errors
    /// No codec is left that works.
    pub fn take_up(&mut self, cx: &Context, recorder: &Recorder, repair: Repair) -> Result<(), EndReason> {
        match repair {
            Repair::Encoder(done) => {
                self.start_encoder(cx);
                encoder_replaced(cx, recorder, done)
            }
            Repair::Decoder(done) => {
                self.start_decoder(cx);
                decoder_mended(cx, done)
            }
        }
    }

    /// Waits for what is under way, as it holds the graph.
    pub async fn finish(self, limit: Duration) {
        if let Some(task) = self.encoder {
            timeout(limit, task).await.ok(); // bounded inside as well
        }
        if let Some(task) = self.decoder {
            timeout(limit, task).await.ok(); // as above
        }
    }

    fn start_encoder(&mut self, cx: &Context) {
        if self.encoder.is_none()
            && let Some(bin) = self.failed_encoder.take()
        {
            let peer = cx.peer().clone();
            self.encoder = Some(spawn_blocking(move || peer.replace_encoder(&bin)));
        }
    }

    fn start_decoder(&mut self, cx: &Context) {
        if self.decoder.is_none()
            && let Some(remedy) = self.remedy.take()
        {
            let peer = cx.peer().clone();
            self.decoder = Some(spawn_blocking(move || {
                let outcome = peer.mend_decoder(&remedy);
                (remedy, outcome)
            }));
        }
    }
}

fn encoder_replaced(cx: &Context, recorder: &Recorder, done: Option<Outcome>) -> Result<(), EndReason> {
    match done {
        Some(Ok(None)) => Ok(()),
        Some(Ok(Some(Replaced { failed, element }))) => {
            tracing::warn!(failed, element, "another encoder goes on");
            cx.metrics().encoder_changes.with_label_values(&[failed]).inc();
            cx.view().set_encoder(element);
            recorder.note(None, What::Encoder { encoder: element.to_owned() });
            let detail = format!("the encoder {failed} failed; {element} goes on");
            cx.say(&Message::EncoderChanged { encoder: element, detail });
            Ok(())
        }
        Some(Err(error)) => {
            tracing::error!(%error, "no encoder goes on");
            Err(EndReason::ElementError)
        }
        None => Err(EndReason::ElementError),
    }
}

fn decoder_mended(cx: &Context, done: Option<(Remedy, Outcome)>) -> Result<(), EndReason> {
    match done {
        Some((_, Ok(None))) => Ok(()),
        Some((remedy, Ok(Some(replaced)))) => {
            let Replaced { failed, element } = replaced;
            tracing::warn!(failed, element, "another decoder goes on");
            cx.metrics().decoder_changes.with_label_values(&[failed]).inc();
            cx.view().set_decoder(element);
            let detail = sentence(&remedy, replaced);
            cx.say(&Message::DecoderChanged { decoder: element, detail });
            Ok(())
        }
        Some((remedy, Err(error))) => {
            tracing::error!(%error, "no decoder goes on");
            let failed = matches!(remedy, Remedy::Failed(_));
            Err(if failed { EndReason::ElementError } else { EndReason::PictureStalled })
        }
        None => Err(EndReason::ElementError),
    }
}

/// What the client is told.
fn sentence(remedy: &Remedy, Replaced { failed, element }: Replaced) -> String {
    match remedy {
        Remedy::Failed(_) => format!("the decoder {failed} failed; {element} goes on"),
        Remedy::Rebuild | Remedy::Next if failed == element => {
            format!("no picture came from the decoder {failed}; it was started anew")
        }
        Remedy::Rebuild | Remedy::Next => {
            format!("no picture came from the decoder {failed}; {element} goes on")
        }
    }
}
