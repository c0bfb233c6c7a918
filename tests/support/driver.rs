//! The client's one thread: it owns the socket, the str0m state machine and the codecs, sends what is due, decodes
//! what is returned and writes the statistics. It sleeps in the socket alone; a command wakes it by a datagram.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use str0m::channel::{ChannelConfig, ChannelId};
use str0m::media::{Frequency, KeyframeRequestKind, MediaData, MediaTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Event, Input, Output, Rtc, RtcError};

use super::codec::{Decoded, Decoder, Encoder};
use super::opus::{self, Listener};
use super::stats::{AudioPacket, Beep, End, Frame, Stats, Time};

/// If no frame follows a request for this long, it is repeated; a server needs a frame or two to respond.
const KEY_FRAME_RETRY: Duration = Duration::from_millis(300);
/// Time for the closing messages (RTCP BYE, DTLS `close_notify`) to leave; nobody acknowledges them.
const CLOSING: Duration = Duration::from_millis(200);
/// Frames whose time of sending is remembered: 30 s at 30 frames/s, more than any delay that a test accepts.
const REMEMBERED: usize = 900;
/// A quarter of the beep's loudness.
const BEEP_LEVEL: f64 = 0.045;
const OPUS_INTERVAL: Duration = Duration::from_millis(20);
/// A read that takes longer than copying a datagram has waited for one.
const BLOCKED: Duration = Duration::from_micros(100);
const LARGEST_DATAGRAM: usize = 2000;
/// The datagram of the handle that wakes the thread.
pub const WAKE_BYTES: usize = 1;

/// What is sent in an access unit's place.
pub type Damage = Box<dyn FnMut(Vec<u8>) -> Vec<u8> + Send>;

/// What the handle asks of the thread.
pub enum Command {
    Send {
        binary: bool,
        data: Vec<u8>,
    },
    Resize(u32, u32),
    Pause,
    Resume,
    RequestKeyFrame,
    /// Changes every access unit from here on; `None` sends them as they are.
    Damage(Option<Damage>),
    /// Moves the video to another synchronisation source, without a word about it.
    ChangeSource,
    /// Sends RTP packets with these payloads on the video's source, encrypted as all are.
    Rtp(Vec<Vec<u8>>),
    /// Sends datagrams past ICE, DTLS and SRTP, from the client's own socket.
    Datagrams(Vec<Vec<u8>>),
    /// Opens so many data channels more.
    OpenChannels(usize),
    Vanish,
    Close,
}

/// The statistics and the signal that they changed.
#[derive(Default)]
pub struct Shared {
    stats: Mutex<Stats>,
    changed: Condvar,
}

