//! The server's end of a worker's socket: whole packets, some with a file.

use std::{
    io::{IoSlice, Result},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
        SocketType, recv, sendmsg, socketpair,
    },
};

/// The server's end.
pub struct Channel(OwnedFd);

/// The outcome of a read.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// The length of the packet; more than the buffer's length if it was cut.
    Packet(usize),
    /// Nothing yet.
    Nothing,
    /// The other side is gone.
    End,
}

impl Channel {
    /// A socket, and the other end of it.
    ///
    /// # Errors
    /// The system refused descriptors.
    pub fn pair() -> Result<(Self, OwnedFd)> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(ours), theirs))
    }

    /// Sends one packet; waits at most `limit` for the other side to read.
    ///
    /// # Errors
    /// The other side is gone, or does not read.
    pub fn send(&self, packet: &[u8], file: Option<BorrowedFd<'_>>, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            match self.try_send(packet, file) {
                Err(Errno::AGAIN | Errno::NOBUFS) => {}
                Err(Errno::INTR) => continue,
                sent => return Ok(sent?),
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Errno::TIMEDOUT.into());
            }
            wait(&mut [PollFd::new(&self.0, PollFlags::OUT)], left)?;
        }
    }

    fn try_send(&self, packet: &[u8], file: Option<BorrowedFd<'_>>) -> rustix::io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files: &[BorrowedFd<'_>] = file.as_slice();
        if !files.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(files));
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(&self.0, &[IoSlice::new(packet)], &mut control, flags).map(drop)
    }

    /// Receives one packet without waiting. The kernel closes files that are attached: none is expected.
    pub fn receive(&self, buffer: &mut [u8]) -> Received {
        match recv(&self.0, buffer, RecvFlags::DONTWAIT | RecvFlags::TRUNC) {
            Ok((_, 0)) => Received::End,
            Ok((_, length)) => Received::Packet(length),
            Err(Errno::AGAIN | Errno::INTR) => Received::Nothing,
            Err(_) => Received::End,
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits at most `limit` for one of `files`; an interrupted wait counts as over.
///
/// # Errors
/// The system refuses.
pub fn wait(files: &mut [PollFd<'_>], limit: Duration) -> Result<()> {
    let limit = Timespec::try_from(limit).map_err(|_| Errno::INVAL)?;
    match poll(files, Some(&limit)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_keep_their_borders_and_a_long_one_is_known() {
        let (ours, theirs) = Channel::pair().unwrap();
        let theirs = Channel(theirs);
        theirs.send(b"one", None, Duration::ZERO).unwrap();
        theirs.send(&[7; 20], None, Duration::ZERO).unwrap();
        let mut buffer = [0; 8];

        assert_eq!(ours.receive(&mut buffer), Received::Packet(3));
        assert_eq!(ours.receive(&mut buffer), Received::Packet(20));
        assert_eq!(ours.receive(&mut buffer), Received::Nothing);
        drop(theirs);
        assert_eq!(ours.receive(&mut buffer), Received::End);
    }

    #[test]
    fn a_side_that_does_not_read_is_not_waited_for_longer_than_the_limit() {
        let (ours, _theirs) = Channel::pair().unwrap();

        let sent = (0..10_000).find_map(|_| ours.send(&[0; 1000], None, Duration::from_millis(1)).err());

        assert_eq!(sent.unwrap().kind(), std::io::ErrorKind::TimedOut);
    }
}
