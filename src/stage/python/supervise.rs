//! Runs `python-<id>`, the one thread of a worker: starts its process, reads its messages, watches its limits, ends it.
//!
//! On every path the sessions get a reply: they wait without a limit of their own.

use std::{
    ops::ControlFlow,
    os::fd::OwnedFd,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags};

use super::{
    super::{Activity, Cause, Crash, Error, Restart, Values, catalog::panic_text},
    channel::{Channel, Received, wait},
    connection::{Connection, Lease, Phase},
    diagnosis,
    log::Lines,
    process::Process,
    protocol::{self, FromWorker, Hello, Level, ToWorker},
    settings::Settings,
};

/// How often limits are checked: a tenth of the delay that a client may see.
const TICK: Duration = Duration::from_millis(100);
/// How often an idle worker is pinged.
const PING_AFTER: Duration = Duration::from_secs(5);
/// How long the process may outlive its socket; its end shows the reason.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long a worker may take to end after a request.
const STOP_LIMIT: Duration = Duration::from_secs(1);
/// Packets, and parts of its output, that are read before anything else is checked.
const TURN: usize = 64;
/// Longest time that counts between two checks: if the server itself was suspended or starved, the worker is not to
/// blame.
const STEP: Duration = Duration::from_millis(300);
const OUTPUT_BYTES: usize = 16_384;

/// The owner of the worker, called on its thread.
pub trait Keeper: Send + 'static {
    /// The worker is ready.
    fn ready(&self);

    /// The worker has ended: decides what follows. Called before its sessions get their replies.
    fn ended(&self, connection: &Arc<Connection>, cause: &Cause) -> Option<Restart>;
}

/// Starts a worker at `due`; the lease belongs to the first user.
///
/// # Errors
/// [`Error::Died`]: the system refused descriptors or a thread.
pub fn start(
    settings: Arc<Settings>,
    load_values: Values,
    due: Instant,
    keeper: impl Keeper,
) -> Result<Lease, Error> {
    let refused = |error: std::io::Error| Error::from(Cause::NotStarted { message: error.to_string() });
    let (channel, socket) = Channel::pair().map_err(refused)?;
    let connection = Arc::new(Connection::new(settings, load_values, channel).map_err(refused)?);
    let lease = connection.lease().ok_or(Cause::Stopped)?;
    let thread = std::thread::Builder::new().name(format!("python-{}", connection.settings.id));
    thread.spawn(move || run(&connection, &keeper, socket, due)).map_err(refused)?;
    Ok(lease)
}

fn run(connection: &Arc<Connection>, keeper: &dyn Keeper, socket: OwnedFd, due: Instant) {
    let mut process = None;
    let watched = catch_unwind(AssertUnwindSafe(|| {
        if !connection.wait_for_start(due) {
            return Cause::Stopped;
        }
        match Process::start(&connection.settings, socket) {
            Ok(started) => Supervisor::new(connection, process.insert(started), keeper).run(),
            Err(cause) => cause,
        }
    }));
    let cause = watched.unwrap_or_else(|panic| Cause::Panicked { message: panic_text(&*panic) });
    if let Some(process) = &process {
        process.kill();
    }
    if cause == Cause::Stopped {
        tracing::info!(pipeline = connection.settings.id, "worker stopped");
    } else {
        tracing::warn!(pipeline = connection.settings.id, %cause, "worker ended");
    }
    let restart = keeper.ended(connection, &cause);
    connection.enter(Phase::Over(Crash { cause, restart }));
    if let Some(process) = process {
        process.reap(&connection.settings.counters);
    }
}

/// Whether the supervisor continues, or why the worker ends.
type Verdict = ControlFlow<Cause>;

struct Supervisor<'a> {
    connection: &'a Connection,
    settings: &'a Settings,
    process: &'a mut Process,
    keeper: &'a dyn Keeper,
    lines: Lines,
    /// Whether its output is still open.
    output: bool,
    started: Instant,
    greeted: bool,
    ready: bool,
    /// When the limits were last checked, how long the load took until then, and for how long a reply has been due.
    checked: Instant,
    loading: Duration,
    owing: Duration,
    progress: Instant,
    /// The ping without a reply.
    ping: Option<u64>,
    pings: u64,
    /// The kernel's count of memory kills at the worker's start.
    memory_kills: Option<u64>,
    buffer: Vec<u8>,
}

impl<'a> Supervisor<'a> {
    fn new(connection: &'a Connection, process: &'a mut Process, keeper: &'a dyn Keeper) -> Self {
        let now = Instant::now();
        Self {
            connection,
            settings: &connection.settings,
            process,
            keeper,
            lines: Lines::new(now),
            output: true,
            started: now,
            greeted: false,
            ready: false,
            checked: now,
            loading: Duration::ZERO,
            owing: Duration::ZERO,
            progress: now,
            ping: None,
            pings: 0,
            memory_kills: memory_kills(),
            buffer: vec![0; protocol::MESSAGE_BYTES],
        }
    }