impl Shared {
    pub fn update(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// A test's failed assertion on the statistics leaves them as they were: the client can still close the connection.
    pub fn lock(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `condition` holds or `limit` has passed. Returns whether it held.
    pub fn wait_for(&self, mut condition: impl FnMut(&Stats) -> bool, limit: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |stats| !condition(stats));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// The video that the client sends.
pub struct Source {
    pub encoder: Encoder,
    pub fps: u32,
}

pub struct Driver {
    pub rtc: Rtc,
    pub socket: UdpSocket,
    pub local: SocketAddr,
    pub commands: Receiver<Command>,
    pub shared: Arc<Shared>,
    pub video: Mid,
    pub audio: Option<Mid>,
    /// `None` sends no video.
    pub source: Option<Source>,
    /// `None` sends no audio.
    pub beep: Option<&'static [Vec<u8>]>,
    pub decoder: Decoder,
    pub listener: Option<Listener>,
    pub state: State,
}

/// A frame of the client's camera.
struct Sent {
    number: u32,
    /// When it was drawn.
    at: Instant,
    /// How much later than the camera's rate wants.
    late: Duration,
    /// From its drawing to its last datagram; `None` until that is sent.
    own: Option<Duration>,
}

/// What changes while the thread runs.
#[derive(Default)]
pub struct State {
    channel: Option<ChannelId>,
    /// Messages from before the channel opened, and those that its buffer had no room for.
    unsent: VecDeque<(bool, Vec<u8>)>,
    media_start: Option<Instant>,
    paused: bool,
    next_video: Option<Instant>,
    next_audio: Option<Instant>,
    number: u32,
    audio_packets: u32,
    /// When the newest beep was due here.
    beep_due: Option<Instant>,
    hears_beep: bool,
    sent: VecDeque<Sent>,
    /// When the socket was last known to be empty: what is read has waited there since at most.
    empty_at: Option<Instant>,
    key_frame_asked: Option<Instant>,
    /// Part of the returned video is missing, until the next key frame.
    damaged: bool,
    closing: Option<Instant>,
    damage: Option<Damage>,
    /// Where the server's last datagram came from.
    server: Option<SocketAddr>,
    /// Number of the next packet that [`Command::Rtp`] sends.
    raw_number: u64,
}

impl State {
    /// A decoded frame with what is known of its stamp; `None` if it has none.
    fn seen(&self, image: &Decoded, received: Instant, whole: bool, time: Time) -> Option<Frame> {
        let stamp = image.stamp?;
        let sent = self.sent.iter().rev().find(|sent| sent.number == stamp);
        let sending = sent.and_then(|sent| sent.own).unwrap_or_default();
        let receiving = self.empty_at.map(|at| received - at).unwrap_or_default();
        Some(Frame {
            stamp,
            width: image.width,
            height: image.height,
            light: image.light(),
            received,
            delay: sent.map(|sent| received - sent.at).unwrap_or_default(),
            own: sending + receiving,
            late: sent.map(|sent| sent.late).unwrap_or_default(),
            whole,
            time,
        })
    }
}

impl Driver {
    /// Runs until the connection ends or the handle says so.
    pub fn run(mut self) {
        let end = self.drive().unwrap_or_else(|error| End::Failed(error.to_string()));
        self.shared.update(|stats| stats.end = Some(end));
    }

    fn drive(&mut self) -> Result<End, RtcError> {
        let mut buffer = vec![0; LARGEST_DATAGRAM];
        loop {
            let timeout = self.poll()?;
            if let Some(end) = self.ended() {
                return Ok(end);
            }
            match self.commands.try_recv() {
                Ok(Command::Vanish) => return Ok(End::Vanished),
                Ok(command) => {
                    self.obey(command)?;
                    continue;
                }
                Err(TryRecvError::Disconnected) => self.close()?,
                Err(TryRecvError::Empty) => {}
            }
            let now = Instant::now();
            if self.send_messages()? || self.send_video(now)? || self.send_audio(now)? {
                continue;
            }
            let wake = [self.state.next_video, self.state.next_audio]
                .into_iter()
                .flatten()
                .fold(timeout, Instant::min);
            self.receive(&mut buffer, wake)?;
        }
    }

    fn poll(&mut self) -> Result<Instant, RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(timeout) => {
                    if let Some(sent) = self.state.sent.back_mut() {
                        sent.own.get_or_insert_with(|| sent.at.elapsed());
                    }
                    return Ok(timeout);
                }
                Output::Transmit(datagram) => {
                    // An address that cannot be reached is one of ICE's tries.
                    self.socket.send_to(&datagram.contents, datagram.destination).ok();
                }
                Output::Event(event) => self.on_event(event),
            }
        }
    }

    fn ended(&self) -> Option<End> {
        let closed = self.state.closing.is_some_and(|since| since.elapsed() > CLOSING);
        if !self.rtc.is_alive() || closed {
            let closed = self.state.closing.map(|_| End::Closed);
            return Some(closed.unwrap_or(End::ClosedByServer));
        }
        None
    }

