//! Receives request bodies, bounded in size, time and number, before a request counts as one of those in flight: a
//! client that trickles its body holds up nobody else.
//!
//! Runs on tokio, in the task of each request. Must never wait for a client longer than its limit.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::{ConnectInfo, Request, State as Extract},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    error::{self, Error},
    unread::next_piece,
};
use crate::{access::network, limits};

/// A browser on a slow link sends an offer of 30 kB in a second; a client that trickles bytes must not hold a request.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// Bodies that are being received at once; with the default `--max-body-bytes` they take 64 MiB at most.
const ALL: usize = 128;
/// And from one client, but for loopback, where a reverse proxy brings everybody.
const PER_CLIENT: usize = 16;

/// What is being received.
pub struct Buffering {
    body_bytes: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

impl Buffering {
    /// Nothing yet; bodies of at most `body_bytes`.
    pub fn new(body_bytes: usize) -> Arc<Self> {
        Arc::new(Self { body_bytes, open: Mutex::default() })
    }

    fn permit(self: &Arc<Self>, client: IpAddr) -> Option<Permit> {
        let mut open = self.lock();
        let own = open.by_client.get(&client).copied().unwrap_or_default();
        if open.all >= ALL || (own >= PER_CLIENT && !client.is_loopback()) {
            return None;
        }
        open.all += 1;
        open.by_client.insert(client, own + 1);
        Some(Permit { buffering: self.clone(), client })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One body that is being received.
struct Permit {
    buffering: Arc<Buffering>,
    client: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.buffering.lock();
        open.all -= 1;
        if let Some(own) = open.by_client.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                open.by_client.remove(&self.client);
            }
        }
    }
}

/// The layer: the request goes on with its whole body, or ends here.
pub async fn receive(Extract(buffering): Extract<Arc<Buffering>>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let peer = request.extensions().get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip());
    let client = peer.map_or(IpAddr::from([127, 0, 0, 1]), network);
    let Some(permit) = buffering.permit(client) else {
        limits::BODIES.refused();
        return error::overloaded();
    };
    let (parts, mut body) = request.into_parts();
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let read = bytes(&mut body, length, buffering.body_bytes).await;
    drop(permit);
    match read {
        Ok(bytes) => next.run(Request::from_parts(parts, bytes.into())).await,
        Err(error) => error.into_response(),
    }
}

/// The bytes of a body that says to have `length`.
async fn bytes(body: &mut Body, length: Option<usize>, limit: usize) -> Result<Vec<u8>, Error> {
    if length.is_some_and(|length| length > limit) {
        return Err(Error::TooLarge(limit));
    }
    let read = tokio::time::timeout(READ_LIMIT, collect(body, limit)).await;
    read.unwrap_or_else(|_| {
        limits::SLOW_BODY.refused();
        Err(Error::SlowBody(READ_LIMIT))
    })
}

async fn collect(body: &mut Body, limit: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = next_piece(body).await {
        let piece = piece.map_err(|error| Error::Body(format!("the request body ended early: {error}")))?;
        if bytes.len() + piece.len() > limit {
            return Err(Error::TooLarge(limit));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_with_and_without_its_length() {
        let body = |size: usize| Body::from(vec![b'x'; size]);

        assert_eq!(bytes(&mut body(10), Some(10), 10).await.unwrap().len(), 10);
        for length in [Some(11), None] {
            let refused = bytes(&mut body(11), length, 10).await;

            assert!(matches!(refused, Err(Error::TooLarge(10))), "{length:?}");
        }
    }

    #[test]
    fn a_client_has_a_share_of_the_permits_and_loopback_has_all_of_them() {
        let buffering = Buffering::new(1);
        let client = |last: u8| IpAddr::from([192, 0, 2, last]);

        let own: Vec<_> = (0..PER_CLIENT).map(|_| buffering.permit(client(1)).unwrap()).collect();
        assert!(buffering.permit(client(1)).is_none() && buffering.permit(client(2)).is_some());
        drop(own);
        assert!(buffering.permit(client(1)).is_some() && buffering.lock().by_client.is_empty());

        let all: Vec<_> = (0..ALL).map(|_| buffering.permit([127, 0, 0, 1].into()).unwrap()).collect();
        assert!(all.len() == ALL && buffering.permit(client(1)).is_none());
    }
}
