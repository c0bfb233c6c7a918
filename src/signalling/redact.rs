//! A description that may be shown: structure, codecs and fingerprints stay, secrets and addresses go.

use std::net::IpAddr;

/// What stands in place of what was taken out.
const HIDDEN: &str = "***";

/// Attributes whose value is a secret or, for `ice-ufrag`, half of one.
const SECRETS: [&str; 4] = ["ice-pwd", "ice-ufrag", "crypto", "key-mgmt"];

/// Blanks ICE credentials, SRTP keys and all addresses. Works on any text, line by line, and keeps line ends.
#[must_use]
pub fn redact(sdp: &str) -> String {
    let mut redacted = String::with_capacity(sdp.len());
    for line in sdp.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        redact_line(content, &mut redacted);
        redacted.push_str(&line[content.len()..]);
    }
    redacted
}

fn redact_line(line: &str, out: &mut String) {
    let attribute = line.trim_start().strip_prefix("a=").unwrap_or(line.trim_start());
    let name = attribute.split(':').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();

    if SECRETS.contains(&name.as_str()) && attribute.contains(':') {
        out.push_str(line.split(':').next().unwrap_or_default());
        out.push(':');
        out.push_str(HIDDEN);
    } else if line.starts_with("k=") {
        out.push_str("k=");
        out.push_str(HIDDEN);
    } else if matches!(name.as_str(), "candidate" | "remote-candidates" | "rtcp")
        || line.starts_with("c=")
        || line.starts_with("o=")
    {
        redact_words(line, name == "candidate", out);
    } else {
        out.push_str(line);
    }
}

/// Hides addresses wherever they stand and, in a candidate, what stands in an address's place.
fn redact_words(line: &str, candidate: bool, out: &mut String) {
    let mut previous = "";
    for (index, word) in line.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        let address = word.split('/').next().unwrap_or_default().parse::<IpAddr>().is_ok();
        let in_place = candidate && (index == 4 || matches!(previous, "raddr" | "ufrag"));
        out.push_str(if address || in_place { HIDDEN } else { word });
        previous = word;
    }
}
