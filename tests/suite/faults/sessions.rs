//! What goes wrong ends in a defined state, is said to the user, and hurts nobody else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::support::{
    LIMIT,
    client::{self, Candidates, Client, Media},
    http, own_server,
    random::Random,
    server::{Server, end_reason},
};
use scope::{
    frame::Frame,
    stage::{Catalog, Entry, Error, Factory, Parameters, Stage},
};
use serde_json::json;

/// Short limits, so that waiting for them is short too.
const SHORT: &[(&str, &str)] = &[
    ("SCOPE_OFFLINE", "1"),
    ("SCOPE_MAX_SESSIONS", "8"),
    ("SCOPE_CONNECT_TIMEOUT", "3s"),
    ("SCOPE_MEDIA_TIMEOUT", "3s"),
    ("SCOPE_VANISH_TIMEOUT", "2s"),
];

#[test]
fn a_vanished_peer_is_noticed() {
    let server = Server::spawn(&[], SHORT);
    let mut client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);

    client.vanish();

    assert_eq!(end_reason(&client.detail_url(), LIMIT), "peer_vanished");
}

#[test]
fn an_offer_that_never_connects_ends_in_time() {
    let server = Server::spawn(&[], SHORT);
    let offer = include_str!("../../fixtures/offers/chromium.sdp");

    let (session, _) = client::post(server.url(), offer, None).unwrap();

    assert_eq!(end_reason(&format!("{}/api/v1/sessions/{session}", server.url()), LIMIT), "connect_timeout");
}

#[test]
fn a_connection_without_media_ends_and_says_why_first() {
    let server = Server::spawn(&[], SHORT);
    let client = Client::builder().media(Media::Withheld).connect(server.url()).unwrap();

    client.expect("the last word", |stats| stats.messages_of("stream_stopped").count() == 1, LIMIT);

    client.read(|stats| {
        let last = stats.messages_of("stream_stopped").next().unwrap();
        assert_eq!(last["reason"], "media_timeout");
        assert!(last["error_message"].as_str().unwrap().contains("no video arrived"), "{last}");
    });
    assert_eq!(end_reason(&client.detail_url(), LIMIT), "media_timeout");
}

#[test]
fn a_client_that_closes_is_gone_soon() {
    let server = Server::spawn(&[], SHORT);
    let mut client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);

    client.close();

    let reason = end_reason(&client.detail_url(), LIMIT);
    assert!(["closed_by_peer", "peer_vanished"].contains(&reason.as_str()), "{reason}");
}

#[test]
fn a_falsified_fingerprint_never_gets_a_frame_through() {
    let server = Server::spawn(&[], SHORT);
    for candidates in [Candidates::InOffer, Candidates::Trickled] {
        let client = Client::builder()
            .fps(30)
            .falsify_fingerprint()
            .candidates(candidates)
            .connect(server.url())
            .unwrap();

        assert_eq!(end_reason(&client.detail_url(), LIMIT), "fingerprint_mismatch");
        client.read(|stats| {
            assert_eq!(stats.video_units, 0, "{}", stats.summary());
            assert_eq!(stats.messages.len(), 0, "{}", stats.summary());
        });
    }
    // The detector sees frames where the fingerprint is right.
    let honest = Client::builder().fps(30).connect(server.url()).unwrap();
    honest.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
}

#[test]
fn a_deleted_session_says_so_and_is_gone() {
    let server = Server::spawn(&[], SHORT);
    let client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("a picture and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);

    assert_eq!(client.delete().unwrap().status, 204);

    assert_eq!(end_reason(&client.detail_url(), LIMIT), "closed_by_client");
    client.expect("the last word", |stats| stats.messages_of("stream_stopped").count() == 1, LIMIT);
    assert_eq!(client.delete().unwrap().status, 204, "DELETE is idempotent");
}

#[test]
fn a_full_server_refuses_and_takes_the_next_when_one_leaves() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_MAX_SESSIONS", "1")]);
    let first = Client::builder().connect(server.url()).unwrap();

    let Err(client::Error::Refused { status, body }) = Client::builder().connect(server.url()) else {
        panic!("a second session fits into one");
    };
    assert_eq!(status, 503, "{body}");
    assert!(body["detail"].as_str().unwrap().contains("full at 1"), "{body}");
    first.delete().unwrap();

    let second = Client::builder().connect(server.url()).unwrap();
    second.expect("a picture", |stats| stats.rises() >= 5, LIMIT);
}

#[test]
fn sigterm_with_five_live_sessions_tells_each_and_exits_zero() {
    let mut server = Server::spawn(&[], SHORT);
    let clients: Vec<_> = (0..5).map(|_| Client::builder().connect(server.url()).unwrap()).collect();
    for client in &clients {
        client.expect("a picture and a channel", |stats| stats.rises() >= 5 && stats.channel_open, LIMIT);
    }

    let status = server.terminate(LIMIT).expect("it exits");

    assert_eq!(status.code(), Some(0), "{}", server.log_text());
    for client in &clients {
        client.expect(
            "the reason",
            |stats| stats.messages_of("stream_stopped").any(|last| last["reason"] == "server_shutdown"),
            LIMIT,
        );
    }
}

