//! The address that a client offers.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// The machine's own address, because the server's ICE agent leaves loopback out; loopback where there is no other.
pub fn own_address() -> IpAddr {
    // No packet is sent: connecting a UDP socket asks the routing table. The target is TEST-NET-3 (RFC 5737).
    let routed = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9))?;
        socket.local_addr()
    });
    routed.ok().map(|address| address.ip()).or_else(first_address).unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// The first local address that is not loopback, where there is no default route.
fn first_address() -> Option<IpAddr> {
    let table = std::fs::read_to_string("/proc/net/fib_trie").ok()?;
    let lines: Vec<_> = table.lines().map(str::trim).collect();
    let local = lines.windows(2).filter(|pair| pair[1] == "/32 host LOCAL");
    let addresses = local.filter_map(|pair| pair[0].strip_prefix("|-- ")?.parse::<Ipv4Addr>().ok());
    addresses.filter(|address| !address.is_loopback()).map(IpAddr::from).next()
}
