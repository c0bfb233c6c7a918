//! What the sessions and the watching thread of one worker share: who waits for which frame, and whether it lives.
//!
//! One lock, held for a look; a session waits at its own answer, so that only it is woken.

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
    super::{Activity, Cause, Crash, Error, Values, steps},
    channel::Channel,
    protocol::Done,
    settings::Settings,
};

/// A socket that is full for so long belongs to a worker that does not read; it hangs by its frame limit anyway.
const SEND_LIMIT: Duration = Duration::from_secs(1);
/// Between two steps of a load that are said, at the least.
const STEP: Duration = Duration::from_millis(100);

/// One worker, from before its start to behind its end.
pub struct Work {
    pub settings: Arc<Settings>,
    /// What it loads with.
    pub load_values: Values,
    pub channel: Channel,
    /// Wakes the watching thread.
    pub wake: OwnedFd,
    desk: Mutex<Desk>,
    changed: Condvar,
    next_session: AtomicU64,
}

/// Where a worker is.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// What its load does.
    Loading(String),
    Ready,
    /// Why it is over, and what follows.
    Over(Crash),
}

pub struct Desk {
    pub phase: Phase,
    /// Whether it is to end.
    pub stop: bool,
    /// Why it has to be killed, where a session found that out.
    pub fault: Option<Cause>,
    pub in_work: usize,
    /// Since when the worker owes an answer, or has owed none.
    pub progress: Instant,
    users: usize,
    unused_since: Instant,
    seats: HashMap<u64, Seat>,
}

struct Seat {
    asked: Option<Asked>,
    answer: Arc<Answer>,
}

/// A frame in work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub seq: u64,
    pub slot: u32,
    pub version: u64,
}

#[derive(Default)]
struct Answer {
    done: Mutex<Option<Result<Done, Crash>>>,
    came: Condvar,
}