/// Bytes of an offer changed at random: flips, lines dropped, doubled and swapped, cuts, huge numbers.
fn mutate(offer: &str, seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut next = |limit| random.below(limit);
    let mut lines: Vec<String> = offer.lines().map(str::to_owned).collect();
    for _ in 0..=next(3) {
        let at = next(lines.len());
        match next(6) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let other = next(lines.len());
                lines.swap(at, other);
            }
            3 => lines[at] = lines[at].replace(|digit: char| digit.is_ascii_digit(), "99999"),
            4 => {
                let cut = next(lines[at].len() + 1);
                lines[at] = lines[at].chars().take(cut).collect();
            }
            _ => {
                let mut bytes = lines[at].clone().into_bytes();
                if !bytes.is_empty() {
                    let byte = next(bytes.len());
                    bytes[byte] = u8::try_from(32 + next(95)).unwrap();
                }
                lines[at] = String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.join("\r\n") + "\r\n"
}

#[test]
fn ten_thousand_mutated_offers_neither_crash_nor_hang_the_server() {
    const OFFERS: usize = 10_000;
    const THREADS: usize = 4;
    let server = Server::spawn(&[], SHORT);
    let fixtures = [
        include_str!("../../fixtures/offers/chromium.sdp"),
        include_str!("../../fixtures/offers/firefox.sdp"),
        include_str!("../../fixtures/offers/aiortc.sdp"),
        include_str!("../../fixtures/offers/str0m.sdp"),
    ];
    let (answered, refused) = (AtomicU64::new(0), AtomicU64::new(0));

    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (server, answered, refused) = (&server, &answered, &refused);
            scope.spawn(move || {
                for number in (thread..OFFERS).step_by(THREADS) {
                    let offer = mutate(fixtures[number % fixtures.len()], number as u64 + 1);
                    match client::post(server.url(), &offer, None) {
                        Ok((session, _)) => {
                            answered.fetch_add(1, Relaxed);
                            let url = format!("{}/api/v1/webrtc/offer/{session}", server.url());
                            assert_eq!(http::delete(&url).unwrap().status, 204);
                        }
                        Err(client::Error::Refused { status, body }) => {
                            refused.fetch_add(1, Relaxed);
                            assert!((400..500).contains(&status), "offer {number}: {status} {body}\n{offer}");
                            assert!(body["code"].is_string() && !body["detail"].is_null(), "{body}");
                        }
                        Err(error) => panic!("offer {number}: {error:?}\n{offer}"),
                    }
                }
            });
        }
    });

    println!("{} answered, {} refused", answered.load(Relaxed), refused.load(Relaxed));
    assert!(answered.load(Relaxed) > 100 && refused.load(Relaxed) > 1000, "the mutations reach both ends");
    let client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("a good session after it", |stats| stats.rises() >= 20, LIMIT);
}

/// A stage that does what its frame number tells it to.
struct Faulty {
    fault: fn(u64),
    seen: u64,
}

impl Stage for Faulty {
    fn set(&mut self, _: &Parameters) -> Result<(), Error> {
        Ok(())
    }

    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
        self.seen += 1;
        (self.fault)(self.seen);
        Ok(Some(frame.clone()))
    }
}

/// A server in this process whose pipeline `faulty` is the test's own.
fn with_stage(fault: fn(u64), test: impl FnOnce(&str)) {
    let factory: Factory = Arc::new(move || Ok(Box::new(Faulty { fault, seen: 0 })));
    let about =
        "id = \"faulty\"\nname = \"Faulty\"\nkind = \"test\"\nlayouts = [\"I420\"]\ndeadline_s = 3.0\n";
    own_server::run(Catalog::default().with(Entry::parse(about, Some(factory)).unwrap()), test);
}

#[test]
fn a_stage_that_panics_is_said_and_the_picture_goes_on() {
    with_stage(
        |seen| assert!(seen != 20, "planted"),
        |url| {
            let client =
                Client::builder().fps(30).parameters(json!({"pipeline_id": "faulty"})).connect(url).unwrap();

            client.expect(
                "restarting, then running again",
                |stats| {
                    let states: Vec<_> =
                        stats.messages_of("stage_state").map(|message| message["state"].clone()).collect();
                    let restarting = states.iter().position(|state| state == "restarting");
                    restarting.is_some_and(|at| states[at..].iter().any(|state| state == "running"))
                },
                LIMIT,
            );
            let before = client.read(crate::support::stats::Stats::rises);
            client.expect("rising numbers after it", |stats| stats.rises() >= before + 10, LIMIT);
            client.read(|stats| assert_eq!(stats.falls(), 0));
        },
    );
}

#[test]
fn a_stage_that_hangs_is_said_and_left_behind_and_its_session_goes_on() {
    with_stage(
        |seen| {
            if seen == 20 {
                std::thread::park_timeout(Duration::from_mins(1));
            }
        },
        |url| {
            let hung =
                Client::builder().fps(30).parameters(json!({"pipeline_id": "faulty"})).connect(url).unwrap();
            let other = Client::builder().fps(30).connect(url).unwrap();

            for wanted in ["degraded", "restarting"] {
                hung.expect(
                    wanted,
                    |stats| stats.messages_of("stage_state").any(|message| message["state"] == wanted),
                    LIMIT,
                );
            }
            for client in [&hung, &other] {
                let before = client.read(crate::support::stats::Stats::rises);
                client.expect("both go on", |stats| stats.rises() >= before + 20, LIMIT);
            }
            hung.read(|stats| assert_eq!(stats.falls(), 0));
            let metrics = http::get(&format!("{url}/metrics")).unwrap().text();
            assert!(metrics.contains("scope_stages_abandoned_total 1"), "{metrics}");
        },
    );
}
