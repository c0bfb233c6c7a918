//! Reads what is left of a request body that nobody read, before its answer goes out.
//!
//! A client that still sends when its stream ends gets a reset in place of the answer: over HTTP/1 the system discards
//! what it had received, and over HTTP/2 curl 7 takes the end of an upload (RFC 9113, section 8.1) for a fault. Every
//! refusal before the body counts: of a key, an origin, a rate, a size.
//!
//! Runs on tokio, in the task of each request. Must never wait for a client longer than its limit.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};

/// So much is read at most.
const DISCARD_BYTES: usize = 32 * 1024 * 1024;
/// And no longer than this.
const DISCARD_LIMIT: Duration = Duration::from_secs(2);

/// A body that its reader dropped before its end.
type Unread = Arc<Mutex<Option<Body>>>;

/// The layer around all that may refuse.
pub async fn discard(request: Request, next: Next) -> Response {
    // Who asks first (`Expect: 100-continue`, as curl does) has sent nothing yet.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let unread = Unread::default();
    let lent = |body| Body::new(Lent { body, unread: unread.clone() });
    let response = next.run(request.map(lent)).await;
    let rest = unread.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(mut body) = rest {
        tokio::time::timeout(DISCARD_LIMIT, read_out(&mut body)).await.ok(); // the answer goes out either way
    }
    response
}

async fn read_out(body: &mut Body) {
    let mut left = DISCARD_BYTES;
    while let Some(Ok(piece)) = next_piece(body).await {
        left = left.saturating_sub(piece.len());
        if left == 0 {
            return;
        }
    }
}

/// The next piece of a body; empty for trailers.
pub async fn next_piece(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

/// A body that comes back if it is dropped before its end.
struct Lent {
    body: Body,
    unread: Unread,
}

impl HttpBody for Lent {
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

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            let body = std::mem::take(&mut self.body);
            *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
