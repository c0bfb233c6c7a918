//! A session as the API shows it (`GET /api/v1/sessions/{id}`).

use serde::Serialize;

use super::{EndReason, Figures, Id, Phase, RecordingInfo, Source};
use crate::{media, metrics, stage};

/// A session at one moment. Unknown values are null, never 0.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Session)]
pub struct Snapshot {
    /// The session's id.
    #[schema(value_type = String)]
    pub id: Id,
    /// Its phase.
    pub state: Phase,
    /// When the offer was answered, RFC 3339 in UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The pipeline that processes the frames.
    pub pipeline_id: String,
    /// Each pipeline that has processed frames, for the usage log.
    #[serde(skip)]
    pub pipelines: Vec<String>,
    /// The effective parameters.
    #[schema(value_type = stage::ParameterValues)]
    pub parameters: stage::Values,
    /// Whether it is paused.
    pub paused: bool,
    /// The stage's state.
    pub stage: stage::Status,
    /// Codec of the video.
    pub video_codec: String,
    /// GStreamer element that encodes it; null where the client receives no video.
    pub encoder: Option<String>,
    /// GStreamer element that decodes the client's video; null where it sends none.
    pub decoder: Option<String>,
    /// Codec of the audio; null where there is none.
    pub audio_codec: Option<String>,
    /// Width in pixels of the frames received.
    pub width: Option<u32>,
    /// Height in pixels of the frames received.
    pub height: Option<u32>,
    /// Width in pixels of the frames sent; null before the first, or where the client receives none.
    pub sent_width: Option<u32>,
    /// Height in pixels of the frames sent.
    pub sent_height: Option<u32>,
    /// Frames per second that congestion control allows; null for no limit.
    pub fps_limit: Option<u32>,
    /// Frames decoded since the start.
    pub frames_in: u64,
    /// Frames encoded since the start.
    pub frames_out: u64,
    /// Frames dropped since the start, by place.
    pub drops: Drops,
    /// Audio packets sent.
    pub sound_packets: u64,
    /// Key frames that the server asked the browser for.
    pub key_requests_sent: u64,
    /// Key frames that the browser requested from the server.
    pub key_requests_received: u64,
    /// Video packets lost on the way in.
    pub packets_lost_in: Option<i64>,
    /// Video packets lost on the way out.
    pub packets_lost_out: Option<i64>,
    /// Statistics of the last second; null before the first.
    pub figures: Option<Figures>,
    /// Where each millisecond goes: one entry for each step that frames pass through, then one for the total.
    pub latency: Vec<StepTimes>,
    /// End-to-end delay in milliseconds, as the client last measured it; null if it does not report one.
    pub client_delay_ms: Option<f64>,
    /// The path of the packets; null until it is known.
    pub candidate_pair: Option<Path>,
    /// The server's file that is played in place of the client's video; null without one.
    pub input_source: Option<Source>,
    /// The session's newest recording; null before the first.
    pub recording: Option<RecordingInfo>,
    /// Why it ended; null while it is live.
    pub end_reason: Option<EndReason>,
}

impl Snapshot {
    /// Of a session whose offer was just answered.
    pub(super) fn first(
        id: &Id,
        opened: &media::Opened,
        pipeline: &stage::Info,
        parameters: &stage::Values,
        paused: bool,
    ) -> Self {
        Self {
            id: id.clone(),
            state: Phase::Connecting,
            created_at: jiff::Timestamp::now().to_string(),
            pipeline_id: pipeline.id.clone(),
            pipelines: vec![pipeline.id.clone()],
            parameters: parameters.clone(),
            paused,
            stage: stage::Status::well(stage::State::Loading, "the stage is being built"),
            video_codec: opened.video.to_string(),
            audio_codec: opened.audio.then(|| "opus".to_owned()),
            encoder: opened.peer.sender().map(|sender| sender.element().to_owned()),
            decoder: opened.peer.receiver().map(|receiver| receiver.element().to_owned()),
            width: None,
            height: None,
            sent_width: None,
            sent_height: None,
            fps_limit: None,
            frames_in: 0,
            frames_out: 0,
            drops: Drops::default(),
            sound_packets: 0,
            key_requests_sent: 0,
            key_requests_received: 0,
            packets_lost_in: None,
            packets_lost_out: None,
            figures: None,
            latency: Vec::new(),
            client_delay_ms: None,
            candidate_pair: None,
            input_source: None,
            recording: None,
            end_reason: None,
        }
    }
}

/// Times of one step.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct StepTimes {
    /// The step.
    pub step: metrics::Step,
    /// Its times.
    #[serde(flatten)]
    pub times: metrics::Quantiles,
}

impl StepTimes {
    /// Every step that frames went through.
    pub fn of(ledger: &metrics::Ledger) -> Vec<Self> {
        let steps = metrics::Step::ALL.into_iter().chain([metrics::Step::Total]);
        steps.filter_map(|step| Some(Self { step, times: ledger.quantiles(step)? })).collect()
    }
}

/// Frames dropped since the start, by place.
#[derive(Clone, Copy, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Drops {
    /// Replaced by a newer frame before the stage took them.
    pub before_stage: u64,
    /// Replaced by a newer frame before the encoder took them.
    pub before_encoder: u64,
    /// The stage returned no frame for them.
    pub skipped_by_stage: u64,
    /// The session was paused.
    pub paused: u64,
    /// The link had no room for them.
    pub for_the_link: u64,
}

/// Both ends of the selected candidate pair.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = CandidatePair)]
pub struct Path {
    /// Kind, address and transport of the server's end.
    pub local: String,
    /// Kind, address and transport of the browser's end.
    pub remote: String,
}

impl From<media::CandidatePair> for Path {
    fn from(pair: media::CandidatePair) -> Self {
        Self { local: pair.local, remote: pair.remote }
    }
}

/// One row of the codec table, with its result on this host.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CodecInfo {
    /// The codec.
    pub codec: String,
    /// `encode` or `decode`.
    pub direction: &'static str,
    /// GStreamer element.
    pub element: String,
    /// Whether it runs on dedicated hardware.
    pub hardware: bool,
    /// Whether sessions prefer it to all others.
    pub available: bool,
    /// Whether its trial succeeded: the first such row is used, the others are fallbacks.
    pub works: bool,
    /// How long its trial took, in milliseconds; null if it was not tried.
    pub trial_ms: Option<u64>,
    /// The reason for the result.
    pub reason: String,
}

impl From<&media::Trial> for CodecInfo {
    fn from(trial: &media::Trial) -> Self {
        Self {
            codec: trial.codec.to_string(),
            direction: trial.direction,
            element: trial.element.into(),
            hardware: trial.hardware,
            available: trial.chosen,
            works: trial.works,
            trial_ms: trial.milliseconds,
            reason: trial.reason.clone(),
        }
    }
}
