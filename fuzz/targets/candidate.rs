//! One candidate of PATCH; the input is `<mid>|<index>|<candidate>`; an empty mid or index means none.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use scope_fuzz::{
    check_error,
    signalling::{Candidate, Reach, limits},
};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    let mut parts = text.splitn(3, '|');
    let (Some(mid), Some(index), Some(candidate)) = (parts.next(), parts.next(), parts.next()) else {
        return Corpus::Reject;
    };
    let mid = Some(mid).filter(|mid| !mid.is_empty());
    let index = index.parse().ok();

    match Candidate::parse(candidate, mid, index) {
        Ok(parsed) => check_candidate(&parsed),
        Err(error) => check_error(&error, ""), // a candidate holds no secret
    }
    Corpus::Keep
});

/// libnice gets one line within its limits, and never resolves a name.
fn check_candidate(parsed: &Candidate) {
    let mid = parsed.sdp_mid.as_deref();
    let again = Candidate::parse(&parsed.candidate, mid, parsed.sdp_m_line_index.map(u32::from));
    assert_eq!(again.as_ref(), Ok(parsed), "reads back as another candidate");

    assert!(parsed.candidate.len() <= "candidate:".len() + limits::CANDIDATE_BYTES);
    assert!(!parsed.candidate.chars().any(char::is_control));
    assert!(mid.is_none_or(|mid| (1..=limits::MID_BYTES).contains(&mid.len())));
    assert!(parsed.sdp_m_line_index.is_none_or(|index| usize::from(index) < limits::MEDIAS));
    if parsed.is_end() {
        assert!(parsed.candidate.is_empty() && parsed.address().is_none());
        return;
    }
    assert!(mid.is_some() || parsed.sdp_m_line_index.is_some());
    assert!(
        !parsed.is_usable(Reach::Network) || parsed.is_usable(Reach::Host),
        "less from nearby: {parsed:?}"
    );
    assert!(!parsed.is_mdns() || !parsed.is_usable(Reach::Host), "no address: {parsed:?}");
    assert_ne!(parsed.is_mdns(), parsed.address().is_some(), "a name other than .local: {parsed:?}");
}
