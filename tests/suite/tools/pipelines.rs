//! `scope pipelines`: made, checked and listed, and run over files.

use std::{path::Path, process::Output as Ran, time::Duration};

use crate::support::{server::scope, stage::put};
use scope::{
    frame::{Frame, Layout, MaxFrame},
    media::{Keep, Reader, Writer},
};
use serde_json::Value;

fn run(arguments: &[&str]) -> Ran {
    scope().arg("pipelines").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_command_line_makes_checks_and_lists_pipelines() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();

    let made = run(&["new", "mine", "--kind", "echo", "--into", folder]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let place = dir.path().join("mine");
    let checked = run(&["check", place.to_str().unwrap()]);
    assert!(checked.status.success() && text(&checked.stdout).contains("mine can run"), "{checked:?}");

    put(dir.path(), "bad", "fps = 0.0");
    let listed = run(&["list", "--pipelines", folder]);
    let lines = text(&listed.stdout);
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    for words in ["echo", "mine", "bad", "fps: expected 0.1 to 240, got 0"] {
        assert!(lines.contains(words), "{words} is missing in\n{lines}");
    }
    let json: Value = serde_json::from_slice(&run(&["--json", "--pipelines", folder]).stdout).unwrap();
    assert_eq!(json["pipelines"]["mine"]["kind"], "echo");
    let bad = run(&["check", dir.path().join("bad").to_str().unwrap()]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(text(&bad.stderr).contains("bad/pipeline.toml"), "{}", text(&bad.stderr));
    assert_eq!(run(&["new", "mine", "--kind", "echo", "--into", folder]).status.code(), Some(64));
}

fn clip(path: &Path) -> Vec<Vec<u8>> {
    let mut writer = Writer::create(path, Keep::Everything, 25.0).unwrap();
    let pictures: Vec<Vec<u8>> = (0..20_u8)
        .map(|seq| (0..=198).cycle().take(64 * 48 * 3 / 2).map(|at: u8| at ^ seq).collect())
        .collect();
    for (bytes, seq) in pictures.iter().zip(0_u32..) {
        let frame = Frame {
            seq: u64::from(seq),
            pts: Duration::from_millis(40) * seq,
            ..Frame::packed(Layout::I420, (64, 48), bytes.clone())
        };
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap();
    pictures
}

#[test]
fn a_pipeline_runs_over_a_file_and_loses_no_picture_and_no_bit() {
    let dir = tempfile::tempdir().unwrap();
    let [input, output, small] = ["in.mkv", "out.mkv", "out.mp4"].map(|name| dir.path().join(name));
    let (from, to, mp4) = (input.to_str().unwrap(), output.to_str().unwrap(), small.to_str().unwrap());
    let pictures = clip(&input);

    let ran = run(&["run", "echo", "--input", from, "--output", to, "--lossless", "--param", "work_ms=1"]);

    assert!(ran.status.success(), "{}", text(&ran.stderr));
    assert!(text(&ran.stdout).contains("20 frames of 20"), "{}", text(&ran.stdout));
    let mut reader = Reader::open(&output, &[Layout::I420], MaxFrame::default()).unwrap();
    for (number, wanted) in pictures.iter().enumerate() {
        let frame = reader.frame().unwrap().unwrap();
        let came: Vec<u8> = (0..3).flat_map(|plane| frame.data.plane(plane).to_vec()).collect();
        assert!(came == *wanted, "picture {number}");
    }
    assert!(reader.frame().unwrap().is_none());
    let ran = run(&["run", "echo", "--input", from, "--output", mp4, "--frames", "5"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    assert!(Reader::open(&small, &[Layout::I420], MaxFrame::default()).unwrap().frame().unwrap().is_some());

    for (words, said) in [
        (vec!["run", "echo", "--output", mp4], "--input"),
        (vec!["run", "none", "--input", from, "--output", mp4], "none"),
        (vec!["run", "echo", "--input", from, "--output", mp4, "--param", "work_ms=-1"], "work_ms"),
        (vec!["run", "echo", "--input", "/nowhere", "--output", mp4], "nowhere"),
    ] {
        let refused = run(&words);
        assert!(!refused.status.success() && text(&refused.stderr).contains(said), "{words:?} {refused:?}");
    }
}
