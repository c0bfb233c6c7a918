//! What is added to webrtcbin's answer.

use std::net::IpAddr;

use super::fixture;
use crate::signalling::{Answer, AnswerPatch};

/// An answer as webrtcbin 1.22 writes it for one of Chromium's offers: no fmtp for H.264, no msid line.
const ANSWER: &str = "v=0\r
o=- 6118274634516349218 0 IN IP4 0.0.0.0\r
s=-\r
t=0 0\r
a=ice-options:trickle\r
a=group:BUNDLE 0 1 2\r
m=video 9 UDP/TLS/RTP/SAVPF 109 114\r
c=IN IP4 0.0.0.0\r
a=ice-ufrag:c2Kx0eVw9RZt1oPmYbSdLqNhJ4uGfA7i\r
a=ice-pwd:r8TzQ1nXvB6mKc0yWjH3pLsD9eFgU2aO\r
a=mid:0\r
a=rtcp-mux\r
a=setup:active\r
a=rtpmap:109 H264/90000\r
a=rtcp-fb:109 nack\r
a=rtcp-fb:109 nack pli\r
a=rtcp-fb:109 ccm fir\r
a=rtcp-fb:109 transport-cc\r
a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r
a=rtpmap:114 rtx/90000\r
a=fmtp:114 apt=109\r
a=ssrc-group:FID 1402934027 2950138442\r
a=ssrc:1402934027 msid:user3271845518@host-6a1cfd29 webrtctransceiver0\r
a=ssrc:1402934027 cname:user3271845518@host-6a1cfd29\r
a=sendrecv\r
a=fingerprint:sha-256 8B:1F:6C:3E:54:A2:90:7D:11:E8:FA:42:B3:7C:05:9D:66:E1:2A:CB:48:D7:30:9F:5E:C4:13:86:7A:F0:2D:B9\r
a=candidate:1 1 UDP 2015363327 172.17.0.2 40000 typ host\r
a=candidate:2 1 TCP 1015021823 172.17.0.2 40002 typ host tcptype passive\r
a=candidate:3 1 UDP 2015363583 fd00::2 40001 typ host\r
a=candidate:4 1 UDP 1677722111 198.51.100.80 40000 typ srflx raddr 172.17.0.2 rport 40000\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
c=IN IP4 0.0.0.0\r
a=ice-ufrag:c2Kx0eVw9RZt1oPmYbSdLqNhJ4uGfA7i\r
a=ice-pwd:r8TzQ1nXvB6mKc0yWjH3pLsD9eFgU2aO\r
a=mid:1\r
a=rtcp-mux\r
a=setup:active\r
a=rtpmap:111 OPUS/48000/2\r
a=fmtp:111 minptime=10;useinbandfec=1\r
a=recvonly\r
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r
c=IN IP4 0.0.0.0\r
a=mid:2\r
a=setup:active\r
a=sctp-port:5000\r
";

fn patch() -> AnswerPatch {
    AnswerPatch { stream_id: "scope".to_owned(), ..AnswerPatch::default() }
}

fn finish(patch: &AnswerPatch) -> String {
    Answer::finish(ANSWER, patch).unwrap().sdp
}

/// With the longest message of the data channels.
fn limited(sdp: &str) -> String {
    sdp.replacen("a=sctp-port:5000\r\n", "a=sctp-port:5000\r\na=max-message-size:65535\r\n", 1)
}

fn candidates(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:")).collect()
}

#[test]
fn the_m_line_that_sends_gets_an_msid_and_that_of_the_data_channels_the_longest_message() {
    let finished = finish(&patch());

    let expected = ANSWER.replacen("a=sendrecv\r\n", "a=sendrecv\r\na=msid:scope video0\r\n", 1);
    assert_eq!(finished, limited(&expected));
}

#[test]
fn an_msid_that_is_there_stays() {
    let text = ANSWER.replacen("a=mid:0", "a=mid:0\r\na=msid:own track", 1);

    assert_eq!(Answer::finish(&text, &patch()).unwrap().sdp, limited(&text));
}

