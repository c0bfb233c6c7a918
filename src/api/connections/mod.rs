//! The open connections: how many there are, from which address, and when an idle one ends.
//!
//! A connection is idle while no request is under way on it; from its acceptance to its first request it is idle too,
//! whatever it sends. Where there are too many, the longest idle one is closed, so that a client that holds silent
//! connections keeps nobody out. Runs on tokio, in the task of each connection. Must never close a connection that has a
//! request under way, unless its client stops reading.

mod stream;

use std::{
    collections::HashMap,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
pub use stream::Stream;
use tokio_util::sync::CancellationToken;

use crate::{access::network, descriptors, limits};

/// From the acceptance to the first complete head of a request, a TLS handshake included. A browser sends one at once; it
/// also opens connections ahead of use, and opens them again.
const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// Between two requests. Pages ask every few seconds; a new connection costs a client some milliseconds.
const IDLE: Duration = Duration::from_secs(30);
/// Of all file descriptors, HTTP connections get one in so many; sessions need the rest.
const DESCRIPTORS_SHARE: usize = 4;

/// How many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// In all.
    pub all: usize,
    /// From one address, but for loopback, where a reverse proxy brings everybody.
    pub per_address: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { all: 1024, per_address: 64 }
    }
}

/// All open connections of a server.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

struct Shared {
    settings: Settings,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, Arc<Connection>>,
}

impl Connections {
    /// None yet; at most as many as `settings` and the file descriptors allow.
    pub fn new(settings: Settings) -> Self {
        let all = settings.all.min((descriptors::limit() / DESCRIPTORS_SHARE).max(1));
        Self(Arc::new(Shared { settings: Settings { all, ..settings }, open: Mutex::default() }))
    }

    /// Takes a connection of `peer` in, for the longest idle one where there is no room; `None` where none is idle.
    pub fn admit(&self, peer: IpAddr) -> Option<Admitted> {
        let client = network(peer);
        let mut open = self.lock();
        let own = |connection: &Connection| connection.client == client;
        let of_client = open.by_number.values().filter(|connection| own(connection)).count();
        if !client.is_loopback() && of_client >= self.0.settings.per_address {
            limits::CONNECTIONS_PER_ADDRESS.refused();
            open.close_longest_idle(own)?;
        }
        let has_descriptors = descriptors::take_connection();
        if open.by_number.len() >= self.0.settings.all || !has_descriptors {
            limits::CONNECTIONS.refused();
            open.close_longest_idle(|_| true)?;
        }
        if !has_descriptors && descriptors::free() < descriptors::CONNECTION_FLOOR / 2 {
            limits::CONNECTIONS.refused();
            return None; // those that were closed have not ended yet
        }
        let number = open.next;
        open.next += 1;
        let connection = Arc::new(Connection::new(client));
        open.by_number.insert(number, connection.clone());
        Some(Admitted { all: self.clone(), number, connection })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn close_longest_idle(&mut self, of: impl Fn(&Connection) -> bool) -> Option<()> {
        let idle = self.by_number.iter().filter(|(_, connection)| of(connection));
        let idle = idle.filter_map(|(number, connection)| Some((connection.idle_since()?, *number)));
        let (_, longest) = idle.min()?;
        self.by_number.remove(&longest)?.close.cancel();
        Some(())
    }
}

/// One connection.
struct Connection {
    client: IpAddr,
    close: CancellationToken,
    state: Mutex<State>,
}

struct State {
    under_way: usize,
    /// How long it may be idle.
    idle_limit: Duration,
    /// When the last request ended, or the connection began.
    since: Instant,
}

impl Connection {
    fn new(client: IpAddr) -> Self {
        let state = State { under_way: 0, idle_limit: FIRST_REQUEST, since: Instant::now() };
        Self { client, close: CancellationToken::new(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.under_way == 0).then_some(state.since)
    }

    /// How long it may still stay as it is.
    fn time_left(&self) -> Duration {
        let state = self.state();
        if state.under_way > 0 { IDLE } else { state.idle_limit.saturating_sub(state.since.elapsed()) }
    }
}

/// A connection that is counted until this is dropped.
pub struct Admitted {
    all: Connections,
    number: u64,
    connection: Arc<Connection>,
}

impl Admitted {
    /// What counts its requests.
    pub fn requests(&self) -> Requests {
        Requests(self.connection.clone())
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.all.lock().by_number.remove(&self.number);
    }
}

/// The requests of one connection.
#[derive(Clone)]
pub struct Requests(Arc<Connection>);

impl Requests {
    /// Counts one until what it returns is dropped.
    pub fn begin(&self) -> UnderWay {
        let mut state = self.0.state();
        state.under_way += 1;
        state.idle_limit = IDLE;
        UnderWay(self.0.clone())
    }
}

/// A request that is under way.
pub struct UnderWay(Arc<Connection>);

impl UnderWay {
    /// The body of its response; the request ends with it.
    pub fn until_end_of(self, body: Body) -> Body {
        Body::new(CountedBody { body, _request: self })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way -= 1;
        state.since = Instant::now();
    }
}

struct CountedBody {
    body: Body,
    _request: UnderWay,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn closed(admitted: &Admitted) -> bool {
        admitted.connection.close.is_cancelled()
    }

    #[test]
    fn where_there_is_no_room_the_longest_idle_one_gives_way() {
        let connections = Connections::new(Settings { all: 3, per_address: 2 });
        let mut all: Vec<_> =
            [ONE, OTHER, ONE].iter().map(|&peer| connections.admit(peer).unwrap()).collect();
        let busy = all[0].requests().begin();

        all.push(connections.admit(ONE).unwrap());
        assert_eq!(
            all.iter().map(closed).collect::<Vec<_>>(),
            [false, false, true, false],
            "of its own address"
        );
        all.push(connections.admit(OTHER).unwrap());
        assert_eq!(all.iter().map(closed).collect::<Vec<_>>(), [false, true, true, false, false], "of all");

        drop(busy);
        let _busy: Vec<_> = all[3..].iter().map(|one| one.requests().begin()).collect();
        let last = connections.admit(OTHER).unwrap();
        assert!(closed(&all[0]) && !closed(&last), "its request has ended");
        let _busy = last.requests().begin();
        assert!(connections.admit(OTHER).is_none(), "none is idle");
        all.clear();
        assert!(connections.admit(OTHER).is_some());
    }

    #[test]
    fn loopback_has_no_limit_of_its_own() {
        let connections = Connections::new(Settings { all: 10, per_address: 1 });

        let all: Vec<_> = (0..10).map(|_| connections.admit([127, 0, 0, 1].into()).unwrap()).collect();

        assert!(!all.iter().any(closed));
    }
}
