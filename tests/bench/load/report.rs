//! From what the sessions saw to the figures of one run. Pure.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::clip::Clip;
use crate::picture::{self, Kept};
use crate::process::Usage;
use crate::session::Record;

/// A pause between two pictures that W3C webrtc-stats counts as a freeze at 30 frames/s: 150 ms more than a frame.
const FREEZE: Duration = Duration::from_millis(183);
/// A session whose last picture is older than this at the end of the window has died.
const ALIVE: Duration = Duration::from_secs(2);
/// Above this, the generator shares in what it measures.
const BUSY_GENERATOR: f64 = 0.9;

/// The measured part of a run, with what the server and the generator had used at both ends.
pub struct Window {
    pub begins: Instant,
    pub ends: Instant,
    pub server: [Usage; 2],
    pub own: [Usage; 2],
}

impl Window {
    fn holds(&self, at: Instant) -> bool {
        (self.begins..self.ends).contains(&at)
    }

    fn seconds(&self) -> f64 {
        (self.ends - self.begins).as_secs_f64()
    }

    fn cores(&self, [before, after]: &[Usage; 2]) -> f64 {
        (after.cpu_s - before.cpu_s) / self.seconds()
    }
}

/// One JSON object; `sessions` is in the order of their start, the first one is the probe of delay and quality.
pub fn report(clip: &Clip, sessions: &[Record], window: &Window) -> Value {
    let shown: Vec<Vec<Instant>> = sessions.iter().map(|record| shown(record, window)).collect();
    let fps: Vec<f64> = shown.iter().map(|times| times.len() as f64 / window.seconds()).collect();
    let alive = sessions.iter().zip(&shown).filter(|(record, times)| is_alive(record, times, window)).count();
    let own_cores = window.cores(&window.own);
    let server = &window.server[1];
    json!({
        "codec": format!("{:?}", clip.codec).to_lowercase(),
        "size": clip.size.height,
        "sessions": sessions.len(),
        "connected": alive,
        "decoded": sessions.iter().filter(|record| record.decodes).count(),
        "fps_each": fps.iter().copied().map(one_digit).collect::<Vec<_>>(),
        "fps_min": fps.iter().copied().reduce(f64::min).map(one_digit),
        "fps_mean": one_digit(mean(&fps)),
        "delay_ms": delays(&sessions[0], window),
        "first_picture_ms": sessions.iter().map(first_picture_ms).collect::<Vec<_>>(),
        "freezes": shown.iter().map(|times| freezes(times, window)).sum::<usize>(),
        "odd_pictures": sessions.iter().map(|record| record.odd_pictures).sum::<usize>(),
        "kbit_s": one_digit(mean(&sessions.iter().map(|record| kbit_s(record, window)).collect::<Vec<_>>())),
        "psnr_db": psnr(clip, &sessions[0], window),
        "key_frames_asked_of_us": sessions.iter().map(|record| record.key_frames_asked_of_us).sum::<usize>(),
        "key_frames_asked_of_server":
            sessions.iter().map(|record| record.key_frames_asked_of_server).sum::<usize>(),
        "server": {
            "cores": three_digits(window.cores(&window.server)),
            "rss_mb": one_digit(server.rss_kb as f64 / 1024.0),
            "threads": server.threads,
            "fds": server.fds,
        },
        "generator": { "cores": three_digits(own_cores), "late_ms_p95": lateness_p95(sessions, window) },
        "warnings": warnings(own_cores),
        "failures": sessions.iter().filter_map(|record| record.failure.clone()).collect::<Vec<_>>(),
    })
}

/// When the window's pictures came; access units in place of them where the session does not decode.
fn shown(record: &Record, window: &Window) -> Vec<Instant> {
    let times: Vec<Instant> = if record.decodes {
        record.pictures.iter().map(|(at, _)| *at).collect()
    } else {
        record.units.iter().map(|(at, _)| *at).collect()
    };
    times.into_iter().filter(|at| window.holds(*at)).collect()
}

fn is_alive(record: &Record, times: &[Instant], window: &Window) -> bool {
    let is_fresh = times.last().is_some_and(|last| window.ends - *last < ALIVE);
    record.is_connected && record.failure.is_none() && is_fresh
}

