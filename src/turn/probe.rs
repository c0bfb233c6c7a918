//! Tests one STUN or TURN server, as a client would use it.
//!
//! Runs on tokio; each request has a time limit. The allocation that it makes is released at once.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket, lookup_host},
    time::timeout,
};

use super::message::{
    HEADER, LIFETIME, Method, NONCE, REALM, REQUESTED_TRANSPORT, Request, Response, USERNAME,
    XOR_RELAYED_ADDRESS, key, length,
};
use super::uri::IceUri;

/// For all requests to one server: a browser's user has given up by then.
const LIMIT: Duration = Duration::from_secs(5);
/// First wait for an answer over UDP, doubled each time (RFC 8489, section 6.2.1).
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Longest answer that is read, in bytes; an Allocate's has about 150.
const ANSWER_BYTES: usize = 2048;
/// UDP, as the protocol of the relayed packets (RFC 8656, section 18.8).
const RELAY_UDP: [u8; 4] = [17, 0, 0, 0];
/// One for the nonce, one with it, one more if it went stale.
const TRIES: usize = 3;

/// What a server did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// STUN: it reported this source address of the request.
    Seen(SocketAddr),
    /// TURN: it allocated this address, and released it.
    Relayed(SocketAddr),
    /// TLS, which this check does not speak: its port accepts connections.
    Connected,
}

/// Why a server does not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// Not the URL of an ICE server.
    #[error("{0}")]
    Url(&'static str),
    /// No address of that name.
    #[error("its name {host} does not resolve: {reason}")]
    Name {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// The network does not reach it.
    #[error("cannot reach it: {0}")]
    Network(String),
    /// No answer.
    #[error("no answer within {} s", LIMIT.as_secs())]
    Silent,
    /// The username or the password is wrong.
    #[error("it rejects the username or the password")]
    Credentials,
    /// It refuses for another reason.
    #[error("it refuses with error {code} {reason}")]
    Refused {
        /// STUN error code.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// An answer that is not STUN.
    #[error("its answer is not a STUN message")]
    Nonsense,
}

impl From<std::io::Error> for ProbeError {
    fn from(error: std::io::Error) -> Self {
        Self::Network(error.to_string())
    }
}

/// Sends a STUN server a Binding request, or has a TURN server allocate a relay and release it.
///
/// # Errors
/// [`ProbeError`], within 5 s.
pub async fn probe(url: &str, username: &str, credential: &str) -> Result<Answer, ProbeError> {
    let uri = IceUri::parse(url).map_err(ProbeError::Url)?;
    timeout(LIMIT, ask_server(&uri, username, credential)).await.unwrap_or(Err(ProbeError::Silent))
}

async fn ask_server(uri: &IceUri, username: &str, credential: &str) -> Result<Answer, ProbeError> {
    let server = look_up(uri).await?;
    let mut wire = if uri.is_tcp() { Wire::tcp(server).await? } else { Wire::udp(server).await? };
    if uri.scheme.is_tls() {
        return Ok(Answer::Connected);
    }
    if !uri.scheme.is_turn() {
        let bytes = wire.ask(&Request::new(Method::Binding)).await?;
        return success(&bytes)?.seen_as().map(Answer::Seen).ok_or(ProbeError::Nonsense);
    }
    let login = Login { username, credential };
    let (answer, ticket) = login.allocate(&mut wire).await?;
    let relayed = success(&answer)?.address(XOR_RELAYED_ADDRESS).ok_or(ProbeError::Nonsense)?;
    let refresh = Request::new(Method::Refresh).with(LIFETIME, &[0; 4]);
    success(&wire.ask(&login.sign(refresh, &ticket)).await?)?;
    Ok(Answer::Relayed(relayed))
}

async fn look_up(uri: &IceUri) -> Result<SocketAddr, ProbeError> {
    let unresolved = |reason: String| ProbeError::Name { host: uri.host.clone(), reason };
    let mut addresses: Vec<_> = lookup_host((uri.host.as_str(), uri.port()))
        .await
        .map_err(|error| unresolved(error.to_string()))?
        .collect();
    // A host without IPv6 resolves names to it all the same.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.first().copied().ok_or_else(|| unresolved("it has no address".into()))
}

fn success(bytes: &[u8]) -> Result<Response<'_>, ProbeError> {
    let response = Response::parse(bytes).ok_or(ProbeError::Nonsense)?;
    if response.is_success {
        return Ok(response);
    }
    let (code, reason) = response.error().ok_or(ProbeError::Nonsense)?;
    Err(ProbeError::Refused { code, reason })
}

/// The long-term credential mechanism (RFC 8489, section 9.2).
struct Login<'a> {
    username: &'a str,
    credential: &'a str,
}

