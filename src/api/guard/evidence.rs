//! Who a request comes from, as its connection and its headers show it. Pure.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, Uri, Version, header, request::Parts, uri::Authority},
};

use crate::access::Evidence;

/// The cookie of a sign-in.
pub const COOKIE: &str = "scope_session";

/// Headers of reverse proxies; those that begin with [`FORWARDED`] besides.
const PROXY: [&str; 10] = [
    "forwarded", // RFC 7239
    "via",       // RFC 9110, section 7.6.3
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-envoy-external-address",
    "cf-connecting-ip",
    "true-client-ip",
    "x-proxyuser-ip",
];
const FORWARDED: &str = "x-forwarded";

/// The evidence of a request.
pub fn of(parts: &Parts) -> Evidence<'_> {
    let from = address(&parts.extensions);
    Evidence {
        from,
        direct: from.is_loopback() && is_direct(parts.version, &parts.uri, &parts.headers),
        key: bearer(&parts.headers),
        sign_in: cookie(&parts.headers),
        origin: parts.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()),
    }
}

/// The address that the connection comes from; no real one where it is not known.
pub fn address(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip().to_canonical())
}

/// The key after `Authorization: Bearer` (RFC 6750, section 2.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The value of the sign-in's cookie (RFC 6265, section 5.4).
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_named(headers, COOKIE)
}

/// The value of a cookie.
pub fn cookie_named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lists = headers.get_all(header::COOKIE).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted).then_some(value)
    })
}

/// Whether no proxy stands between a browser or program on this machine and the server, and no other host's name leads
/// here (DNS rebinding). nginx speaks HTTP/1.0 to its upstream and adds no header unless told to; no browser does.
fn is_direct(version: Version, uri: &Uri, headers: &HeaderMap) -> bool {
    let proxied =
        headers.keys().any(|name| PROXY.contains(&name.as_str()) || name.as_str().starts_with(FORWARDED));
    let foreign_scheme = headers.contains_key(header::AUTHORIZATION);
    version >= Version::HTTP_11
        && !proxied
        && !foreign_scheme
        && is_loopback_host(uri, headers)
        && is_loopback_page(headers)
}

/// Whether the page that asks, if it is one, came from this machine: one that `--allow-origin` lets use the API is not
/// the person here.
fn is_loopback_page(headers: &HeaderMap) -> bool {
    headers.get_all(header::ORIGIN).into_iter().all(|origin| {
        let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")?.1.parse().ok());
        authority.is_some_and(|authority| is_loopback(&authority))
    })
}

/// Whether the request names this machine as such, in HTTP/1's `Host` or HTTP/2's authority.
fn is_loopback_host(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut named = headers.get_all(header::HOST).into_iter();
    let (header, second) = (named.next(), named.next());
    let header = header.map(|host| host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()));
    match (uri.authority(), header, second) {
        (_, _, Some(_)) | (_, Some(None), _) | (None, None, None) => false,
        (Some(authority), None, None) => is_loopback(authority),
        (None, Some(Some(host)), None) => is_loopback(&host),
        (Some(authority), Some(Some(host)), None) => is_loopback(authority) && is_loopback(&host),
    }
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(peer: &str, headers: &[(&str, &str)]) -> Parts {
        let request =
            headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
        let mut parts = request.body(()).unwrap().into_parts().0;
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 7)));
        parts
    }

    #[test]
    fn a_request_of_this_machine_is_direct() {
        for host in ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "127.0.0.1", "[::1]:8000", "[::1]"] {
            for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
                assert!(of(&parts(peer, &[("host", host)])).direct, "{peer} {host}");
            }
        }
    }

    #[test]
    fn another_machine_another_name_and_a_proxy_are_not() {
        let local = [("host", "localhost")];
        assert!(!of(&parts("203.0.113.9", &local)).direct);
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "x@evil", ""]
        {
            assert!(!of(&parts("127.0.0.1", &[("host", host)])).direct, "{host}");
        }
        assert!(!of(&parts("127.0.0.1", &[])).direct);
        assert!(!of(&parts("127.0.0.1", &[local[0], ("host", "evil.example")])).direct);
        for name in PROXY.into_iter().chain([
            "x-forwarded-for",
            "x-forwarded-host",
            "X-Forwarded-Proto",
            "authorization",
        ]) {
            assert!(!of(&parts("127.0.0.1", &[local[0], (name, "x")])).direct, "{name}");
        }
        let mut old = parts("127.0.0.1", &local);
        old.version = Version::HTTP_10;
        assert!(!of(&old).direct);
        let mut unknown = parts("127.0.0.1", &local);
        unknown.extensions.clear();
        assert!(!of(&unknown).direct);
    }

    #[test]
    fn a_page_of_another_site_is_not_the_person_at_this_machine() {
        let of_page = |origin| of(&parts("127.0.0.1", &[("host", "localhost"), ("origin", origin)])).direct;

        for own in ["http://localhost:8000", "http://127.0.0.1:5173", "https://[::1]"] {
            assert!(of_page(own), "{own}");
        }
        for foreign in
            ["https://app.example", "null", "http://localhost.evil.example", "http://x@evil.example", ""]
        {
            assert!(!of_page(foreign), "{foreign}");
        }
    }

    #[test]
    fn http2_names_its_host_in_the_uri() {
        let mut two = parts("127.0.0.1", &[]);
        two.version = Version::HTTP_2;
        two.uri = "http://localhost:8000/api".parse().unwrap();
        assert!(of(&two).direct);
        two.headers.insert(header::HOST, "evil.example".parse().unwrap());
        assert!(!of(&two).direct);
    }

    #[test]
    fn a_key_and_a_cookie_are_read_as_browsers_write_them() {
        let read =
            |value: &str| bearer(&parts("::1", &[("authorization", value)]).headers).map(str::to_owned);
        assert_eq!(read("Bearer abc"), Some("abc".into()));
        assert_eq!(read("bearer  abc "), Some("abc".into()));
        for wrong in ["Basic abc", "Bearer", "", "abc"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let read = |value: &str| cookie(&parts("::1", &[("cookie", value)]).headers).map(str::to_owned);
        assert_eq!(read("a=b; scope_session=x=y; c=d"), Some("x=y".into()));
        assert_eq!(read("xscope_session=x"), None);
    }
}
