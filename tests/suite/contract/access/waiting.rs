//! The waiting line: three places and twelve clients, in the order in which they came.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use super::*;
use crate::support::{LIMIT, wait_until};

const PLACES: usize = 3;
const CLIENTS: usize = 12;

impl Fixture {
    fn post(&self, key: &str, token: Option<&str>) -> Response {
        let body = json!({"sdp": CHROMIUM, "type": "offer", "waitingToken": token});
        self.ask("POST", OFFER, Some(key), &body.to_string())
    }

    /// Where a ticket stands.
    fn standing(&self, key: &str, ticket: &str) -> Value {
        let answer = self.ask("GET", &format!("/api/v1/waiting/{ticket}"), Some(key), "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    fn end(&self, key: &str, session: &str) {
        let ended = self.ask("DELETE", &format!("/api/v1/sessions/{session}"), Some(key), "");
        assert_eq!(ended.status, 204, "{}", ended.text());
    }

    /// Keys of users who are all known to the server.
    fn keys(&self, count: usize) -> Vec<String> {
        let names = (0..count - 1).map(|number| format!("user{number}"));
        let mut keys: Vec<_> = names.map(|name| new_key(&self.state, &name, "user")).collect();
        keys.push(self.key("last", "user"));
        keys
    }

    /// The events of a ticket as they come; the channel ends with the stream.
    fn events(&self, key: &str, path: &str) -> mpsc::Receiver<Value> {
        let mut stream = TcpStream::connect(self.server.url().trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let (name, value) = FOREIGN;
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\n{name}: {value}\r\nauthorization: Bearer {key}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let data = line.strip_prefix("data: ").map(|data| serde_json::from_str(data).unwrap());
                if data.is_some_and(|data: Value| sender.send(data).is_err()) || line == "0" {
                    return; // the test has gone, or the last chunk (RFC 9112, section 7.1)
                }
            }
        });
        events
    }
}

/// Waits for its turn, by asking or by events, and gives the token; fails where a position rises.
fn wait_for_turn(fixture: &Fixture, key: &str, waiting: &Value, by_events: bool) -> String {
    let ticket = waiting["ticket"].as_str().unwrap();
    let mut position = waiting["position"].as_u64().unwrap();
    let mut turn = |standing: &Value| {
        let new = standing["position"].as_u64().unwrap();
        assert!(new <= position, "{ticket} falls back from {position} to {new}");
        position = new;
        assert_eq!(new == 0, standing["token"].is_string(), "{standing}");
        standing["token"].as_str().map(str::to_owned)
    };
    if by_events {
        let events = fixture.events(key, waiting["events"].as_str().unwrap());
        loop {
            let standing = events.recv_timeout(LIMIT).expect("a ticket that is watched is told its turn");
            if let Some(token) = turn(&standing) {
                return token;
            }
        }
    }
    let mut token = None;
    let asked = || {
        token = turn(&fixture.standing(key, ticket));
        token.is_some()
    };
    assert!(wait_until(asked, LIMIT), "{ticket} never has its turn");
    token.unwrap()
}

#[test]
fn three_places_and_twelve_clients_keep_their_order_and_nobody_starves() {
    let fixture = Fixture::new(&["--max-sessions", "3", "--waiting-line", "20", "--max-request-rate", "0"]);
    let keys = fixture.keys(CLIENTS);
    let mut sessions: Vec<_> = keys[..PLACES].iter().map(|key| (key.clone(), fixture.session(key))).collect();
    let served = Mutex::new(Vec::new());

    let tickets: Vec<_> = keys[PLACES..].iter().map(|key| fixture.post(key, None)).collect();

    for (number, ticket) in tickets.iter().enumerate() {
        assert_eq!(
            (ticket.status, &ticket.json()["position"]),
            (202, &json!(number + 1)),
            "{}",
            ticket.text()
        );
    }
    thread::scope(|scope| {
        for (number, (key, ticket)) in keys[PLACES..].iter().zip(&tickets).enumerate() {
            let (fixture, served, waiting) = (&fixture, &served, ticket.json());
            scope.spawn(move || {
                let token = wait_for_turn(fixture, key, &waiting, number % 2 == 0);
                let answer = fixture.post(key, Some(&token));
                assert_eq!(answer.status, 200, "{}", answer.text());
                let session = answer.json()["sessionId"].as_str().unwrap().to_owned();
                served.lock().unwrap().push((number, key.clone(), session));
            });
        }
        for turn in 0..CLIENTS - PLACES {
            let (key, session) = sessions.remove(0);
            fixture.end(&key, &session);
            assert!(
                wait_until(|| served.lock().unwrap().len() > turn, LIMIT),
                "nobody is served in turn {turn}"
            );
            let (number, key, session) = served.lock().unwrap()[turn].clone();
            assert_eq!(number, turn, "it overtook");
            sessions.push((key, session));
        }
    });
    let left: Vec<_> = keys[PLACES..]
        .iter()
        .zip(&tickets)
        .map(|(key, ticket)| {
            let path = format!("/api/v1/waiting/{}", ticket.json()["ticket"].as_str().unwrap());
            fixture.ask("GET", &path, Some(key), "").status
        })
        .collect();
    assert_eq!(left, [404; CLIENTS - PLACES]);
}

