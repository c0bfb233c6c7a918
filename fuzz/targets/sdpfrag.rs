//! The fragment of a WHIP-style PATCH.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use scope_fuzz::{
    check_error,
    signalling::{Candidate, limits, parse_sdpfrag},
};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };

    match parse_sdpfrag(text) {
        Ok(candidates) => check_candidates(&candidates),
        Err(error) => check_error(&error, text),
    }
    Corpus::Keep
});

/// Written as a fragment again, they are the same candidates.
fn check_candidates(candidates: &[Candidate]) {
    assert!(candidates.len() <= limits::CANDIDATES_PER_PATCH);

    let mut again = String::new();
    for candidate in candidates {
        assert!(candidate.sdp_m_line_index.is_none());
        again += "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n";
        if let Some(mid) = &candidate.sdp_mid {
            again += &format!("a=mid:{mid}\r\n");
        }
        let line = if candidate.is_end() { "end-of-candidates" } else { &candidate.candidate };
        again += &format!("a={line}\r\n");
    }
    assert_eq!(parse_sdpfrag(&again).as_deref(), Ok(candidates), "reads back as others:\n{again}");
}
