//! `stun:` and `turn:` URLs (RFC 7064, RFC 7065), and the form in which webrtcbin takes them. Pure.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};

/// Port of STUN and TURN without TLS (RFC 7064, section 3.2; RFC 7065, section 3.2).
const DEFAULT_PORT: u16 = 3478;
/// Port of STUN and TURN over TLS or DTLS.
const DEFAULT_TLS_PORT: u16 = 5349;
/// The DNS port. Browsers refuse to connect to it, and gathering waits for the refusal.
const BLOCKED_PORT: u16 = 53;
/// Longest host name of DNS (RFC 1035, section 3.1, as text), in bytes.
const MAX_HOST_BYTES: usize = 253;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Stun,
    Stuns,
    Turn,
    Turns,
}

impl Scheme {
    pub(super) fn is_turn(self) -> bool {
        matches!(self, Self::Turn | Self::Turns)
    }

    pub(super) fn is_tls(self) -> bool {
        matches!(self, Self::Stuns | Self::Turns)
    }

    fn parse(text: &str) -> Option<Self> {
        // RFC 3986, section 3.1: schemes have no case
        match text.to_ascii_lowercase().as_str() {
            "stun" => Some(Self::Stun),
            "stuns" => Some(Self::Stuns),
            "turn" => Some(Self::Turn),
            "turns" => Some(Self::Turns),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

/// One parsed ICE server URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IceUri {
    pub(super) scheme: Scheme,
    /// Host name or IP address, lower case, an IPv6 address without its brackets.
    pub(super) host: String,
    port: Option<u16>,
    transport: Option<Transport>,
}

impl IceUri {
    /// Parses one URL; the error continues a sentence that starts with the URL.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) =
            text.split_once(':').ok_or("has no scheme, expected stun:, stuns:, turn: or turns:")?;
        let scheme =
            Scheme::parse(scheme).ok_or("has an unknown scheme, expected stun:, stuns:, turn: or turns:")?;
        if rest.starts_with('/') {
            return Err("has slashes after the scheme, expected stun:host:port as in RFC 7064");
        }
        if rest.contains('@') {
            return Err("contains credentials; move them to username and credential");
        }
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let (host, port) = split_port(authority)?;
        let transport = match query {
            None => None,
            Some(_) if !scheme.is_turn() => return Err("has a query, which a STUN URL cannot have"),
            Some("transport=udp") => Some(Transport::Udp),
            Some("transport=tcp") => Some(Transport::Tcp),
            Some(_) => return Err("has an unknown query, expected transport=udp or transport=tcp"),
        };
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port, transport })
    }

    /// The port in the URL, or the scheme's default.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.scheme.is_tls() { DEFAULT_TLS_PORT } else { DEFAULT_PORT })
    }

    /// Whether a client reaches the server over TCP.
    pub(super) fn is_tcp(&self) -> bool {
        self.scheme.is_tls() || self.transport == Some(Transport::Tcp)
    }

    /// Whether browsers refuse this URL's port.
    pub(super) fn is_blocked_by_browsers(&self) -> bool {
        self.port() == BLOCKED_PORT
    }

    /// Whether the host is an address, so that no name has to be looked up.
    pub(super) fn is_address(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }

    /// `stun://host:port` for webrtcbin's property `stun-server`; none for the other schemes, of
    /// which libnice speaks no STUN over TLS.
    pub(super) fn stun_server(&self) -> Option<String> {
        (self.scheme == Scheme::Stun).then(|| format!("stun://{}", self.authority()))
    }

    /// `turn://user:password@host:port?transport=udp` for webrtcbin's signal `add-turn-server`;
    /// none for STUN URLs. User and password are percent-encoded: webrtcbin splits them at the
    /// first colon and unescapes each (`gst-libs/gst/webrtc/nice/nice.c`).
    pub(super) fn turn_server(&self, username: &str, credential: &str) -> Option<String> {
        // Without a transport webrtcbin tries both, and an unanswered TCP connect delays gathering
        let (scheme, default) = match self.scheme {
            Scheme::Stun | Scheme::Stuns => return None,
            Scheme::Turn => ("turn", Transport::Udp),
            Scheme::Turns => ("turns", Transport::Tcp),
        };
        let transport = match self.transport.unwrap_or(default) {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        let (user, password) = (percent_encode(username), percent_encode(credential));
        let authority = self.authority();
        Some(format!("{scheme}://{user}:{password}@{authority}?transport={transport}"))
    }

    fn authority(&self) -> String {
        let port = self.port();
        match self.host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]:{port}"),
            Err(_) => format!("{}:{port}", self.host),
        }
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("has an IPv6 address without its closing bracket")?;
        host.parse::<Ipv6Addr>().map_err(|_| "has brackets without an IPv6 address in them")?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err("has text between the host and the port"),
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (check_host(host)?, Some(port)),
            None => (check_host(authority)?, None),
        }
    };
    let port = port.map(parse_port).transpose()?;
    Ok((host, port))
}

