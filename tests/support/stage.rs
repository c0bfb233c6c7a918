//! Stages as functions of frames: folders of the catalog or of the test's own, frames that the test draws, and what
//! can be said of the frames that come out.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use scope::{
    app,
    frame::{Frame, Layout},
    stage::{Entry, Error, Parameters, Settings, Stage},
};
use serde_json::Value;

/// The catalog that ships.
pub fn catalog() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/catalog")
}

/// Reads a pipeline that ships.
#[track_caller]
pub fn shipped(id: &str) -> Entry {
    Entry::read(&catalog().join(id), &app::kinds(&Settings::default()))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A folder of a pipeline that gives every frame back.
pub fn put(dir: &Path, id: &str, rest: &str) {
    let text = format!("id = \"{id}\"\nname = \"{id}\"\nkind = \"echo\"\nlayouts = [\"I420\"]\n{rest}");
    std::fs::create_dir_all(dir.join(id)).unwrap();
    std::fs::write(dir.join(id).join("pipeline.toml"), text).unwrap();
}

/// Writes a folder of the kind `launch` below `dir` and reads it.
pub fn read(dir: &Path, toml: &str, description: &str) -> Result<Entry, Error> {
    let folder = dir.join("mine");
    std::fs::create_dir_all(&folder).unwrap();
    let head = "id = \"mine\"\nname = \"Mine\"\nkind = \"launch\"\n";
    std::fs::write(folder.join("pipeline.toml"), format!("{head}{toml}")).unwrap();
    std::fs::write(folder.join("stage.launch"), description).unwrap();
    Entry::read(&folder, &app::kinds(&Settings::default()))
}

/// A stage with the numbers of its frames.
pub struct StageUnderTest {
    stage: Box<dyn Stage>,
    entry: Entry,
    next: u64,
    pub layout: Layout,
}

impl StageUnderTest {
    /// Starts a stage with its defaults.
    #[track_caller]
    pub fn start(entry: &Entry) -> StageUnderTest {
        let stage = (entry.factory)().unwrap_or_else(|error| panic!("{error}"));
        let mut started = StageUnderTest { stage, entry: entry.clone(), next: 0, layout: Layout::I420 };
        started.set(&serde_json::json!({}));
        started
    }

    /// Sets parameters; the others have their defaults.
    #[track_caller]
    pub fn set(&mut self, changes: &Value) {
        let mut values = self.entry.schema.defaults();
        values.extend(changes.as_object().unwrap().clone());
        let faults = self.entry.schema.faults(&values);
        assert!(faults.is_empty(), "{faults:?}");
        self.stage.set(&Parameters { values, version: 0 }).unwrap();
    }

    /// What the stage makes of the next frame.
    pub fn output(&mut self, width: usize, height: usize, paint: Paint) -> Result<Option<Frame>, Error> {
        let frame = self.frame(width, height, paint);
        self.stage.process(&frame)
    }

    fn frame(&mut self, width: usize, height: usize, paint: Paint) -> Frame {
        self.next += 1;
        draw(self.next - 1, width, height, self.layout, paint)
    }

    /// The image of the next frame, which has the frame's number and time.
    #[track_caller]
    pub fn image(&mut self, width: usize, height: usize, paint: Paint) -> Image {
        let seq = self.next;
        let frame = self.frame(width, height, paint);
        match self.stage.process(&frame) {
            Ok(Some(output)) => {
                assert!(!Arc::ptr_eq(&output.data, &frame.data), "frame {seq} passed through");
                assert_eq!((output.seq, output.pts), (seq, time(seq)));
                Image::of(&output)
            }
            Ok(None) => panic!("frame {seq} was skipped"),
            Err(error) => panic!("frame {seq}: {error}"),
        }
    }
}

/// Luma and chroma of a place in an image of the given size.
pub type Paint = fn(x: usize, y: usize, size: (usize, usize)) -> [u8; 3];

/// A dark and a bright half, side by side, both grey.
pub fn halves(x: usize, _: usize, (width, _): (usize, usize)) -> [u8; 3] {
    [if x < width / 2 { 60 } else { 180 }, 128, 128]
}

/// Brightness rises to the right and, less, to the bottom; reddish. No two corners are alike.
pub fn slope(x: usize, y: usize, (width, height): (usize, usize)) -> [u8; 3] {
    let part = |at, of, most| u8::try_from(at * most / of).expect("below most");
    [40 + part(x, width, 120) + part(y, height, 60), 110, 150]
}

/// When frame `seq` is shown.
pub fn time(seq: u64) -> Duration {
    Duration::from_millis(seq * 33)
}

/// A frame in memory of the test's own, I420 or NV12.
pub fn draw(seq: u64, width: usize, height: usize, layout: Layout, paint: Paint) -> Frame {
    let size = (width, height);
    let mut bytes: Vec<u8> = (0..width * height).map(|at| paint(at % width, at / width, size)[0]).collect();
    let chroma = (0..width * height / 4).map(|at| paint(at % (width / 2) * 2, at / (width / 2) * 2, size));
    if layout == Layout::Nv12 {
        bytes.extend(chroma.flat_map(|[_, u, v]| [u, v]));
    } else {
        let (u, v): (Vec<_>, Vec<_>) = chroma.map(|[_, u, v]| (u, v)).unzip();
        bytes.extend(u.into_iter().chain(v));
    }
    let size = [width, height].map(|side| u32::try_from(side).unwrap());
    Frame { seq, pts: time(seq), ..Frame::packed(layout, size.into(), bytes) }
}

/// The luma and the mean chroma of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    pub luma: Vec<u8>,
    /// Mean distance of the chroma from grey.
    pub colour: f64,
}

