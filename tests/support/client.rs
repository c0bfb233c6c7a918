//! A WebRTC client on another stack than the server's: str0m for ICE, DTLS, SRTP, RTP and SCTP, GStreamer for the
//! codecs alone. It sends stamped video, decodes what is returned and reads the stamps. One thread per client.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::builder::OFFERS;
pub use super::builder::{Builder, Candidates, Error, Media, post};
use super::driver::{Command, Shared, WAKE_BYTES};
use super::http;
use super::stats::Stats;

/// A client's thread ends after its closing messages; longer means that it hangs.
const JOIN_LIMIT: Duration = Duration::from_secs(5);

/// A running client. When dropped it closes the connection, as a closed page does.
pub struct Client {
    pub(super) base_url: String,
    pub(super) session_id: String,
    pub(super) resume_token: String,
    pub(super) resumed: bool,
    pub(super) offer: String,
    pub(super) answer: String,
    pub(super) shared: Arc<Shared>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) waker: UdpSocket,
    pub(super) local: SocketAddr,
    pub(super) thread: Option<thread::JoinHandle<()>>,
}

impl Client {
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// With this another client takes the session over.
    pub fn resume_token(&self) -> &str {
        &self.resume_token
    }

    /// Whether the server says that this client took a session over.
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// The offer as it was sent.
    pub fn offer(&self) -> &str {
        &self.offer
    }

    /// The answer as received.
    pub fn answer(&self) -> &str {
        &self.answer
    }

    /// The URL of this session for PATCH and DELETE.
    pub fn session_url(&self) -> String {
        format!("{}{OFFERS}/{}", self.base_url, self.session_id)
    }

    /// The URL that shows this session's state.
    pub fn detail_url(&self) -> String {
        format!("{}/api/v1/sessions/{}", self.base_url, self.session_id)
    }

    /// A copy of the statistics. For a large one, use `read`.
    pub fn stats(&self) -> Stats {
        self.read(Stats::clone)
    }

    /// Reads the statistics in place.
    pub fn read<T>(&self, read: impl FnOnce(&Stats) -> T) -> T {
        read(&self.shared.lock())
    }

    /// Waits until `condition` holds or `limit` has passed. Returns whether it held.
    #[must_use]
    pub fn wait_for(&self, condition: impl FnMut(&Stats) -> bool, limit: Duration) -> bool {
        self.shared.wait_for(condition, limit)
    }

    /// Waits until `condition` holds, and fails the test with `claim` and the counters where it does not.
    #[track_caller]
    pub fn expect(&self, claim: &str, condition: impl FnMut(&Stats) -> bool, limit: Duration) {
        let held = self.wait_for(condition, limit);
        assert!(held, "not within {limit:?}: {claim}; {}", self.read(Stats::summary));
    }

    /// Sends a JSON message on the data channel, once that is open.
    pub fn send(&self, message: &Value) {
        self.send_raw(message.to_string().into_bytes(), false);
    }

    /// Sends any bytes on the data channel, once that is open, as text or as binary.
    pub fn send_raw(&self, data: Vec<u8>, binary: bool) {
        self.command(Command::Send { binary, data });
    }

    /// Changes the size of the frames that are sent from here on.
    pub fn set_size(&self, width: u32, height: u32) {
        self.command(Command::Resize(width, height));
    }

    /// Stops sending video and audio; the connection stays.
    pub fn pause_media(&self) {
        self.command(Command::Pause);
    }

    pub fn resume_media(&self) {
        self.command(Command::Resume);
    }

    /// Sends a PLI for the returned video.
    pub fn request_key_frame(&self) {
        self.command(Command::RequestKeyFrame);
    }

    /// Sends what `damage` makes of each access unit, from here on.
    pub fn damage(&self, damage: impl FnMut(Vec<u8>) -> Vec<u8> + Send + 'static) {
        self.command(Command::Damage(Some(Box::new(damage))));
    }

    /// Sends access units as they are again.
    pub fn mend(&self) {
        self.command(Command::Damage(None));
    }

    /// Goes on with another synchronisation source, without a word about it.
    pub fn change_source(&self) {
        self.command(Command::ChangeSource);
    }

    /// Sends RTP packets with these payloads, encrypted as all are.
    pub fn send_rtp(&self, payloads: Vec<Vec<u8>>) {
        self.command(Command::Rtp(payloads));
    }

    /// Sends a datagram past ICE, DTLS and SRTP, from the client's own socket.
    pub fn send_datagram(&self, datagram: Vec<u8>) {
        self.send_datagrams(vec![datagram]);
    }

    /// The same for many, one right after another.
    pub fn send_datagrams(&self, datagrams: Vec<Vec<u8>>) {
        self.command(Command::Datagrams(datagrams));
    }

    /// Opens so many data channels besides its own.
    pub fn open_channels(&self, count: usize) {
        self.command(Command::OpenChannels(count));
    }

    /// Stops at once and closes the socket without a word, as a killed browser does. The counters stay readable.
    pub fn vanish(&mut self) {
        self.end(Command::Vanish);
    }

    /// Closes the connection by RTCP BYE and DTLS `close_notify` and waits until these are sent. The counters stay readable.
    pub fn close(&mut self) {
        self.end(Command::Close);
    }

    /// Ends the session over HTTP.
    pub fn delete(&self) -> Result<http::Response, reqwest::Error> {
        http::delete(&self.session_url())
    }

    fn end(&mut self, command: Command) {
        self.command(command);
        let ended = self.wait_for(|stats| stats.end.is_some(), JOIN_LIMIT);
        if let Some(thread) = self.thread.take().filter(|_| ended) {
            thread.join().ok(); // its panic is on stderr, and the counters tell the test
        }
    }

    fn command(&self, command: Command) {
        self.commands.send(command).ok(); // the thread has ended: the counters tell why
        self.waker.send_to(&[0; WAKE_BYTES], self.local).ok(); // likewise
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end(Command::Close);
        }
    }
}
