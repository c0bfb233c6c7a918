//! STUN messages (RFC 8489) as far as a check of a server needs them: Binding, and TURN's Allocate and Refresh
//! (RFC 8656). Pure; must not panic, whatever bytes come.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha1::Sha1;

pub(super) const USERNAME: u16 = 0x0006;
pub(super) const LIFETIME: u16 = 0x000d;
pub(super) const REALM: u16 = 0x0014;
pub(super) const NONCE: u16 = 0x0015;
pub(super) const REQUESTED_TRANSPORT: u16 = 0x0019;
pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub(super) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
const MAPPED_ADDRESS: u16 = 0x0001;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;

/// Type, length, magic cookie and transaction (section 5), in bytes.
pub(super) const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Type, length and HMAC-SHA1 of the attribute, in bytes.
const INTEGRITY_BYTES: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Binding,
    Allocate,
    Refresh,
}

impl Method {
    fn number(self) -> u8 {
        match self {
            Self::Binding => 0x01,
            Self::Allocate => 0x03,
            Self::Refresh => 0x04,
        }
    }
}

/// A request as it goes over the wire, from its first attribute to its last.
#[derive(Clone, Debug)]
pub(super) struct Request(Vec<u8>);

impl Request {
    pub(super) fn new(method: Method) -> Self {
        let mut bytes = vec![0, method.number(), 0, 0];
        bytes.extend(COOKIE);
        // Twelve bytes, of which six bits are the version that every such number has: 90 random ones.
        bytes.extend(&uuid::Uuid::new_v4().as_bytes()[..12]);
        Self(bytes)
    }

    /// Adds an attribute, padded to four bytes (section 14).
    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.0.extend(kind.to_be_bytes());
        self.0.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.set_length(0);
        self
    }

    /// Adds MESSAGE-INTEGRITY, whose HMAC is of a message that already has it in its length (section 14.5).
    pub(super) fn signed(mut self, key: &[u8]) -> Self {
        self.set_length(INTEGRITY_BYTES);
        let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(&self.0);
        self.with(MESSAGE_INTEGRITY, &mac.finalize().into_bytes())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `bytes` answers this request.
    pub(super) fn is_answered_by(&self, bytes: &[u8]) -> bool {
        bytes.get(4..HEADER) == self.0.get(4..HEADER)
    }

    fn set_length(&mut self, more: usize) {
        let length = u16::try_from(self.0.len() - HEADER + more).unwrap_or(u16::MAX);
        self.0[2..4].copy_from_slice(&length.to_be_bytes());
    }
}

/// Key of the long-term credential mechanism (section 9.2.2). Text that is not ASCII goes without `SASLprep`, as
/// browsers send it.
pub(super) fn key(username: &str, realm: &str, password: &str) -> Vec<u8> {
    Md5::digest(format!("{username}:{realm}:{password}")).to_vec()
}

/// Length of the message that `header` starts, for a stream.
pub(super) fn length(header: [u8; HEADER]) -> usize {
    HEADER + usize::from(u16::from_be_bytes([header[2], header[3]]))
}

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Response<'a> {
    pub(super) is_success: bool,
    attributes: Vec<(u16, &'a [u8])>,
    transaction: &'a [u8],
}

