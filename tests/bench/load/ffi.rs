//! A wait on a socket that ends on time: a socket's own time limit counts in ticks of the kernel, up to 4 ms each.

#![allow(unsafe_code)]

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

/// Waits until the socket has a datagram or `limit` has passed; a signal ends it early.
pub fn wait_readable(socket: &UdpSocket, limit: Duration) {
    let mut polled = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let limit = libc::timespec {
        tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    };
    // SAFETY: both pointers are to locals that outlive the call, the count is that of the one `pollfd`, the
    // descriptor is open because `socket` is borrowed, and a null mask is allowed. Its result is not needed: the
    // caller reads without blocking and looks at the clock.
    unsafe { libc::ppoll(&raw mut polled, 1, &raw const limit, ptr::null()) };
}
