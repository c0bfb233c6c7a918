//! The server's side of one worker: its socket, its sessions' requests in flight, and whether it lives.
//!
//! Shared by the worker's sessions and its [supervisor](super::supervise). One lock, never held while anything blocks; a
//! session waits at its own reply, so that only it is woken.

use std::{
    collections::HashMap,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rustix::event::{EventfdFlags, eventfd};

use super::{
    super::{Activity, Cause, Crash, Error, Values, progress},
    channel::Channel,
    protocol::Done,
    settings::Settings,
    shares::Shares,
};

/// A worker whose socket stays full for this long does not read.
const SEND_LIMIT: Duration = Duration::from_secs(1);
/// Shortest time between two steps of a load that are reported.
const REPORT: Duration = Duration::from_millis(100);

/// One worker, from before its start until after its end.
pub struct Connection {
    pub settings: Arc<Settings>,
    /// The values that it loads with.
    pub load_values: Values,
    pub channel: Channel,
    /// Wakes the supervisor.
    pub wake: OwnedFd,
    state: Mutex<ConnectionState>,
    changed: Condvar,
    next_session: AtomicU64,
}

/// The phases of a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// The current step of its load.
    Loading(String),
    Ready,
    /// Why it ended, and what follows.
    Over(Crash),
}

/// The state that the lock protects.
pub struct ConnectionState {
    pub phase: Phase,
    /// Whether it should end.
    pub stop: bool,
    /// Why it has to be killed, if a session detected that.
    pub fault: Option<Cause>,
    /// Requests without a reply.
    pub in_flight: usize,
    /// Since when the worker owes a reply, or has owed none.
    pub progress: Instant,
    users: usize,
    unused_since: Instant,
    sessions: HashMap<u64, OpenSession>,
    shares: Shares,
}

struct OpenSession {
    request: Option<Request>,
    reply: Arc<Reply>,
}

/// A request for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub seq: u64,
    pub slot: u32,
    pub version: u64,
}

#[derive(Default)]
struct Reply {
    done: Mutex<Option<Result<Done, Crash>>>,
    arrived: Condvar,
}

