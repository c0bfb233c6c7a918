//! A browser signs in with a key, keeps a cookie, and signs out.

use super::*;

const SIGN_IN: &str = "/api/v1/sign-in";
const SESSIONS: &str = "/api/v1/sessions";

fn sign_in(fixture: &Fixture, key: &str) -> Response {
    fixture.ask("POST", SIGN_IN, None, &json!({ "key": key }).to_string())
}

/// The cookie as a browser sends it back.
fn cookie(response: &Response) -> String {
    response.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn with_cookie(fixture: &Fixture, method: &str, path: &str, cookie: &str) -> Response {
    send(&fixture.server, method, path, &[FOREIGN, ("cookie", cookie)], "")
}

#[test]
fn a_key_buys_a_cookie_that_lasts_until_the_sign_out() {
    let fixture = Fixture::new(&[]);
    let key = fixture.key("alice", "user");

    let signed_in = sign_in(&fixture, &key);

    assert_eq!(signed_in.status, 200, "{}", signed_in.text());
    let rights = json!(["publish", "view", "control", "record"]);
    let me = json!({"subject": "key:alice", "name": "alice", "role": "user", "rights": rights, "open": false,
        "sign_in": {"key": true, "oidc": null}});
    assert_eq!(signed_in.json(), me);
    let set = signed_in.header("set-cookie").unwrap();
    assert!(set.starts_with("scope_session="), "{set}");
    for word in ["Path=/", "HttpOnly", "SameSite=Strict"] {
        assert!(set.split("; ").any(|one| one == word), "{word} is missing in {set}");
    }
    assert!(!set.contains(&key) && !set.contains("Secure"), "{set}");
    let cookie = cookie(&signed_in);
    assert_eq!(with_cookie(&fixture, "GET", "/api/v1/me", &cookie).json(), me);
    assert_eq!(with_cookie(&fixture, "GET", SESSIONS, &cookie).status, 200);
    let out = with_cookie(&fixture, "POST", "/api/v1/sign-out", &cookie);
    assert!(out.status == 204 && out.header("set-cookie").unwrap().contains("Max-Age=0"), "{out:?}");
    assert_eq!(with_cookie(&fixture, "GET", SESSIONS, &cookie).status, 401);
    assert_eq!(with_cookie(&fixture, "POST", "/api/v1/sign-out", &cookie).status, 204, "again");
}

#[test]
fn a_stranger_is_nobody_and_hears_so() {
    let fixture = Fixture::new(&[]);

    let me = fixture.ask("GET", "/api/v1/me", None, "");

    assert_eq!(
        (me.status, me.json()["role"].clone(), me.json()["rights"].clone()),
        (200, json!("nobody"), json!([]))
    );
    let here = send(&fixture.server, "GET", "/api/v1/me", &[], "").json();
    assert_eq!((&here["role"], &here["subject"]), (&json!("operator"), &json!("local")));
}

#[test]
fn the_link_signs_in_and_leaves_no_key_in_the_address() {
    let fixture = Fixture::new(&[]);
    let key = fixture.key("alice", "user");

    let answer = fixture.ask("GET", &format!("/?key={key}"), None, "");

    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(with_cookie(&fixture, "GET", SESSIONS, &cookie(&answer)).status, 200);
    let wrong = fixture.ask("GET", "/?key=wrong", None, "");
    assert_eq!((wrong.status, wrong.header("location"), wrong.header("set-cookie")), (303, Some("/"), None));
    let secure = [FOREIGN, ("x-forwarded-proto", "https")];
    let secure = send(&fixture.server, "GET", &format!("/?key={key}"), &secure, "");
    assert!(secure.header("set-cookie").unwrap().ends_with("; Secure"));
}

#[test]
fn guessing_is_slowed_down_for_its_address() {
    let fixture = Fixture::new(&[]);
    let key = fixture.key("alice", "user");

    let statuses: Vec<_> = (0..12).map(|guess| sign_in(&fixture, &format!("guess {guess}")).status).collect();

    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 2]].concat());
    let refused = sign_in(&fixture, &key);
    assert_eq!((refused.status, code(&refused)), (429, json!("too_many_sign_ins")));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() <= 60);
    assert_eq!(fixture.ask("GET", SESSIONS, Some(&key), "").status, 200, "a key by itself is not a sign-in");
}

#[test]
fn a_changed_cookie_or_key_gets_nobody_in() {
    let fixture = Fixture::new(&[]);
    let key = fixture.key("alice", "user");
    let cookie = cookie(&sign_in(&fixture, &key));

    for place in 0..cookie.len() {
        let mut changed = cookie.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(with_cookie(&fixture, "GET", SESSIONS, &changed).status, 401, "{changed}");
    }
    for place in 0..key.len() {
        let mut changed = key.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(fixture.ask("GET", SESSIONS, Some(&changed), "").status, 401, "{changed}");
    }
}
