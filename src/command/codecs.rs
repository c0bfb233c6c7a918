//! `scope codecs`: which elements encode and decode on this host, and why the others do not.

use std::{
    fmt::Write as _,
    io::{IsTerminal, stdout},
    process::ExitCode,
};

use serde_json::json;

use super::{FAILED, MISSING, print};
use crate::{
    config::{Config, Form},
    media::{self, Trial},
    session::CodecInfo,
};

/// Tries every row of the codec table that the configuration allows and prints the outcome.
pub fn show(config: &Config, form: Form) -> ExitCode {
    let trials = match media::try_codecs(&config.media) {
        Ok(trials) => trials,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(if error.is_missing() { MISSING } else { FAILED });
        }
    };
    match form {
        Form::Json => {
            let rows: Vec<_> = trials.iter().map(CodecInfo::from).collect();
            print(&format!("{:#}\n", json!({ "codecs": rows })));
        }
        Form::Text => {
            let colours = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            print(&table(&trials, if colours { Paint::Colours } else { Paint::Plain }));
        }
    }
    if trials.iter().any(|trial| works_both_ways(&trials, trial)) {
        ExitCode::SUCCESS
    } else {
        eprintln!(
            "no video codec both encodes and decodes on this host; `scope doctor` says what to install"
        );
        ExitCode::from(MISSING)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Paint {
    Plain,
    Colours,
}

/// Whether sessions may use this trial's codec.
fn works_both_ways(trials: &[Trial], trial: &Trial) -> bool {
    let chosen = |direction| {
        let mut same = trials.iter().filter(|other| other.codec == trial.codec);
        same.any(|other| other.chosen && other.direction == direction)
    };
    chosen("encode") && chosen("decode")
}

/// Aligned columns; the chosen row of each codec and direction is marked.
fn table(trials: &[Trial], paint: Paint) -> String {
    const HEAD: [&str; 5] = ["codec", "direction", "element", "runs on", "trial"];
    let rows: Vec<_> = trials
        .iter()
        .map(|trial| {
            let place = if trial.hardware { "hardware" } else { "software" };
            let took = trial.milliseconds.map_or_else(String::new, |took| format!("{took} ms"));
            [
                trial.codec.to_string(),
                trial.direction.to_owned(),
                trial.element.to_owned(),
                place.to_owned(),
                took,
            ]
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEAD[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |mark: &str, cells: [&str; 5], reason: &str| {
        let cells = cells.iter().zip(widths).fold(String::new(), |mut line, (cell, width)| {
            write!(line, "{cell:width$}  ").expect("writing to a String never fails");
            line
        });
        format!("{mark} {cells}{reason}")
    };
    let mut text = line(" ", HEAD, "why") + "\n";
    for (trial, row) in trials.iter().zip(&rows) {
        let mark = match (trial.chosen, trial.works) {
            (true, _) => "*",
            (false, true) => "+",
            (false, false) => " ",
        };
        let line = line(mark, row.each_ref().map(String::as_str), &trial.reason);
        // Bold for what sessions use.
        let (on, off) =
            if paint == Paint::Colours && trial.chosen { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        writeln!(text, "{on}{line}{off}").expect("writing to a String never fails");
    }
    text + "\n* is used by sessions, + is the fallback if that fails; a codec's rows are tried in this order\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signalling::CodecName;

    fn trial(direction: &'static str, element: &'static str, chosen: bool) -> Trial {
        Trial {
            codec: CodecName::H264,
            direction,
            element,
            hardware: false,
            chosen,
            works: chosen,
            reason: "a reason".into(),
            milliseconds: chosen.then_some(42),
        }
    }

    #[test]
    fn columns_are_aligned_and_the_chosen_row_is_marked() {
        let trials = [trial("encode", "x264enc", false), trial("encode", "openh264enc", true)];

        let text = table(&trials, Paint::Plain);

        let lines: Vec<_> = text.lines().collect();
        let reason = lines[1].find("a reason").unwrap();
        assert_eq!(lines[2].find("a reason"), Some(reason));
        assert_eq!(lines[0].find("why"), Some(reason));
        assert!(lines[1].starts_with("  H264") || lines[1].starts_with("  h264"), "{text}");
        assert!(lines[2].starts_with("* ") && !text.contains('\x1b'), "{text}");
        assert!(table(&trials, Paint::Colours).contains('\x1b'));
    }

    #[test]
    fn a_codec_works_when_both_directions_do() {
        let half = [trial("encode", "x264enc", true), trial("decode", "avdec_h264", false)];
        let whole = [trial("encode", "x264enc", true), trial("decode", "avdec_h264", true)];

        assert!(!works_both_ways(&half, &half[0]));
        assert!(works_both_ways(&whole, &whole[0]));
    }
}