    fn obey(&mut self, command: Command) -> Result<(), RtcError> {
        match command {
            Command::Send { binary, data } => self.state.unsent.push_back((binary, data)),
            Command::Resize(width, height) => {
                if let Some(source) = &mut self.source {
                    source.encoder.set_size(width, height);
                }
            }
            Command::Pause => self.state.paused = true,
            Command::Resume => self.state.paused = false,
            Command::RequestKeyFrame => self.request_key_frame(),
            Command::Damage(damage) => self.state.damage = damage,
            Command::ChangeSource => self.change_source(),
            Command::Rtp(payloads) => self.send_rtp(payloads),
            Command::Datagrams(datagrams) => {
                let server = self.state.server.expect("a test sends these once it is connected");
                for datagram in datagrams {
                    self.socket.send_to(&datagram, server).ok(); // a refused one is an answer too
                }
            }
            Command::OpenChannels(count) => {
                for number in 0..count {
                    let label = format!("extra {number}");
                    self.rtc
                        .direct_api()
                        .create_data_channel(ChannelConfig { label, ..ChannelConfig::default() });
                }
            }
            Command::Close => self.close()?,
            Command::Vanish => unreachable!("the loop ends on it"),
        }
        self.schedule();
        Ok(())
    }

    fn change_source(&mut self) {
        let mut direct = self.rtc.direct_api();
        let (source, repairs) = (direct.new_ssrc(), direct.new_ssrc());
        let repairs = Some(repairs);
        direct.reset_stream_tx(self.video, None, source, repairs).expect("the video line is negotiated");
    }

    fn send_rtp(&mut self, payloads: Vec<Vec<u8>>) {
        let pt = payload_type(&mut self.rtc, self.video).expect("the video line is negotiated");
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(self.video, None).expect("the video line is negotiated");
        for payload in payloads {
            self.state.raw_number += 1;
            let number = self.state.raw_number;
            let time = u32::try_from(number * 3000 % u64::from(u32::MAX)).expect("the remainder fits");
            stream.write_rtp(RtpWrite::new(pt, number.into(), time, Instant::now(), payload).marker(true));
        }
    }

