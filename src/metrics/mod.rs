//! Every metric's name, labels and buckets in one table, and the ledger of where each millisecond goes.
//!
//! Counts are atomics: written from any thread, never locked. No label grows with sessions.

mod ledger;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use ledger::{Ledger, Quantiles, Step};
use prometheus::{
    Counter, Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder, core::Collector, process_collector::ProcessCollector,
};

/// Upper bounds of every histogram of times, in seconds.
const TIMES: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.010, 0.012, 0.015, 0.020, 0.025,
    0.030, 0.040, 0.050, 0.075, 0.100, 0.150, 0.250, 0.500, 1.0, 2.5,
];

/// Updates metrics that are counted elsewhere.
type Refresh = Box<dyn Fn(&Metrics) + Send>;

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

macro_rules! table {
    ($($field:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        /// The metrics of one server.
        pub struct Metrics {
            registry: Registry,
            refresh: Mutex<Vec<Refresh>>,
            $(#[doc = $help] pub $field: $kind,)*
        }

        /// Every metric's name and labels.
        pub const NAMES: &[(&str, &[&str])] = &[$(($name, &[$($label),*])),*];

        impl Metrics {
            /// All metrics at zero.
            ///
            /// # Errors
            /// Two rows of the table have one name.
            pub fn new() -> Result<Self, prometheus::Error> {
                let registry = Registry::new();
                registry.register(Box::new(ProcessCollector::for_self()))?;
                Ok(Self {
                    $($field: register(&registry, $kind::from_row($name, &[$($label),*], $help)?)?,)*
                    registry,
                    refresh: Mutex::default(),
                })
            }
        }
    };
}

table! {
    sessions: IntGauge "scope_sessions" [] "Live sessions.";
    sessions_limit: IntGauge "scope_sessions_limit" [] "How many sessions may be live at once.";
    waiting: IntGauge "scope_waiting_clients" [] "Clients in the waiting line, those included whose turn it is.";
    sessions_started: IntCounter "scope_sessions_started_total" [] "Offers answered.";
    sessions_resumed: IntCounter "scope_sessions_resumed_total" [] "Offers that took over an earlier session's stage.";
    sessions_ended: IntCounterVec "scope_sessions_ended_total" ["reason"] "Sessions ended, by end reason.";
    session_seconds: Counter "scope_session_seconds_total" [] "Seconds that ended sessions lasted.";
    usage_records: IntCounterVec "scope_usage_records_total" ["outcome"] "Records of ended sessions for the usage log, written and lost.";
    offers_refused: IntCounterVec "scope_offers_refused_total" ["status"] "Offers refused, by HTTP status.";
    first_frame: HistogramVec "scope_first_frame_seconds" [] "Time from the offer to the first frame sent back.";
    step: HistogramVec "scope_frame_step_seconds" ["step"] "Time that a frame spends in each step.";
    delay: HistogramVec "scope_frame_delay_seconds" [] "Time from a frame's first packet in to its last packet out.";
    client_delay: HistogramVec "scope_client_delay_seconds" [] "End-to-end delay as clients measure it.";
    frames: IntCounterVec "scope_frames_total" ["place"] "Frames decoded and encoded.";
    frames_dropped: IntCounterVec "scope_frames_dropped_total" ["place"] "Frames dropped, by place.";
    key_requests: IntCounterVec "scope_key_frame_requests_total" ["direction"] "Key frame requests sent to the peer (out) and received from it (in).";
    bytes: IntCounterVec "scope_bytes_total" ["direction"] "Bytes received (in) and sent (out), as ICE carries them.";
    encoder_changes: IntCounterVec "scope_encoder_changes_total" ["element"] "Encoders replaced in a session after a failure, by element.";
    decoder_changes: IntCounterVec "scope_decoder_changes_total" ["element"] "Decoders replaced in a session after a failure or a stall, by element.";
    recordings: IntCounterVec "scope_recordings_total" ["end"] "Recordings ended, by how they ended.";
    recording_bytes: IntCounter "scope_recording_bytes_total" [] "Bytes of ended recordings.";
    stages_abandoned: IntCounter "scope_stages_abandoned_total" [] "Stages abandoned with their thread because they hung.";
    limit_refusals: IntCounterVec "scope_limit_refusals_total" ["limit"] "Refusals by a limit on what a peer, a client or a file may take, by limit.";
    audit_lines_lost: IntCounter "scope_audit_lines_lost_total" [] "Lines that did not get to the audit log's file.";
    python_workers: IntCounterVec "scope_python_workers_total" ["event"] "Python worker processes started and ended.";
    python_pictures: IntCounterVec "scope_python_pictures_total" ["way"] "Frames handed to Python and back: copied, copied row by row, or passed without a copy.";
    stage_states: IntCounterVec "scope_stage_states_total" ["state"] "How often a stage entered a state.";
}

impl Metrics {
    /// Runs `refresh` before each scrape, for metrics that are counted elsewhere.
    pub fn before_text(&self, refresh: impl Fn(&Self) + Send + 'static) {
        self.refreshes().push(Box::new(refresh));
    }

    fn refreshes(&self) -> MutexGuard<'_, Vec<Refresh>> {
        self.refresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session's ledger, which also counts into this server's histograms.
    pub fn ledger(&self) -> Result<Ledger, prometheus::Error> {
        Ledger::new(&self.step, &self.delay)
    }

    /// All metrics in Prometheus' text format, version 0.0.4.
    ///
    /// # Errors
    /// A metric cannot be written.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        for refresh in self.refreshes().iter() {
            refresh(self);
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}

fn register<T: Collector + Clone + 'static>(registry: &Registry, metric: T) -> Result<T, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// Creates a metric from its row.
trait Create: Sized {
    fn from_row(name: &str, labels: &[&str], help: &str) -> Result<Self, prometheus::Error>;
}

impl Create for IntGauge {
    fn from_row(name: &str, _labels: &[&str], help: &str) -> Result<Self, prometheus::Error> {
        Self::new(name, help)
    }
}

impl Create for Counter {
    fn from_row(name: &str, _labels: &[&str], help: &str) -> Result<Self, prometheus::Error> {
        Self::new(name, help)
    }
}

impl Create for IntCounter {
    fn from_row(name: &str, _labels: &[&str], help: &str) -> Result<Self, prometheus::Error> {
        Self::new(name, help)
    }
}

impl Create for IntCounterVec {
    fn from_row(name: &str, labels: &[&str], help: &str) -> Result<Self, prometheus::Error> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Create for HistogramVec {
    fn from_row(name: &str, labels: &[&str], help: &str) -> Result<Self, prometheus::Error> {
        Self::new(HistogramOpts::new(name, help).buckets(TIMES.to_vec()), labels)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_sessions_times_are_summed_up_by_the_servers() {
        let metrics = Metrics::new().unwrap();
        let (one, other) = (metrics.ledger().unwrap(), metrics.ledger().unwrap());

        one.record(Step::Decode, Duration::from_millis(3));
        other.record(Step::Decode, Duration::from_millis(5));

        let text = metrics.text().unwrap();
        assert!(text.contains("scope_frame_step_seconds_count{step=\"decode\"} 2"), "{text}");
        assert!(text.contains("scope_frame_step_seconds_sum{step=\"decode\"} 0.008"), "{text}");
        assert_eq!(one.quantiles(Step::Decode).unwrap().count, 1);
    }

    #[test]
    fn names_keep_to_the_rules_of_prometheus() {
        for (name, labels) in NAMES {
            assert!(name.starts_with("scope_") || name.starts_with("process_"), "{name}");
            assert!(!labels.contains(&"session") && !labels.contains(&"id"), "{name} grows with sessions");
        }
    }
}
