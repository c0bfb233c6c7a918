//! Trickled candidates and fragments.

use std::net::{IpAddr, Ipv4Addr};

use crate::signalling::{Candidate, Reach, limits, parse_sdpfrag};

const HOST: &str =
    "candidate:842163049 1 udp 1677729535 192.0.2.9 46154 typ host generation 0 ufrag EEtu network-id 3";

fn parse(candidate: &str) -> Result<Candidate, &'static str> {
    Candidate::parse(candidate, Some("0"), None).map_err(|error| error.code())
}

#[test]
fn the_lines_of_browsers_pass() {
    let host = parse(HOST).unwrap();
    assert_eq!(host.address(), Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9))));
    assert!(!host.is_end() && !host.is_mdns() && !host.is_tcp());

    let mdns =
        parse("candidate:1 1 UDP 2122252543 8e6f9d0a-6a0f-4dd3-9d0d-0b7f1f1c2d3e.local 5 typ host").unwrap();
    assert!(mdns.is_mdns() && mdns.address().is_none());
    let tcp = parse("candidate:1 1 tcp 1518280447 fd00::2 9 typ host tcptype active").unwrap();
    assert!(tcp.is_tcp());
    assert!(parse("candidate:1 2 udp 1 198.51.100.1 9 typ srflx raddr 0.0.0.0 rport 0").is_ok());
    assert_eq!(parse(&format!("a={HOST}")).unwrap(), host);
}

#[test]
fn checks_go_to_addresses_that_a_peer_may_have_and_to_no_others() {
    let usable = |address: &str, reach| {
        parse(&format!("candidate:1 1 udp 1 {address} 9 typ host")).unwrap().is_usable(reach)
    };

    for address in ["192.0.2.1", "10.0.0.1", "169.254.7.7", "100.64.0.1", "2001:db8::1", "fe80::1", "fd00::2"]
    {
        assert!(usable(address, Reach::Network) && usable(address, Reach::Host), "{address}");
    }
    let never = ["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "255.255.255.255", "250.0.0.1", "::"];
    let hidden = ["ff02::1", "169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "::ffff:0.0.0.0"];
    for address in never.into_iter().chain(hidden) {
        assert!(!usable(address, Reach::Network) && !usable(address, Reach::Host), "{address}");
    }
    for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert!(!usable(address, Reach::Network) && usable(address, Reach::Host), "{address}");
    }
    assert!(!usable("a.local", Reach::Host));
    assert!(!parse("").unwrap().is_usable(Reach::Host));
}

#[test]
fn the_server_connects_to_no_peer() {
    let usable = |tail: &str| {
        parse(&format!("candidate:1 1 tcp 1 192.0.2.1 9 typ host{tail}")).unwrap().is_usable(Reach::Network)
    };

    assert!(usable(" tcptype active") && usable(" generation 0 tcptype active"));
    for tail in ["", " tcptype passive", " tcptype so", " tcptype ACTIVE"] {
        assert!(!usable(tail), "{tail}");
    }
}

#[test]
fn an_empty_candidate_is_the_end_and_needs_no_mid() {
    assert!(parse("").unwrap().is_end());
    assert!(Candidate::parse("", None, None).unwrap().is_end());
    assert_eq!(Candidate::parse(HOST, None, None).unwrap_err().code(), "bad_candidate");
}

#[test]
fn an_index_is_below_the_limit_of_m_lines() {
    assert_eq!(Candidate::parse(HOST, None, Some(15)).unwrap().sdp_m_line_index, Some(15));
    for index in [16, 65_536, u32::MAX] {
        assert_eq!(Candidate::parse(HOST, None, Some(index)).unwrap_err().code(), "bad_candidate");
    }
    assert_eq!(Candidate::parse(HOST, Some("a b"), None).unwrap_err().code(), "bad_candidate");
}

#[test]
fn broken_lines_are_refused() {
    let broken = [
        "garbage",
        "candidate:",
        "candidate:1 1 udp 1 192.0.2.9 9 typ",
        "candidate:1 1 udp 1 192.0.2.9 9 typ other",
        "candidate:1 0 udp 1 192.0.2.9 9 typ host",
        "candidate:1 257 udp 1 192.0.2.9 9 typ host",
        "candidate:1 1 sctp 1 192.0.2.9 9 typ host",
        "candidate:1 1 udp 4294967296 192.0.2.9 9 typ host",
        "candidate:1 1 udp 1 192.0.2.9 65536 typ host",
        "candidate:1 1 udp 1 example.org 9 typ host",
        "candidate:1 1 udp 1 .local 9 typ host",
        "candidate:1 1 udp 1 192.0.2.9 9 typ host generation",
        "candidate:1 1  udp 1 192.0.2.9 9 typ host",
        "candidate:1\u{0}1 udp 1 192.0.2.9 9 typ host",
        "candidate:ü 1 udp 1 192.0.2.9 9 typ host",
        "candidate:1 1 udp 1 192.0.2.9 9 typ host\r\na=mid:1",
    ];
    for line in broken {
        assert_eq!(parse(line).err(), Some("bad_candidate"), "{line}");
    }
    let long = format!("{HOST} x {}", "y".repeat(limits::CANDIDATE_BYTES));
    assert_eq!(parse(&long).err(), Some("bad_candidate"));
    let foundation = format!("candidate:{} 1 udp 1 192.0.2.9 9 typ host", "f".repeat(33));
    assert_eq!(parse(&foundation).err(), Some("bad_candidate"));
}

#[test]
fn a_fragment_gives_candidates_with_their_mids() {
    let fragment = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
        a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\na=end-of-candidates\r\n";

    let candidates = parse_sdpfrag(fragment).unwrap();

    let mids: Vec<_> = candidates.iter().map(|candidate| candidate.sdp_mid.as_deref().unwrap()).collect();
    assert_eq!(mids, ["0", "0", "1"]);
    assert!(candidates[2].is_end() && !candidates[1].is_end());
    assert!(candidates[0].candidate.starts_with("candidate:1387637174 "));
}

#[test]
fn the_end_of_a_whole_session_has_no_mid() {
    let candidates = parse_sdpfrag("a=ice-ufrag:EsAw\na=end-of-candidates\n").unwrap();

    assert_eq!(candidates.len(), 1);
    assert!(candidates[0].is_end() && candidates[0].sdp_mid.is_none());
}

#[test]
fn broken_fragments_are_refused() {
    let code = |text: &str| parse_sdpfrag(text).unwrap_err().code();
    let line = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n";

    assert_eq!(code("hello"), "sdp_syntax");
    assert_eq!(code(line), "bad_candidate");
    assert_eq!(code("m=audio 9 x 0\na=mid:0\na=candidate:x\n"), "bad_candidate");
    let many = format!("m=audio 9 x 0\na=mid:0\n{}", line.repeat(limits::CANDIDATES_PER_PATCH + 1));
    assert_eq!(code(&many), "too_many_candidates");
    assert!(parse_sdpfrag("").unwrap().is_empty());
}