impl Answer {
    fn give(&self, done: Result<Done, Crash>) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        self.came.notify_one();
    }

    /// Waits for what the watching thread gives in the end, whatever the worker does.
    fn wait(&self) -> Result<Done, Crash> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(done) = done.take() {
                return done;
            }
            done = self.came.wait(done).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Work {
    /// A worker that nobody uses yet.
    ///
    /// # Errors
    /// The system gives no descriptor.
    pub fn new(settings: Arc<Settings>, load_values: Values, channel: Channel) -> std::io::Result<Self> {
        let now = Instant::now();
        Ok(Self {
            settings,
            load_values,
            channel,
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            desk: Mutex::new(Desk {
                phase: Phase::Loading("starting".into()),
                stop: false,
                fault: None,
                in_work: 0,
                progress: now,
                users: 0,
                unused_since: now,
                seats: HashMap::new(),
            }),
            changed: Condvar::new(),
            next_session: AtomicU64::new(1),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A user more; `None` where it is over or ending.
    pub fn lease(self: &Arc<Self>) -> Option<Lease> {
        let mut desk = self.lock();
        if desk.stop || matches!(desk.phase, Phase::Over(_)) {
            return None;
        }
        desk.users += 1;
        drop(desk);
        Some(Lease(self.clone()))
    }

    /// Waits until frames may come, and says what the load does; the watching thread bounds it.
    ///
    /// # Errors
    /// [`Error::Died`] with why it is over.
    pub fn wait_ready(&self) -> Result<(), Error> {
        let loading = |desk: &mut Desk| matches!(desk.phase, Phase::Loading(_));
        let mut said = String::new();
        let mut desk = self.lock();
        loop {
            // A worker may tell a thousand steps a second: the newest is said, now and then.
            let waited = self.changed.wait_timeout_while(desk, STEP, loading);
            desk = waited.unwrap_or_else(PoisonError::into_inner).0;
            let known = |desk: &mut Desk| matches!(&desk.phase, Phase::Loading(text) if *text == said);
            desk = self.changed.wait_while(desk, known).unwrap_or_else(PoisonError::into_inner);
            match &desk.phase {
                Phase::Over(crash) => return Err(Error::Died(crash.clone())),
                Phase::Ready => return Ok(()),
                Phase::Loading(text) => said.clone_from(text),
            }
            drop(desk);
            steps::say(&said);
            desk = self.lock();
        }
    }

    /// Waits until `due`; gives whether the worker is still wanted.
    pub fn wait_for_start(&self, due: Instant) -> bool {
        let limit = due.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |desk| !desk.stop);
        let (desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !desk.stop
    }

    /// Says where the worker is; the end is final and told to every session that waits.
    pub fn enter(&self, phase: Phase) {
        let mut desk = self.lock();
        if let Phase::Over(crash) = &phase {
            for seat in desk.seats.values_mut().filter(|seat| seat.asked.is_some()) {
                seat.asked = None;
                seat.answer.give(Err(crash.clone()));
            }
            desk.in_work = 0;
        }
        desk.phase = phase;
        desk.progress = Instant::now();
        drop(desk);
        self.changed.notify_all();
    }

    /// Lets the worker end.
    pub fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
        self.wake_watch();
    }

    /// Marks a worker for its end that nobody has used for long enough; gives whether it is to end.
    pub fn ends(&self) -> bool {
        let mut desk = self.lock();
        let unused = desk.users == 0 && desk.unused_since.elapsed() >= self.settings.keep;
        desk.stop |= unused;
        desk.stop
    }

    /// Its number for the worker.
    pub fn open_session(&self) -> u64 {
        let session = self.next_session.fetch_add(1, Relaxed);
        self.lock().seats.insert(session, Seat { asked: None, answer: Arc::default() });
        session
    }

    pub fn close_session(&self, session: u64) {
        self.lock().seats.remove(&session);
    }

    /// Sends a packet; a worker that does not take it is killed by its watch.
    pub fn send(&self, packet: &[u8], file: Option<&OwnedFd>) {
        if let Err(error) = self.channel.send(packet, file.map(AsFd::as_fd), SEND_LIMIT)
            && error.kind() == std::io::ErrorKind::TimedOut
        {
            let seconds = SEND_LIMIT.as_secs_f64();
            self.lock().fault = Some(Cause::TimedOut { during: Activity::Receiving, seconds });
            self.wake_watch();
        } // else the socket has ended, which the watch sees by itself
    }

    /// Has one frame made; waits for the answer.
    ///
    /// # Errors
    /// [`Error::Died`]: the worker is over.
    pub fn ask(&self, session: u64, asked: Asked, packet: &[u8]) -> Result<Done, Error> {
        let answer = {
            let mut desk = self.lock();
            if let Phase::Over(crash) = &desk.phase {
                return Err(Error::Died(crash.clone()));
            }
            if desk.in_work == 0 {
                desk.progress = Instant::now();
            }
            let Some(seat) = desk.seats.get_mut(&session) else {
                return Err(Error::Process("the session is closed at its worker".into()));
            };
            seat.asked = Some(asked);
            let answer = seat.answer.clone();
            desk.in_work += 1;
            answer
        };
        self.send(packet, None);
        answer.wait().map_err(Error::Died)
    }

    /// Gives an answer to the session that waits for it.
    ///
    /// # Errors
    /// Nobody asked for this.
    pub fn answered(&self, done: Done) -> Result<(), String> {
        let mut desk = self.lock();
        let seat = desk.seats.get_mut(&done.session);
        // Older parameters are those of a worker that could not take the newest ones.
        let asked_for = |asked: Asked| {
            (asked.seq, u64::from(asked.slot)) == (done.seq, done.slot) && done.version <= asked.version
        };
        let Some(seat) = seat.filter(|seat| seat.asked.is_some_and(asked_for)) else {
            return Err(format!(
                "a done for a frame in work is wanted, one for session {} frame {} slot {} version {} came",
                done.session, done.seq, done.slot, done.version
            ));
        };
        seat.asked = None;
        let answer = seat.answer.clone();
        desk.in_work -= 1;
        desk.progress = Instant::now();
        drop(desk);
        self.settings.counters.largest_batch.fetch_max(done.batch, Relaxed);
        answer.give(Ok(done));
        Ok(())
    }

    fn wake_watch(&self) {
        rustix::io::write(&self.wake, &1_u64.to_ne_bytes()).ok(); // full: it is being woken
    }
}

/// The use of a worker; it may end when nobody has one.
pub struct Lease(Arc<Work>);

impl std::ops::Deref for Lease {
    type Target = Arc<Work>;

    fn deref(&self) -> &Arc<Work> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut desk = self.lock();
        desk.users -= 1;
        desk.unused_since = Instant::now();
    }
}
