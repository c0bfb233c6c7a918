//! The kind `onnx`: its stages against Python's ONNX Runtime, models that do not fit, the shipped ones end to end.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output as Ran},
    sync::Arc,
    time::Duration,
};

use crate::support::{
    LIMIT,
    client::Client,
    http,
    server::{Server, scope},
    stats::Stats,
};
use scope::{
    app,
    frame::{Frame, Layout},
    stage::{
        Cause, Entry, Error, Missing, Parameters, Settings, Stage, Values,
        onnx::{self, Provider},
    },
};
use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped(id: &str) -> PathBuf {
    root().join("pipelines/catalog").join(id)
}

fn python(words: &[&str]) -> Ran {
    let script = root().join("tests/support/onnx_models.py");
    Command::new(root().join(".venv/bin/python")).arg(script).args(words).output().unwrap()
}

/// Python's part, which must succeed.
fn expect_python(words: &[&str]) {
    let ran = python(words);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// One thread, so that sums are made in the same order as in Python's part.
fn read(folder: &Path) -> Result<Entry, Error> {
    let onnx = onnx::Settings { threads: Some(1), ..onnx::Settings::default() };
    let pipelines = Settings { onnx, ..Settings::default() };
    Entry::read(folder, &app::kinds(&pipelines))
}

fn stage(folder: &Path) -> Box<dyn Stage> {
    (read(folder).unwrap().factory)().unwrap()
}

fn fixtures() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    expect_python(&["fixtures", dir.path().to_str().unwrap()]);
    dir
}

fn parameters(values: Value) -> Parameters {
    let Value::Object(values) = values else { panic!("an object is wanted, {values} came") };
    Parameters { values, version: 1 }
}

fn frame((width, height): (u32, u32), stride: usize, bytes: Vec<u8>) -> Frame {
    Frame {
        seq: 7,
        pts: Duration::from_millis(70),
        strides: vec![stride],
        ..Frame::packed(Layout::Rgb, (width, height), bytes)
    }
}

/// A picture of slopes and of a bright square in its middle.
fn picture(width: u32, height: u32) -> Vec<u8> {
    let inside = |at: u32, side: u32| (side / 4..side / 4 * 3).contains(&at);
    let pixel = |x: u32, y: u32| {
        if inside(x, width) && inside(y, height) {
            [250, 240, 200]
        } else {
            [x % 97, y % 89, (x + y) % 101].map(|value| u8::try_from(value).unwrap())
        }
    };
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect()
}

fn made(stage: &mut dyn Stage, frame: &Frame) -> Frame {
    let output = stage.process(frame).unwrap().expect("a new frame");
    assert!(!Arc::ptr_eq(&output.data, &frame.data), "the frame passed through");
    output
}

#[test]
fn shipped_models_give_what_pythons_onnx_runtime_gives_at_every_size() {
    let dir = tempfile::tempdir().unwrap();
    let [given, wanted] = ["given", "wanted"].map(|name| dir.path().join(name).display().to_string());
    for (id, values, words) in [
        (
            "cartoon",
            json!({"edges": 1.5, "levels": 5, "mix": 0.8, "sketch": false}),
            &["edges=1.5", "levels=5", "mix=0.8", "sketch=0"][..],
        ),
        ("style", json!({"strength": 0.9}), &["strength=0.9"]),
    ] {
        let model = shipped(id).join("model.onnx").display().to_string();
        let mut stage = stage(&shipped(id));
        stage.set(&parameters(values)).unwrap();
        for (width, height) in [(64, 48), (101, 67), (320, 240), (64, 48)] {
            let bytes = picture(width, height);
            std::fs::write(&given, &bytes).unwrap();
            let [w, h] = [width, height].map(|side| side.to_string());
            expect_python(&[&["run", &model, &w, &h, &given, &wanted], words].concat());
            let row = width as usize * 3;
            let stride = row.next_multiple_of(4);
            let padded = bytes.chunks(row).flat_map(|line| [line, &vec![9; stride - row]].concat()).collect();

            let picture = made(&mut *stage, &frame((width, height), stride, padded));

            assert!(
                picture.data.plane(0) == std::fs::read(&wanted).unwrap(),
                "{id} {width}x{height} differs"
            );
            assert_eq!((picture.width, picture.height, &picture.strides[..]), (width, height, &[row][..]));
            assert_eq!((picture.seq, picture.pts), (7, Duration::from_millis(70)));
        }
    }
}

