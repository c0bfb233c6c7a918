//! What each route needs of its caller: one table, in which a test looks for every operation of the OpenAPI document.
//! Pure.

use axum::http::Method;

use crate::{access::Right, api::RESERVED};

/// What a route needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: there is nothing private in its answer.
    Nothing,
    /// That the server knows it.
    Somebody,
    /// This right.
    Right(Right),
    /// This right, and to own the session that the path names.
    Session(Right),
    /// This right, and to own the recording that the path names, by its own id or by a session's.
    Recording(Right),
    /// A key of its own, of a user or an operator; no token.
    Key,
    /// To be an operator.
    Operator,
}

use Need::{Key, Nothing, Operator, Recording, Right as Has, Session, Somebody};
use Right::{Control, Publish, Record, View};

/// Every route: method, path, what it needs.
#[rustfmt::skip]
pub const ROUTES: &[(&str, &str, Need)] = &[
    ("GET", "/", Nothing),
    ("GET", "/health", Nothing),
    ("GET", "/ready", Nothing),
    ("GET", "/metrics", Operator),
    ("GET", "/api/v1/me", Nothing),
    ("POST", "/api/v1/sign-in", Nothing),
    ("POST", "/api/v1/sign-out", Nothing),
    ("GET", "/api/v1/sign-in/oidc", Nothing),
    ("GET", "/api/v1/sign-in/oidc/callback", Nothing),
    ("POST", "/api/v1/tokens", Key),
    ("DELETE", "/api/v1/tokens/{token}", Key),
    ("POST", "/api/v1/webrtc/offer", Has(Publish)),
    ("PATCH", "/api/v1/webrtc/offer/{id}", Session(Publish)),
    ("DELETE", "/api/v1/webrtc/offer/{id}", Session(Publish)),
    ("GET", "/api/v1/webrtc/ice-servers", Has(Publish)),
    // A ticket is its owner's: the routes look for it among the caller's own.
    ("GET", "/api/v1/waiting/{ticket}", Has(Publish)),
    ("DELETE", "/api/v1/waiting/{ticket}", Has(Publish)),
    ("GET", "/api/v1/waiting/{ticket}/events", Has(Publish)),
    ("GET", "/api/v1/pipelines/schemas", Somebody),
    ("POST", "/api/v1/pipeline/load", Operator),
    ("GET", "/api/v1/pipeline/status", Somebody),
    ("GET", "/api/v1/sessions", Has(View)),
    ("GET", "/api/v1/sessions/{id}", Session(View)),
    ("DELETE", "/api/v1/sessions/{id}", Session(Publish)),
    ("GET", "/api/v1/sessions/{id}/graph.dot", Session(View)),
    ("GET", "/api/v1/sessions/{id}/graph.svg", Session(View)),
    ("GET", "/api/v1/sessions/{id}/launch", Session(View)),
    ("GET", "/api/v1/sessions/{id}/sdp", Session(View)),
    ("PUT", "/api/v1/sessions/{id}/pipeline", Session(Control)),
    ("PATCH", "/api/v1/sessions/{id}/parameters", Session(Control)),
    ("GET", "/api/v1/recordings", Has(View)),
    ("GET", "/api/v1/recordings/{id}", Recording(View)),
    ("DELETE", "/api/v1/recordings/{id}", Recording(Record)),
    ("GET", "/api/v1/recordings/{id}/{file}", Recording(View)),
    ("POST", "/api/v1/recordings/{id}/start", Session(Record)),
    ("POST", "/api/v1/recordings/{id}/stop", Session(Record)),
    ("POST", "/api/v1/session/start", Operator),
    ("POST", "/api/v1/session/stop", Operator),
    ("GET", "/api/v1/session/parameters", Operator),
    ("POST", "/api/v1/session/parameters", Operator),
    ("GET", "/api/v1/session/frame", Operator),
    ("GET", "/api/v1/session/output.ts", Operator),
    ("GET", "/api/v1/session/metrics", Operator),
    ("GET", "/api/v1/input-sources", Has(Control)),
    ("GET", "/api/v1/input-sources/{kind}/sources", Has(Control)),
    ("GET", "/api/v1/hardware/info", Operator),
    ("GET", "/api/v1/system", Operator),
    ("GET", "/api/v1/logs/tail", Operator),
];

/// Paths that the document does not have: the document itself and its page, and those that say that there is no route.
const OTHER: &[&str] = &["/openapi.json", "/docs", "/docs/", "/docs/{*rest}"];

/// Whether a request changes something that the audit notes. Candidates and parameters are patched too often; the session
/// notes what else a patch changes.
pub fn changes(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::OPTIONS, Method::PATCH].contains(method)
}

/// What a request needs; `path` is that of its route. What no row names is an operator's.
pub fn need(method: &Method, path: &str) -> Need {
    // A body is all that HEAD lacks, and no route but the router's own answer takes OPTIONS.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    if method == Method::OPTIONS || OTHER.contains(&path) || RESERVED.contains(&path) {
        return Nothing;
    }
    let row = ROUTES.iter().find(|(verb, route, _)| *verb == method.as_str() && *route == path);
    row.map_or(Operator, |(_, _, need)| *need)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::api;

    #[test]
    fn every_operation_has_a_row_and_every_row_an_operation() {
        let document = api::document();
        let paths = document["paths"].as_object().unwrap();
        let operations: BTreeSet<_> = paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().into_iter().flat_map(serde_json::Map::keys);
                methods.map(move |method| (method.to_uppercase(), path.clone()))
            })
            .collect();
        let rows: BTreeSet<_> =
            ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();

        assert_eq!(rows, operations);
        assert_eq!(rows.len(), ROUTES.len(), "two rows for one operation");
        assert!(operations.len() > 40 && !matches!(document["paths"], Value::Null));
    }

    #[test]
    fn a_row_about_what_the_path_names_has_a_path_with_a_name() {
        for (method, path, need) in ROUTES {
            let names = matches!(need, Session(_) | Recording(_));
            assert_eq!(names, path.contains("{id}"), "{method} {path}");
        }
    }

    #[test]
    fn what_no_row_names_is_an_operators() {
        assert_eq!(need(&Method::GET, "/api/v1/new"), Operator);
        assert_eq!(need(&Method::POST, "/health"), Operator);
        assert_eq!(need(&Method::HEAD, "/api/v1/logs/tail"), Operator);
        assert_eq!(need(&Method::HEAD, "/health"), Nothing);
        assert_eq!(need(&Method::OPTIONS, "/api/v1/webrtc/offer"), Nothing);
    }
}
