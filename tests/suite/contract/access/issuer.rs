//! Tokens of an OpenID Connect issuer that nobody here wrote.

use std::time::Duration;

use super::*;
use crate::support::{LIMIT, client::Client, issuer::Issuer, wait_until};

const AUDIENCE: &str = "https://scope.example";
/// A key that the issuer removes is refused within this.
const REVOKED: Duration = Duration::from_mins(1);

fn server(issuer: &Issuer) -> Fixture {
    Fixture::new(&[
        "--oidc-issuer",
        issuer.url(),
        "--oidc-audience",
        AUDIENCE,
        "--oidc-role-claim",
        "role",
        "--oidc-limits-claim",
        "limits",
        "--oidc-refresh",
        "2s",
    ])
}

impl Fixture {
    fn me(&self, token: &str) -> Value {
        self.ask("GET", "/api/v1/me", Some(token), "").json()
    }

    fn has_role(&self, token: &str, role: &str) -> bool {
        self.me(token)["role"] == role
    }
}

#[test]
fn keys_rotate_while_a_session_runs_and_one_that_is_removed_is_refused() {
    let Some(mut issuer) = Issuer::spawn() else { return };
    let fixture = server(&issuer);
    let old = issuer.token("user", AUDIENCE);
    let me = fixture.me(&old);
    assert_eq!((&me["role"], &me["subject"]), (&json!("user"), &json!("oidc:user")));
    let client = Client::builder().key(&old).connect(fixture.server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 3, LIMIT);

    issuer.rotate("second first");
    let new = issuer.token("user", AUDIENCE);
    assert!(wait_until(|| fixture.has_role(&new, "user"), LIMIT), "a new key is not followed");
    assert!(fixture.has_role(&old, "user"), "the earlier key is still the issuer's");
    issuer.rotate("second");
    assert!(wait_until(|| fixture.has_role(&old, "nobody"), REVOKED), "a removed key lives on");

    assert!(fixture.has_role(&new, "user"));
    assert_eq!(fixture.ask("GET", OFFER, Some(&old), "").status, 401);
    let frames = client.stats().frames_decoded;
    client.expect("frames go on", |stats| stats.frames_decoded > frames + 5, LIMIT);
    drop(issuer);
    let told = || fixture.server.log_text().contains("the issuer does not answer");
    assert!(wait_until(told, LIMIT), "{}", fixture.server.log_text());
    assert!(fixture.has_role(&new, "user"), "the keys hold while the issuer is away");
}

#[test]
fn a_claim_gives_the_role_and_its_limits_hold() {
    let Some(issuer) = Issuer::spawn() else { return };
    let fixture = server(&issuer);
    let token = |role: &str| issuer.token(role, AUDIENCE);
    let [operator, user, viewer] = ["operator", "user", "viewer"].map(token);

    for (role, token) in [("operator", &operator), ("user", &user), ("viewer", &viewer)] {
        assert!(fixture.has_role(token, role), "{role}");
    }
    assert!(fixture.has_role(&token("guest"), "nobody"), "it names no role of this server");
    let another = issuer.token("operator", "https://another.example");
    assert_eq!(fixture.ask("GET", "/api/v1/sessions", Some(&another), "").status, 401, "another audience");
    assert_eq!(fixture.ask("GET", "/api/v1/system", Some(&operator), "").status, 200);
    assert_eq!(fixture.ask("GET", "/api/v1/system", Some(&user), "").status, 403);
    let offer = |pipeline: &str| {
        let offer = json!({"sdp": CHROMIUM, "type": "offer", "initialParameters": {"pipeline_id": pipeline}});
        fixture.ask("POST", OFFER, Some(&user), &offer.to_string()).status
    };
    assert_eq!((offer("echo"), offer("grade")), (200, 422), "its pipelines");
    let minted = fixture.ask("POST", "/api/v1/tokens", Some(&user), "{\"rights\": [\"view\"]}");
    assert_eq!(minted.status, 403, "tokens are for keys: {}", minted.text());
}

#[test]
fn a_server_starts_without_its_issuer_and_takes_its_tokens_later() {
    let Some(issuer) = Issuer::spawn() else { return };
    let token = issuer.token("user", AUDIENCE);
    drop(issuer);
    let port = crate::support::server::free_port();
    let gone = format!("http://localhost:{port}");

    let fixture = Fixture::new(&["--oidc-issuer", &gone, "--oidc-audience", AUDIENCE]);

    assert!(fixture.server.log_text().contains("the issuer does not answer"));
    assert_eq!(fixture.ask("GET", "/api/v1/sessions", Some(&token), "").status, 401);
}