impl Image {
    pub fn of(frame: &Frame) -> Image {
        let (width, height) = (frame.width as usize, frame.height as usize);
        let rows = |plane: usize, width: usize, height: usize| -> Vec<u8> {
            let lines = frame.data.plane(plane).chunks(frame.strides[plane]).take(height);
            lines.flat_map(|line| &line[..width]).copied().collect()
        };
        let chroma = match frame.layout {
            Layout::I420 => [rows(1, width / 2, height / 2), rows(2, width / 2, height / 2)].concat(),
            Layout::Nv12 => rows(1, width / 2 * 2, height / 2),
            other => panic!("expected I420 or NV12, got {other:?}"),
        };
        let colour = mean(chroma.iter().map(|&value| f64::from(value.abs_diff(128))));
        Image { width, height, luma: rows(0, width, height), colour }
    }

    /// An image of luma alone.
    pub fn grey(width: usize, height: usize, luma: Vec<u8>) -> Image {
        Image { width, height, luma, colour: 0.0 }
    }

    pub fn at(&self, x: usize, y: usize) -> u8 {
        self.luma[y * self.width + x]
    }

    /// Mean brightness of the columns from `from` to `to`.
    pub fn columns(&self, from: usize, to: usize) -> f64 {
        mean((0..self.height).flat_map(|y| (from..to).map(move |x| f64::from(self.at(x, y)))))
    }

    pub fn brightness(&self) -> f64 {
        mean(self.luma.iter().map(|&value| f64::from(value)))
    }

    /// Mean difference of two images of one size.
    pub fn distance(&self, other: &Image) -> f64 {
        assert_eq!((self.width, self.height), (other.width, other.height));
        mean(self.luma.iter().zip(&other.luma).map(|(one, other)| f64::from(one.abs_diff(*other))))
    }

    /// The image upside down.
    pub fn flipped(&self) -> Image {
        let luma = self.luma.chunks(self.width).rev().flatten().copied().collect();
        Image { luma, ..self.clone() }
    }

    /// The largest step from one pixel to the next in a row.
    pub fn sharpness(&self) -> u8 {
        let rows = self.luma.chunks(self.width);
        rows.flat_map(|row| row.windows(2)).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap_or(0)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}