    fn close(&mut self) -> Result<(), RtcError> {
        if self.state.closing.is_none() {
            self.state.closing = Some(Instant::now());
            self.state.paused = true;
            self.schedule();
            self.rtc.close()?;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], wake: Instant) -> Result<(), RtcError> {
        // Zero would mean to wait for ever.
        let wait = wake.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let wait = if self.state.closing.is_some() { wait.min(CLOSING) } else { wait };
        self.socket.set_read_timeout(Some(wait)).expect("the limit is not zero");
        let began = Instant::now();
        let received = self.socket.recv_from(buffer);
        let now = Instant::now();
        if now - began > BLOCKED {
            self.state.empty_at = Some(now);
        }
        match received {
            Ok((len, source)) => {
                if len > WAKE_BYTES {
                    self.state.server = Some(source);
                }
                // A datagram that is none of WebRTC's, such as the one that wakes this thread, is dropped.
                if let Ok(contents) = buffer[..len].try_into() {
                    let receive = Receive { proto: Protocol::Udp, source, destination: self.local, contents };
                    self.rtc.handle_input(Input::Receive(now, receive))?;
                }
            }
            Err(error) => match error.kind() {
                // A refused datagram is told here; ICE finds out by itself.
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused => {}
                _ => panic!("the client's socket failed: {error}"),
            },
        }
        self.rtc.handle_input(Input::Timeout(now))
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Connected => {
                let now = Instant::now();
                self.shared.update(|stats| stats.connected_at = Some(now));
                self.state.media_start = Some(now);
                self.schedule();
            }
            Event::IceConnectionStateChange(ice) => self.shared.update(|stats| stats.ice = Some(ice)),
            Event::MediaData(data) if data.mid == self.video => self.on_video(&data),
            Event::MediaData(data) => self.on_audio(&data),
            Event::KeyframeRequest(_) => {
                self.shared.update(|stats| stats.key_frame_requests += 1);
                if let Some(source) = &mut self.source {
                    source.encoder.force_key_frame();
                }
            }
            Event::MediaIngressStats(figures) if figures.mid == self.video => self.shared.update(|stats| {
                stats.nacks_sent = figures.nacks;
                stats.video_bytes = figures.bytes;
            }),
            Event::MediaEgressStats(figures) if figures.mid == self.video => {
                self.shared.update(|stats| stats.nacks_received = figures.nacks);
            }
            Event::ChannelOpen(channel, _) => {
                self.state.channel.get_or_insert(channel);
                self.shared.update(|stats| stats.channel_open = true);
            }
            Event::ChannelData(message) => {
                let json = serde_json::from_slice(&message.data);
                self.shared.update(|stats| match json {
                    Ok(json) => stats.messages.push(json),
                    Err(_) => stats.other_messages.push(message.data),
                });
            }
            Event::ChannelClose(_) => self.shared.update(|stats| {
                stats.channel_open = false;
                stats.channel_closed = true;
            }),
            _ => {}
        }
    }

    fn on_video(&mut self, data: &MediaData) {
        let time = time(data);
        let (contiguous, key) = (data.contiguous, data.is_keyframe());
        let decoded = self.decoder.push(data.data.to_vec());
        let received = Instant::now();
        self.state.damaged = !key && (self.state.damaged || !contiguous);
        let whole = !self.state.damaged;
        let usable = whole && decoded.as_ref().is_ok_and(|frames| !frames.is_empty());
        self.shared.update(|stats| {
            stats.video_units += 1;
            stats.video_gaps += u32::from(!contiguous);
            stats.key_frames += u32::from(key);
            for image in decoded.unwrap_or_default() {
                let size = (image.width, image.height);
                stats.frames_decoded += 1;
                if stats.sizes.last() != Some(&size) {
                    stats.sizes.push(size);
                }
                stats.frames.extend(self.state.seen(&image, received, whole, time));
                stats.last_frame = Some(image);
            }
        });
        if !usable {
            self.request_key_frame_again();
        }
    }

    fn on_audio(&mut self, data: &MediaData) {
        let level = self.listener.as_mut().map_or(0.0, |listener| listener.level(data.data.to_vec()));
        let (len, valid) = (data.data.len(), opus::is_valid(&data.data));
        let (received, time) = (data.network_time, time(data));
        let begins = level > BEEP_LEVEL && !self.state.hears_beep;
        self.state.hears_beep = level > BEEP_LEVEL;
        let beep = self.state.beep_due.filter(|_| begins);
        self.shared.update(|stats| {
            stats.audio.push(AudioPacket { len, valid, level, received, time });
            stats.beeps.extend(beep.map(|due| Beep { received, delay: received - due, time }));
        });
    }

    fn request_key_frame_again(&mut self) {
        if self.state.key_frame_asked.is_none_or(|asked| asked.elapsed() > KEY_FRAME_RETRY) {
            self.request_key_frame();
        }
    }

    fn request_key_frame(&mut self) {
        let asked = self
            .rtc
            .writer(self.video)
            .map(|mut writer| writer.request_keyframe(None, KeyframeRequestKind::Pli));
        if let Some(Ok(())) = asked {
            self.state.key_frame_asked = Some(Instant::now());
            self.shared.update(|stats| stats.key_frame_requests_sent += 1);
        }
    }

    /// Sets the next times of sending, on from now after a pause.
    fn schedule(&mut self) {
        let running = !self.state.paused && self.state.media_start.is_some();
        let next = |set: Option<Instant>, wanted: bool| {
            (running && wanted).then(|| set.unwrap_or_else(Instant::now))
        };
        self.state.next_video = next(self.state.next_video, self.source.is_some());
        self.state.next_audio = next(self.state.next_audio, self.beep.is_some());
    }

    /// Sends one message and returns whether there was one that went.
    fn send_messages(&mut self) -> Result<bool, RtcError> {
        let Some(mut channel) = self.state.channel.and_then(|id| self.rtc.channel(id)) else {
            return Ok(false);
        };
        let Some((binary, data)) = self.state.unsent.front() else {
            return Ok(false);
        };
        let sent = channel.write(*binary, data)?;
        if sent {
            self.state.unsent.pop_front();
        }
        Ok(sent)
    }

    /// Sends the frame that is due; frames that this thread was too late for are left out.
    fn send_video(&mut self, now: Instant) -> Result<bool, RtcError> {
        let (Some(source), Some(due)) = (&mut self.source, self.state.next_video.filter(|due| *due <= now))
        else {
            return Ok(false);
        };
        let interval = Duration::from_secs(1) / source.fps;
        let next = due + interval;
        self.state.next_video = Some(if next < now { now + interval } else { next });
        let Some((pt, start)) = payload_type(&mut self.rtc, self.video).zip(self.state.media_start) else {
            return Ok(false);
        };

        self.state.number += 1;
        let number = self.state.number;
        if self.state.sent.len() == REMEMBERED {
            self.state.sent.pop_front();
        }
        self.state.sent.push_back(Sent { number, at: now, late: now - due, own: None });
        let time = MediaTime::from_micros((due - start).as_micros().try_into().expect("a test takes no age"))
            .rebase(Frequency::NINETY_KHZ);
        for unit in source.encoder.push(number) {
            let writer = self.rtc.writer(self.video).expect("the video line is negotiated");
            let data = match &mut self.state.damage {
                Some(damage) => damage(unit.data),
                None => unit.data,
            };
            writer.write(pt, now, time, data)?;
        }
        self.shared.update(|stats| {
            stats.frames_sent += 1;
            stats.drawn.push(due - start);
        });
        Ok(true)
    }

    fn send_audio(&mut self, now: Instant) -> Result<bool, RtcError> {
        let (Some(beep), Some(due)) = (self.beep, self.state.next_audio.filter(|due| *due <= now)) else {
            return Ok(false);
        };
        self.state.next_audio = Some(due + OPUS_INTERVAL);
        let Some((pt, mid)) = self.audio.and_then(|mid| Some((payload_type(&mut self.rtc, mid)?, mid)))
        else {
            return Ok(false);
        };

        let packet = &beep[self.state.audio_packets as usize % beep.len()];
        if (self.state.audio_packets as usize).is_multiple_of(beep.len()) {
            self.state.beep_due = Some(due);
        }
        let samples = u64::from(self.state.audio_packets) * u64::from(opus::SAMPLES);
        let time = MediaTime::new(samples, Frequency::FORTY_EIGHT_KHZ);
        self.state.audio_packets += 1;
        let writer = self.rtc.writer(mid).expect("the audio line is negotiated");
        writer.write(pt, now, time, packet.as_slice())?;
        self.shared.update(|stats| stats.audio_sent += 1);
        Ok(true)
    }
}

/// The line's payload type for sending, or `None` where the answer does not let the client send.
fn payload_type(rtc: &mut Rtc, mid: Mid) -> Option<str0m::media::Pt> {
    let sends = rtc.media(mid)?.direction().is_sending();
    let pt = rtc.writer(mid)?.payload_params().next()?.pt();
    sends.then_some(pt)
}

fn time(data: &MediaData) -> Time {
    let wall = data.last_sender_info.and_then(|report| {
        let after_s = data.time.as_seconds() - report.rtp_time.as_seconds();
        let after = Duration::try_from_secs_f64(after_s.abs()).ok()?;
        if after_s < 0.0 { report.ntp_time.checked_sub(after) } else { report.ntp_time.checked_add(after) }
    });
    Time { rtp_s: data.time.as_seconds(), wall }
}
