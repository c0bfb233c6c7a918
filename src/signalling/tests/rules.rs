//! Each rule of an offer: the smallest change that breaks it, and the code that comes.

use super::fixture;
use crate::signalling::{Offer, limits};

/// Three m-lines, each with its own transport lines, short enough to change by hand.
fn plain() -> String {
    let expanded = Offer::parse(&fixture("bundle_only")).unwrap().sdp;
    assert!(Offer::parse(&expanded).is_ok());
    expanded
}

fn code_of(text: &str) -> &'static str {
    match Offer::parse(text) {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}

/// Replaces the first `from` of the plain offer.
#[track_caller]
fn change(from: &str, to: &str, code: &str) {
    let text = plain();
    assert!(text.contains(from), "no {from} in {text}");
    assert_eq!(code_of(&text.replacen(from, to, 1)), code, "{from} → {to}");
}

/// Removes every line that starts so.
#[track_caller]
fn without(start: &str, code: &str) {
    let text: String = plain().split_inclusive('\n').filter(|line| !line.starts_with(start)).collect();
    assert_eq!(code_of(&text), code, "without {start}");
}

#[test]
fn what_is_no_offer_at_all() {
    assert_eq!(code_of(""), "sdp_syntax");
    assert_eq!(code_of("hello world"), "sdp_syntax");
    assert_eq!(code_of("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"), "no_media");
    assert_eq!(code_of(&"a=x\r\n".repeat(80_000)), "sdp_too_large");
    assert_eq!(code_of(&"m=video 0 UDP/TLS/RTP/SAVPF 96\r\n".repeat(3)), "sdp_syntax");
    let many = format!("v=0\r\n{}", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n".repeat(limits::MEDIAS + 1));
    assert_eq!(code_of(&many), "too_many_media");
}

#[test]
fn video_must_be_in_use_with_a_known_codec() {
    change("m=video 9", "m=video 0", "no_video");
    change("m=video 9", "m=text 9", "unknown_media");
    change("VP8/90000", "H263/90000", "no_common_codec");
    change("a=rtpmap:96 VP8/90000\r\n", "", "no_common_codec");

    let error = Offer::parse(&plain().replacen("VP8", "H263-1998", 1)).unwrap_err();
    assert!(error.to_string().contains("\"H263-1998\""), "{error}");
}

#[test]
fn mids_are_unique_tokens() {
    change("a=mid:v\r\n", "", "missing_mid");
    change("a=mid:v", "a=mid:", "bad_mid");
    change("a=mid:v", "a=mid:v w", "bad_mid");
    change("a=mid:v", &format!("a=mid:{}", "v".repeat(65)), "bad_mid");
    change("a=mid:a", "a=mid:v", "duplicate_mid");
    change("a=mid:v", "a=mid:v\r\na=mid:v", "duplicate_attribute");
}

#[test]
fn bundle_covers_all_that_is_in_use() {
    without("a=group", "no_bundle");
    change("BUNDLE v a d", "LS v a", "no_bundle");
    change("BUNDLE v a d", "BUNDLE", "no_bundle");
    change("BUNDLE v a d", "BUNDLE v a d x", "unknown_bundle_mid");
    change("BUNDLE v a d", "BUNDLE a d", "not_bundled");
    change("BUNDLE v a d", "BUNDLE v d", "not_bundled");
    change("BUNDLE v a d", "BUNDLE v a", "not_bundled");
    change("a=group:BUNDLE v a d", "a=group:BUNDLE v a d\r\na=group:BUNDLE v", "duplicate_attribute");
    change("a=ice-ufrag:074c", "a=ice-ufrag:074d", "bundle_mismatch");
    change("8B:1F", "8B:1E", "bundle_mismatch");
}

#[test]
fn ice_credentials_are_there_and_well_formed() {
    without("a=ice-ufrag", "no_ice_credentials");
    without("a=ice-pwd", "no_ice_credentials");
    change("a=ice-ufrag:074c", "a=ice-ufrag:074", "bad_ice_credentials");
    change("a=ice-ufrag:074c", "a=ice-ufrag:07 c", "bad_ice_credentials");
    change("a=ice-ufrag:074c", &format!("a=ice-ufrag:{}", "x".repeat(257)), "bad_ice_credentials");
    change("a=ice-pwd:e4cc12a910f106a0a744719425510e17", "a=ice-pwd:short", "bad_ice_credentials");
}

#[test]
fn dtls_has_an_identity_and_a_role() {
    without("a=fingerprint", "no_fingerprint");
    change("sha-256 8B", "sha-256 ZZ", "bad_fingerprint");
    change("sha-256 8B", "sha-1 8B", "bad_fingerprint");
    change("sha-256 8B", "sha-384 8B", "bad_fingerprint");
    without("a=setup", "no_setup");
    change("a=setup:actpass", "a=setup:holdconn", "bad_setup");
    change("a=setup:actpass", "a=setup:both", "bad_setup");
    change("a=setup:actpass", "a=setup:active", "accepted");
    change("a=setup:actpass", "a=setup:passive", "accepted");
    change("t=0 0", "t=0 0\r\na=ice-lite", "accepted");
}

#[test]
fn a_fingerprint_of_the_session_does_not_count_beside_the_m_lines_own() {
    let other = format!("t=0 0\r\na=fingerprint:sha-256 {}", vec!["00"; 32].join(":"));

    let offer = Offer::parse(&plain().replacen("t=0 0", &other, 1)).unwrap();

    assert!(!offer.fingerprints.iter().any(|fingerprint| fingerprint.matches_digest(&[0; 32])));
}

#[test]
fn rtp_is_muxed_over_dtls() {
    without("a=rtcp-mux", "no_rtcp_mux");
    change("m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 RTP/AVP", "bad_protocol");
    change("m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 TCP/TLS/RTP/SAVPF", "accepted");
}

#[test]
fn payloads_and_rtpmaps_are_in_range() {
    change("SAVPF 96", "SAVPF 999", "bad_payload");
    change("SAVPF 96", "SAVPF 96 128", "bad_payload");
    change("SAVPF 96", "SAVPF 96 96", "bad_payload");
    change("SAVPF 96", "SAVPF  96", "bad_payload");
    change("a=rtpmap:96", "a=rtpmap:999", "bad_payload");
    change("VP8/90000", "VP8/8000", "bad_rtpmap");
    change("VP8/90000", "VP8", "bad_rtpmap");
    change("VP8/90000", "VP8/99999999999", "bad_rtpmap");
    change("opus/48000/2", "opus/48000", "bad_rtpmap");
    change("opus/48000/2", "opus/48000/1", "bad_rtpmap");
    change("VP8/90000", "VP8/90000\r\na=rtpmap:96 VP9/90000", "bad_rtpmap");
    change("VP8/90000", "VP8/90000\r\na=fmtp:999 x=1", "bad_payload");
    change("VP8/90000", "VP8/90000\r\na=rtcp-fb:128 nack", "bad_payload");
    change("VP8/90000", "VP8/90000\r\na=fmtp:96 x=1\r\na=fmtp:96 x=2", "duplicate_attribute");
    assert_eq!(code_of(&plain().replace("111", "96")), "payload_clash");
}

#[test]
fn extensions_and_sources_are_in_range() {
    change("a=mid:v", "a=mid:v\r\na=extmap:0 urn:x", "bad_extmap");
    change("a=mid:v", "a=mid:v\r\na=extmap:256 urn:x", "bad_extmap");
    change("a=mid:v", "a=mid:v\r\na=extmap:1", "bad_extmap");
    change("a=mid:v", "a=mid:v\r\na=extmap:1 urn:x\r\na=extmap:1 urn:y", "bad_extmap");
    change("a=mid:v", "a=mid:v\r\na=extmap:255 urn:x", "accepted");
    change("a=mid:v", "a=mid:v\r\na=ssrc:4294967296 cname:x", "bad_ssrc");
    change("a=mid:v", "a=mid:v\r\na=ssrc:-1 cname:x", "bad_ssrc");
    change("a=mid:v", "a=mid:v\r\na=ssrc-group:FID 1 4294967296", "bad_ssrc");
    change("a=mid:v", "a=mid:v\r\na=ssrc:4294967295 cname:x", "accepted");
    change("a=mid:v", "a=mid:v\r\na=sendonly\r\na=recvonly", "duplicate_attribute");
}

#[test]
fn the_data_channel_has_its_port() {
    without("a=sctp-port", "no_sctp_port");
    change("a=sctp-port:5000", "a=sctp-port:0", "bad_sctp_port");
    change("a=sctp-port:5000", "a=sctp-port:65536", "bad_sctp_port");
    change("webrtc-datachannel", "5000", "bad_protocol");
    change("UDP/DTLS/SCTP", "DTLS/SCTP", "bad_protocol");

    let second = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:e\r\na=sctp-port:1\r\n";
    assert_eq!(code_of(&(plain() + second)), "second_application");
}

#[test]
fn candidates_are_counted() {
    let line = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n";
    let with =
        |count: usize| plain().replacen("a=mid:v\r\n", &format!("a=mid:v\r\n{}", line.repeat(count)), 1);

    let counts = |count: usize| {
        let offer = Offer::parse(&with(count)).unwrap();
        (offer.candidates, offer.ignored)
    };
    assert_eq!(counts(limits::CANDIDATES), (30, 0));
    assert_eq!(counts(limits::CANDIDATES_PER_OFFER), (30, 70));
    assert_eq!(code_of(&with(limits::CANDIDATES_PER_OFFER + 1)), "too_many_candidates");
}

#[test]
fn retransmissions_map_to_their_format_and_dangling_ones_are_left_alone() {
    let rtx = "VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=";
    let with = |apt: &str| {
        plain().replacen("SAVPF 96", "SAVPF 96 97", 1).replacen("VP8/90000", &format!("{rtx}{apt}"), 1)
    };
    let rtx_of = |text: &str| Offer::parse(text).unwrap().video().unwrap().codecs[0].rtx;

    assert_eq!(rtx_of(&with("96")), Some(97));
    assert_eq!(rtx_of(&with("95")), None);
    assert_eq!(rtx_of(&with("x")), None);
}
