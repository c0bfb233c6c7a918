//! Which names this server answers to, and which pages may ask it for what: `Host`, `Origin`, CORS, framing.
//!
//! A browser sends requests for any page that it shows, so a server on localhost or in a local network is reachable for
//! every page on the internet. Two checks stop them: a name that is not this server's is refused (DNS rebinding), and so
//! is a request of a foreign page that changes something (CSRF). Programs send neither `Origin` nor `Sec-Fetch-Site` and
//! pass. Runs on tokio's workers; pure but for this host's name, which is read at start.

mod patterns;

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State as Extract},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST,
            ORIGIN, VARY,
        },
        uri::Authority,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

pub use patterns::{FrameAncestor, HostPattern, OriginPattern};

use super::error;
use crate::limits;

/// W3C Fetch Metadata; a page cannot set it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const CORS_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const CORS_HEADERS: HeaderValue = HeaderValue::from_static("content-type, authorization");
/// What a client acts on besides the headers that the Fetch standard always shows.
const CORS_EXPOSED: HeaderValue = HeaderValue::from_static("retry-after, x-request-id, content-disposition");
/// Seconds that a browser keeps the answer to a preflight; a change of the flag shows after this.
const CORS_MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Names and origins that the operator trusts.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Names of this server besides IP addresses, localhost and this host's own name.
    pub allowed_hosts: Vec<HostPattern>,
    /// Origins of other pages that may use the API.
    pub allow_origin: Vec<OriginPattern>,
    /// Pages that may show this one in a frame.
    pub frame_ancestors: Vec<FrameAncestor>,
}

impl Settings {
    /// The sources of the directive `frame-ancestors` of the content security policy.
    pub fn frame_ancestors(&self) -> String {
        if self.frame_ancestors.is_empty() {
            return "'none'".into();
        }
        let sources = self.frame_ancestors.iter().map(FrameAncestor::as_str);
        sources.collect::<Vec<_>>().join(" ")
    }
}

/// What the checks go by.
#[derive(Debug)]
pub struct Policy {
    settings: Settings,
    /// This host's name, where it may serve as one.
    own_name: Option<String>,
}

impl Policy {
    /// The policy of a host with that name.
    pub fn new(settings: Settings, own_name: Option<&str>) -> Self {
        if settings.allowed_hosts.contains(&HostPattern::Any) {
            tracing::warn!(
                "--allowed-hosts *: a page on any name that points at this server counts as its own"
            );
        }
        if settings.allow_origin.contains(&OriginPattern::Any) {
            tracing::warn!("--allow-origin *: every page that a browser shows may use the API");
        }
        let own_name = own_name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        // Anybody in a local network may take a name below .local (RFC 6762).
        let own_name = own_name.filter(|name| !name.is_empty() && name.rsplit('.').next() != Some("local"));
        Self { settings, own_name }
    }

    /// Whether a `Host` or `:authority` is this server.
    fn answers_to(&self, authority: &str) -> bool {
        let Some(name) = name(authority) else { return false };
        name == "localhost"
            || name.ends_with(".localhost") // loopback everywhere (RFC 6761)
            || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            || self.own_name.as_deref() == Some(&*name)
            || self.settings.allowed_hosts.iter().any(|pattern| pattern.matches(&name))
    }

    fn requester(&self, headers: &HeaderMap, authority: Option<&str>) -> Requester {
        let origin = headers.get(ORIGIN);
        if let Some(origin) = origin
            && self.settings.allow_origin.iter().any(|pattern| pattern.matches(origin))
        {
            return Requester::Allowed(origin.clone());
        }
        // Where the browser says it, a proxy that rewrites `Host` does no harm.
        let own = match (headers.get(&SEC_FETCH_SITE).map(HeaderValue::as_bytes), origin) {
            (Some(site), _) => site == b"same-origin" || site == b"none",
            (None, Some(origin)) => is_origin_of(origin, authority),
            (None, None) => true,
        };
        if own { Requester::Own } else { Requester::Foreign }
    }
}

/// Who sends a request.
enum Requester {
    /// This server's page, or a program.
    Own,
    /// A page of an origin that the operator named.
    Allowed(HeaderValue),
    /// Any other page.
    Foreign,
}

/// The layer: 421 for a foreign name, 403 for a foreign page that changes something, CORS for the pages that may.
pub async fn check(Extract(policy): Extract<Arc<Policy>>, request: Request, next: Next) -> Response {
    let authorities = authorities(&request);
    if let Some(foreign) = authorities.iter().find(|authority| !policy.answers_to(authority)) {
        limits::HOST.refused();
        return error::unknown_host(foreign);
    }
    let requester = policy.requester(request.headers(), authorities.first().map(String::as_str));
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let mut response = match &requester {
        Requester::Foreign if !safe => {
            limits::ORIGIN.refused();
            let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
            error::foreign_origin(origin.unwrap_or("another site"))
        }
        Requester::Allowed(_) if is_preflight(&request) => (
            StatusCode::NO_CONTENT,
            [
                (ACCESS_CONTROL_ALLOW_METHODS, CORS_METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, CORS_HEADERS),
                (ACCESS_CONTROL_MAX_AGE, CORS_MAX_AGE),
            ],
        )
            .into_response(),
        Requester::Own | Requester::Allowed(_) | Requester::Foreign => next.run(request).await,
    };
    if !policy.settings.allow_origin.is_empty() {
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("origin"));
        if let Requester::Allowed(origin) = requester {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, CORS_EXPOSED);
        }
    }
    response
}