#[test]
fn a_sketch_is_dark_at_the_edges_and_white_elsewhere() {
    let mut stage = stage(&shipped("cartoon"));
    stage.set(&parameters(json!({"edges": 4.0, "levels": 5, "mix": 1.0, "sketch": true}))).unwrap();
    let (width, height) = (128, 64);

    let sketch = made(&mut *stage, &frame((width, height), 384, picture(width, height)));

    let at = |x: usize, y: usize| sketch.data.plane(0)[(y * 128 + x) * 3];
    let (left, right) = (32, 95);
    assert!((20..44).all(|y| at(left, y) < 60 && at(right, y) < 60), "the sides of the square are drawn");
    assert!((36..92).all(|x| (20..44).all(|y| at(x, y) > 250)), "the square's inside is white");
}

#[test]
fn a_picture_outlives_the_stage_that_made_it() {
    let mut stage = stage(&shipped("cartoon"));
    let first = made(&mut *stage, &frame((64, 48), 192, picture(64, 48)));
    let before = first.data.plane(0).to_vec();

    let second = made(&mut *stage, &frame((64, 48), 192, vec![0; 64 * 48 * 3]));
    drop(stage);

    assert_ne!(first.data.plane(0).as_ptr(), second.data.plane(0).as_ptr(), "each has bytes of its own");
    assert!(first.data.plane(0) == before && first.data.plane(1).is_empty());
}

#[test]
fn a_model_that_went_since_the_catalog_was_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("cartoon");
    std::fs::create_dir(&folder).unwrap();
    for file in ["pipeline.toml", "model.onnx"] {
        std::fs::copy(shipped("cartoon").join(file), folder.join(file)).unwrap();
    }
    let entry = read(&folder).unwrap();
    std::fs::remove_file(folder.join("model.onnx")).unwrap();

    let Err(Error::Died(crash)) = (entry.factory)() else { panic!("expected the stage's end") };

    let name = folder.join("model.onnx").display().to_string();
    assert!(
        matches!(&crash.cause, Cause::NotInstalled { missing: Missing::File, name: file, .. } if *file == name),
        "{crash:?}"
    );
}

#[test]
fn parameters_of_wrong_types_leave_the_old_ones() {
    let mut stage = stage(&shipped("cartoon"));
    let given = frame((64, 48), 192, picture(64, 48));
    let before = made(&mut *stage, &given).data.plane(0).to_vec();

    for values in [json!({}), json!({"edges": "much", "levels": 5, "mix": 1, "sketch": true})] {
        assert!(matches!(stage.set(&parameters(values)), Err(Error::Process(_))));
    }

    assert!(made(&mut *stage, &given).data.plane(0) == before);
    stage.set(&parameters(json!({"edges": 1, "levels": 5.0, "mix": 1, "sketch": true}))).unwrap();
    assert!(made(&mut *stage, &given).data.plane(0) != before);
}

#[test]
fn float_graphs_graphs_of_a_fixed_size_and_larger_results_work() {
    let dir = fixtures();
    let bytes = picture(40, 20);
    let given = frame((40, 20), 120, bytes.clone());
    let of = |id: &str| made(&mut *stage(&dir.path().join(id)), &given);

    let (negative, fixed, double) = (of("negative"), of("fixed"), of("double"));

    assert!(negative.data.plane(0).iter().zip(&bytes).all(|(made, given)| *made == 255 - given));
    assert_eq!((fixed.width, fixed.height), (40, 20), "scaled there and back");
    let middle = (10 * 40 + 20) * 3;
    assert_eq!(fixed.data.plane(0)[middle..middle + 3], [5, 15, 55]);
    assert_eq!((double.width, double.height, double.strides[0]), (80, 40, 240));
    assert!(double.data.plane(0)[..3] == bytes[..3] && double.data.plane(0)[3..6] == bytes[..3]);
}

#[test]
fn a_run_that_fails_costs_its_frame_alone() {
    let dir = fixtures();
    let mut stage = stage(&dir.path().join("failing"));

    let failed = stage.process(&frame((40, 20), 120, picture(40, 20)));

    assert!(matches!(failed, Err(Error::Process(_))));
    let short = stage.process(&frame((7, 7), 21, vec![0; 20]));
    assert!(matches!(short, Err(Error::Process(_))));
    let wrong = Frame { layout: Layout::Rgba, ..frame((7, 7), 28, vec![0; 196]) };
    assert!(matches!(stage.process(&wrong), Err(Error::Process(_))));
    assert_eq!(made(&mut *stage, &frame((7, 7), 21, vec![3; 147])).data.plane(0), vec![3; 147]);
}

