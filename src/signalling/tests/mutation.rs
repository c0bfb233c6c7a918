//! Offers mutated at random: no panic, and what is accepted reads back as the same offer.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{FIXTURES, fixture};
use crate::signalling::{Answer, AnswerPatch, Candidate, Error, Offer, parse_sdpfrag, redact};

/// Numbers around the borders of every integer type that a line is read into.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "+1",
    "127",
    "128",
    "256",
    "65536",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "1e9",
    "９",
];

#[derive(Debug, Clone)]
enum Mutation {
    FlipBit(Index, u8),
    DropLine(Index),
    DoubleLine(Index),
    SwapLines(Index, Index),
    Truncate(Index),
    Number(Index, Index),
    Insert(Index, String),
    Splice(Index, Index, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    prop_oneof![
        (index(), 0_u8..8).prop_map(|(at, bit)| Mutation::FlipBit(at, bit)),
        index().prop_map(Mutation::DropLine),
        index().prop_map(Mutation::DoubleLine),
        (index(), index()).prop_map(|(one, other)| Mutation::SwapLines(one, other)),
        index().prop_map(Mutation::Truncate),
        (index(), index()).prop_map(|(at, number)| Mutation::Number(at, number)),
        (index(), "[ =:/;,.\\-a-z0-9äß\u{0}\r\n]{0,12}").prop_map(|(at, text)| Mutation::Insert(at, text)),
        (index(), index(), index()).prop_map(|(other, from, at)| Mutation::Splice(other, from, at)),
    ]
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    match mutation {
        Mutation::FlipBit(at, bit) => {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at.index(text.len())] ^= 1 << bit;
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        Mutation::Truncate(at) => return text.chars().take(at.index(text.len())).collect(),
        Mutation::Number(at, number) => {
            return replace_number(text, *at, NUMBERS[number.index(NUMBERS.len())]);
        }
        Mutation::Insert(at, insert) => {
            let mut chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len());
            chars.splice(at..at, insert.chars());
            return chars.into_iter().collect();
        }
        Mutation::DropLine(at) => drop(lines.remove(at.index(lines.len()))),
        Mutation::DoubleLine(at) => {
            let at = at.index(lines.len());
            lines.insert(at, lines[at].clone());
        }
        Mutation::SwapLines(one, other) => {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            lines.swap(one, other);
        }
        Mutation::Splice(other, from, at) => {
            let other = fixture(FIXTURES[other.index(FIXTURES.len())].0);
            let other: Vec<&str> = other.split_inclusive('\n').collect();
            lines.insert(at.index(lines.len()), other[from.index(other.len())].to_owned());
        }
    }
    lines.concat()
}

/// Puts the number in the place of one run of digits.
fn replace_number(text: &str, at: Index, number: &str) -> String {
    let is_start = |(index, byte): &(usize, u8)| {
        byte.is_ascii_digit() && (*index == 0 || !text.as_bytes()[index - 1].is_ascii_digit())
    };
    let starts: Vec<usize> = text.bytes().enumerate().filter(is_start).map(|(index, _)| index).collect();
    if starts.is_empty() {
        return text.to_owned();
    }
    let start = starts[at.index(starts.len())];
    let length = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    format!("{}{number}{}", &text[..start], &text[start + length..])
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let _shown = redact(text);
    let _fragment = parse_sdpfrag(text);
    let patch = AnswerPatch { stream_id: "s".to_owned(), gathered: true, ..AnswerPatch::default() };
    let _answer = Answer::finish(text, &patch);

    match Offer::parse(text) {
        Ok(offer) => {
            let again = Offer::parse(&offer.sdp);
            let whole = Offer { ignored: 0, ..offer.clone() };
            prop_assert_eq!(again.as_ref(), Ok(&whole));
            prop_assert!(offer.video().is_some_and(|video| !video.codecs.is_empty()));
            prop_assert!(!offer.fingerprints.is_empty() && !offer.sdp.lines().any(is_mdns));
            let codecs = offer.medias.iter().flat_map(|media| &media.codecs);
            prop_assert!(
                codecs.into_iter().all(|codec| codec.payload < 128 && codec.rtx.is_none_or(|rtx| rtx < 128))
            );
        }
        Err(error) => check_error(&error)?,
    }
    Ok(())
}

fn is_mdns(line: &str) -> bool {
    line.starts_with("a=candidate:")
        && line.split(' ').nth(4).is_some_and(|address| address.contains(".local"))
}

/// A sentence of bounded length, without line ends that could forge a log line.
fn check_error(error: &Error) -> Result<(), TestCaseError> {
    let text = error.to_string();
    prop_assert!(text.chars().count() < 1000 && !text.chars().any(char::is_control), "{:?}", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_offer_never_panics_and_reads_back_the_same(
        seed in any::<Index>(),
        mutations in vec(mutation(), 0..6),
    ) {
        let seed = fixture(FIXTURES[seed.index(FIXTURES.len())].0);

        check(&mutations.iter().fold(seed, |text, mutation| mutate(&text, mutation)))?;
    }

    #[test]
    fn any_text_never_panics(text in any::<String>(), index in any::<Option<u32>>()) {
        check(&text)?;
        check(&format!("v=0\r\nm={text}\r\na={text}\r\n"))?;
        for candidate in [text.clone(), format!("candidate:{text}"), format!("candidate:1 1 udp 1 {text} 9 typ host")] {
            if let Err(error) = Candidate::parse(&candidate, Some(&text), index) {
                check_error(&error)?;
            }
            if let Ok(parsed) = Candidate::parse(&candidate, Some("0"), None) {
                prop_assert_eq!(Candidate::parse(&parsed.candidate, Some("0"), None), Ok(parsed));
            }
        }
    }
}
