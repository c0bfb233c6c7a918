//! What is measured: the good session's frames, the server's memory and `/health`.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::support::{client::Client, http, server::Server};

/// Between two questions to `/health`, each on a connection of its own.
const EVERY: Duration = Duration::from_millis(100);

/// What a client saw in a stretch of time.
pub struct Window {
    /// The delay that 95 % of the frames stay under, from before their encoding to after their decoding.
    pub p95: Duration,
    /// Per cent of the frames that never came.
    pub lost: f64,
}

impl Window {
    /// Watches `client` for that long.
    ///
    /// # Panics
    /// Where no two frames came.
    pub fn of(client: &Client, long: Duration) -> Self {
        let first = client.read(|stats| stats.frames.len());
        thread::park_timeout(long);
        let frames = client.read(|stats| stats.frames[first..].to_vec());
        let mut delays: Vec<_> = frames.iter().map(|frame| frame.delay).collect();
        delays.sort_unstable();
        let mut stamps: Vec<_> = frames.iter().map(|frame| frame.stamp).collect();
        stamps.sort_unstable();
        stamps.dedup();
        let (Some(least), Some(most)) = (stamps.first(), stamps.last()) else { panic!("no frame came") };
        let sent = f64::from(most - least + 1);
        let came = u32::try_from(stamps.len()).expect("a window has few frames");
        Self { p95: delays[delays.len() * 95 / 100], lost: (sent - f64::from(came)) / sent * 100.0 }
    }
}

/// Watches a server from a thread of its own.
pub struct Watch {
    over: Arc<AtomicBool>,
    memory: JoinHandle<usize>,
    health: JoinHandle<(usize, Duration)>,
}

/// What was seen.
pub struct Seen {
    /// The most memory.
    pub rss_kb: usize,
    /// How often `/health` answered, and the longest that it took.
    pub answers: usize,
    pub health: Duration,
}

impl Watch {
    /// Begins.
    pub fn start(server: &Server) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (pid, url) = (server.pid(), format!("{}/health", server.url()));
        let memory = every(&over, Duration::from_millis(20), 0, move |most| most.max(rss_kb(pid)));
        let health =
            every(&over, EVERY, (0, Duration::ZERO), move |(answers, longest): (usize, Duration)| {
                let asked = Instant::now();
                let status = http::get(&url).map(|answer| answer.status).ok();
                assert_eq!(status, Some(200), "/health after {answers} answers");
                (answers + 1, longest.max(asked.elapsed()))
            });
        Self { over, memory, health }
    }

    /// Ends.
    pub fn stop(self) -> Seen {
        self.over.store(true, Relaxed);
        let (answers, health) = self.health.join().expect("/health answers");
        Seen { rss_kb: self.memory.join().expect("the server runs"), answers, health }
    }
}

fn every<T: Send + 'static>(
    over: &Arc<AtomicBool>,
    pause: Duration,
    mut value: T,
    mut step: impl FnMut(T) -> T + Send + 'static,
) -> JoinHandle<T> {
    let over = over.clone();
    thread::spawn(move || {
        while !over.load(Relaxed) {
            value = step(value);
            thread::park_timeout(pause);
        }
        value
    })
}

fn rss_kb(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel writes this field");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("the field is a number")
}