    fn run(mut self) -> Cause {
        let mut next_tick = self.started + TICK;
        let end = loop {
            if let Err(error) = self.wait(next_tick.saturating_duration_since(Instant::now())) {
                break Cause::NotStarted { message: format!("the worker cannot be watched: {error}") };
            }
            self.read_output();
            if let ControlFlow::Break(end) = self.receive() {
                break end;
            }
            if let ControlFlow::Break(end) = self.check_end() {
                break end;
            }
            if Instant::now() >= next_tick {
                next_tick = Instant::now() + TICK;
                if let ControlFlow::Break(end) = self.check_limits() {
                    break end;
                }
            }
        };
        self.read_output();
        self.lines.finish(Instant::now(), &mut log_line(&self.settings.id));
        end
    }

    fn wait(&self, limit: Duration) -> std::io::Result<()> {
        let ended = self.process.ended();
        let output = self.process.output();
        let mut files = vec![
            PollFd::new(&self.connection.channel, PollFlags::IN),
            PollFd::new(&ended, PollFlags::IN),
            PollFd::new(&self.connection.wake, PollFlags::IN),
        ];
        if self.output {
            files.push(PollFd::new(&output, PollFlags::IN));
        }
        wait(&mut files, limit)
    }

    fn read_output(&mut self) {
        let mut buffer = [0; OUTPUT_BYTES];
        for _ in 0..TURN {
            if !self.output {
                return;
            }
            match self.process.read(&mut buffer) {
                None => self.output = false,
                Some(0) => return,
                Some(length) => {
                    self.lines.feed(&buffer[..length], Instant::now(), &mut log_line(&self.settings.id));
                }
            }
        }
    }

