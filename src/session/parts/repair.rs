//! Replaces codecs that fail during a session and notifies the client.
//!
//! The graph is changed on blocking threads, one change per direction at a time: the replacement may fail too.

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

/// Changes of the graph that are in progress or queued.
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
    /// Replaces the encoder in that bin.
    pub fn replace_encoder(&mut self, cx: &Context, bin: String) {
        self.failed_encoder = Some(bin);
        self.start_encoder(cx);
    }

    /// Restarts or replaces the decoder.
    pub fn repair_decoder(&mut self, cx: &Context, remedy: Remedy) {
        tracing::warn!(?remedy, "repairing the decoder");
        self.remedy = Some(remedy);
        self.start_decoder(cx);
    }

    /// Waits for a change in progress, for ever if there is none.
    pub async fn done(&mut self) -> Repair {
        tokio::select! {
            done = finished(&mut self.encoder) => Repair::Encoder(done),
            done = finished(&mut self.decoder) => Repair::Decoder(done),
        }
    }

    /// Applies the result of [`Repairs::done`].
    ///
    /// # Errors
    /// No working codec is left.
    pub fn apply(&mut self, cx: &Context, recorder: &Recorder, repair: Repair) -> Result<(), EndReason> {
        match repair {
            Repair::Encoder(done) => {
                self.start_encoder(cx);
                encoder_replaced(cx, recorder, done)
            }
            Repair::Decoder(done) => {
                self.start_decoder(cx);
                decoder_repaired(cx, done)
            }
        }
    }

    /// Waits for the changes in progress, which hold the graph.
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
            tracing::warn!(failed, element, "encoder replaced");
            cx.metrics().encoder_changes.with_label_values(&[failed]).inc();
            cx.view().set_encoder(element);
            recorder.add_change(None, What::Encoder { encoder: element.to_owned() });
            let detail = format!("encoder {failed} failed and was replaced by {element}");
            cx.send(&Message::EncoderChanged { encoder: element, detail });
            Ok(())
        }
        Some(Err(error)) => {
            tracing::error!(%error, "no encoder left");
            Err(EndReason::ElementError)
        }
        None => Err(EndReason::ElementError),
    }
}

fn decoder_repaired(cx: &Context, done: Option<(Remedy, Outcome)>) -> Result<(), EndReason> {
    match done {
        Some((_, Ok(None))) => Ok(()),
        Some((remedy, Ok(Some(replaced)))) => {
            let Replaced { failed, element } = replaced;
            tracing::warn!(failed, element, "decoder replaced");
            cx.metrics().decoder_changes.with_label_values(&[failed]).inc();
            cx.view().set_decoder(element);
            let detail = sentence(&remedy, replaced);
            cx.send(&Message::DecoderChanged { decoder: element, detail });
            Ok(())
        }
        Some((remedy, Err(error))) => {
            tracing::error!(%error, "no decoder left");
            let failed = matches!(remedy, Remedy::Failed(_));
            Err(if failed { EndReason::ElementError } else { EndReason::PictureStalled })
        }
        None => Err(EndReason::ElementError),
    }
}

/// The sentence for the client.
fn sentence(remedy: &Remedy, Replaced { failed, element }: Replaced) -> String {
    match remedy {
        Remedy::Failed(_) => format!("decoder {failed} failed and was replaced by {element}"),
        Remedy::Rebuild | Remedy::Next if failed == element => {
            format!("decoder {failed} produced no frames and was restarted")
        }
        Remedy::Rebuild | Remedy::Next => {
            format!("decoder {failed} produced no frames and was replaced by {element}")
        }
    }
}