#[test]
fn the_longest_message_is_said_once() {
    let text = ANSWER.replacen("a=sctp-port", "a=max-message-size:0\r\na=sctp-port", 1);

    assert_eq!(finish(&patch()), Answer::finish(&text, &patch()).unwrap().sdp);
    assert_eq!(finish(&patch()).matches("a=max-message-size:65535\r\n").count(), 1);
}

#[test]
fn h264_gets_its_parameters_after_its_rtpmap_once() {
    let fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    let patch = AnswerPatch { h264_fmtp: Some((109, fmtp.to_owned())), ..patch() };

    let once = finish(&patch);
    let twice = Answer::finish(&once, &patch).unwrap().sdp;

    assert!(once.contains(&format!("a=rtpmap:109 H264/90000\r\na=fmtp:109 {fmtp}\r\n")));
    assert_eq!(once, twice);
    let other = AnswerPatch { h264_fmtp: Some((111, fmtp.to_owned())), ..patch };
    assert!(!finish(&other).contains("profile-level-id"));
}

#[test]
fn host_candidates_get_the_advertised_addresses_of_their_family() {
    let advertised = ["203.0.113.1", "203.0.113.2"].map(|ip| ip.parse::<IpAddr>().unwrap()).to_vec();
    let patch = AnswerPatch { advertised, udp_only: true, ..patch() };

    let finished = finish(&patch);

    assert_eq!(
        candidates(&finished),
        [
            "1 1 UDP 2015363327 203.0.113.1 40000 typ host",
            "1x1 1 UDP 2015363071 203.0.113.2 40000 typ host",
            "4 1 UDP 1677722111 198.51.100.80 40000 typ srflx raddr 172.17.0.2 rport 40000",
        ]
    );
}

#[test]
fn tcp_candidates_go_when_only_udp_is_wanted() {
    assert_eq!(candidates(&finish(&patch())).len(), 4);
    let active = ANSWER.replacen("passive", "active", 1);
    assert_eq!(candidates(&Answer::finish(&active, &patch()).unwrap().sdp).len(), 3, "the server connects");
    assert_eq!(candidates(&finish(&AnswerPatch { udp_only: true, ..patch() })).len(), 3);
}

#[test]
fn the_end_of_candidates_follows_the_last_candidate() {
    let patch = AnswerPatch { gathered: true, ..patch() };

    let finished = finish(&patch);

    assert_eq!(finished.matches("a=end-of-candidates\r\n").count(), 1);
    assert!(finished.contains("rport 40000\r\na=end-of-candidates\r\nm=audio"));
    assert_eq!(Answer::finish(&finished, &patch).unwrap().sdp, finished);

    let none: String = ANSWER.split_inclusive('\n').filter(|line| !line.starts_with("a=candidate")).collect();
    assert_eq!(Answer::finish(&none, &patch).unwrap().sdp.matches("a=end-of-candidates").count(), 1);
}

#[test]
fn what_would_break_a_line_is_refused() {
    let bad = |patch: AnswerPatch| Answer::finish(ANSWER, &patch).unwrap_err().code();

    assert_eq!(bad(AnswerPatch::default()), "bad_answer");
    assert_eq!(bad(AnswerPatch { stream_id: "a b".to_owned(), ..patch() }), "bad_answer");
    assert_eq!(bad(AnswerPatch { h264_fmtp: Some((109, "x\r\na=y".to_owned())), ..patch() }), "bad_answer");
    assert_eq!(bad(AnswerPatch { h264_fmtp: Some((128, "x=1".to_owned())), ..patch() }), "bad_answer");
    assert_eq!(Answer::finish("hello", &patch()).unwrap_err().code(), "bad_answer");
}

#[test]
fn an_offer_of_gstreamers_comes_through_as_well() {
    let text = fixture("gstreamer");

    assert_eq!(Answer::finish(&text, &patch()).unwrap().sdp.matches("a=msid:scope ").count(), 2);
}
