//! One session: its socket, its str0m state machine and its decoder on one thread, which sleeps in the socket alone.
//! It sends the clip's frames at their due times and writes down what comes back; nothing is judged here.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use str0m::bwe::Bitrate;
use str0m::change::SdpAnswer;
use str0m::media::{Direction, Frequency, KeyframeRequestKind, MediaData, MediaKind, MediaTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::clip::{Clip, FPS};
use crate::ffi;
use crate::picture::{Kept, Screen};
use crate::sender::Sender;
use crate::signalling::Api;
use crate::support::address::own_address;
use crate::support::codec::Codec;

/// A picture that stays away this long after a request is asked for again.
const KEY_FRAME_RETRY: Duration = Duration::from_millis(300);
/// How often the clip's bit rate is asked for; browsers send REMB about once a second.
const REMB_INTERVAL: Duration = Duration::from_secs(1);
/// The longest sleep, so that the end of the run is seen.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
const LARGEST_DATAGRAM: usize = 2000;

/// What one session is asked to do.
pub struct Order {
    pub api: Api,
    pub base_url: String,
    pub number: usize,
    pub clip: Arc<Clip>,
    pub decodes: bool,
    pub stop: Arc<AtomicBool>,
}

/// What one session saw, in the order of arrival.
#[derive(Default)]
pub struct Record {
    pub offered_at: Option<Instant>,
    /// Whether it decodes; otherwise access units stand for pictures.
    pub decodes: bool,
    pub is_connected: bool,
    /// Access units and the bytes in them.
    pub units: Vec<(Instant, usize)>,
    /// Each new picture: when it was decoded and when its frame was due. Empty where the session does not decode.
    pub pictures: Vec<(Instant, Instant)>,
    /// Decoded pictures without a readable stamp, or with one that was shown before.
    pub odd_pictures: usize,
    /// The first session's sample.
    pub kept: Vec<Kept>,
    pub first_picture_at: Option<Instant>,
    pub key_frames_asked_of_us: usize,
    pub key_frames_asked_of_server: usize,
    /// When each frame went, after it was due.
    pub lateness: Vec<(Instant, Duration)>,
    /// Why it ended before it was told to.
    pub failure: Option<String>,
}

/// Runs one session until it is told to stop or the connection ends.
pub fn run(order: &Order) -> Record {
    let mut record = Record { decodes: order.decodes, ..Record::default() };
    let ended = Session::open(order, &mut record).and_then(|session| session.drive(order, &mut record));
    record.failure = ended.err().map(|error| format!("{error:#}"));
    record
}

struct Session {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    video: Mid,
    screen: Option<Screen>,
    sender: Sender,
    asked_at: Option<Instant>,
    next_remb: Option<Instant>,
}

impl Session {
    fn open(order: &Order, record: &mut Record) -> anyhow::Result<Session> {
        let socket = UdpSocket::bind((own_address(), 0)).context("no free UDP port")?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let screen = order.decodes.then(|| Screen::new(&order.clip));
        let mut rtc = rtc(order.clip.codec);
        rtc.add_local_candidate(Candidate::host(local, "udp")?);
        let mut changes = rtc.sdp_api();
        let video =
            changes.add_media(MediaKind::Video, Direction::SendRecv, Some("camera".into()), None, None);
        if order.api.needs_channel() {
            changes.add_channel("text".into());
        }
        let (offer, pending) = changes.apply().context("no offer")?;

        let answered = order.api.offer(&order.base_url, order.number, &offer.to_sdp_string())?;
        record.offered_at = Some(answered.offered_at);
        let answer = SdpAnswer::from_sdp_string(&answered.sdp).context("the answer is not SDP")?;
        rtc.sdp_api().accept_answer(pending, answer).context("the answer is refused")?;
        let sender = Sender::new(Arc::clone(&order.clip));
        Ok(Session { rtc, socket, local, video, screen, sender, asked_at: None, next_remb: None })
    }

    fn drive(mut self, order: &Order, record: &mut Record) -> anyhow::Result<()> {
        let mut buffer = vec![0; LARGEST_DATAGRAM];
        while !order.stop.load(Ordering::Relaxed) {
            let timeout = self.poll(order, record)?;
            ensure!(self.rtc.is_alive(), "the connection ended");
            let now = Instant::now();
            if self.send(now, record)? {
                continue;
            }
            self.ask_for_bitrate(now, order.clip.size.bps);
            let wake = self.sender.next_due().into_iter().fold(timeout, Instant::min);
            ffi::wait_readable(&self.socket, wake.saturating_duration_since(now).min(LONGEST_WAIT));
            self.receive(&mut buffer, order, record)?;
        }
        self.rtc.close()?;
        self.poll(order, record)?;
        Ok(())
    }

    /// Sends and handles all that str0m has, and returns when it wants to be called again.
    fn poll(&mut self, order: &Order, record: &mut Record) -> anyhow::Result<Instant> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(timeout) => return Ok(timeout),
                Output::Transmit(datagram) => {
                    // An address that cannot be reached is one of ICE's tries.
                    self.socket.send_to(&datagram.contents, datagram.destination).ok();
                }
                Output::Event(Event::Connected) => {
                    record.is_connected = true;
                    self.sender.start(Instant::now());
                    self.next_remb = Some(Instant::now());
                }
                Output::Event(Event::KeyframeRequest(_)) => {
                    record.key_frames_asked_of_us += 1;
                    self.sender.jump_to_key_frame();
                }
                Output::Event(Event::MediaData(data)) => self.on_picture(&data, order, record),
                Output::Event(_) => {}
            }
        }
    }

    /// Takes every datagram that is there.
    fn receive(&mut self, buffer: &mut [u8], order: &Order, record: &mut Record) -> anyhow::Result<()> {
        loop {
            match self.socket.recv_from(buffer) {
                Ok((len, source)) => {
                    // A datagram that is none of WebRTC's is dropped.
                    if let Ok(contents) = buffer[..len].try_into() {
                        let destination = self.local;
                        let receive = Receive { proto: Protocol::Udp, source, destination, contents };
                        self.rtc.handle_input(Input::Receive(Instant::now(), receive))?;
                        self.poll(order, record)?;
                    }
                }
                // A refused datagram is told here; ICE finds out by itself.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("the socket failed"),
            }
        }
        Ok(self.rtc.handle_input(Input::Timeout(Instant::now()))?)
    }

    fn on_picture(&mut self, data: &MediaData, order: &Order, record: &mut Record) {
        record.units.push((Instant::now(), data.data.len()));
        let Some(screen) = &mut self.screen else {
            if !data.contiguous {
                self.ask_for_key_frame(record);
            }
            return;
        };
        let shown = screen.show(data.data.to_vec(), order.number == 0);
        let at = Instant::now();
        if shown.is_empty() || !data.contiguous {
            self.ask_for_key_frame(record);
        }
        for picture in shown {
            record.first_picture_at.get_or_insert(at);
            match picture.stamp.and_then(|stamp| self.sender.due_of(stamp)) {
                Some(due) => record.pictures.push((at, due)),
                None => record.odd_pictures += 1,
            }
            if let Some((stamp, luma)) = picture.stamp.zip(picture.luma) {
                record.kept.push(Kept { at, stamp, luma });
            }
        }
    }

    fn ask_for_key_frame(&mut self, record: &mut Record) {
        let writer = self.rtc.writer(self.video);
        if self.asked_at.is_none_or(|asked_at| asked_at.elapsed() > KEY_FRAME_RETRY)
            && writer
                .is_some_and(|mut writer| writer.request_keyframe(None, KeyframeRequestKind::Pli).is_ok())
        {
            self.asked_at = Some(Instant::now());
            record.key_frames_asked_of_server += 1;
        }
    }

    /// The REMB; the transport-wide feedback goes by itself.
    fn ask_for_bitrate(&mut self, now: Instant, bps: u32) {
        if self.next_remb.is_some_and(|next| next <= now) {
            self.next_remb = Some(now + REMB_INTERVAL);
            // No stream before its first packet.
            if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(self.video, None) {
                stream.request_remb(Bitrate::from(f64::from(bps)));
            }
        }
    }

    /// Sends the frame that is due, and returns whether there was one.
    fn send(&mut self, now: Instant, record: &mut Record) -> anyhow::Result<bool> {
        let Some(frame) = self.sender.take(now) else { return Ok(false) };
        record.lateness.push((now, now - frame.due));
        let writer = self.rtc.writer(self.video).context("the answer has no video")?;
        let pt = writer.payload_params().next().context("no common video codec")?.pt();
        let ticks = frame.count * u64::from(Frequency::NINETY_KHZ.get()) / u64::from(FPS);
        let time = MediaTime::new(ticks, Frequency::NINETY_KHZ);
        writer.write(pt, now, time, self.sender.data(&frame))?;
        Ok(true)
    }
}

// Bandwidth estimation stays off: the bit rate is fixed, and str0m's pacer would add to the measured delay.
fn rtc(codec: Codec) -> Rtc {
    let mut config = Rtc::builder().clear_codecs();
    match codec {
        Codec::H264 => config.codec_config().add_h264(108.into(), Some(109.into()), true, 0x42_e01f),
        _ => config = config.enable_vp8(true),
    }
    config.build(Instant::now())
}