fn check_host(host: &str) -> Result<&str, &'static str> {
    let is_host_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match host {
        "" => Err("has no host"),
        host if host.len() > MAX_HOST_BYTES => Err("has a host longer than 253 bytes"),
        host if host.chars().all(is_host_char) => Ok(host),
        _ => Err("has characters in its host that no host name has"),
    }
}

fn parse_port(port: &str) -> Result<u16, &'static str> {
    // `u16::from_str` alone would take "+1"
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if port > 0 && is_number => Ok(port),
        _ => Err("has an invalid port, expected 1 to 65535"),
    }
}

/// Escapes all but the unreserved characters (RFC 3986, section 2.3).
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a String never fails");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_the_rfcs_parse() {
        for (text, scheme, host, port) in [
            ("stun:example.org", Scheme::Stun, "example.org", 3478),
            ("STUNS:Example.org", Scheme::Stuns, "example.org", 5349),
            ("turn:192.0.2.1:99", Scheme::Turn, "192.0.2.1", 99),
            ("turns:[2001:db8::1]", Scheme::Turns, "2001:db8::1", 5349),
            ("turn:[::1]:8000?transport=tcp", Scheme::Turn, "::1", 8000),
            ("turn:my_host?transport=udp", Scheme::Turn, "my_host", 3478),
        ] {
            let uri = IceUri::parse(text).expect(text);

            assert_eq!((uri.scheme, uri.host.as_str(), uri.port()), (scheme, host, port), "{text}");
        }
    }

    #[test]
    fn what_the_rfcs_forbid_is_refused() {
        for text in [
            "",
            "example.org",
            "http:example.org",
            "stun://example.org",
            "stun:",
            "stun::3478",
            "stun:host:0",
            "stun:host:+1",
            "stun:host:65536",
            "stun:host:port",
            "stun:host?transport=udp",
            "turn:host?transport=sctp",
            "turn:host?transport=udp&x=1",
            "turn:user:pass@host",
            "turn:ho st",
            "turn:host/path",
            "turn:[::1",
            "turn:[no]",
            "turn:[::1]3478",
            "turn:2001:db8::1",
        ] {
            assert!(IceUri::parse(text).is_err(), "{text:?} parsed");
        }
    }

    #[test]
    fn webrtcbin_gets_a_port_and_a_transport_always() {
        for (text, expected) in [
            ("turn:h", "turn://u:p@h:3478?transport=udp"),
            ("turn:h:1?transport=tcp", "turn://u:p@h:1?transport=tcp"),
            ("turns:h", "turns://u:p@h:5349?transport=tcp"),
            ("turn:[::1]", "turn://u:p@[::1]:3478?transport=udp"),
        ] {
            let uri = IceUri::parse(text).expect(text);

            assert_eq!(uri.turn_server("u", "p").as_deref(), Some(expected));
            assert_eq!(uri.stun_server(), None);
        }
    }

    #[test]
    fn webrtcbin_gets_stun_without_tls_alone() {
        let stun = |text| IceUri::parse(text).expect(text).stun_server();

        assert_eq!(stun("stun:h").as_deref(), Some("stun://h:3478"));
        assert_eq!(stun("stun:[::1]:7").as_deref(), Some("stun://[::1]:7"));
        assert_eq!(stun("stuns:h"), None);
    }

    #[test]
    fn user_and_password_are_percent_encoded() {
        let uri = IceUri::parse("turn:h").expect("a good URL");

        let server = uri.turn_server("17:sc@pe", "a+/b=~é %");

        let expected = "turn://17%3Asc%40pe:a%2B%2Fb%3D~%C3%A9%20%25@h:3478?transport=udp";
        assert_eq!(server.as_deref(), Some(expected));
    }

    #[test]
    fn port_53_is_known_as_blocked() {
        let blocked = |text| IceUri::parse(text).expect(text).is_blocked_by_browsers();

        assert!(blocked("turn:turn.cloudflare.com:53?transport=udp"));
        assert!(!blocked("turn:turn.cloudflare.com:5349"));
    }
}
