//! The completion of webrtcbin's answer. Its text is not the peer's, but it contains what the peer offered.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::{Corpus, fuzz_target};
use scope_fuzz::{
    check_error,
    signalling::{Answer, AnswerPatch},
};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    let plain = AnswerPatch { stream_id: "scope".to_owned(), ..AnswerPatch::default() };
    let full = AnswerPatch {
        h264_fmtp: Some((108, "profile-level-id=42e01f;packetization-mode=1".to_owned())),
        advertised: vec![IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        udp_only: true,
        gathered: true,
        ..plain.clone()
    };

    for patch in [plain, full] {
        match Answer::finish(text, &patch) {
            Ok(answer) => check_answer(&answer, &patch),
            Err(error) => check_error(&error, text),
        }
    }
    Corpus::Keep
});

/// Completing a completed answer changes nothing, and without TCP it has no TCP candidate.
fn check_answer(answer: &Answer, patch: &AnswerPatch) {
    // Advertised addresses would be rewritten with new foundations.
    let patch = AnswerPatch { advertised: Vec::new(), ..patch.clone() };
    assert_eq!(Answer::finish(&answer.sdp, &patch).as_ref(), Ok(answer), "changes again:\n{}", answer.sdp);

    assert!(!answer.sdp.contains("\n\n"));
    if patch.udp_only {
        let is_tcp = |line: &str| {
            line.starts_with("a=candidate:")
                && line.split(' ').nth(2).is_some_and(|transport| transport.eq_ignore_ascii_case("tcp"))
        };
        let medias = answer.sdp.find("\nm=").unwrap_or(answer.sdp.len());
        assert!(!answer.sdp[medias..].lines().any(is_tcp), "{}", answer.sdp);
    }
}
