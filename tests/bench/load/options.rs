//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::clip::Size;
use crate::signalling::Api;
use crate::support::codec::Codec;

/// Pixels of the pictures of all sessions that one core decodes beside the rest of its work: 12 of 640x480.
const DECODED_PIXELS: u32 = 12 * 640 * 480;

pub enum Command {
    Clip(ClipOptions),
    Run(RunOptions),
}

pub struct ClipOptions {
    pub folder: PathBuf,
    pub codec: Codec,
    pub size: Size,
    /// Where the source goes as YUV4MPEG2.
    pub source: Option<PathBuf>,
}

pub struct RunOptions {
    pub clip: ClipOptions,
    pub api: Api,
    pub url: String,
    pub pid: u32,
    pub sessions: usize,
    /// So many sessions decode, from the first on; the others count access units.
    pub decoded: usize,
    pub warm_up: Duration,
    pub window: Duration,
    /// Whether the report lists the delay of each of the first session's pictures.
    pub each: bool,
}

pub fn read() -> anyhow::Result<Command> {
    let matches = command().get_matches();
    match matches.subcommand() {
        Some(("clip", matches)) => Ok(Command::Clip(clip_options(matches)?)),
        Some(("run", matches)) => Ok(Command::Run(run_options(matches)?)),
        _ => unreachable!("clap asks for a subcommand"),
    }
}

fn command() -> clap::Command {
    let option = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help);
    let clip = [
        option("clips", "folder that keeps the clips").default_value("target/bench"),
        option("codec", "vp8 or h264").default_value("vp8"),
        option("size", "480 (640x480) or 720 (1280x720)").default_value("480"),
    ];
    let source = option("source", "also writes what was encoded, as YUV4MPEG2");
    let run = [
        option("api", "scope (aiortc's too), fastrtc or janus").default_value("scope"),
        option("url", "the server's base URL").required(true),
        option("pid", "the server's process").required(true).value_parser(value_parser!(u32)),
        option("sessions", "how many").default_value("1").value_parser(value_parser!(u16).range(1..)),
        option("decoded", "how many decode; by default what one core can").value_parser(value_parser!(u16)),
        option("warm-up", "seconds after the last start").default_value("5").value_parser(value_parser!(f64)),
        option("window", "seconds that are measured").default_value("20").value_parser(value_parser!(f64)),
        option("each", "lists each picture's delay with its time").action(ArgAction::SetTrue),
    ];
    clap::Command::new("load")
        .about("sends a clip in many WebRTC sessions and measures what comes back")
        .subcommand_required(true)
        .subcommand(
            clap::Command::new("clip").about("makes the clip, prints its path").args(&clip).arg(source),
        )
        .subcommand(clap::Command::new("run").about("measures, prints JSON").args(&clip).args(run))
}

fn clip_options(matches: &ArgMatches) -> anyhow::Result<ClipOptions> {
    let codec = match text(matches, "codec") {
        "vp8" => Codec::Vp8,
        "h264" => Codec::H264,
        other => bail!("no codec {other}; vp8 or h264 is wanted"),
    };
    let size = match text(matches, "size") {
        "480" => Size::VGA,
        "720" => Size::HD,
        other => bail!("no size {other}; 480 or 720 is wanted"),
    };
    let source = matches.try_get_one::<String>("source").ok().flatten().map(PathBuf::from);
    Ok(ClipOptions { folder: text(matches, "clips").into(), codec, size, source })
}

fn run_options(matches: &ArgMatches) -> anyhow::Result<RunOptions> {
    let clip = clip_options(matches)?;
    let api = match text(matches, "api") {
        "scope" => Api::Scope,
        "fastrtc" => Api::Fastrtc,
        "janus" => Api::Janus,
        other => bail!("no api {other}; scope, fastrtc or janus is wanted"),
    };
    let sessions = usize::from(*matches.get_one::<u16>("sessions").expect("it has a default"));
    let affordable = usize::try_from(DECODED_PIXELS / (clip.size.width * clip.size.height))?;
    let decoded = matches.get_one::<u16>("decoded").copied().map_or(affordable, usize::from).max(1);
    Ok(RunOptions {
        api,
        url: text(matches, "url").trim_end_matches('/').into(),
        pid: *matches.get_one("pid").expect("it is required"),
        sessions,
        decoded,
        warm_up: seconds(matches, "warm-up")?,
        window: seconds(matches, "window")?,
        each: matches.get_flag("each"),
        clip,
    })
}

fn text<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches.get_one::<String>(name).expect("it has a default or is required")
}

fn seconds(matches: &ArgMatches, name: &str) -> anyhow::Result<Duration> {
    Ok(Duration::try_from_secs_f64(*matches.get_one(name).expect("it has a default"))?)
}
