//! The listening side of HTTP: the port, TLS, and what a connection may take.
//!
//! Runs on tokio. Must never accept a connection for which live sessions would lack file descriptors.

use std::{
    convert::Infallible,
    future::{Future, ready},
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header},
    response::IntoResponse,
};
use axum_server::{
    Handle,
    accept::Accept,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_util::either::Either;
use tower::Service;

use super::connections::{self, Connections, Requests, Stream};
use crate::tls::Certificate;

/// How long the head of a further request may take, or the connection be idle before it.
const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// HTTP/2: a dead client is found out by pings, an idle one by [`connections`].
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_LIMIT: Duration = Duration::from_secs(10);
/// HTTP/2: a page has some ten requests under way.
const STREAMS: u32 = 64;
/// HTTP/2: of all headers of a request. A token of an identity provider has a few thousand bytes.
const HEADER_BYTES: u32 = 32 * 1024;
/// What a TLS connection begins with: a record of the type handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// How long a browser remembers that this name speaks HTTPS alone.
const ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Where the server listens.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 takes any free one.
    pub port: u16,
    /// HTTPS.
    pub certificate: Certificate,
    /// How many connections there may be.
    pub connections: connections::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: [0, 0, 0, 0].into(),
            port: 8000,
            certificate: Certificate::None,
            connections: connections::Settings::default(),
        }
    }
}

impl Settings {
    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// Opens the port; connections wait until [`Settings::serve`].
    ///
    /// # Errors
    /// The address is taken or not this host's.
    pub fn listen(&self) -> io::Result<TcpListener> {
        let listener = TcpListener::bind(self.address())?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Serves `router` until `handle` stops it, over HTTPS where there is a TLS configuration.
    ///
    /// # Errors
    /// Tokio does not take the listener.
    pub fn serve(
        &self,
        listener: TcpListener,
        tls: Option<RustlsConfig>,
        router: Router,
        handle: Handle<SocketAddr>,
    ) -> io::Result<JoinHandle<io::Result<()>>> {
        let acceptor = Acceptor {
            connections: Connections::new(self.connections),
            tls: tls.map(RustlsAcceptor::new),
            is_given: matches!(self.certificate, Certificate::Files { .. }),
        };
        let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
        server.http_builder().http1().header_read_timeout(HEADER_LIMIT);
        server
            .http_builder()
            .http2()
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_LIMIT)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_BYTES);
        Ok(tokio::spawn(server.serve(router.into_make_service_with_connect_info::<SocketAddr>())))
    }
}

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A connection without or with TLS.
type MaybeTls = Either<Stream, Box<<RustlsAcceptor as Accept<Stream, ()>>::Stream>>;

/// Takes connections in and finds out what they speak.
#[derive(Clone)]
struct Acceptor {
    connections: Connections,
    tls: Option<RustlsAcceptor>,
    /// Whether the certificate is one that clients trust.
    is_given: bool,
}

impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = MaybeTls;
    type Service = Counted<S>;
    type Future = Later<io::Result<(MaybeTls, Counted<S>)>>;

    fn accept(&self, socket: TcpStream, service: S) -> Self::Future {
        let Self { connections, tls, is_given } = self.clone();
        Box::pin(async move {
            let full = || io::Error::other("too many connections, and none of them is idle");
            let admitted = connections.admit(socket.peer_addr()?.ip()).ok_or_else(full)?;
            let requests = admitted.requests();
            let mut stream = Stream::new(socket, admitted);
            let (stream, protocol) = match tls {
                None => (Either::Left(stream), Protocol::Http),
                Some(tls) if stream.first_byte().await? == TLS_HANDSHAKE => {
                    let (stream, _) = tls.accept(stream, ()).await?;
                    (Either::Right(Box::new(stream)), Protocol::Https { for_good: is_given })
                }
                Some(_) => (Either::Left(stream), Protocol::HttpOnTlsPort),
            };
            Ok((stream, Counted { service, requests, protocol }))
        })
    }
}

/// What a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Https {
        /// Whether browsers may be told to use nothing else (RFC 6797): not for a certificate that they warn of.
        for_good: bool,
    },
    /// It should speak HTTPS, and is told so.
    HttpOnTlsPort,
}

/// The router of one connection, whose requests are counted.
#[derive(Clone)]
struct Counted<S> {
    service: S,
    requests: Requests,
    protocol: Protocol,
}

impl<S, B> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Later<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.protocol == Protocol::HttpOnTlsPort {
            return Box::pin(ready(Ok(to_https(request.uri(), request.headers()))));
        }
        let under_way = self.requests.begin();
        let answer = self.service.call(request);
        let strict = self.protocol == Protocol::Https { for_good: true };
        Box::pin(async move {
            let mut answer = answer.await?.map(|body| under_way.until_end_of(body));
            if strict {
                answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, ONE_YEAR);
            }
            Ok(answer)
        })
    }
}

/// The same address with `https`, which the client named itself.
fn to_https(target: &Uri, headers: &HeaderMap) -> Response<Body> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = target.authority().map(axum::http::uri::Authority::as_str).or(host).unwrap_or_default();
    let path = target.path_and_query().map_or("/", |path| path.as_str());
    match HeaderValue::try_from(format!("https://{host}{path}")) {
        Ok(location) if !host.is_empty() => {
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response()
        }
        Ok(_) | Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