/// What the server requires in the next request.
struct Ticket {
    realm: String,
    nonce: Vec<u8>,
}

impl Login<'_> {
    async fn allocate(&self, wire: &mut Wire) -> Result<(Vec<u8>, Ticket), ProbeError> {
        let mut ticket: Option<Ticket> = None;
        for _ in 0..TRIES {
            let mut request = Request::new(Method::Allocate).with(REQUESTED_TRANSPORT, &RELAY_UDP);
            if let Some(ticket) = &ticket {
                request = self.sign(request, ticket);
            }
            let bytes = wire.ask(&request).await?;
            let response = Response::parse(&bytes).ok_or(ProbeError::Nonsense)?;
            let code = response.error().map(|(code, _)| code);
            match (code, ticket) {
                (Some(401), Some(_)) => return Err(ProbeError::Credentials),
                (Some(401 | 438), _) => ticket = Some(Ticket::read(&response)?),
                (Some(_), _) => return Err(success(&bytes).err().unwrap_or(ProbeError::Nonsense)),
                (None, Some(ticket)) => return Ok((bytes, ticket)),
                // A server that asks for no credentials needs no signature.
                (None, None) => return Ok((bytes, Ticket { realm: String::new(), nonce: Vec::new() })),
            }
        }
        Err(ProbeError::Credentials)
    }

    fn sign(&self, request: Request, ticket: &Ticket) -> Request {
        if ticket.nonce.is_empty() {
            return request;
        }
        request
            .with(USERNAME, self.username.as_bytes())
            .with(REALM, ticket.realm.as_bytes())
            .with(NONCE, &ticket.nonce)
            .signed(&key(self.username, &ticket.realm, self.credential))
    }
}

impl Ticket {
    fn read(response: &Response<'_>) -> Result<Self, ProbeError> {
        let realm = response.text(REALM).ok_or(ProbeError::Nonsense)?.to_owned();
        let nonce = response.bytes(NONCE).ok_or(ProbeError::Nonsense)?.to_vec();
        Ok(Self { realm, nonce })
    }
}

enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Wire {
    async fn udp(server: SocketAddr) -> Result<Self, ProbeError> {
        let any: IpAddr =
            if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(server).await?;
        Ok(Self::Udp(socket))
    }

    async fn tcp(server: SocketAddr) -> Result<Self, ProbeError> {
        Ok(Self::Tcp(TcpStream::connect(server).await?))
    }

    /// Sends a request, over UDP repeatedly, until its answer arrives. The caller limits the time.
    async fn ask(&mut self, request: &Request) -> Result<Vec<u8>, ProbeError> {
        match self {
            Self::Udp(socket) => {
                let mut wait = FIRST_WAIT;
                loop {
                    socket.send(request.bytes()).await?;
                    if let Ok(answer) = timeout(wait, answer_to(request, socket)).await {
                        return answer;
                    }
                    wait *= 2;
                }
            }
            Self::Tcp(stream) => {
                stream.write_all(request.bytes()).await?;
                let mut header = [0; HEADER];
                stream.read_exact(&mut header).await?;
                let mut bytes = header.to_vec();
                bytes.resize(length(header).min(ANSWER_BYTES), 0);
                stream.read_exact(&mut bytes[HEADER..]).await?;
                if request.is_answered_by(&bytes) { Ok(bytes) } else { Err(ProbeError::Nonsense) }
            }
        }
    }
}

/// The datagram that answers `request`; skips late answers to an earlier one.
async fn answer_to(request: &Request, socket: &UdpSocket) -> Result<Vec<u8>, ProbeError> {
    let mut bytes = vec![0; ANSWER_BYTES];
    loop {
        let size = socket.recv(&mut bytes).await?;
        if request.is_answered_by(&bytes[..size]) {
            bytes.truncate(size);
            return Ok(bytes);
        }
    }
}