#[test]
fn a_place_that_is_held_is_nobody_elses() {
    let fixture = Fixture::new(&["--max-sessions", "1", "--waiting-line", "2"]);
    let keys = fixture.keys(4);
    let operator = fixture.key("boss", "operator");
    let session = fixture.session(&keys[0]);
    let [first, second] = [1, 2].map(|number: usize| fixture.post(&keys[number], None).json());
    let ticket = |waiting: &Value| waiting["ticket"].as_str().unwrap().to_owned();

    let full = fixture.post(&keys[3], None);
    assert_eq!((full.status, code(&full)), (503, json!("waiting_line_full")), "{}", full.text());
    assert!(full.header("retry-after").is_some());
    assert_eq!(ticket(&fixture.post(&keys[1], None).json()), ticket(&first), "one place for a key");
    fixture.end(&keys[0], &session);
    let token = wait_for_turn(&fixture, &keys[1], &first, false);

    assert_eq!(fixture.post(&operator, None).status, 503, "the line is full for it too");
    assert_eq!(fixture.post(&keys[2], Some(&token)).status, 202, "the token is another one's");
    assert_eq!(fixture.standing(&keys[2], &ticket(&second))["position"], 1);
    for method in ["GET", "DELETE"] {
        let path = format!("/api/v1/waiting/{}", ticket(&first));
        assert_eq!(code(&fixture.ask(method, &path, Some(&keys[2]), "")), "no_ticket");
        assert_eq!(code(&fixture.ask("GET", &format!("{path}/events"), Some(&keys[2]), "")), "no_ticket");
    }
    let answer = fixture.post(&keys[1], Some(&token));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(fixture.post(&keys[1], Some(&token)).status, 202, "it works once");
}

#[test]
fn who_leaves_gives_its_place_to_the_next() {
    let fixture = Fixture::new(&["--max-sessions", "1", "--waiting-line", "5"]);
    let keys = fixture.keys(4);
    let session = fixture.session(&keys[0]);
    let waiting = [1, 2, 3].map(|number: usize| fixture.post(&keys[number], None).json());
    let leave = |number: usize| {
        let path = format!("/api/v1/waiting/{}", waiting[number - 1]["ticket"].as_str().unwrap());
        assert_eq!(fixture.ask("DELETE", &path, Some(&keys[number]), "").status, 204);
    };
    let events = fixture.events(&keys[3], waiting[2]["events"].as_str().unwrap());
    let next = || events.recv_timeout(LIMIT).unwrap()["position"].clone();

    assert_eq!(next(), 3);
    leave(1);
    assert_eq!(next(), 2);
    fixture.end(&keys[0], &session);
    assert_eq!(next(), 1);
    leave(2); // though its turn has come
    let turn = events.recv_timeout(LIMIT).unwrap();
    let held = turn["expires_in_s"].as_u64().unwrap();
    assert!(turn["position"] == 0 && (1..=30).contains(&held), "{turn}");
    let answer = fixture.post(&keys[3], turn["token"].as_str());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        matches!(events.recv_timeout(LIMIT), Err(mpsc::RecvTimeoutError::Disconnected)),
        "the stream ends"
    );
}

#[test]
fn a_stopping_server_lets_nobody_wait() {
    let mut fixture = Fixture::new(&["--max-sessions", "1", "--waiting-line", "5"]);
    let keys = fixture.keys(2);
    fixture.session(&keys[0]);
    let waiting = fixture.post(&keys[1], None).json();
    let events = fixture.events(&keys[1], waiting["events"].as_str().unwrap());
    assert_eq!(events.recv_timeout(LIMIT).unwrap()["position"], 1);

    let code = fixture.server.terminate(Duration::from_secs(30)).and_then(|status| status.code());

    assert_eq!(code, Some(0));
    assert!(events.recv_timeout(LIMIT).is_err());
}

#[test]
fn without_a_line_a_full_server_refuses() {
    let fixture = Fixture::new(&["--max-sessions", "1"]);
    let keys = fixture.keys(2);
    fixture.session(&keys[0]);

    let refused = fixture.post(&keys[1], None);

    assert_eq!((refused.status, code(&refused)), (503, json!("server_full")));
}