#[test]
fn folders_that_cannot_run_say_which_file_and_why() {
    let dir = fixtures();
    let rewrite = |id: &str, from: &str, to: &str| {
        let file = dir.path().join(id).join("pipeline.toml");
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace(from, to)).unwrap();
    };
    rewrite("negative", "tensor = \"float\"", "");
    rewrite("double", "[\"RGB\"]", "[\"RGB\", \"I420\"]");
    rewrite("fixed", "[onnx]", "[onnx]\nmodel = \"../../etc/passwd\"");
    std::fs::remove_file(dir.path().join("failing/model.onnx")).unwrap();

    for (id, words) in [
        ("garbage", "garbage/model.onnx"),
        ("negative", "tensor = \"float\""),
        ("double", "layouts"),
        ("fixed", "a file in the folder"),
        ("failing", "no file"),
    ] {
        let error = read(&dir.path().join(id)).err().map(|error| error.to_string()).unwrap_or_default();

        assert!(error.contains(words) && error.contains(id), "{id}: {words:?} is missing in {error:?}");
    }
}

#[test]
fn without_the_library_the_server_runs_and_says_what_is_missing() {
    let server = Server::spawn(&["--onnxruntime", "/nowhere/libonnxruntime.so"], &[("SCOPE_OFFLINE", "1")]);

    let schemas = http::get(&format!("{}/api/v1/pipelines/schemas", server.url())).unwrap().json();

    let error = schemas["pipelines"]["cartoon"]["schema_error"].as_str().unwrap().to_owned();
    assert!(error.contains("/nowhere/libonnxruntime.so") && error.contains("--onnxruntime"), "{error}");
    assert!(schemas["pipelines"]["echo"]["schema_error"].is_null());
    let client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("echo works", |stats| stats.rises() >= 10, LIMIT);
}

#[test]
fn a_provider_that_is_not_there_is_refused_where_no_other_may_stand_in() {
    let open = |providers: &[Provider]| {
        let onnx = onnx::Settings { providers: providers.to_vec(), ..onnx::Settings::default() };
        let pipelines = Settings { onnx, ..Settings::default() };
        (Entry::read(&shipped("cartoon"), &app::kinds(&pipelines)).unwrap().factory)()
    };

    let alone = open(&[Provider::Tensorrt]).err().map(|error| error.to_string()).unwrap_or_default();

    assert!(alone.contains("tensorrt") && alone.contains("cartoon/model.onnx"), "{alone}");
    let fallback = open(&[Provider::Tensorrt, Provider::Cpu]).unwrap();
    assert_eq!(fallback.detail().as_deref(), Some("on cpu"));
}

#[test]
fn the_template_runs_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().to_str().unwrap();
    let new = scope().args(["pipelines", "new", "mine", "--kind", "onnx", "--into", place]).output().unwrap();
    assert!(new.status.success(), "{}", String::from_utf8_lossy(&new.stderr));

    let mut stage = stage(&dir.path().join("mine"));

    let bytes = picture(40, 20);
    let negative = made(&mut *stage, &frame((40, 20), 120, bytes.clone()));
    assert!(negative.data.plane(0).iter().zip(&bytes).all(|(made, given)| *made == 255 - given));
}

#[test]
fn the_script_makes_the_models_that_are_shipped() {
    expect_python(&["rebuilt", root().join("pipelines/catalog").to_str().unwrap()]);
}

/// Mean luma below the stamp.
fn brightness(stats: &Stats) -> Option<f64> {
    let picture = stats.last_frame.as_ref()?;
    let below = &picture.luma[(picture.width * picture.height / 10) as usize..];
    Some(below.iter().map(|&luma| f64::from(luma)).sum::<f64>() / below.len() as f64)
}

/// The frame that the newest reply names.
fn named_frame(client: &Client, id: &str) -> u64 {
    let mut frame = None;
    client.expect(
        "the reply",
        |stats| {
            let reply = stats.messages_of("parameters_updated").find(|reply| reply["id"] == id);
            frame = reply.and_then(|reply| reply["frame"].as_u64());
            frame.is_some()
        },
        LIMIT,
    );
    frame.unwrap()
}