impl<'a> Response<'a> {
    /// `None` if it is not a STUN answer.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_at_checked(HEADER)?;
        // Class in the bits 4 and 8 of the type: success is 0x0100, error 0x0110.
        let is_answer = header[0] & 0xc1 == 0x01 && header[4..8] == COOKIE;
        if !is_answer || rest.len() != usize::from(u16::from_be_bytes([header[2], header[3]])) {
            return None;
        }
        let mut attributes = Vec::new();
        while let Some((head, after)) = rest.split_at_checked(4) {
            let size = usize::from(u16::from_be_bytes([head[2], head[3]]));
            attributes.push((u16::from_be_bytes([head[0], head[1]]), after.get(..size)?));
            rest = after.get(size.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(Self { is_success: header[1] & 0x10 == 0, attributes, transaction: &header[8..HEADER] })
    }

    pub(super) fn bytes(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes.iter().find(|(found, _)| *found == kind).map(|(_, value)| *value)
    }

    pub(super) fn text(&self, kind: u16) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(kind)?).ok()
    }

    /// Code and reason (section 14.8).
    pub(super) fn error(&self) -> Option<(u16, String)> {
        let (head, reason) = self.bytes(ERROR_CODE)?.split_at_checked(4)?;
        let reason: String =
            String::from_utf8_lossy(reason).chars().filter(|c| !c.is_control()).take(80).collect();
        Some((u16::from(head[2] & 7) * 100 + u16::from(head[3]), reason))
    }

    /// Where the server saw the request come from; old servers say it in the clear.
    pub(super) fn seen_as(&self) -> Option<SocketAddr> {
        self.address(XOR_MAPPED_ADDRESS).or_else(|| read_address(self.bytes(MAPPED_ADDRESS)?, &[0; 16]))
    }

    /// An address that is `XORed` with cookie and transaction (section 14.2).
    pub(super) fn address(&self, kind: u16) -> Option<SocketAddr> {
        let mut mask = [0; 16];
        mask[..4].copy_from_slice(&COOKIE);
        mask[4..].copy_from_slice(self.transaction);
        read_address(self.bytes(kind)?, &mask)
    }
}

fn read_address(value: &[u8], mask: &[u8; 16]) -> Option<SocketAddr> {
    let (head, address) = value.split_at_checked(4)?;
    let port = u16::from_be_bytes([head[2] ^ mask[0], head[3] ^ mask[1]]);
    let clear: Vec<u8> = address.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    let address = match head[1] {
        1 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(clear.as_slice()).ok()?)),
        2 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(clear.as_slice()).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 5769, section 2.4: request with long-term authentication. `SASLprep` of the password is `TheMatrIX`.
    #[test]
    fn a_signed_request_is_that_of_rfc_5769() {
        let mut request = Request::new(Method::Binding);
        request.0[8..]
            .copy_from_slice(&[0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0, 0x29, 0xda, 0x41, 0x2e]);
        let key = key("\u{30de}\u{30c8}\u{30ea}\u{30c3}\u{30af}\u{30b9}", "example.org", "TheMatrIX");

        let signed = request
            .with(USERNAME, "\u{30de}\u{30c8}\u{30ea}\u{30c3}\u{30af}\u{30b9}".as_bytes())
            .with(NONCE, b"f//499k954d6OL34oL9FSTvy64sA")
            .with(REALM, b"example.org")
            .signed(&key);

        let expected = [
            0xf6, 0x70, 0x24, 0x65, 0x6d, 0xd6, 0x4a, 0x3e, 0x02, 0xb8, 0xe0, 0x71, 0x2e, 0x85, 0xc9, 0xa2,
            0x8c, 0xa8, 0x96, 0x66,
        ];
        assert_eq!(signed.bytes().len(), 116);
        assert_eq!(signed.bytes()[96..], expected);
    }

    /// RFC 5769, sections 2.2 and 2.3, less the attributes that are signed.
    #[test]
    fn addresses_are_read_as_in_rfc_5769() {
        let transaction = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];
        let answer = |value: &[u8]| {
            let mut bytes = vec![0x01, 0x01, 0, u8::try_from(value.len() + 4).unwrap()];
            bytes.extend(COOKIE);
            bytes.extend(transaction);
            bytes.extend([0x00, 0x20, 0, u8::try_from(value.len()).unwrap()]);
            bytes.extend(value);
            bytes
        };
        let v4 = answer(&[0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let v6 = answer(&[
            0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5,
            0xbe, 0xd2, 0xb9, 0xd9,
        ]);

        let read = |bytes: &[u8]| Response::parse(bytes).unwrap().seen_as().unwrap().to_string();
        assert_eq!(read(&v4), "192.0.2.1:32853");
        assert_eq!(read(&v6), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), start in any::<bool>()) {
            let mut bytes = bytes;
            if start && bytes.len() >= HEADER {
                let length = u8::try_from(bytes.len() - HEADER).unwrap();
                bytes[..8].copy_from_slice(&[1, 0x13, 0, length, 0x21, 0x12, 0xa4, 0x42]);
            }
            if let Some(response) = Response::parse(&bytes) {
                let _read = (response.error(), response.seen_as(), response.address(XOR_RELAYED_ADDRESS));
            }
        }
    }
}
