//! The kind `launch`: what is refused when a folder is read, and what becomes of a bin that fails, hangs, keeps frames
//! back or gives too many.

use scope::{
    frame::Frame,
    stage::{Activity, Catalog, Cause, Error, Settings},
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    LIMIT,
    client::Client,
    own_server,
    stage::{self, StageUnderTest, halves, slope},
    wait_until,
};

const I420: &str = "layouts = [\"I420\"]\n";
/// An hour, in microseconds: for a test, for ever.
const HANGS: &str = "identity name=slow sleep-time=3600000000";
/// Pools of glib keep some threads for a while.
const SPARE_THREADS: usize = 2;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// What is wrong with a folder of this description; empty where it can be read.
fn refusal(toml: &str, description: &str) -> String {
    let dir = folder();
    stage::read(dir.path(), toml, description).err().map(|error| error.to_string()).unwrap_or_default()
}

fn start(toml: &str, description: &str) -> StageUnderTest {
    let dir = folder();
    StageUnderTest::start(
        &stage::read(dir.path(), toml, description).unwrap_or_else(|error| panic!("{error}")),
    )
}

#[track_caller]
fn cause(output: Result<Option<Frame>, Error>) -> Cause {
    match output {
        Err(Error::Died(crash)) => crash.cause,
        Err(other) => panic!("expected the stage's end, got {other}"),
        Ok(_) => panic!("expected the stage's end, it goes on"),
    }
}

/// What the element said that ended the stage.
#[track_caller]
fn failure(output: Result<Option<Frame>, Error>) -> String {
    match cause(output) {
        Cause::ElementFailed { message } => message,
        other => panic!("expected an element's failure, got {other}"),
    }
}

#[test]
fn a_description_that_reaches_outside_is_refused_with_file_and_reason() {
    for (element, line) in [
        ("filesink", "tee name=t ! queue ! filesink location=/tmp/scope-launch-test t. ! queue"),
        ("filesrc", "filesrc location=/etc/passwd ! fakesink identity"),
        ("udpsink", "tee name=t ! queue ! udpsink t. ! queue"),
        ("v4l2src", "v4l2src ! fakesink identity"),
        ("gdkpixbufoverlay", "gdkpixbufoverlay location=/etc/passwd"),
        ("queue2", "queue2"),
    ] {
        let refusal = refusal(I420, line);

        assert!(refusal.contains(&format!("element {element} is refused")), "{line}: {refusal}");
        assert!(refusal.contains("mine/stage.launch: "), "{refusal}");
    }
}

#[test]
fn a_missing_element_is_told_with_its_package() {
    let known = refusal(I420, "videoconvert ! frei0r-filter-nonsuch ! videoconvert");
    let unknown = refusal(I420, "nosuchelement");

    assert!(known.contains("frei0r-filter-nonsuch is not installed; install frei0r-plugins"), "{known}");
    assert!(unknown.contains("nosuchelement is not installed"), "{unknown}");
}

#[test]
fn a_description_that_is_no_bin_with_two_ends_is_refused() {
    for (line, word) in [
        ("# nothing\n", "only comments"),
        ("videoconvert ! ! edgetv", "syntax"),
        ("identity ! fakesink", "expected one open output, got none"),
        ("videotestsrc ! identity", "expected one open input, got none"),
        ("shapewipe ! videoconvert", "shapewipe"),
        ("edgetv", "videoconvert at its start"),
        ("videoconvert ! edgetv", "videoconvert at its end"),
    ] {
        let refusal = refusal(I420, line);

        assert!(refusal.contains(word), "{line}: {refusal}");
    }
    assert!(
        refusal("layouts = [\"I420\", \"NV12\"]\n", "smooth").contains("expected a bin that accepts NV12")
    );
}

#[test]
fn properties_are_checked_against_the_element_when_the_folder_is_read() {
    let blur =
        "videoconvert ! gaussianblur name=blur ! videoconvert ! coloreffects name=table ! videoconvert";
    let number = "type = \"number\"\nminimum = 0\nmaximum = 5\n";
    for (line, schema, words) in [
        ("\"blur.sigma\"", number, &[][..]),
        ("\"lens.sigma\"", number, &["no element is named lens", "name=lens"]),
        ("\"blur.radius\"", number, &["gaussianblur has no property radius", "sigma"]),
        ("\"blur.parent\"", number, &["blur.parent", "GstObject"]),
        ("\"blur.sigma\"", "type = \"number\"\nminimum = 0\nmaximum = 50\n", &["takes -20 to 20", "0 to 50"]),
        ("\"blur.sigma\"", "type = \"string\"\n", &["expected type number or integer"]),
        ("\"table.preset\"", "enum = [\"heat\"]\n", &["is_load_param = true", "live = true"]),
        ("\"table.preset\"", "enum = [\"heat\"]\nui = { is_load_param = true }\n", &[]),
        ("{ property = \"table.preset\", live = true }", "enum = [\"heat\"]\n", &[]),
        ("{ property = \"table.preset\", live = true }", "enum = [\"hot\"]\n", &["heat, sepia", "hot"]),
    ] {
        let refusal =
            refusal(&format!("{I420}[launch.properties]\np = {line}\n[parameters.p]\n{schema}"), blur);

        assert_eq!(refusal.is_empty(), words.is_empty(), "{line} {schema}: {refusal}");
        for word in words {
            assert!(refusal.contains(word), "{line} {schema}: {word:?} is not in {refusal}");
        }
    }
    let unknown = refusal(&format!("{I420}[launch]\nproperty = 1\n"), "identity");
    assert!(unknown.contains("[launch]") && unknown.contains("property"), "{unknown}");
}

