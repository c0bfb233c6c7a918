//! Whether the UDP ports for media are free.

use std::net::{Ipv4Addr, UdpSocket};

use super::finding::Finding;

/// Binds each port of the range briefly. A session takes one port on each address of the host.
pub fn ports(range: Option<(u16, u16)>, sessions: usize) -> Finding {
    let Some((first, last)) = range else {
        return match UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) {
            Ok(_) => Finding::ok("udp ports", "any; firewalls must allow all of them"),
            Err(error) => Finding::fail(
                "udp ports",
                format!("the system gives none: {error}"),
                "check the firewall or sandbox",
            ),
        };
    };
    let free = (first..=last).filter(|&port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()).count();
    let all = usize::from(last.abs_diff(first)) + 1;
    let found = format!("{free} of {all} in {first}-{last} are free, enough for {free} sessions at once");
    let advice = format!(
        "free them (`ss -uanp` names their owners) or set SCOPE_UDP_PORTS to a range of {sessions} or more"
    );
    if free == 0 {
        Finding::fail("udp ports", format!("none of {all} in {first}-{last} is free"), advice)
    } else if free < sessions {
        Finding::warn("udp ports", format!("{found}; {sessions} are allowed"), advice)
    } else {
        Finding::ok("udp ports", found)
    }
}
