//! A viewer's stream as the body of a response: pieces wait for a client that reads slowly, and one that falls behind is
//! let go, with all that waits for it.
//!
//! Pieces come from the viewer's own graph, which never waits; the body runs on tokio.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use axum::body::Body;
use futures_util::stream;
use tokio::{sync::mpsc, task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;

/// Pieces that wait for a client: 5 MB, some seconds. One that falls further behind is let go.
const PIECES: usize = 4096;
/// How long a client may take to read the end of a stream.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Takes a piece of the stream; `false` asks for no more.
pub type Give = Box<dyn Fn(Vec<u8>) -> bool + Send>;

/// The receiving end of a stream.
pub struct Feed {
    pieces: Arc<Pieces>,
    /// Cancelled when nothing more comes.
    ended: CancellationToken,
}

struct Pieces {
    /// `None` once the client is let go.
    waiting: Mutex<Option<mpsc::Receiver<Vec<u8>>>>,
    behind: AtomicBool,
}

impl Pieces {
    fn lock(&self) -> MutexGuard<'_, Option<mpsc::Receiver<Vec<u8>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both ends of a stream.
pub fn open() -> (Give, Feed) {
    let (sender, receiver) = mpsc::channel(PIECES);
    let pieces = Arc::new(Pieces { waiting: Mutex::new(Some(receiver)), behind: AtomicBool::new(false) });
    let ended = CancellationToken::new();
    let (shared, guard) = (pieces.clone(), ended.clone().drop_guard());
    let give = Box::new(move |piece| {
        let _ends_with_the_stream = &guard;
        let taken = sender.try_send(piece).is_ok();
        if !taken {
            shared.behind.store(true, Relaxed);
        }
        taken
    });
    (give, Feed { pieces, ended })
}

impl Feed {
    /// The body; `viewer`, which makes the stream, is dropped on a blocking thread when the client has left or is let go.
    pub fn body(self, viewer: impl Send + 'static) -> Body {
        let Self { pieces, ended } = self;
        let left = CancellationToken::new();
        let (body_left, shared) = (left.clone().drop_guard(), pieces.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = left.cancelled() => {}
                () = ended.cancelled() => {
                    if !shared.behind.load(Relaxed) {
                        timeout(END_LIMIT, left.cancelled()).await.ok(); // it reads no further
                    }
                }
            }
            shared.lock().take();
            spawn_blocking(move || drop(viewer)).await.ok(); // stopping a graph does not panic
        });
        Body::from_stream(stream::poll_fn(move |context| {
            let _tells_that_the_client_left = &body_left;
            match pieces.lock().as_mut() {
                Some(waiting) => waiting.poll_recv(context).map(|piece| piece.map(Ok)),
                None => Poll::Ready(Some(Err(io::Error::other("the client fell behind")))),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    /// Cancels a token when dropped.
    fn viewer() -> (impl Send + 'static, CancellationToken) {
        let dropped = CancellationToken::new();
        (dropped.clone().drop_guard(), dropped)
    }

    async fn within(dropped: &CancellationToken) -> bool {
        timeout(Duration::from_secs(20), dropped.cancelled()).await.is_ok()
    }

    #[tokio::test]
    async fn a_client_that_reads_gets_all_and_the_end() {
        let (give, feed) = open();
        let (viewer, dropped) = viewer();
        let mut body = feed.body(viewer).into_data_stream();

        assert!((0..3).all(|number| give(vec![number])));
        drop(give);

        let mut read = Vec::new();
        while let Some(piece) = body.next().await {
            read.extend(piece.unwrap());
        }
        assert_eq!(read, [0, 1, 2]);
        drop(body);
        assert!(within(&dropped).await);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_let_go_with_all_that_waits_for_it() {
        let (give, feed) = open();
        let (viewer, dropped) = viewer();
        let mut body = feed.body(viewer).into_data_stream();

        let taken = (0..PIECES + 10).take_while(|_| give(vec![0; 1316])).count();
        drop(give); // as the stream does after a refusal

        assert_eq!(taken, PIECES);
        assert!(within(&dropped).await, "its graph ends though the body stays");
        assert!(body.next().await.unwrap().is_err(), "nothing is left to read");
    }

    #[tokio::test]
    async fn a_client_that_leaves_ends_its_graph() {
        let (give, feed) = open();
        let (viewer, dropped) = viewer();

        drop(feed.body(viewer));

        assert!(within(&dropped).await);
        assert!(!give(vec![0]));
    }
}