impl Reply {
    fn fulfil(&self, done: Result<Done, Crash>) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        self.arrived.notify_one();
    }

    /// Waits without a limit: the supervisor always replies in the end.
    fn wait(&self) -> Result<Done, Crash> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(done) = done.take() {
                return done;
            }
            done = self.arrived.wait(done).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Connection {
    /// A worker that nobody uses yet.
    ///
    /// # Errors
    /// The system refused a descriptor.
    pub fn new(settings: Arc<Settings>, load_values: Values, channel: Channel) -> std::io::Result<Self> {
        let now = Instant::now();
        Ok(Self {
            settings,
            load_values,
            channel,
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            state: Mutex::new(ConnectionState {
                phase: Phase::Loading("starting".into()),
                stop: false,
                fault: None,
                in_flight: 0,
                progress: now,
                users: 0,
                unused_since: now,
                sessions: HashMap::new(),
                shares: Shares::default(),
            }),
            changed: Condvar::new(),
            next_session: AtomicU64::new(1),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a user; `None` if it has ended or is ending.
    pub fn lease(self: &Arc<Self>) -> Option<Lease> {
        let mut state = self.lock();
        if state.stop || matches!(state.phase, Phase::Over(_)) {
            return None;
        }
        state.users += 1;
        drop(state);
        Some(Lease(self.clone()))
    }

    /// Waits until the worker is ready for frames, and reports the steps of its load; the supervisor limits the time.
    ///
    /// # Errors
    /// [`Error::Died`] with why it ended.
    pub fn wait_ready(&self) -> Result<(), Error> {
        let loading = |state: &mut ConnectionState| matches!(state.phase, Phase::Loading(_));
        let mut reported = String::new();
        let mut state = self.lock();
        loop {
            // A worker may report a thousand steps a second: only the newest is passed on, at intervals.
            let waited = self.changed.wait_timeout_while(state, REPORT, loading);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            let known = |state: &mut ConnectionState| matches!(&state.phase, Phase::Loading(text) if *text == reported);
            state = self.changed.wait_while(state, known).unwrap_or_else(PoisonError::into_inner);
            match &state.phase {
                Phase::Over(crash) => return Err(Error::Died(crash.clone())),
                Phase::Ready => return Ok(()),
                Phase::Loading(text) => reported.clone_from(text),
            }
            drop(state);
            progress::report(&reported);
            state = self.lock();
        }
    }

    /// Waits until `due`; returns whether the worker is still needed.
    pub fn wait_for_start(&self, due: Instant) -> bool {
        let limit = due.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |state| !state.stop);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.stop
    }

    /// Enters a phase; the last one is sent to every session that waits.
    pub fn enter(&self, phase: Phase) {
        let mut state = self.lock();
        if let Phase::Over(crash) = &phase {
            for session in state.sessions.values_mut().filter(|session| session.request.is_some()) {
                session.request = None;
                session.reply.fulfil(Err(crash.clone()));
            }
            state.in_flight = 0;
        }
        state.phase = phase;
        state.progress = Instant::now();
        drop(state);
        self.changed.notify_all();
    }

    /// Whether it can have users: it has not ended and is not told to.
    pub fn is_live(&self) -> bool {
        let state = self.lock();
        !state.stop && !matches!(state.phase, Phase::Over(_))
    }

    /// Since when it has had no user; `None` while it has one.
    pub fn unused_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.users == 0).then_some(state.unused_since)
    }

    /// Tells the worker to end.
    pub fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
        self.wake_supervisor();
    }

    /// Stops a worker that has been unused for long enough; returns whether it should end.
    pub fn stop_if_unused(&self) -> bool {
        let mut state = self.lock();
        let unused = state.users == 0 && state.unused_since.elapsed() >= self.settings.keep;
        state.stop |= unused;
        state.stop
    }

    /// Opens a session; returns its number in the protocol.
    pub fn open_session(&self) -> u64 {
        let session = self.next_session.fetch_add(1, Relaxed);
        self.lock().sessions.insert(session, OpenSession { request: None, reply: Arc::default() });
        session
    }

    pub fn close_session(&self, session: u64) {
        let mut state = self.lock();
        state.sessions.remove(&session);
        state.shares.forget(session);
    }

    /// Whether a frame of the session may be computed now without harm to the others. `interval`: the time between two
    /// frames of its input.
    pub fn admits(&self, session: u64, interval: Duration) -> bool {
        self.lock().shares.admits(session, interval, Instant::now())
    }

    /// Forgets what a session's frames have taken so far.
    pub fn forgive(&self, session: u64) {
        self.lock().shares.forget(session);
    }

    /// Sends a packet; a worker that does not read it is killed by its supervisor.
    pub fn send(&self, packet: &[u8], file: Option<&OwnedFd>) {
        if let Err(error) = self.channel.send(packet, file.map(AsFd::as_fd), SEND_LIMIT)
            && error.kind() == std::io::ErrorKind::TimedOut
        {
            let seconds = SEND_LIMIT.as_secs_f64();
            self.lock().fault = Some(Cause::TimedOut { during: Activity::Receiving, seconds });
            self.wake_supervisor();
        } // else the socket has ended, which the supervisor sees by itself
    }

    /// Sends the request for a frame and waits for the reply.
    ///
    /// # Errors
    /// [`Error::Died`]: the worker has ended.
    pub fn request(&self, session: u64, request: Request, packet: &[u8]) -> Result<Done, Error> {
        let reply = {
            let mut state = self.lock();
            if let Phase::Over(crash) = &state.phase {
                return Err(Error::Died(crash.clone()));
            }
            if state.in_flight == 0 {
                state.progress = Instant::now();
            }
            let Some(session) = state.sessions.get_mut(&session) else {
                return Err(Error::Process("the session is closed at its worker".into()));
            };
            session.request = Some(request);
            let reply = session.reply.clone();
            state.in_flight += 1;
            reply
        };
        self.send(packet, None);
        reply.wait().map_err(Error::Died)
    }

    /// Passes a reply to the session that waits for it.
    ///
    /// # Errors
    /// No session waits for this one.
    pub fn deliver(&self, done: Done) -> Result<(), String> {
        let mut state = self.lock();
        let session = state.sessions.get_mut(&done.session);
        // Older parameters are those of a worker that could not take the newest ones.
        let waits = |request: Request| {
            (request.seq, u64::from(request.slot)) == (done.seq, done.slot) && done.version <= request.version
        };
        let Some(session) = session.filter(|session| session.request.is_some_and(waits)) else {
            return Err(format!(
                "expected a done for a frame in work, got one for session {} frame {} slot {} version {}",
                done.session, done.seq, done.slot, done.version
            ));
        };
        session.request = None;
        let reply = session.reply.clone();
        let compute = Duration::from_micros(done.compute_us / done.batch.max(1));
        state.shares.done(done.session, compute, Instant::now());
        state.in_flight -= 1;
        state.progress = Instant::now();
        drop(state);
        self.settings.counters.largest_batch.fetch_max(done.batch, Relaxed);
        reply.fulfil(Ok(done));
        Ok(())
    }

    fn wake_supervisor(&self) {
        rustix::io::write(&self.wake, &1_u64.to_ne_bytes()).ok(); // full: it is being woken
    }
}

/// One user's lease of a worker, which may end once no lease is left.
pub struct Lease(Arc<Connection>);

impl std::ops::Deref for Lease {
    type Target = Arc<Connection>;

    fn deref(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.lock();
        state.users -= 1;
        state.unused_since = Instant::now();
    }
}
