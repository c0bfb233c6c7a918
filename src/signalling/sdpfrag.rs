//! `application/trickle-ice-sdpfrag` (RFC 8840 section 9): the body of a WHIP-style PATCH.

use super::{
    Candidate, Error, limits,
    text::{self, quote},
};

/// The candidates of a fragment, in order; an `a=end-of-candidates` line becomes a candidate that
/// [is the end](Candidate::is_end), with the mid of its m-line or, before any m-line, without one.
///
/// Credentials, groups and lines that are not known are skipped. m-lines of a fragment are placeholders, so that a
/// candidate carries the mid of its section and no index.
pub fn parse_sdpfrag(text: &str) -> Result<Vec<Candidate>, Error> {
    text::check(text)?;

    let mut candidates = Vec::new();
    let mut section = Section::default();
    for (index, line) in text.lines().enumerate() {
        match line.split_once('=') {
            Some(("m", _)) => section.take_into(&mut candidates)?,
            Some(("a", attribute)) => section.add(attribute),
            Some((key, _)) if key.len() == 1 => {}
            _ if line.is_empty() => {}
            _ => {
                let reason =
                    format!("line {} of the fragment: expected letter=value, got {}", index + 1, quote(line));
                return Err(Error::Syntax { reason });
            }
        }
        if section.lines.len() + candidates.len() > limits::CANDIDATES_PER_PATCH {
            return Err(Error::TooManyCandidates { limit: limits::CANDIDATES_PER_PATCH });
        }
    }
    section.take_into(&mut candidates)?;
    Ok(candidates)
}

/// The lines between two m-lines; the mid may stand after the candidates.
#[derive(Default)]
struct Section<'a> {
    mid: Option<&'a str>,
    lines: Vec<&'a str>,
}

impl<'a> Section<'a> {
    fn add(&mut self, attribute: &'a str) {
        if let Some(mid) = attribute.strip_prefix("mid:") {
            self.mid = self.mid.or(Some(mid));
        } else if attribute == "end-of-candidates" {
            self.lines.push("");
        } else if attribute.starts_with("candidate:") {
            self.lines.push(attribute);
        }
    }

    fn take_into(&mut self, candidates: &mut Vec<Candidate>) -> Result<(), Error> {
        let Self { mid, lines } = std::mem::take(self);
        for line in lines {
            candidates.push(Candidate::parse(line, mid, None)?);
        }
        Ok(())
    }
}
