//! What each client's offer means.

use super::{FIXTURES, fixture};
use crate::signalling::{CodecName, Direction, HashAlgorithm, Kind, Offer, redact};

fn offer(name: &str) -> Offer {
    Offer::parse(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_clients_offer_passes_and_its_text_parses_to_the_same_offer() {
    for (name, _) in FIXTURES {
        let first = offer(name);

        let again = Offer::parse(&first.sdp).unwrap_or_else(|error| panic!("{name}: {error}"));

        assert_eq!(again, first, "{name}");
        assert!(
            first.video().is_some() && first.audio().is_some() && first.application().is_some(),
            "{name}"
        );
    }
}

/// The seeds of the fuzz targets (fuzz/seeds/generate.py): shapes that none of [`FIXTURES`] has.
#[test]
fn generated_shapes_are_taken_and_audio_alone_is_not() {
    let shape = |name: &str| {
        let path = format!("{}/fuzz/seeds/offer/{name}", env!("CARGO_MANIFEST_DIR"));
        Offer::parse(&std::fs::read_to_string(path).unwrap())
    };
    let taken = |name| shape(name).unwrap_or_else(|error| panic!("{name}: {error}"));

    let obs = taken("obs_whip");
    assert_eq!(obs.video().unwrap().codecs[0].name, CodecName::H264);
    assert_eq!(obs.video().unwrap().direction, Direction::SendOnly);
    assert!(obs.application().is_none());
    assert_eq!(taken("many").medias.len(), 16);
    assert_eq!(taken("many_candidates").candidates, 30);
    let all = taken("all_extensions");
    assert!(all.video().unwrap().twcc.is_some() && all.video().unwrap().mid_ext.is_some());
    for name in ["simulcast", "session_level"] {
        assert!(!taken(name).fingerprints.is_empty(), "{name}");
    }
    assert_eq!(shape("audio_only").unwrap_err().code(), "no_video");
}

#[test]
fn chromium_has_six_h264_variants_in_its_order() {
    let offer = offer("chromium");
    let video = offer.video().unwrap();

    let payloads: Vec<u8> = video.codecs.iter().map(|codec| codec.payload).collect();
    assert_eq!(payloads, [96, 103, 107, 109, 115, 117, 39, 45, 98, 100]);

    let h264: Vec<_> = video.codecs.iter().filter_map(super::super::Codec::h264).collect();
    assert_eq!(h264.len(), 6);
    assert_eq!((h264[2].profile_level_id, h264[2].packetization_mode), (0x42_e01f, 1));
    assert!(h264[2].level_asymmetry_allowed);

    let vp9: Vec<_> = video.codecs.iter().filter_map(super::super::Codec::vp9_profile).collect();
    assert_eq!(vp9, [0, 2]);
}

#[test]
fn chromium_has_feedback_retransmission_and_extensions() {
    let offer = offer("chromium");
    let video = offer.video().unwrap();
    let vp8 = &video.codecs[0];

    assert_eq!((vp8.name, vp8.rtx, vp8.clock_rate), (CodecName::Vp8, Some(97), 90_000));
    let feedback = vp8.feedback;
    assert!(
        feedback.nack && feedback.nack_pli && feedback.ccm_fir && feedback.transport_cc && feedback.goog_remb
    );
    assert_eq!((video.twcc, video.mid_ext, video.direction), (Some(4), Some(9), Direction::SendRecv));

    let opus = &offer.audio().unwrap().codecs[0];
    assert_eq!((opus.name, opus.payload, opus.channels), (CodecName::Opus, 111, Some(2)));
    assert_eq!(opus.fmtp.as_deref(), Some("minptime=10;useinbandfec=1"));
}

#[test]
fn mdns_and_broken_candidates_leave_the_text_and_the_rest_keeps_its_order() {
    let broken = fixture("chromium").replacen("a=mid:0", "a=candidate:garbage\r\na=mid:0", 1);

    let offer = Offer::parse(&broken).unwrap();

    assert_eq!(offer.candidates, 3);
    assert!(!offer.sdp.contains(".local") && !offer.sdp.contains("garbage"));
    let ports: Vec<&str> = offer
        .sdp
        .lines()
        .filter(|line| line.starts_with("a=candidate"))
        .map(|line| line.split(' ').nth(5).unwrap())
        .collect();
    assert_eq!(ports, ["51034", "51034", "9"]);
}

#[test]
fn an_offer_without_odd_lines_comes_through_byte_by_byte() {
    assert_eq!(offer("aiortc").sdp, fixture("aiortc"));
}

#[test]
fn firefox_has_its_fingerprint_at_session_level() {
    let offer = offer("firefox");

    assert_eq!(offer.fingerprints.len(), 1);
    assert_eq!(offer.fingerprints[0].algorithm, HashAlgorithm::Sha256);
    assert_eq!(offer.video().unwrap().twcc, Some(7));
}

#[test]
fn aiortc_has_three_fingerprints_and_safari_puts_audio_first() {
    let aiortc = offer("aiortc");
    let lengths: Vec<usize> = aiortc.fingerprints.iter().map(|fingerprint| fingerprint.value.len()).collect();
    assert_eq!(lengths, [32, 48, 64]);

    let safari = offer("safari");
    assert_eq!(safari.medias[0].kind, Kind::Audio);
    assert_eq!(safari.video().unwrap().index, 1);
}

#[test]
fn bundle_only_m_lines_are_in_use_and_get_the_shared_transport() {
    let offer = offer("bundle_only");

    assert!(offer.medias.iter().all(|media| !media.rejected));
    assert_eq!(offer.sdp.matches("a=ice-pwd:e4cc12a910f106a0a744719425510e17").count(), 3);
    assert_eq!(offer.sdp.matches("a=rtcp-mux").count(), 2);
    assert!(!offer.sdp.contains("bundle-only"));
}

#[test]
fn the_first_usable_video_is_taken_and_others_stay_in_the_list() {
    let text = fixture("bundle_only");
    let second = text.replace("BUNDLE v a d", "BUNDLE v a d w")
        + "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\na=mid:w\r\na=rtpmap:96 VP8/90000\r\n";
    let rejected = text.replacen("m=audio 0", "m=video 0 UDP/TLS/RTP/SAVPF 97\r\na=mid:old\r\nm=audio 0", 1);

    assert_eq!(Offer::parse(&second).unwrap().medias.len(), 4);
    let offer = Offer::parse(&rejected).unwrap();
    assert!(offer.medias[1].rejected);
    assert_eq!(offer.video().unwrap().index, 0);
}

#[test]
fn direction_is_the_m_lines_then_the_sessions_then_sendrecv() {
    let text = fixture("bundle_only").replacen("a=sendrecv\r\n", "", 1);
    let direction = |text: &str| Offer::parse(text).unwrap().video().unwrap().direction;

    assert_eq!(direction(&text), Direction::SendRecv);
    assert_eq!(direction(&text.replacen("t=0 0", "t=0 0\r\na=recvonly", 1)), Direction::RecvOnly);
    assert_eq!(direction(&text.replacen("a=mid:v", "a=mid:v\r\na=sendonly", 1)), Direction::SendOnly);
}

#[test]
fn a_redacted_offer_shows_neither_credentials_nor_addresses() {
    for (name, _) in FIXTURES {
        let text = fixture(name);
        let shown = redact(&text);

        assert_eq!(shown.lines().count(), text.lines().count(), "{name}");
        for secret in ["192.0.2.", "198.51.100.", ".local", "a=ice-pwd:e", "9uB6", "ufrag 4oXq"] {
            assert!(!shown.contains(secret), "{name} shows {secret}");
        }
        assert_eq!(shown.matches("a=ice-pwd:***\r\n").count(), text.matches("a=ice-pwd:").count(), "{name}");
        assert!(shown.contains("a=fingerprint:sha-256 8B:1F"), "{name}");
    }
    assert!(!format!("{:?}", offer("chromium")).contains("mYzJ0mlWQOY1mrjTqQ3x7Vv8"));
}
