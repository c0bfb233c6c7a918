//! The listening side of HTTP: the port, TLS, and which connections are accepted.
//!
//! Runs on tokio. Must never accept a connection for which live sessions would lack file descriptors.

use std::{
    future::{Ready, ready},
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use axum_server::{Handle, accept::Accept, tls_rustls::RustlsConfig};
use rustls::ServerConfig;
use tokio::task::JoinHandle;

use crate::{descriptors, tls::Certificate};

/// How long a connection may take to send a request's head, or be idle: axum-server's default is for ever.
const HEADER_LIMIT: Duration = Duration::from_secs(10);

/// Where the server listens.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 takes any free one.
    pub port: u16,
    /// HTTPS.
    pub certificate: Certificate,
}

impl Default for Settings {
    fn default() -> Self {
        Self { host: [0, 0, 0, 0].into(), port: 8000, certificate: Certificate::None }
    }
}

impl Settings {
    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// Opens the port; connections wait until [`serve`].
    ///
    /// # Errors
    /// The address is taken or not this host's.
    pub fn listen(&self) -> io::Result<TcpListener> {
        let listener = TcpListener::bind(self.address())?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}

/// Serves `router` until `handle` stops it, over HTTPS where there is a TLS configuration.
///
/// # Errors
/// Tokio does not take the listener.
pub fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    handle: Handle<SocketAddr>,
) -> io::Result<JoinHandle<io::Result<()>>> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Some(tls) = tls {
        let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(tls))?;
        let mut server = server.map(|tls| tls.acceptor(Admission)).handle(handle);
        server.http_builder().http1().header_read_timeout(HEADER_LIMIT);
        return Ok(tokio::spawn(server.serve(service)));
    }
    let mut server = axum_server::from_tcp(listener)?.acceptor(Admission).handle(handle);
    server.http_builder().http1().header_read_timeout(HEADER_LIMIT);
    Ok(tokio::spawn(server.serve(service)))
}

/// Closes new connections while they would take the file descriptors that live sessions need.
#[derive(Clone, Copy)]
struct Admission;

impl<I, S> Accept<I, S> for Admission {
    type Stream = I;
    type Service = S;
    type Future = Ready<io::Result<(I, S)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        if descriptors::take_connection() {
            return ready(Ok((stream, service)));
        }
        ready(Err(io::Error::other("too few file descriptors are free")))
    }
}