fn freezes(times: &[Instant], window: &Window) -> usize {
    let edges = [&[window.begins], times, &[window.ends]].concat();
    edges.windows(2).filter(|pair| pair[1] - pair[0] >= FREEZE).count()
}

fn delays(probe: &Record, window: &Window) -> Value {
    let pictures = probe.pictures.iter().filter(|(at, _)| window.holds(*at));
    let mut delays: Vec<Duration> = pictures.map(|(at, due)| *at - *due).collect();
    delays.sort_unstable();
    json!({
        "p50": percentile_ms(&delays, 50),
        "p95": percentile_ms(&delays, 95),
        "p99": percentile_ms(&delays, 99),
    })
}

/// When each of the window's pictures came, in seconds since 1970, and its delay in milliseconds.
pub fn each_delay(probe: &Record, window: &Window, began: SystemTime) -> Value {
    let began = began.duration_since(UNIX_EPOCH).unwrap_or_default();
    let pictures = probe.pictures.iter().filter(|(at, _)| window.holds(*at));
    let each = pictures.map(|(at, due)| {
        let seconds = (began + (*at - window.begins)).as_secs_f64();
        json!([three_digits(seconds), three_digits((*at - *due).as_secs_f64() * 1000.0)])
    });
    each.collect()
}

fn first_picture_ms(record: &Record) -> Option<f64> {
    let first = record.first_picture_at?;
    Some(one_digit((first - record.offered_at?).as_secs_f64() * 1000.0))
}

fn kbit_s(record: &Record, window: &Window) -> f64 {
    let bytes: usize = record.units.iter().filter(|(at, _)| window.holds(*at)).map(|(_, len)| len).sum();
    bytes as f64 * 8.0 / 1000.0 / window.seconds()
}

fn psnr(clip: &Clip, probe: &Record, window: &Window) -> Option<f64> {
    let kept: Vec<&Kept> = probe.kept.iter().filter(|kept| window.holds(kept.at)).collect();
    picture::psnr(clip.size, &kept).map(|db| (db * 100.0).round() / 100.0)
}

fn lateness_p95(sessions: &[Record], window: &Window) -> Option<f64> {
    let frames = sessions.iter().flat_map(|record| &record.lateness);
    let mut late: Vec<Duration> = frames.filter(|(at, _)| window.holds(*at)).map(|(_, late)| *late).collect();
    late.sort_unstable();
    percentile_ms(&late, 95)
}

fn warnings(own_cores: f64) -> Vec<String> {
    let is_busy = own_cores > BUSY_GENERATOR;
    let text = format!("the generator used {own_cores:.2} core: these figures measure it, too");
    is_busy.then_some(text).into_iter().collect()
}

/// The nearest rank in a sorted list.
fn percentile_ms(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    sorted.get(rank).map(|value| one_digit(value.as_secs_f64() * 1000.0))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn one_digit(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn three_digits(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_counts_as_a_freeze_and_so_does_one_at_the_end() {
        let begins = Instant::now();
        let at = |ms| begins + Duration::from_millis(ms);
        let window =
            Window { begins, ends: at(1000), server: [Usage::default(); 2], own: [Usage::default(); 2] };
        let steady: Vec<_> = (0..30).map(|count| at(count * 33)).collect();
        let paused: Vec<_> =
            steady.iter().copied().filter(|time| !(at(300)..at(500)).contains(time)).collect();

        assert_eq!(freezes(&steady, &window), 0);
        assert_eq!(freezes(&paused, &window), 1);
        assert_eq!(freezes(&paused[..15], &window), 2);
        assert_eq!(freezes(&[], &window), 1);
    }

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let sorted: Vec<_> = (1..=20).map(Duration::from_millis).collect();

        assert_eq!(percentile_ms(&sorted, 50), Some(10.0));
        assert_eq!(percentile_ms(&sorted, 95), Some(19.0));
        assert_eq!(percentile_ms(&sorted[..1], 99), Some(1.0));
        assert_eq!(percentile_ms(&[], 50), None);
    }
}
