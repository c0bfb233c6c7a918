//! The socket of a connection, with its time limits. Runs in the connection's task.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::{Admitted, FIRST_REQUEST};
use crate::limits;

/// How long a client may leave what it asked for unread: a player whose buffer is full reads nothing for a while, and asks
/// again for the rest.
const UNREAD: Duration = Duration::from_mins(2);

/// The socket of a connection, which ends when it has been idle for too long or gives way to another one.
pub struct Stream {
    socket: TcpStream,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    deadline: Pin<Box<Sleep>>,
    /// Runs while the client does not read.
    unread: Option<Pin<Box<Sleep>>>,
    admitted: Admitted,
}

impl Stream {
    /// The socket of a connection that has been admitted, from its acceptance on.
    pub fn new(socket: TcpStream, admitted: Admitted) -> Self {
        let closing = Box::pin(admitted.connection.close.clone().cancelled_owned());
        Self { socket, closing, deadline: Box::pin(sleep(FIRST_REQUEST)), unread: None, admitted }
    }

    /// The first byte, which stays where it is.
    ///
    /// # Errors
    /// The connection ended before it, or the first byte did not arrive in time.
    pub async fn first_byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        let read = tokio::select! {
            read = self.socket.peek(&mut byte) => read?,
            () = &mut self.deadline => {
                limits::FIRST_REQUEST.refused();
                0
            }
            () = &mut self.closing => 0,
        };
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(byte[0]) }
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.closing.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        loop {
            ready!(self.deadline.as_mut().poll(context));
            let left = self.admitted.connection.time_left();
            if left.is_zero() {
                let silent = self.admitted.connection.state().idle_limit == FIRST_REQUEST;
                let limit = if silent { &limits::FIRST_REQUEST } else { &limits::IDLE_CONNECTION };
                limit.refused();
                return Poll::Ready(());
            }
            self.deadline.as_mut().reset(tokio::time::Instant::now() + left);
        }
    }

    /// Passes on how a write went; an error where the client has not read for too long.
    fn written<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.unread = None;
            return written;
        }
        let unread = self.unread.get_or_insert_with(|| Box::pin(sleep(UNREAD)));
        ready!(unread.as_mut().poll(context));
        limits::UNREAD_RESPONSE.refused();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_end(context).is_ready() {
            return Poll::Ready(Ok(())); // as if the client had ended the connection
        }
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
