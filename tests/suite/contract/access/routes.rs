//! Every route of the OpenAPI document, asked by everybody.

use std::collections::BTreeMap;

use super::*;

/// Who gets to an operation; an operator gets to each.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gate {
    /// Everybody.
    Open,
    /// Every key.
    Known,
    /// Keys of users, and their tokens.
    Users,
    /// Keys of users, and no token.
    Keys,
    /// Owners of what the path names, whose role is at least a viewer's.
    OwnersView,
    /// Owners of what the path names, whose role is a user's.
    Owners,
    /// Nobody else.
    Operators,
}

use Gate::{Keys, Known, Open, Operators, Owners, OwnersView, Users};

/// Every operation of the document. One without a row fails, and so does a row without an operation.
const GATES: [(&str, Gate); 48] = [
    ("add_candidates", Owners),
    ("begin_oidc_sign_in", Open),
    ("create_session", Users),
    ("create_token", Keys),
    ("delete_offer", Owners),
    ("delete_recording", Owners),
    ("delete_session", Owners),
    ("finish_oidc_sign_in", Open),
    ("get_figures", Operators),
    ("get_graph_dot", OwnersView),
    ("get_graph_svg", OwnersView),
    ("get_hardware", Operators),
    ("get_headless_frame", Operators),
    ("get_headless_output", Operators),
    ("get_headless_parameters", Operators),
    ("get_health", Open),
    ("get_ice_servers", Users),
    ("get_launch_lines", OwnersView),
    ("get_logs", Operators),
    ("get_me", Open),
    ("get_metrics", Operators),
    ("get_pipeline_status", Known),
    ("get_ready", Open),
    ("get_recording", OwnersView),
    ("get_recording_file", OwnersView),
    ("get_root", Open),
    ("get_session", OwnersView),
    ("get_system", Operators),
    ("get_waiting", Users),
    ("leave_waiting", Users),
    ("list_descriptions", OwnersView),
    ("list_pipelines", Known),
    ("list_recordings", Known),
    ("list_sessions", Known),
    ("list_source_kinds", Users),
    ("list_sources", Users),
    ("load_pipeline", Operators),
    ("revoke_token", Keys),
    ("set_headless_parameters", Operators),
    ("set_parameters", Owners),
    ("sign_in", Open),
    ("sign_out", Open),
    ("start_headless", Operators),
    ("start_recording", Owners),
    ("stop_headless", Operators),
    ("stop_recording", Owners),
    ("switch_pipeline", Owners),
    ("watch_waiting", Users),
];

/// What the guard says; `Passed` is whatever the route itself answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Unauthorized,
    Forbidden,
    Hidden,
    Passed,
}

use Verdict::{Forbidden, Hidden, Passed, Unauthorized};

/// An operation that asks the route nothing but whether it lets the caller in: bodies are empty objects.
struct Operation {
    id: String,
    method: String,
    path: String,
    has_body: bool,
}

impl Operation {
    fn all(document: &Value) -> Vec<Self> {
        let paths = document["paths"].as_object().unwrap();
        let all = paths.iter().flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, operation)| Self {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                has_body: operation.get("requestBody").is_some(),
            })
        });
        all.collect()
    }

    fn names_a_recording(&self) -> bool {
        ["get_recording", "get_recording_file", "delete_recording"].contains(&self.id.as_str())
    }

    /// The path with something of the owner's.
    fn path(&self, own: &Own) -> String {
        let path = self.path.replace("{kind}", "video_file").replace("{file}", "recording.json");
        let path = path.replace("{token}", "none");
        if path.contains("{id}") { path.replace("{id}", &self.named(own)) } else { path }
    }

    fn named(&self, own: &Own) -> String {
        match (self.method == "DELETE", self.names_a_recording()) {
            (false, true) => own.recording.clone(),
            (_, false) => own.fixture.session(&own.key),
            (true, true) => own.fixture.recording(&own.key),
        }
    }

    fn ask(&self, fixture: &Fixture, path: &str, key: Option<&str>) -> Verdict {
        let response = fixture.ask(&self.method, path, key, if self.has_body { "{}" } else { "" });
        self.verdict(&response)
    }

    fn verdict(&self, response: &Response) -> Verdict {
        let code = code(response);
        match response.status {
            401 if code == "unauthorized" && self.id != "sign_in" => {
                assert_eq!(response.header("www-authenticate"), Some("Bearer"));
                Unauthorized
            }
            403 if code == "forbidden" => Forbidden,
            404 if code == "session_not_found" || code == "recording_not_found" => Hidden,
            // For this one a session that there is not is a success.
            204 if self.id == "delete_offer" => Hidden,
            _ => Passed,
        }
    }
}

/// What the owner has.
struct Own<'a> {
    fixture: &'a Fixture,
    key: String,
    recording: String,
}

impl<'a> Own<'a> {
    fn new(fixture: &'a Fixture, key: &str) -> Self {
        Self { fixture, key: key.to_owned(), recording: fixture.recording(key) }
    }
}