    /// Reads the worker's messages.
    fn receive(&mut self) -> Verdict {
        for _ in 0..TURN {
            match self.connection.channel.receive(&mut self.buffer) {
                Received::Nothing => break,
                Received::End => return self.gone(),
                Received::Packet(length) => {
                    let said = self.buffer.get(..length).map_or_else(
                        || {
                            Err(format!(
                                "expected packets of at most {} bytes, got {length}",
                                self.buffer.len()
                            ))
                        },
                        FromWorker::parse,
                    );
                    match said.and_then(|said| self.handle(said)) {
                        Ok(verdict) => verdict?,
                        Err(message) => return ControlFlow::Break(Cause::ProtocolFault { message }),
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn handle(&mut self, said: FromWorker) -> Result<Verdict, String> {
        match said {
            FromWorker::Hello(hello) if !self.greeted => self.check_hello(&hello)?,
            FromWorker::Loading { text } if self.greeted && !self.ready => {
                tracing::debug!(pipeline = self.settings.id, text, "worker loads");
                self.connection.enter(Phase::Loading(text));
            }
            FromWorker::Ready { device } if self.greeted && !self.ready => {
                self.ready = true;
                let load_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(pipeline = self.settings.id, device, load_ms, "worker is ready");
                self.keeper.ready();
                self.connection.enter(Phase::Ready);
            }
            FromWorker::Done(done) if self.ready => self.connection.deliver(done)?,
            FromWorker::Pong { id } if self.ping == Some(id) => {
                self.ping = None;
                self.connection.lock().progress = Instant::now();
            }
            FromWorker::Log { level, text } => {
                let id = &self.settings.id;
                self.lines.line(&text, Instant::now(), &mut |line| match level {
                    Level::Debug => tracing::debug!(pipeline = id, line, "worker says"),
                    Level::Info => tracing::info!(pipeline = id, line, "worker says"),
                    Level::Warn => tracing::warn!(pipeline = id, line, "worker says"),
                    Level::Error => tracing::error!(pipeline = id, line, "worker says"),
                });
            }
            FromWorker::Fatal { message } => {
                let interpreter = &self.settings.interpreter;
                return Ok(ControlFlow::Break(diagnosis::of_message(message, interpreter)));
            }
            early => return Err(format!("unexpected message {early:?} before the stage was ready")),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn check_hello(&mut self, hello: &Hello) -> Result<(), String> {
        let settings = self.settings;
        if let Some(missing) = settings.layouts.iter().find(|layout| !hello.layouts.contains(layout)) {
            return Err(format!(
                "expected a class for the layout {missing:?} of pipeline.toml, got one for {:?}",
                hello.layouts
            ));
        }
        if let Some(own) = &hello.parameters {
            let unknown: Vec<_> = own.keys().filter(|name| !settings.parameters.contains(name)).collect();
            let idle: Vec<_> = settings.parameters.iter().filter(|name| !own.contains_key(*name)).collect();
            if !unknown.is_empty() || !idle.is_empty() {
                let pipeline = &settings.id;
                tracing::warn!(pipeline, only_in_class = ?unknown, only_in_toml = ?idle, "parameters differ");
            }
        }
        self.greeted = true;
        let (name, version, package) = (&hello.name, &hello.version, &hello.package);
        tracing::info!(pipeline = settings.id, name, version, package, "worker started");
        let load = ToWorker::Load {
            protocol: protocol::VERSION,
            pipeline: &settings.id,
            parameters: &self.connection.load_values,
            max_batch: hello.max_batch.min(settings.max_batch),
            batch_wait_us: u64::try_from(settings.batch_wait.as_micros()).unwrap_or(0),
        };
        self.connection.send(&load.packet()?, None);
        Ok(())
    }

    /// Whether it was asked to stop, has ended, or has to be killed for a session.
    fn check_end(&mut self) -> Verdict {
        let (stop, fault) = {
            let mut state = self.connection.lock();
            (state.stop, state.fault.take())
        };
        rustix::io::read(&self.connection.wake, &mut [0; 8]).ok(); // nobody woke this thread
        if stop {
            self.stop();
            return ControlFlow::Break(Cause::Stopped);
        }
        if let Some(cause) = fault {
            return ControlFlow::Break(cause);
        }
        if self.process.ending().is_some() { self.gone() } else { ControlFlow::Continue(()) }
    }

    fn check_limits(&mut self) -> Verdict {
        if self.connection.stop_if_unused() {
            self.stop();
            return ControlFlow::Break(Cause::Stopped);
        }
        if let Some((limit, used)) = self.settings.memory_limit.zip(self.process.memory())
            && used > limit
        {
            let used_mb = used.div_ceil(1 << 20); // up: a worker that is over the limit shows more than the limit
            return ControlFlow::Break(Cause::OverMemoryLimit { used_mb, limit_mb: limit >> 20 });
        }
        let step = self.checked.elapsed().min(STEP);
        self.checked = Instant::now();
        if self.ready { self.check_answers(step) } else { self.check_load(step) }
    }

    fn check_load(&mut self, step: Duration) -> Verdict {
        let limit = self.settings.load_limit;
        self.loading += step;
        if self.loading >= limit {
            let cause = Cause::TimedOut { during: Activity::Loading, seconds: limit.as_secs_f64() };
            return ControlFlow::Break(cause);
        }
        ControlFlow::Continue(())
    }

    fn check_answers(&mut self, step: Duration) -> Verdict {
        let (in_flight, progress) = {
            let state = self.connection.lock();
            (state.in_flight, state.progress)
        };
        if self.progress != progress {
            (self.progress, self.owing) = (progress, Duration::ZERO);
        } else if in_flight + usize::from(self.ping.is_some()) > 0 {
            self.owing += step;
            if self.owing >= self.settings.frame_limit {
                let during = if in_flight > 0 { Activity::Frame } else { Activity::Idle };
                let seconds = self.owing.as_secs_f64();
                return ControlFlow::Break(Cause::TimedOut { during, seconds });
            }
        } else if progress.elapsed() >= PING_AFTER {
            self.ping();
        }
        ControlFlow::Continue(())
    }

    fn ping(&mut self) {
        self.pings += 1;
        self.ping = Some(self.pings);
        self.connection.lock().progress = Instant::now();
        if let Ok(packet) = (ToWorker::Ping { id: self.pings }).packet() {
            self.connection.send(&packet, None);
        }
    }

    /// Why a worker ended without a request.
    fn gone(&mut self) -> Verdict {
        let ended = self.process.ended();
        wait(&mut [PollFd::new(&ended, PollFlags::IN)], LAST_WORDS).ok(); // no word then
        self.read_output();
        let memory_ran_out = memory_kills() > self.memory_kills;
        let (ending, last) = (self.process.ending(), &self.lines.last);
        let interpreter = &self.settings.interpreter;
        ControlFlow::Break(diagnosis::of_end(ending, last, self.ready, memory_ran_out, interpreter))
    }

    fn stop(&mut self) {
        if let Ok(packet) = ToWorker::Stop.packet() {
            self.connection.send(&packet, None);
        }
        let ended = self.process.ended();
        wait(&mut [PollFd::new(&ended, PollFlags::IN)], STOP_LIMIT).ok(); // it is killed next
    }
}

/// Processes that the kernel has killed for their memory.
fn memory_kills() -> Option<u64> {
    diagnosis::memory_kills(&std::fs::read_to_string("/proc/vmstat").ok()?)
}

fn log_line(pipeline: &str) -> impl FnMut(&str) {
    move |line| tracing::info!(pipeline, line, "worker says")
}
