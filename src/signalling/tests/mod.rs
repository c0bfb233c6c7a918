//! The module from outside: real-looking offers pass, each broken rule has its code, mutated text never panics.

mod answers;
mod candidates;
mod mutation;
mod offers;
mod rules;

/// Offers as the named clients write them, with CRLF.
const FIXTURES: [(&str, &str); 7] = [
    ("chromium", include_str!("../../../tests/fixtures/offers/chromium.sdp")),
    ("firefox", include_str!("../../../tests/fixtures/offers/firefox.sdp")),
    ("safari", include_str!("../../../tests/fixtures/offers/safari.sdp")),
    ("aiortc", include_str!("../../../tests/fixtures/offers/aiortc.sdp")),
    ("str0m", include_str!("../../../tests/fixtures/offers/str0m.sdp")),
    ("gstreamer", include_str!("../../../tests/fixtures/offers/gstreamer.sdp")),
    ("bundle_only", include_str!("../../../tests/fixtures/offers/bundle_only.sdp")),
];

fn fixture(name: &str) -> String {
    let found = FIXTURES.iter().find(|(found, _)| *found == name).expect("the fixture is in the list");
    found.1.replace('\n', "\r\n")
}