/// Every name that a request is addressed to: HTTP/2's `:authority`, or an absolute target's, and each `Host`.
///
/// Only a program leaves all of them out (HTTP/1.0).
fn authorities(request: &Request) -> Vec<String> {
    let target = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let hosts = request.headers().get_all(HOST).iter();
    target
        .into_iter()
        .chain(hosts.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned()))
        .collect()
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The name of a `Host`, in lower case, without its port and a final dot.
fn name(authority: &str) -> Option<String> {
    let parsed: Authority = authority.parse().ok()?;
    if authority.contains('@') {
        return None;
    }
    Some(parsed.host().trim_end_matches('.').to_ascii_lowercase())
}

/// Whether a page of `origin` came from `authority`; the port counts, and each scheme has one of its own.
fn is_origin_of(origin: &HeaderValue, authority: Option<&str>) -> bool {
    let host = |authority: &str, own_port: u16| {
        let port = authority.parse::<Authority>().ok()?.port_u16().unwrap_or(own_port);
        Some((name(authority)?, port))
    };
    let Some((scheme, page)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    let own_port = if scheme == "https" { 443 } else { 80 };
    let page = host(page, own_port);
    page.is_some() && page == authority.and_then(|authority| host(authority, own_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(hosts: &[&str], origins: &[&str]) -> Policy {
        let settings = Settings {
            allowed_hosts: hosts.iter().map(|text| HostPattern::parse(text).unwrap()).collect(),
            allow_origin: origins.iter().map(|text| OriginPattern::parse(text).unwrap()).collect(),
            frame_ancestors: Vec::new(),
        };
        Policy::new(settings, Some("Studio"))
    }

    #[test]
    fn addresses_localhost_and_this_host_pass_and_other_names_only_where_named() {
        let plain = policy(&[], &[]);
        for own in [
            "127.0.0.1",
            "127.0.0.1:8000",
            "192.168.1.7:8000",
            "[::1]:8000",
            "[fd00::2]",
            "localhost",
            "LOCALHOST:8000",
            "localhost.:8000",
            "a.localhost",
            "studio:8000",
        ] {
            assert!(plain.answers_to(own), "{own}");
        }
        for foreign in [
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xlocalhost",
            "studio.local",
            "user@localhost",
            "",
            ":8000",
            "[::1",
            "evil.example/127.0.0.1",
        ] {
            assert!(!plain.answers_to(foreign), "{foreign}");
        }
        let named = policy(&["scope.example.org", "*.local", "*.hf.space"], &[]);
        for own in ["Scope.Example.org:443", "studio.local", "a.b.hf.space"] {
            assert!(named.answers_to(own), "{own}");
        }
        for foreign in ["example.org", "a.scope.example.org", "local", ".local", "hf.space", "evilhf.space"] {
            assert!(!named.answers_to(foreign), "{foreign}");
        }
        assert!(policy(&["*"], &[]).answers_to("evil.example"));
        assert!(!Policy::new(Settings::default(), Some("studio.local")).answers_to("studio.local"));
    }

    #[test]
    fn a_page_is_the_servers_own_a_named_one_or_foreign() {
        let policy = policy(&[], &["https://app.example.org", "http://localhost:5173"]);
        let requester = |origin: Option<&'static str>, site: Option<&'static str>, host: &str| {
            let values = [(ORIGIN, origin), (SEC_FETCH_SITE, site)];
            let headers =
                values.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_static(value?))));
            match policy.requester(&headers.collect(), Some(host)) {
                Requester::Own => "own",
                Requester::Allowed(_) => "allowed",
                Requester::Foreign => "foreign",
            }
        };

        for (origin, site, host, expected) in [
            (None, None, "127.0.0.1:8000", "own"),
            (Some("http://127.0.0.1:8000"), None, "127.0.0.1:8000", "own"),
            (Some("https://scope.example.org"), None, "scope.example.org", "own"),
            (Some("https://scope.example.org"), None, "scope.example.org:443", "own"),
            (Some("http://localhost:8000"), Some("same-origin"), "127.0.0.1:8000", "own"),
            (None, Some("none"), "localhost:8000", "own"),
            (None, Some("cross-site"), "localhost:8000", "foreign"),
            (Some("http://localhost:3000"), Some("same-site"), "localhost:8000", "foreign"),
            (Some("http://localhost:3000"), None, "localhost:8000", "foreign"),
            (Some("https://evil.example"), None, "localhost:8000", "foreign"),
            (Some("https://evil.example"), Some("cross-site"), "localhost:8000", "foreign"),
            (Some("null"), None, "localhost:8000", "foreign"),
            (Some("https://app.example.org"), Some("cross-site"), "localhost:8000", "allowed"),
            (Some("http://localhost:5173"), Some("same-site"), "localhost:8000", "allowed"),
            (Some("http://app.example.org"), Some("cross-site"), "localhost:8000", "foreign"),
        ] {
            assert_eq!(requester(origin, site, host), expected, "{origin:?} {site:?} {host}");
        }
    }
}
