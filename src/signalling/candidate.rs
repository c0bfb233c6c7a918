//! ICE candidates (RFC 8839 section 5.1): the grammar, checked before libnice sees a line.
//!
//! webrtcbin 1.22 accepts garbage silently and `add-ice-candidate` has no error path, so this check is the only one.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use sdp_types::{CandidateAddress, CandidateType};

use super::{
    Error, limits,
    text::{is_ice_chars, is_token, quote},
};

/// Addresses where a cloud's hosts learn their secrets.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Where a peer is, which decides which of its addresses make sense.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Somewhere else.
    #[default]
    Network,
    /// On this host: loopback addresses reach it.
    Host,
}

/// How a candidate for ICE over TCP gets its connection (RFC 6544, section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tcp {
    /// Its side connects.
    Active,
    /// It is connected to.
    Passive,
    /// Both at once, or nothing is said.
    Other,
}

/// One trickled candidate of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// `candidate:…` without `a=`; empty at the end of candidates.
    pub candidate: String,
    /// The mid of its m-line.
    pub sdp_mid: Option<String>,
    /// Below [`limits::MEDIAS`].
    pub sdp_m_line_index: Option<u16>,
    line: Option<Line>,
}

impl Candidate {
    /// Parses `RTCIceCandidateInit` (W3C webrtc-pc section 4.8.1): a candidate needs a mid or an index, the end of
    /// candidates (an empty string) does not. A leading `a=` is taken off.
    pub fn parse(candidate: &str, mid: Option<&str>, index: Option<u32>) -> Result<Self, Error> {
        if let Some(mid) = mid.filter(|mid| !is_token(mid) || mid.len() > limits::MID_BYTES) {
            return Err(bad(format!("sdpMid: expected a short token, got {}", quote(mid))));
        }
        let sdp_m_line_index = match index.map(|index| (u16::try_from(index), index)) {
            None => None,
            Some((Ok(small), _)) if usize::from(small) < limits::MEDIAS => Some(small),
            Some((_, index)) => {
                return Err(bad(format!("sdpMLineIndex: expected 0 to {}, got {index}", limits::MEDIAS - 1)));
            }
        };

        let text = candidate.trim_ascii();
        let text = text.strip_prefix("a=").unwrap_or(text);
        let line = if text.is_empty() { None } else { Some(Line::parse_prefixed(text)?) };
        if line.is_some() && mid.is_none() && sdp_m_line_index.is_none() {
            return Err(bad("sdpMid or sdpMLineIndex is required".to_owned()));
        }
        Ok(Self { candidate: text.to_owned(), sdp_mid: mid.map(str::to_owned), sdp_m_line_index, line })
    }

    /// The end of candidates (RFC 8838 section 8.2).
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.line.is_none()
    }

    /// A `.local` name, which only the peer's own network resolves (draft-ietf-mmusic-mdns-ice-candidates).
    #[must_use]
    pub fn is_mdns(&self) -> bool {
        self.line.as_ref().is_some_and(Line::is_mdns)
    }

    /// ICE over TCP (RFC 6544).
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.tcp.is_some())
    }

    /// Whether connectivity checks may go to it; the end of candidates is no candidate.
    #[must_use]
    pub fn is_usable(&self, reach: Reach) -> bool {
        self.line.as_ref().is_some_and(|line| line.is_usable(reach))
    }

    /// The address to send to; `None` for a name and at the end of candidates.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.line.as_ref().and_then(|line| line.address)
    }
}

/// The parts of a candidate line that are checked again, once the whole line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// `None` is an mDNS name.
    pub address: Option<IpAddr>,
    /// `None` is UDP.
    pub tcp: Option<Tcp>,
    pub host: bool,
}

impl Line {
    /// Parses `candidate:<foundation> …`.
    pub(super) fn parse_prefixed(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("candidate:") {
            Some(value) => Self::parse(value),
            None => Err(bad(format!("expected \"candidate:…\", got {}", quote(text)))),
        }
    }

