//! From an offer to a running session: the graph, the stage, and the task's state.
//!
//! Runs on the session's task; the graph is built on a blocking thread.

use std::{sync::Arc, time::Instant};

use tokio::{
    sync::{Notify, mpsc, watch},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;

use super::{
    Drops, Error, Id, Limits, Phase, Snapshot, StageInfo,
    actor::Actor,
    control::{self, Update},
    meter::Meter,
    state::State,
};
use crate::{media, signalling, stage};

/// Events of the graph or the stage that may wait for the session.
const EVENTS: usize = 256;

/// The pipeline and parameters that a session starts with, checked.
pub struct Start {
    entry: stage::Entry,
    update: Update,
}

impl Start {
    /// Reads `initialParameters`.
    pub fn check(catalog: &stage::Catalog, mut initial: stage::Values) -> Result<Self, Error> {
        let chosen = control::take_pipeline(&mut initial).map_err(stage::Error::Parameters)?;
        let entry = catalog.get(&chosen.unwrap_or_else(|| catalog.default_id()))?;
        let update = control::check(initial, &entry.schema.defaults(), &entry.schema)
            .map_err(stage::Error::Parameters)?;
        Ok(Self { entry, update })
    }

    /// The pipeline's id.
    pub fn pipeline_id(&self) -> &str {
        &self.entry.info.id
    }
}

/// All that a session is made from.
pub struct Birth {
    pub id: Id,
    pub offer: signalling::Offer,
    pub start: Start,
    pub engine: media::Engine,
    pub catalog: stage::Catalog,
    pub ice: media::IceServers,
    pub limits: Limits,
    pub cancel: CancellationToken,
}

impl Birth {
    /// Builds the graph and the stage; gives the session and the answer's SDP.
    pub async fn open(self) -> Result<(Actor, String), Error> {
        let io = stage::Io::default();
        let (tell_media, media_events) = mpsc::channel(EVENTS);
        let mail = Arc::new(Notify::new());
        let notify = mail.clone();
        let tell: Arc<dyn Fn(media::Event) + Send + Sync> = Arc::new(move |event| match event {
            media::Event::Mail => notify.notify_one(),
            event => drop(tell_media.try_send(event)), // full or over: the first events decided already
        });
        let (slots, layouts, name) =
            (io.clone(), self.start.entry.info.layouts.clone(), format!("session-{}", self.id));
        let opened = spawn_blocking(move || {
            self.engine.open(media::Open {
                name,
                offer: &self.offer,
                ice: self.ice,
                input: slots.input,
                output: slots.output,
                layouts,
                tell,
            })
        })
        .await
        .map_err(|panic| media::Error::Graph(format!("building the graph panicked: {panic}")))??;
        let (tell_stage, stage_events) = mpsc::channel(EVENTS);
        let parameters = stage::Parameters { values: self.start.update.values, version: 1 };
        let entry = self.start.entry;
        let worker = stage::Worker::spawn(entry.clone(), parameters.clone(), io.clone(), move |event| {
            drop(tell_stage.try_send(event)); // full: the newest state is in the snapshot's next tick
        })
        .map_err(|error| Error::Thread(error.to_string()))?;
        if self.start.update.paused.is_some() {
            worker.set(parameters.clone(), self.start.update.paused);
        }
        let snapshot = first_snapshot(&self.id, &opened, &entry, &parameters, self.start.update.paused);
        let answer = opened.answer;
        tracing::info!(video = %opened.video, sound = opened.sound, "offer answered");
        let actor = Actor {
            state: State::new(self.limits, Instant::now()),
            peer: Arc::new(opened.peer),
            worker,
            io,
            entry,
            catalog: self.catalog,
            parameters,
            pending: Vec::new(),
            receives_video: opened.receives_video,
            snapshot: watch::Sender::new(snapshot),
            meter: Meter::new(),
            stats: None,
            media_events,
            stage_events,
            mail,
            cancel: self.cancel,
        };
        Ok((actor, answer))
    }
}

fn first_snapshot(
    id: &Id,
    opened: &media::Opened,
    entry: &stage::Entry,
    parameters: &stage::Parameters,
    paused: Option<bool>,
) -> Snapshot {
    Snapshot {
        id: id.clone(),
        state: Phase::Connecting,
        created_at: jiff::Timestamp::now().to_string(),
        pipeline_id: entry.info.id.clone(),
        parameters: parameters.values.clone(),
        paused: paused.unwrap_or(false),
        stage: StageInfo { state: stage::State::Loading, detail: "the stage is being built".into() },
        video_codec: opened.video.to_string(),
        audio_codec: opened.sound.then(|| "opus".to_owned()),
        width: None,
        height: None,
        frames_in: 0,
        frames_out: 0,
        drops: Drops::default(),
        sound_packets: 0,
        key_requests_sent: 0,
        key_requests_received: 0,
        packets_lost_in: None,
        packets_lost_out: None,
        figures: None,
        candidate_pair: None,
        end_reason: None,
    }
}