#[test]
fn every_route_lets_in_its_own_callers_and_nobody_else() {
    let fixture = Fixture::new(&[]);
    let [owner, other] = ["owner", "other"].map(|name| fixture.key(name, "user"));
    let (viewer, operator) = (fixture.key("viewer", "viewer"), fixture.key("boss", "operator"));
    let revoked = fixture.key("gone", "operator");
    revoke(&fixture, "gone", &revoked);
    let own = Own::new(&fixture, &owner);
    let tokens = tokens::refused(&fixture, &owner);
    let rights = json!({"rights": ["publish", "view", "control", "record"]});
    let other_token = fixture.token(&other, &rights)["token"].as_str().unwrap().to_owned();
    let document = http::get(&format!("{}/openapi.json", fixture.server.url())).unwrap().json();
    let mut gates: BTreeMap<_, _> = GATES.into_iter().collect();

    for operation in Operation::all(&document) {
        let id = operation.id.as_str();
        let gate = gates.remove(id).unwrap_or_else(|| panic!("{id} has no row"));
        let path = operation.path(&own);
        let ask = |key: Option<&str>| operation.ask(&fixture, &path, key);

        for stranger in [None, Some(revoked.as_str()), Some("forged"), Some("")] {
            assert_eq!(ask(stranger), if gate == Open { Passed } else { Unauthorized }, "{id}, {stranger:?}");
        }
        for (fault, token) in &tokens {
            assert_eq!(ask(Some(token)), if gate == Open { Passed } else { Unauthorized }, "{id}, {fault}");
        }
        for malformed in ["Basic b3duZXI6b3duZXI=", "Bearer", "Bearer a b", "bearer\t", "Negotiate x"] {
            let headers = [("authorization", malformed)];
            let body = if operation.has_body { "{}" } else { "" };
            let response = send(&fixture.server, &operation.method, &path, &headers, body);
            let verdict = operation.verdict(&response);
            assert_eq!(verdict, if gate == Open { Passed } else { Unauthorized }, "{id}, {malformed:?}");
        }
        let (of_viewer, of_other) = match gate {
            Open | Known => (Passed, Passed),
            Users | Keys => (Forbidden, Passed),
            OwnersView => (Hidden, Hidden),
            Owners => (Forbidden, Hidden),
            Operators => (Forbidden, Forbidden),
        };
        assert_eq!((ask(Some(&viewer)), ask(Some(&other))), (of_viewer, of_other), "{id}");
        let of_token = if gate == Keys { Forbidden } else { of_other };
        assert_eq!(ask(Some(&other_token)), of_token, "{id}, a token of another");
        if gate == Owners {
            assert!(exists(&operation, &fixture, &path, &owner), "{id}: another one ended it");
        }
        if id != "delete_offer" {
            let of_owner = if gate == Operators { Forbidden } else { Passed };
            assert_eq!(ask(Some(&owner)), of_owner, "{id}, the owner");
            let again = if operation.method == "DELETE" { operation.path(&own) } else { path.clone() };
            let of_operator = operation.ask(&fixture, &again, Some(&operator));
            // There is no headless session.
            let passed = of_operator == Passed || gate == Operators && of_operator == Hidden;
            assert!(passed, "{id}, an operator: {of_operator:?}");
        }
        end(&fixture, &path, &owner);
    }
    assert!(gates.is_empty(), "no operations: {gates:?}");
}

/// Ends the session that the path names, if it names one.
fn end(fixture: &Fixture, path: &str, owner: &str) {
    if let Some(id) = path.split('/').find(|part| part.len() == 36) {
        fixture.ask("DELETE", &format!("/api/v1/sessions/{id}"), Some(owner), "");
    }
}

/// Whether what the path names is still there for its owner.
fn exists(operation: &Operation, fixture: &Fixture, path: &str, owner: &str) -> bool {
    let id = path.split('/').find(|part| part.len() > 20).unwrap();
    let place = if operation.names_a_recording() { "recordings" } else { "sessions" };
    fixture.ask("GET", &format!("/api/v1/{place}/{id}"), Some(owner), "").status == 200
}

#[test]
fn what_is_no_route_is_a_file_of_the_page_or_nothing() {
    let fixture = Fixture::new(&["--ui-dir", "/nowhere"]);

    assert_eq!(fixture.ask("GET", "/api/v1/nothing", None, "").status, 404);
    assert_eq!(fixture.ask("GET", "/anything", None, "").status, 404);
    assert_eq!(fixture.ask("GET", "/docs/", None, "").status, 200);
    assert_eq!(fixture.ask("POST", "/health", None, "").status, 401, "a method without a row");
    let options = fixture.ask("OPTIONS", OFFER, None, "");
    assert_eq!((options.status, options.header("allow")), (204, Some("POST")));
}

fn revoke(fixture: &Fixture, name: &str, key: &str) {
    let mut command = scope();
    let done =
        command.args(["keys", "revoke", name]).env("SCOPE_STATE_DIR", fixture.state.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let gone = || fixture.ask("GET", "/api/v1/logs/tail", Some(key), "").status == 401;
    assert!(crate::support::wait_until(gone, std::time::Duration::from_mins(1)), "a revoked key lives on");
}
