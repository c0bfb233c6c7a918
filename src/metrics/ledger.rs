//! Where each millisecond of a frame goes: one histogram per step, for a session and for the server.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, HistogramVec, core::Metric};
use serde::Serialize;

use super::TIMES;

/// The steps that a frame passes through, in order; together they are the delay that the server adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// From the arrival of its first packet until the access unit is complete.
    JitterBuffer,
    /// In the decoder.
    Decode,
    /// In the slot before the stage.
    WaitForStage,
    /// In the stage.
    Stage,
    /// In the slot before the encoder.
    WaitForEncoder,
    /// In the encoder, including scaling and conversion.
    Encode,
    /// From the encoder until its last packet is handed to the network: packetisation, encryption, pacing.
    Send,
    /// All steps.
    Total,
}

impl Step {
    /// All steps but the total, in order.
    pub const ALL: [Self; 7] = [
        Self::JitterBuffer,
        Self::Decode,
        Self::WaitForStage,
        Self::Stage,
        Self::WaitForEncoder,
        Self::Encode,
        Self::Send,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::JitterBuffer => "jitter_buffer",
            Self::Decode => "decode",
            Self::WaitForStage => "wait_for_stage",
            Self::Stage => "stage",
            Self::WaitForEncoder => "wait_for_encoder",
            Self::Encode => "encode",
            Self::Send => "send",
            Self::Total => "total",
        }
    }
}

/// The values of a histogram, in milliseconds; a quantile is interpolated within its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Quantiles {
    /// Frames counted.
    pub count: u64,
    /// Total time; its growth over that of `count` is a recent mean.
    pub sum_ms: f64,
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
}

/// The histograms of one session, each with the server's own.
pub struct Ledger {
    rows: Vec<(Histogram, Histogram)>,
}

impl Ledger {
    pub(super) fn new(steps: &HistogramVec, delay: &HistogramVec) -> Result<Self, prometheus::Error> {
        let mut rows = Vec::with_capacity(Step::ALL.len() + 1);
        for step in Step::ALL {
            rows.push((own()?, steps.get_metric_with_label_values(&[step.name()])?));
        }
        rows.push((own()?, delay.get_metric_with_label_values::<&str>(&[])?));
        Ok(Self { rows })
    }

    /// Records that a frame spent `time` in `step`.
    pub fn record(&self, step: Step, time: Duration) {
        if let Some((session, server)) = self.rows.get(step as usize) {
            session.observe(time.as_secs_f64());
            server.observe(time.as_secs_f64());
        }
    }

    /// Seconds that frames spent in `step` so far, and how many frames.
    pub fn sum(&self, step: Step) -> (f64, u64) {
        let row = self.rows.get(step as usize);
        row.map_or((0.0, 0), |(session, _)| (session.get_sample_sum(), session.get_sample_count()))
    }

    /// The values of this session's histogram of `step`; `None` before the first frame.
    pub fn quantiles(&self, step: Step) -> Option<Quantiles> {
        let (session, _) = self.rows.get(step as usize)?;
        quantiles(session)
    }
}

fn own() -> Result<Histogram, prometheus::Error> {
    Histogram::with_opts(HistogramOpts::new("own", "of one session").buckets(TIMES.to_vec()))
}

fn quantiles(histogram: &Histogram) -> Option<Quantiles> {
    let metric = histogram.metric();
    let read = metric.get_histogram();
    let count = read.get_sample_count();
    if count == 0 {
        return None;
    }
    let buckets: Vec<_> =
        read.get_bucket().iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count())).collect();
    let at = |share: f64| milliseconds(quantile(&buckets, count, share));
    Some(Quantiles {
        count,
        sum_ms: milliseconds(read.get_sample_sum()),
        mean_ms: milliseconds(read.get_sample_sum() / count as f64),
        p50_ms: at(0.50),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
    })
}

/// Linear within the bucket, as Prometheus' `histogram_quantile` does; beyond the last bound, that bound.
fn quantile(buckets: &[(f64, u64)], count: u64, share: f64) -> f64 {
    let rank = share * count as f64;
    let (mut lower, mut below) = (0.0, 0);
    for &(upper, cumulative) in buckets {
        if upper.is_finite() && cumulative as f64 >= rank && cumulative > below {
            return lower + (upper - lower) * (rank - below as f64) / (cumulative - below) as f64;
        }
        if upper.is_finite() {
            (lower, below) = (upper, cumulative);
        }
    }
    lower
}

fn milliseconds(seconds: f64) -> f64 {
    (seconds * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let buckets = [(0.001, 0), (0.002, 50), (0.005, 100)];

        assert!((quantile(&buckets, 100, 0.5) - 0.002).abs() < 1e-9);
        assert!((quantile(&buckets, 100, 0.75) - 0.0035).abs() < 1e-9);
        assert!((quantile(&[(0.001, 0)], 10, 0.5) - 0.001).abs() < 1e-9);
    }

    #[test]
    fn steps_are_in_the_order_of_their_rows() {
        for (row, step) in Step::ALL.iter().enumerate() {
            assert_eq!(*step as usize, row, "{}", step.name());
            assert_eq!(serde_json::to_value(step).unwrap(), step.name());
        }
        assert_eq!(Step::Total as usize, Step::ALL.len());
    }
}