    /// Parses the value of an `a=candidate` line.
    pub(super) fn parse(value: &str) -> Result<Self, Error> {
        if value.len() > limits::CANDIDATE_BYTES {
            return Err(bad(format!(
                "expected at most {} bytes, got {}",
                limits::CANDIDATE_BYTES,
                value.len()
            )));
        }
        if value.chars().any(char::is_control) || value.split(' ').any(str::is_empty) {
            return Err(bad(format!("expected words with one space between, got {}", quote(value))));
        }
        let parsed = sdp_types::Candidate::from_str(value)
            .map_err(|_| bad(format!("expected the form of RFC 8839, got {}", quote(value))))?;

        check_numbers(&parsed)?;
        let tcp = transport_is_tcp(&parsed.transport)?.then(|| tcp_type(&parsed));
        let host = type_is_host(&parsed.typ)?;
        let address = address(&parsed.address)?;
        Ok(Self { address, tcp, host })
    }

    pub(super) fn is_mdns(&self) -> bool {
        self.address.is_none()
    }

    /// Whether connectivity checks may go to it: to an address that one peer may have, and never by a TCP connection that
    /// the server opens, since those reach services that speak no STUN.
    pub(super) fn is_usable(&self, reach: Reach) -> bool {
        let connects = matches!(self.tcp, Some(Tcp::Passive | Tcp::Other));
        self.address.is_some_and(|address| is_sensible(address.to_canonical(), reach)) && !connects
    }
}

fn is_sensible(address: IpAddr, reach: Reach) -> bool {
    let is_group = match address {
        // 240.0.0.0/4 is reserved, and broadcast its last address; 0.0.0.0/8 is this network (RFC 6890).
        IpAddr::V4(ip) => ip.is_multicast() || ip.octets()[0] >= 240 || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_multicast() || ip.is_unspecified(),
    };
    !is_group && !METADATA.contains(&address) && (!address.is_loopback() || reach == Reach::Host)
}

fn tcp_type(candidate: &sdp_types::Candidate) -> Tcp {
    let named = candidate.extensions.iter().find(|(name, _)| name == "tcptype");
    match named.map(|(_, value)| value.as_str()) {
        Some("active") => Tcp::Active,
        Some("passive") => Tcp::Passive,
        _ => Tcp::Other,
    }
}

fn check_numbers(candidate: &sdp_types::Candidate) -> Result<(), Error> {
    let foundation = &candidate.foundation;
    if !is_ice_chars(foundation) || !limits::FOUNDATION_BYTES.contains(&foundation.len()) {
        return Err(bad(format!("foundation: expected 1 to 32 ice characters, got {}", quote(foundation))));
    }
    if !(1..=256).contains(&candidate.component_id) {
        return Err(bad(format!("component: expected 1 to 256, got {}", candidate.component_id)));
    }
    if u32::try_from(candidate.priority).is_err() {
        return Err(bad(format!("priority: expected 32 bits, got {}", candidate.priority)));
    }
    Ok(())
}

fn transport_is_tcp(transport: &str) -> Result<bool, Error> {
    match transport.to_ascii_lowercase().as_str() {
        "udp" => Ok(false),
        "tcp" => Ok(true),
        _ => Err(bad(format!("transport: expected udp or tcp, got {}", quote(transport)))),
    }
}

fn type_is_host(typ: &CandidateType) -> Result<bool, Error> {
    match typ {
        CandidateType::Host => Ok(true),
        CandidateType::Srflx | CandidateType::Prflx | CandidateType::Relay => Ok(false),
        CandidateType::Other(typ) => {
            Err(bad(format!("type: expected host, srflx, prflx or relay, got {}", quote(typ))))
        }
    }
}

/// Any name other than `.local` would make the server resolve a name that a stranger chose.
fn address(address: &CandidateAddress) -> Result<Option<IpAddr>, Error> {
    match address {
        CandidateAddress::IpAddr(ip) => Ok(Some(*ip)),
        CandidateAddress::FQDN(name) if is_local_name(name) => Ok(None),
        CandidateAddress::FQDN(name) => {
            Err(bad(format!("address: expected an IP address or a .local name, got {}", quote(name))))
        }
    }
}

fn is_local_name(name: &str) -> bool {
    let label = name.len().checked_sub(".local".len()).and_then(|at| name.split_at_checked(at));
    label.is_some_and(|(label, suffix)| {
        suffix.eq_ignore_ascii_case(".local")
            && !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    })
}

fn bad(reason: String) -> Error {
    Error::BadCandidate { reason }
}
