//! `scope pipelines run` beside the worker of a session: the same pictures in, the same pixels out, for each kind.

use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::Duration,
};

use scope::{
    frame::{Frame, Layout, MaxFrame, Take},
    media::{Keep, Reader, Writer},
    metrics::Metrics,
    stage::{Entry, Event, Io, Parameters, State, Worker},
};
use serde_json::{Value, json};

use crate::support::{LIMIT, server::scope, stage};

const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;
const FRAMES: u32 = 12;

#[test]
fn each_kind_gives_a_file_the_pixels_that_it_gives_a_session() {
    let cases = [
        ("echo", json!({"work_ms": 1})),
        ("grade", json!({"brightness": 0.2, "saturation": 0.5})),
        ("cartoon", json!({"edges": 2.0})),
        ("light-trails", json!({"threshold": 60, "palette": "ice"})),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (id, parameters) in cases {
        let entry = stage::shipped(id);
        let layout = entry.info.layouts[0];
        let [input, output] = ["in", "out"].map(|name| dir.path().join(format!("{id}-{name}.mkv")));
        let sent: Vec<_> = (0..FRAMES).map(|seq| frame(seq, layout)).collect();
        write(&input, &sent);

        run(id, &input, &output, &parameters);

        let offline = read(&output, layout);
        let live = live(entry, &parameters, sent.clone());
        assert_eq!(offline.len(), FRAMES as usize, "{id}");
        for (number, (file, session)) in offline.iter().zip(&live).enumerate() {
            assert!(file == session, "{id}: picture {number} of the file is not the session's");
        }
        let own: Vec<_> = sent.iter().map(pixels).collect();
        assert_eq!(offline == own, id == "echo", "{id}: the pipeline changes nothing, or echo does");
    }
}

/// A picture with an edge that wanders over a slope.
fn frame(seq: u32, layout: Layout) -> Frame {
    let edge = seq * 9;
    let luma = |at: u32| {
        let (x, y) = (at % WIDTH, at / WIDTH);
        u8::try_from(if x < edge { 200 - y } else { 30 + x / 2 }).unwrap()
    };
    let area = WIDTH * HEIGHT;
    let bytes = match layout {
        Layout::Rgb => (0..area).flat_map(|at| [luma(at), 255 - luma(at), luma(at) / 2]).collect(),
        Layout::I420 => {
            let chroma = (0..area / 2).map(|at| u8::try_from(100 + at % 60).unwrap());
            (0..area).map(luma).chain(chroma).collect()
        }
        other => panic!("the test draws no {other:?}"),
    };
    let pts = Duration::from_millis(40) * seq;
    Frame { seq: seq.into(), pts, ..Frame::packed(layout, (WIDTH, HEIGHT), bytes) }
}

/// The picture's rows, without what pads them.
fn pixels(frame: &Frame) -> Vec<u8> {
    let planes: &[(u32, u32)] = match frame.layout {
        Layout::Rgb => &[(WIDTH * 3, HEIGHT)],
        _ => &[(WIDTH, HEIGHT), (WIDTH / 2, HEIGHT / 2), (WIDTH / 2, HEIGHT / 2)],
    };
    let mut bytes = Vec::new();
    for (index, (width, height)) in planes.iter().enumerate() {
        let rows = frame.data.plane(index).chunks(frame.strides[index]).take(*height as usize);
        bytes.extend(rows.flat_map(|row| &row[..*width as usize]));
    }
    bytes
}

fn write(path: &Path, frames: &[Frame]) {
    let mut writer = Writer::create(path, Keep::Everything, 25.0).unwrap();
    for frame in frames {
        writer.write(frame).unwrap();
    }
    writer.finish().unwrap();
}

fn read(path: &Path, layout: Layout) -> Vec<Vec<u8>> {
    let mut reader = Reader::open(path, &[layout], MaxFrame::default()).unwrap();
    std::iter::from_fn(|| reader.frame().unwrap()).map(|frame| pixels(&frame)).collect()
}

fn run(id: &str, input: &Path, output: &Path, parameters: &Value) {
    let mut command = scope();
    command.args(["pipelines", "run", id, "--lossless", "--input"]).arg(input).arg("--output").arg(output);
    for (name, value) in parameters.as_object().unwrap() {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        command.args(["--param", &format!("{name}={value}")]);
    }
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{id}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// What a session's worker makes of the frames, one after the other.
fn live(entry: Entry, parameters: &Value, frames: Vec<Frame>) -> Vec<Vec<u8>> {
    let io = Io::new(Arc::new(Metrics::new().unwrap().ledger().unwrap()));
    let (tell, events) = mpsc::channel();
    let mut values = entry.schema.defaults();
    values.extend(parameters.as_object().unwrap().clone());
    if let Some(prompts) = values.get_mut("prompts").filter(|_| entry.schema.weighs_prompts()) {
        *prompts = scope::stage::prompts::normalised(prompts.take());
    }
    let told = Box::new(move |event| drop(tell.send(event)));
    let worker = Worker::spawn(entry, Parameters { values, version: 1 }, io.clone(), told).unwrap();
    let runs = |event: Event| matches!(event, Event::State(status) if status.state == State::Running);
    while !runs(events.recv_timeout(LIMIT).unwrap()) {}
    let made = frames.into_iter().map(|frame| {
        let seq = frame.seq;
        io.input.put(frame);
        loop {
            match io.output.take_within(LIMIT) {
                // A pipeline that needs no input may have made some by itself before.
                Take::Item(picture) if picture.seq < seq => {}
                Take::Item(picture) => break pixels(&picture),
                Take::Empty | Take::Closed => panic!("no picture of frame {seq}"),
            }
        }
    });
    let made = made.collect();
    worker.stop(LIMIT).unwrap();
    made
}
