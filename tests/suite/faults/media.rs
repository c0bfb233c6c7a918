//! A peer that sends garbage in place of pictures, packets and datagrams hurts at most its own picture.

use crate::support::{
    LIMIT, client::Client, codec::Codec, http, random::Random, server::Server, stats::Stats,
};

const SETTINGS: &[(&str, &str)] = &[("SCOPE_OFFLINE", "1"), ("SCOPE_MAX_SESSIONS", "8")];
/// Access units that are damaged: each kind of damage some times, with key frames among them.
const DAMAGED: u32 = 60;

/// Cuts, flips, repeats, replaces or blows up what a decoder is to read.
fn damaged(mut unit: Vec<u8>, random: &mut Random) -> Vec<u8> {
    match random.below(6) {
        0 => unit.truncate(1 + random.below(unit.len())),
        1 => {
            for _ in 0..8 {
                let at = random.below(unit.len());
                unit[at] ^= 1 << random.below(8);
            }
        }
        2 => unit.extend_from_within(..),
        3 => unit = random.bytes(unit.len()),
        4 => unit = random.bytes(60_000),
        // The start stays what it was: the depayloader's and the parser's first look passes.
        _ => {
            let keep = unit.len().min(12);
            let garbage = random.bytes(unit.len() - keep);
            unit.truncate(keep);
            unit.extend(garbage);
        }
    }
    unit
}

fn session_state(client: &Client) -> (u16, String) {
    let response = http::get(&client.detail_url()).unwrap();
    (response.status, response.text())
}

/// The picture rises again, however many frames garbage cost.
#[track_caller]
fn recovers(client: &Client, what: &str) {
    let before = client.read(Stats::rises);
    let risen = client.wait_for(|stats| stats.rises() >= before + 20, LIMIT);
    assert!(risen, "no picture after {what}: {} {:?}", client.read(Stats::summary), session_state(client));
}

#[test]
fn damaged_pictures_cost_pictures_alone() {
    let server = Server::spawn(&[], SETTINGS);
    let neighbour = Client::builder().fps(30).connect(server.url()).unwrap();
    for codec in Codec::ALL {
        let client = Client::builder().codec(codec).fps(30).connect(server.url()).unwrap();
        client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
        let sent = client.read(|stats| stats.frames_sent);
        let mut random = Random::new(0x5c09e + codec as u64);

        client.damage(move |unit| damaged(unit, &mut random));
        client.expect("garbage sent", |stats| stats.frames_sent >= sent + DAMAGED, LIMIT);
        client.mend();

        recovers(&client, &format!("damaged {codec:?}"));
        client.expect("the channel lives", |stats| stats.channel_open && !stats.channel_closed, LIMIT);
        recovers(&neighbour, &format!("another's damaged {codec:?}"));
    }
}

/// The key frame that the decoder requests at once may be damaged as well.
#[test]
fn a_decoder_error_is_followed_by_a_key_frame_once_errors_have_ceased() {
    let server = Server::spawn(&[], SETTINGS);
    let client = Client::builder().codec(Codec::Vp8).fps(30).connect(server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
    let before = client.read(|stats| stats.key_frame_requests);
    let mut whole = false;

    client.damage(move |mut unit| {
        if !std::mem::replace(&mut whole, true) {
            unit.truncate(5);
        }
        unit
    });

    client.expect("two requests", |stats| stats.key_frame_requests >= before + 2, LIMIT);
    recovers(&client, "one damaged frame");
}

#[test]
fn random_packets_and_another_source_end_no_session() {
    let server = Server::spawn(&[], SETTINGS);
    let neighbour = Client::builder().fps(30).connect(server.url()).unwrap();
    for codec in Codec::ALL {
        let client = Client::builder().codec(codec).fps(30).connect(server.url()).unwrap();
        client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
        let mut random = Random::new(0xbad + codec as u64);

        let sent = client.read(|stats| stats.frames_sent);
        client.change_source();
        client.expect("frames of another source", |stats| stats.frames_sent >= sent + DAMAGED, LIMIT);

        client.pause_media();
        client.change_source();
        for _ in 0..20 {
            let payloads = (0..20).map(|_| {
                let length = 1 + random.below(1100);
                random.bytes(length)
            });
            client.send_rtp(payloads.collect());
        }
        client.change_source();
        client.resume_media();

        let sent = client.read(|stats| stats.frames_sent);
        client.expect("frames after them", |stats| stats.frames_sent >= sent + DAMAGED, LIMIT);
        client.expect("the channel lives", |stats| stats.channel_open && !stats.channel_closed, LIMIT);
        assert_eq!(session_state(&client).0, 200);
        recovers(&neighbour, &format!("another's random packets of {codec:?}"));
    }
}

#[test]
fn datagrams_that_belong_to_nothing_are_dropped() {
    let server = Server::spawn(&[], SETTINGS);
    let client = Client::builder().fps(30).with_audio().connect(server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
    let mut random = Random::new(0xdada);

    // First bytes by RFC 7983: STUN, ZRTP, DTLS, TURN channels, RTP and RTCP.
    for first in [0x00_u8, 0x01, 0x10, 0x14, 0x16, 0x17, 0x19, 0x40, 0x80, 0x81, 0x90, 0x9f, 0xbf, 0xff] {
        for _ in 0..30 {
            let length = random.below(1400);
            let mut datagram = random.bytes(length + 1);
            datagram[0] = first;
            client.send_datagram(datagram);
        }
    }
    // RTP with fifteen contributing sources and a header extension that ends far behind the packet.
    for words in [0_u16, 1, 300, 0xffff] {
        let mut datagram = vec![0x9f, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
        datagram.extend(random.bytes(60));
        datagram.extend([0xbe, 0xde]);
        datagram.extend(words.to_be_bytes());
        datagram.extend(random.bytes(1200));
        client.send_datagram(datagram);
    }
    // RTCP whose length says more than came, and a compound of empty reports.
    for kind in 200..=207_u8 {
        let mut datagram = vec![0x81, kind, 0xff, 0xff];
        datagram.extend(random.bytes(40));
        client.send_datagram(datagram);
        client.send_datagram([0x80, kind, 0, 0].repeat(300));
    }

    recovers(&client, "foreign datagrams");
    client.expect("the channel lives", |stats| stats.channel_open && !stats.channel_closed, LIMIT);
    assert_eq!(session_state(&client).0, 200);
}
