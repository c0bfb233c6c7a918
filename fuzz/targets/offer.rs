//! The offer of `POST /api/v1/webrtc/offer`.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use scope_fuzz::{
    check_error, secrets,
    signalling::{Offer, limits, redact},
};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    let shown = redact(text);
    for secret in secrets(text) {
        assert!(!shown.contains(secret), "redact shows {secret}");
    }

    match Offer::parse(text) {
        Ok(offer) => check_offer(&offer),
        Err(error) => check_error(&error, text),
    }
    Corpus::Keep
});

/// What webrtcbin gets means the same as what was checked, and everything is within its limits.
fn check_offer(offer: &Offer) {
    let whole = Offer { ignored: 0, ..offer.clone() };
    assert_eq!(Offer::parse(&offer.sdp).as_ref(), Ok(&whole), "reads back as another offer:\n{}", offer.sdp);

    assert!(offer.sdp.len() <= limits::SDP_BYTES);
    assert!(offer.sdp.lines().all(|line| line.len() <= limits::LINE_BYTES));
    assert!((1..=limits::MEDIAS).contains(&offer.medias.len()));
    assert!((1..=limits::FINGERPRINTS).contains(&offer.fingerprints.len()));
    assert!(offer.candidates <= limits::CANDIDATES);
    assert!(limits::ICE_UFRAG_BYTES.contains(&offer.ice_ufrag.len()));
    assert!(offer.fingerprints.iter().all(|found| found.value.len() == found.algorithm.digest_len()));

    assert!(offer.video().is_some_and(|video| !video.codecs.is_empty() && !video.rejected));
    for (index, media) in offer.medias.iter().enumerate() {
        assert_eq!(media.index, index);
        assert!((1..=limits::MID_BYTES).contains(&media.mid.len()));
        for codec in &media.codecs {
            // webrtcbin's properties panic beyond 127.
            assert!(codec.payload < 128 && codec.rtx.is_none_or(|rtx| rtx < 128));
            assert!(codec.h264().is_none_or(|h264| h264.profile_level_id >> 24 == 0));
            assert!(codec.vp9_profile().is_none_or(|profile| profile < 4));
        }
    }

    let shown = format!("{offer:?}");
    for secret in secrets(&offer.sdp) {
        assert!(!shown.contains(secret), "Debug shows {secret}");
    }
    for line in offer.sdp.lines().filter(|line| line.starts_with("a=candidate:")) {
        assert!(!line.split(' ').nth(4).is_some_and(|address| address.contains(".local")), "{line}");
    }
}