#[test]
fn cartoon_draws_the_edges_of_what_a_client_sends_from_the_named_frame_on() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1")]);
    let client = Client::builder()
        .fps(30)
        .size(320, 240)
        .parameters(json!({"pipeline_id": "cartoon", "mix": 0.0}))
        .connect(server.url())
        .unwrap();
    client.expect("its own picture at mix 0", |stats| stats.rises() >= 20 && stats.channel_open, LIMIT);
    client.read(|stats| {
        assert!(brightness(stats).unwrap() < 190.0, "the source is grey");
        let detail = |message: &Value| message["detail"].as_str().unwrap_or_default().contains("on cpu");
        assert!(stats.messages_of("stage_state").any(detail), "{:?}", stats.messages);
    });

    client.send(&json!({"mix": 1.0, "sketch": true, "edges": 4.0, "id": "draw"}));
    let drawn = named_frame(&client, "draw");
    client.expect("a white page", |stats| brightness(stats).is_some_and(|luma| luma > 200.0), LIMIT);

    client.read(|stats| {
        let picture = stats.last_frame.as_ref().unwrap();
        let (width, row) = (picture.width as usize, picture.height as usize / 60);
        let line = &picture.luma[row * width..][..width];
        // Of the stamp's 24 cells the insides are white, whether they are black or white in the source, and black
        // lines stand where one colour meets the other.
        let cell = width / 24;
        let insides = (0..24).map(|column| line[column * width / 24 + cell / 2]);
        assert!(
            insides.clone().filter(|&luma| luma > 180).count() >= 22,
            "{:?}",
            insides.collect::<Vec<_>>()
        );
        let darkest = |column: usize| line[column * width / 24 - 2..][..4].iter().min().copied();
        let borders = (1..24).filter(|&column| darkest(column) < Some(110)).count();
        assert!((1..23).contains(&borders), "{borders} borders are drawn");
    });
    let last = client.read(|stats| stats.frames.last().unwrap().stamp);
    assert!(u64::from(last) <= drawn + 1, "frame {last} was not drawn, the reply names {drawn}");

    client.send(&json!({"mix": 0.0, "id": "leave"}));
    let left = named_frame(&client, "leave");
    client.expect("its own picture again", |stats| stats.frames.last().unwrap().stamp > last + 20, LIMIT);

    let first = client.read(|stats| stats.frames.iter().find(|frame| frame.stamp > last).unwrap().stamp);
    assert!(u64::from(first) >= left, "frame {first} was not drawn, the reply names {left}");
}

#[test]
fn style_paints_what_a_client_sends_and_leaves_it_at_strength_0() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1")]);
    let client = Client::builder()
        .fps(15)
        .size(320, 240)
        .parameters(json!({"pipeline_id": "style", "strength": 0.0}))
        .connect(server.url())
        .unwrap();
    client.expect("its own picture", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);
    // The palette is steeper than the source in its middle. The codec blurs, but moves no tenth of the pixels.
    let contrast = |stats: &Stats| {
        let picture = stats.last_frame.as_ref().unwrap();
        let mut below = picture.luma[(picture.width * picture.height / 10) as usize..].to_vec();
        below.sort_unstable();
        f64::from(below[below.len() * 9 / 10] - below[below.len() / 10])
    };
    let mut seen = vec![client.read(contrast)];

    for (strength, id) in [(1.0, "paint"), (0.0, "leave")] {
        client.send(&json!({"strength": strength, "id": id}));
        assert!(named_frame(&client, id) >= 10);
        let before = client.read(|stats| stats.frames_decoded);
        client.expect("more pictures", |stats| stats.frames_decoded > before + 20, LIMIT);
        seen.push(client.read(contrast));
    }

    assert!(seen[1] > seen[0] * 1.08 && seen[1] > seen[2] * 1.08, "{seen:?}");
}

#[test]
fn a_change_of_size_goes_through_the_model() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1")]);
    let client = Client::builder()
        .fps(30)
        .size(320, 240)
        .parameters(json!({"pipeline_id": "cartoon", "mix": 0.2}))
        .connect(server.url())
        .unwrap();

    for size in [(320, 240), (242, 182), (320, 240)] {
        client.set_size(size.0, size.1);
        client.expect("the new size", |stats| stats.sizes.last() == Some(&size), LIMIT);
    }

    let schema: Values = http::get(&format!("{}/api/v1/pipelines/schemas", server.url())).unwrap().json()
        ["pipelines"]["cartoon"]
        .as_object()
        .unwrap()
        .clone();
    assert_eq!(schema["config_schema"]["properties"]["levels"]["maximum"], 16);
}
