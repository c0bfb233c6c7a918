//! The outermost checks: size, characters and grammar, and the small words that the rest is made of.

use std::str::FromStr;

use sdp_types::Session;

use super::{Error, limits};

/// Characters of the peer's text that a message repeats: enough to find the place, too few to flood a log.
const QUOTED_CHARS: usize = 48;

/// Checks size, line count, line length and characters, before anything is copied.
///
/// A line ends with LF or CRLF; a bare CR, NUL and every other control character is refused, because parsers differ
/// in what they make of them.
pub(super) fn check(text: &str) -> Result<(), Error> {
    if text.len() > limits::SDP_BYTES {
        return Err(Error::TooLarge { bytes: text.len() });
    }

    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);

        if index > limits::SDP_LINES {
            return Err(Error::TooManyLines);
        }
        if line.len() > limits::LINE_BYTES {
            return Err(Error::LineTooLong { line: index + 1, bytes: line.len() });
        }
        if let Some(character) = line.chars().find(|character| character.is_control()) {
            return Err(Error::ControlCharacter { line: index + 1, code: u32::from(character) });
        }
    }
    Ok(())
}

/// Checks the text and parses it by the grammar of RFC 8866.
///
/// Names of attributes must be tokens: GStreamer skips spaces before a name, so `a= fingerprint:…` would otherwise be
/// nothing here and a fingerprint there.
pub(super) fn parse(text: &str) -> Result<Session, Error> {
    check(text)?;

    let session = Session::parse(text.as_bytes()).map_err(|error| syntax(&error.to_string()))?;
    let attributes =
        session.attributes.iter().chain(session.medias.iter().flat_map(|media| &media.attributes));
    for attribute in attributes {
        if !is_token(&attribute.attribute) {
            return Err(syntax(&format!("expected an attribute name, got {}", quote(&attribute.attribute))));
        }
    }
    Ok(session)
}

/// The peer's text in a message: quoted, escaped and cut.
pub(super) fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTED_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        quoted.push('…');
    }
    format!("\"{quoted}\"")
}

/// Digits alone, in range: like `str::parse`, without the sign.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `token` of RFC 8866 section 9.
pub(super) fn is_token(text: &str) -> bool {
    let is_token_char = |byte: u8| matches!(byte, 0x21 | 0x23..=0x27 | 0x2a | 0x2b | 0x2d | 0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e);
    !text.is_empty() && text.bytes().all(is_token_char)
}

/// `ice-char` of RFC 8839 section 5.1, and the `-`, `_` and `=` of base64, which libwebrtc accepts too.
pub(super) fn is_ice_chars(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'='))
}

fn syntax(reason: &str) -> Error {
    let reason: String = reason.chars().take(4 * QUOTED_CHARS).collect();
    Error::Syntax { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        check(text).unwrap_err().code()
    }

    #[test]
    fn each_limit_has_its_own_code() {
        assert_eq!(code(&"a=b\n".repeat(limits::SDP_BYTES / 4 + 1)), "sdp_too_large");
        assert_eq!(code(&"\n".repeat(limits::SDP_LINES + 1)), "sdp_too_many_lines");
        assert_eq!(code(&"x".repeat(limits::LINE_BYTES + 1)), "sdp_line_too_long");
        assert_eq!(code("v=0\r\ns=\u{0}\r\n"), "sdp_control_character");
        assert_eq!(code("v=0\rs=-\r\n"), "sdp_control_character");
    }

    #[test]
    fn text_at_the_limits_passes() {
        assert!(check(&"\n".repeat(limits::SDP_LINES)).is_ok());
        assert!(check(&"x".repeat(limits::LINE_BYTES)).is_ok());
    }

    #[test]
    fn a_space_before_an_attribute_name_is_refused() {
        let error = parse("v=0\r\na= fingerprint:sha-256 00\r\n").unwrap_err();

        assert_eq!(error.code(), "sdp_syntax");
        assert!(error.to_string().contains("\" fingerprint\""), "{error}");
    }

    #[test]
    fn a_number_has_no_sign() {
        assert_eq!(number::<u8>("127"), Some(127));
        assert_eq!(number::<u8>("+1"), None);
        assert_eq!(number::<u8>("256"), None);
        assert_eq!(number::<u8>(""), None);
    }

    #[test]
    fn quoted_text_is_cut_and_escaped() {
        assert_eq!(quote("a\"b"), "\"a\\\"b\"");
        assert!(quote(&"ü".repeat(1000)).chars().count() < 60);
    }
}