#[test]
fn an_elements_error_ends_the_stage_and_the_next_one_works() {
    let dir = folder();
    let entry = stage::read(dir.path(), I420, "identity error-after=3").unwrap();
    for _ in 0..2 {
        let mut stage = StageUnderTest::start(&entry);
        stage.image(160, 120, slope);
        stage.image(160, 120, slope);

        let what = failure(stage.output(160, 120, slope));

        assert!(what.contains("identity"), "{what}");
    }
}

#[test]
fn a_picture_that_an_element_cannot_take_ends_the_stage_with_a_reason() {
    let mut stage = start(I420, "capsfilter caps=video/x-raw,width=160");
    stage.image(160, 120, slope);

    let what = failure(stage.output(320, 240, slope));

    assert!(what.contains("negotiated"), "{what}");
}

#[test]
fn a_hang_ends_the_stage_at_its_deadline_and_holds_nobody_up() {
    let mut stage = start(&format!("{I420}deadline_s = 0.5\n"), HANGS);

    let why = cause(stage.output(160, 120, slope));

    assert_eq!(why, Cause::TimedOut { during: Activity::Frame, seconds: 0.4 });
    drop(stage); // the element is at its first frame for an hour
}

#[test]
fn an_element_that_drops_a_frame_gives_none_for_it() {
    let mut stage = start(I420, "identity drop-probability=1");

    for _ in 0..3 {
        assert!(matches!(stage.output(160, 120, slope), Ok(None)));
    }
}

#[test]
fn a_frame_that_is_kept_back_comes_later_with_its_own_number() {
    let mut stage = start(I420, "videorate");
    let mut given = Vec::new();
    for number in 0..6 {
        match stage.output(160, 120, slope) {
            Ok(Some(frame)) => given.push((number, frame.seq, frame.pts)),
            Ok(None) => {}
            Err(error) => panic!("frame {number}: {error}"),
        }
    }

    assert!(given.len() >= 4, "{given:?}");
    for (number, seq, pts) in &given {
        assert!(seq <= number && *pts == stage::time(*seq), "{given:?}");
    }
    assert!(given.windows(2).all(|pair| pair[0].1 < pair[1].1), "{given:?}");
}

#[test]
fn of_several_pictures_of_one_frame_one_comes_out() {
    let mut stage = start(I420, "videorate ! capsfilter caps=video/x-raw,framerate=120/1");
    let mut given = Vec::new();
    for _ in 0..8 {
        if let Some(frame) = stage.output(160, 120, slope).unwrap() {
            given.push(frame.seq);
        }
    }

    assert!(given.len() >= 6, "{given:?}");
    assert!(given.windows(2).all(|pair| pair[0] < pair[1]), "{given:?}");
}

#[test]
fn a_bin_with_threads_of_its_own_is_waited_for() {
    let mut stage = start(I420, "queue ! identity sleep-time=30000 ! queue");

    for _ in 0..5 {
        let dark = stage.image(160, 120, halves).columns(0, 70);

        assert!((dark - 60.0).abs() < 0.5, "{dark}");
    }
}

#[test]
fn times_that_go_back_start_the_bin_anew() {
    let dir = folder();
    let entry = stage::read(dir.path(), I420, "videobalance").unwrap();
    let mut stage = (entry.factory)().unwrap();
    for seq in [5, 6, 0, 1] {
        let frame = stage::draw(seq, 160, 120, scope::frame::Layout::I420, slope);

        let output = stage.process(&frame).unwrap().expect("a frame");

        assert_eq!((output.seq, output.pts), (seq, stage::time(seq)));
    }
}

#[test]
fn a_load_time_parameter_starts_the_bin_anew_with_its_value() {
    let toml = "[launch.properties]\npalette = \"table.preset\"\n[parameters.palette]\ntype = \"string\"\n\
                enum = [\"none\", \"xray\"]\ndefault = \"none\"\nui = { is_load_param = true }\n";
    let line = "videoconvert ! coloreffects name=table ! videoconvert";
    let mut stage = start(&format!("{I420}{toml}"), line);
    let plain = stage.image(160, 120, halves);

    stage.set(&json!({"palette": "xray"}));
    let inverted = stage.image(160, 120, halves);

    assert!(plain.columns(0, 70) < plain.columns(90, 160));
    assert!(inverted.columns(0, 70) > inverted.columns(90, 160));
}

#[test]
fn nothing_is_left_of_twenty_stages() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let fds = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let one = || drop(StageUnderTest::start(&stage::shipped("neon")).image(160, 120, slope));
    (0..3).for_each(|_| one());
    let before = (threads(), fds());

    (0..20).for_each(|_| one());

    let back = || threads() <= before.0 + SPARE_THREADS && fds() <= before.1;
    assert!(wait_until(back, LIMIT), "{before:?} before, {:?} after", (threads(), fds()));
}

#[test]
fn a_session_outlives_a_bin_that_hangs_and_is_told() {
    let dir = folder();
    stage::read(dir.path(), &format!("{I420}deadline_s = 0.5\n"), HANGS).unwrap();
    let catalog = Catalog::read(&[dir.path().to_owned()], &scope::app::kinds(&Settings::default())).unwrap();

    own_server::run(catalog, |url| {
        let client =
            Client::builder().fps(30).parameters(json!({"pipeline_id": "mine"})).connect(url).unwrap();

        client.expect(
            "the stage is told to start again",
            |stats| stats.messages_of("stage_state").any(|message| message["state"] == "restarting"),
            LIMIT,
        );
        client.expect("the picture goes through", |stats| stats.rises() >= 20, LIMIT);
        client.read(|stats| {
            let detail = stats.messages_of("stage_state").find(|message| message["state"] == "restarting");
            let detail = detail.unwrap()["detail"].as_str().unwrap();
            assert!(detail.contains("hung"), "{detail}");
        });
    });
}
